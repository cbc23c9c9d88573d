//! The layout of `docker save`: `manifest.json` names the config and the layers of each image.

use serde::Deserialize;
use serde_json::Value;

use super::candidate::{Candidate, Claim};
use super::contents::{Contents, NamedFile};
use super::digest::Digest;
use super::name;
use super::oci;
use super::problem::ImageProblem;

/// The document of this layout.
pub(super) const MANIFEST: &str = "manifest.json";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// The one image that `manifest.json` lists.
pub(super) fn select(contents: &Contents) -> Result<Candidate, ImageProblem> {
    let found = contents.find(MANIFEST, MANIFEST)?;
    let mut images: Vec<Image> = found.parse("list of images")?;
    let image = match (images.pop(), images.is_empty()) {
        (Some(image), true) => image,
        (None, _) => return Err(ImageProblem::NoImage(MANIFEST.to_owned())),
        (Some(last), false) => {
            let names = images.iter().chain([&last]).map(describe).collect();
            return Err(ImageProblem::SeveralImages { names });
        }
    };
    let layers = image.layers.unwrap_or_default();
    let layers: Result<Vec<Claim>, ImageProblem> = layers.iter().map(|name| claim(name)).collect();
    Ok(Candidate {
        manifest: MANIFEST.to_owned(),
        config: claim(&image.config)?,
        layers: layers?,
        tags: image.repo_tags.unwrap_or_default(),
    })
}

/// True if `manifest.json` is the manifest of one image, with the blobs beside it, as `podman save
/// --format docker-dir` writes a folder.
pub(super) fn is_of_a_folder(found: NamedFile<'_>) -> bool {
    let document: Result<Value, _> = found.parse("list of images");
    document.is_ok_and(|document| document.get("schemaVersion").is_some())
}

fn describe(image: &Image) -> String {
    let tag = image.repo_tags.iter().flatten().next();
    tag.unwrap_or(&image.config).clone()
}

/// The claim of `manifest.json` about the file `raw`: its name, which may hold a digest.
fn claim(raw: &str) -> Result<Claim, ImageProblem> {
    let name = name::clean_text(raw.as_bytes()).map_err(|problem| ImageProblem::Document {
        name: MANIFEST.to_owned(),
        what: "list of images",
        message: format!("the name `{raw}` {problem}"),
    })?;
    // `DIGEST.json` is a config of old; a layer `DIGEST.tar` of podman is named for what it unpacks
    // to, and the config says that as well.
    let digest =
        oci::blob_digest(&name).or_else(|| name.strip_suffix(".json").and_then(Digest::from_hex));
    Ok(Claim {
        name,
        digest,
        size_bytes: None,
    })
}
