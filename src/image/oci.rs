//! The OCI layout: `index.json` leads, perhaps through further indexes, to a manifest, and that to
//! the config and the layers. All of them are blobs named for their digests.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::candidate::{Candidate, Claim};
use super::contents::{Contents, NamedFile};
use super::digest::Digest;
use super::limits::MAX_INDEX_DEPTH;
use super::platform::Platform;
use super::problem::ImageProblem;

/// The document that marks the layout.
pub(super) const LAYOUT: &str = "oci-layout";
/// The document that leads to everything else.
pub(super) const INDEX: &str = "index.json";
/// The folder of the blobs.
pub(super) const BLOBS: &str = "blobs/sha256/";

/// The media types that the writer uses; the reader takes Docker's as well.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

const MANIFEST_TYPES: [&str; 2] = [
    MANIFEST_TYPE,
    "application/vnd.docker.distribution.manifest.v2+json",
];
const INDEX_TYPES: [&str; 2] = [
    INDEX_TYPE,
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
const CONFIG_TYPES: [&str; 2] = [
    CONFIG_TYPE,
    "application/vnd.docker.container.image.v1+json",
];

/// Annotations of an index that hold names: the full one, and OCI's, which may be a tag alone.
pub(super) const FULL_NAME: &str = "io.containerd.image.name";
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation of blobs that speak about an image and are none.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    image_layout_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: u64,
    platform: Option<PlatformDocument>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Deserialize)]
struct PlatformDocument {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// A manifest that an index leads to.
struct Listed {
    descriptor: Descriptor,
    wanted_by: String,
    tags: Vec<String>,
}

/// The name of the blob that has `digest`.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("{BLOBS}{}", digest.hex())
}

/// The digest that the file `name` is named for.
pub(super) fn blob_digest(name: &str) -> Option<Digest> {
    Digest::from_hex(name.strip_prefix(BLOBS)?)
}

/// The one image of the layout. Of one image for several platforms it is the one for `wanted`.
pub(super) fn select(contents: &Contents, wanted: &Platform) -> Result<Candidate, ImageProblem> {
    let found = contents.find(LAYOUT, LAYOUT)?;
    let layout: Layout = found.parse("OCI layout")?;
    if !layout.image_layout_version.starts_with("1.") {
        let message = format!(
            "its version is `{}`, and 1 was expected",
            layout.image_layout_version
        );
        return Err(found.is_no("OCI layout", message));
    }
    let mut walk = Walk {
        contents,
        seen: BTreeSet::new(),
        listed: Vec::new(),
    };
    let index = contents.find(INDEX, LAYOUT)?;
    walk.index(index, &[], 0)?;
    let listed = choose(contents, walk.listed, wanted)?;
    candidate(contents, &listed)
}

/// The way through the indexes. Each is read once, however often it is named.
struct Walk<'a> {
    contents: &'a Contents,
    seen: BTreeSet<Digest>,
    listed: Vec<Listed>,
}

impl Walk<'_> {
    fn index(
        &mut self,
        found: NamedFile<'_>,
        tags: &[String],
        depth: u32,
    ) -> Result<(), ImageProblem> {
        if depth > MAX_INDEX_DEPTH {
            return Err(ImageProblem::TooDeep(found.name.to_owned()));
        }
        let index: Index = found.parse("image index")?;
        check_version(found, "image index", index.schema_version)?;
        for descriptor in index.manifests {
            let mut tags = tags.to_vec();
            tags.extend(descriptor.tag());
            self.entry(descriptor, tags, found.name, depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        descriptor: Descriptor,
        tags: Vec<String>,
        wanted_by: &str,
        depth: u32,
    ) -> Result<(), ImageProblem> {
        if descriptor.speaks_about_another() {
            return Ok(());
        }
        let media_type = descriptor.media_type.as_str();
        if INDEX_TYPES.contains(&media_type) {
            let found = self
                .contents
                .find(&blob_name(&descriptor.digest), wanted_by)?;
            // An index that is listed twice has two names and the same images.
            if self.seen.insert(descriptor.digest) {
                return self.index(found, &tags, depth + 1);
            }
        } else if MANIFEST_TYPES.contains(&media_type) {
            let same = |listed: &&mut Listed| listed.descriptor.digest == descriptor.digest;
            match self.listed.iter_mut().find(same) {
                Some(listed) => listed.tags.extend(tags),
                None => self.listed.push(Listed {
                    descriptor,
                    wanted_by: wanted_by.to_owned(),
                    tags,
                }),
            }
        }
        Ok(())
    }
}

impl Descriptor {
    /// Signatures, attestations and the like.
    fn speaks_about_another(&self) -> bool {
        let unknown = self
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os == "unknown");
        let annotations = self.annotations.as_ref();
        unknown || annotations.is_some_and(|annotations| annotations.contains_key(REFERENCE_TYPE))
    }

    fn tag(&self) -> Option<String> {
        let annotations = self.annotations.as_ref()?;
        let name = annotations.get(FULL_NAME).or(annotations.get(REF_NAME))?;
        Some(name.clone())
    }

    fn platform(&self) -> Option<Platform> {
        let platform = self.platform.as_ref()?;
        Some(Platform::new(
            &platform.os,
            &platform.architecture,
            platform.variant.as_deref(),
        ))
    }

    fn claim(&self) -> Claim {
        Claim {
            name: blob_name(&self.digest),
            digest: Some(self.digest),
            size_bytes: Some(self.size),
        }
    }
}

impl Listed {
    fn describe(&self) -> String {
        let tag = self.tags.first().cloned();
        let name = tag.unwrap_or_else(|| self.descriptor.digest.to_string());
        match self.descriptor.platform() {
            Some(platform) => format!("{name} ({platform})"),
            None => name,
        }
    }
}

/// Archives of one platform may list the manifests of all others, whose blobs are not there.
fn choose(
    contents: &Contents,
    listed: Vec<Listed>,
    wanted: &Platform,
) -> Result<Listed, ImageProblem> {
    let is_there = |listed: &Listed| contents.has(&blob_name(&listed.descriptor.digest));
    let (mut there, absent): (Vec<Listed>, Vec<Listed>) = listed.into_iter().partition(is_there);
    if there.len() > 1 {
        let platforms: BTreeSet<Platform> = there
            .iter()
            .filter_map(|listed| listed.descriptor.platform())
            .collect();
        // If all are for one platform, or do not say, they are different images.
        if platforms.len() > 1 {
            there.retain(|listed| {
                let platform = listed.descriptor.platform();
                platform.is_some_and(|platform| wanted.runs(&platform))
            });
            if there.is_empty() {
                let found: Vec<String> = platforms.iter().map(ToString::to_string).collect();
                return Err(ImageProblem::NoPlatform {
                    found: found.join(", "),
                    wanted: Box::new(wanted.clone()),
                });
            }
        }
    }
    match (there.pop(), there.is_empty()) {
        (Some(listed), true) => Ok(listed),
        (Some(last), false) => Err(ImageProblem::SeveralImages {
            names: there.iter().chain([&last]).map(Listed::describe).collect(),
        }),
        (None, _) => Err(match absent.into_iter().next() {
            Some(listed) => ImageProblem::Missing {
                name: blob_name(&listed.descriptor.digest),
                wanted_by: listed.wanted_by,
            },
            None => ImageProblem::NoImage(INDEX.to_owned()),
        }),
    }
}

/// The image of a manifest that has its blobs beside it.
pub(super) fn select_beside(found: NamedFile<'_>) -> Result<Candidate, ImageProblem> {
    let mut candidate = candidate_of(found, Vec::new())?;
    for claim in std::iter::once(&mut candidate.config).chain(&mut candidate.layers) {
        claim.name = claim.digest.map_or_else(String::new, |digest| digest.hex());
    }
    Ok(candidate)
}

fn candidate(contents: &Contents, listed: &Listed) -> Result<Candidate, ImageProblem> {
    let claim = listed.descriptor.claim();
    let found = claim.find(contents, &listed.wanted_by)?;
    candidate_of(found, listed.tags.clone())
}

/// The image that the manifest `found` describes.
fn candidate_of(found: NamedFile<'_>, mut tags: Vec<String>) -> Result<Candidate, ImageProblem> {
    const WHAT: &str = "image manifest";
    let manifest: Manifest = found.parse(WHAT)?;
    check_version(found, WHAT, manifest.schema_version)?;
    let media_type = manifest.config.media_type.as_str();
    if !CONFIG_TYPES.contains(&media_type) {
        let message = format!("its config is a `{media_type}`, no image config");
        return Err(found.is_no(WHAT, message));
    }
    tags.sort();
    tags.dedup();
    Ok(Candidate {
        manifest: found.name.to_owned(),
        config: manifest.config.claim(),
        layers: manifest.layers.iter().map(Descriptor::claim).collect(),
        tags,
    })
}

fn check_version(
    found: NamedFile<'_>,
    what: &'static str,
    schema_version: u32,
) -> Result<(), ImageProblem> {
    if schema_version == 2 {
        return Ok(());
    }
    let message = format!("its schemaVersion is {schema_version}, and 2 was expected");
    Err(found.is_no(what, message))
}
