//! [`Files`]: the files of an archive that make up its image.

use std::collections::BTreeMap;

use serde_json::json;

use super::contents::Contents;
use super::judge::candidates;
use super::platform::Platform;
use super::problem::ImageProblem;
use super::reference::Reference;

/// The files of an image, with the names that they get in the layout of `docker save`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The new names by the present ones.
    names: BTreeMap<String, String>,
    config: String,
    /// The layers by their new names, the lowest first.
    layers: Vec<String>,
    tags: Vec<String>,
}

/// The files of the one image that `contents` holds for `wanted`. All layers were read.
///
/// # Errors
///
/// The first thing that is missing or ambiguous.
pub fn files_of(contents: &Contents, wanted: &Platform) -> Result<Files, ImageProblem> {
    let (docker, oci) = candidates(contents, wanted)?.1;
    let candidate = docker
        .or(oci)
        .ok_or_else(|| ImageProblem::NoImage(super::docker::MANIFEST.to_owned()))?;
    let mut names = BTreeMap::new();
    let found = contents.find(&candidate.config.name, &candidate.manifest)?;
    let digests = |found: super::contents::NamedFile<'_>| {
        let unread = || ImageProblem::NotRead(found.name.to_owned());
        found.file.digests.ok_or_else(unread)
    };
    let config = format!("{}.json", digests(found)?.stored.hex());
    names.insert(found.name.to_owned(), config.clone());
    let mut layers = Vec::new();
    for layer in &candidate.layers {
        let found = contents.find(&layer.name, &candidate.manifest)?;
        let name = format!("{}/layer.tar", digests(found)?.unpacked.hex());
        names.insert(found.name.to_owned(), name.clone());
        layers.push(name);
    }
    // OCI's names may be a tag alone, which docker refuses.
    let is_full = |tag: &String| tag.contains(':') && tag.parse::<Reference>().is_ok();
    Ok(Files {
        names,
        config,
        layers,
        tags: candidate.tags.into_iter().filter(is_full).collect(),
    })
}

impl Files {
    /// The new name of the file that is called `name`; `None` if it is not the image's.
    pub fn new_name(&self, name: &str) -> Option<&str> {
        self.names.get(name).map(String::as_str)
    }

    /// The document that describes the image under its new names.
    pub fn docker_manifest(&self) -> Vec<u8> {
        let image = json!({"Config": self.config, "RepoTags": self.tags, "Layers": self.layers});
        json!([image]).to_string().into_bytes()
    }
}
