//! [`ImageProblem`]: the faults of the documents and blobs of an image archive.

use thiserror::Error;

use super::digest::Digest;
use super::limits::{MAX_INDEX_DEPTH, MAX_JSON_BYTES};
use super::platform::Platform;

/// The reason why the content of an archive is not one whole image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImageProblem {
    #[error(
        "it holds neither `manifest.json` (docker save) nor `oci-layout` and `index.json` (OCI); it holds {found}"
    )]
    NoManifest {
        /// The first names that are there, in words.
        found: String,
    },
    /// A document is not what it has to be.
    #[error("`{name}` is no {what}: {message}")]
    Document {
        name: String,
        /// The document that was expected, such as `image index`.
        what: &'static str,
        /// The fault of the document, in words.
        message: String,
    },
    /// A document is larger than any real one.
    #[error("`{name}` has {size_bytes} bytes, a document has at most {MAX_JSON_BYTES}")]
    TooLarge { name: String, size_bytes: u64 },
    /// An entry is named and not there.
    #[error("`{name}` is missing, which `{wanted_by}` names")]
    Missing {
        name: String,
        /// The document that names it.
        wanted_by: String,
    },
    /// Links lead in a circle.
    #[error("the link `{0}` leads to no end")]
    LinkLoop(String),
    /// More than one image is there.
    #[error("it holds {} images: {}; exactly one was expected", names.len(), names.join(", "))]
    SeveralImages {
        /// The first tag of each; without tags, the config or the digest.
        names: Vec<String>,
    },
    /// The list of images is empty.
    #[error("`{0}` lists no image")]
    NoImage(String),
    /// None of several images is for the platform.
    #[error("it holds images for {found}, and none for {wanted}")]
    NoPlatform {
        /// The platforms that are there, with commas between them.
        found: String,
        wanted: Box<Platform>,
    },
    /// The one image is for another platform.
    #[error("the image is for {found}, and {wanted} was expected")]
    OtherPlatform {
        found: Box<Platform>,
        wanted: Box<Platform>,
    },
    /// Indexes are nested too deep.
    #[error("`{0}` is an index within more than {MAX_INDEX_DEPTH} others")]
    TooDeep(String),
    /// The two layouts of the archive contradict each other.
    #[error(
        "its two layouts differ: `manifest.json` describes image {docker}, `index.json` image {oci}"
    )]
    LayoutsDiffer {
        /// The image id by `manifest.json`.
        docker: Digest,
        /// The image id by `index.json`.
        oci: Digest,
    },
    /// The content of a blob is not the one it is named for.
    #[error("the digest of `{name}` lies: {wanted} was expected, its content has {found}")]
    Digest {
        name: String,
        /// The digest by its name or by the document that names it.
        wanted: Digest,
        /// The digest of the content.
        found: Digest,
    },
    /// The unpacked content of a layer is not the one that the config names.
    #[error(
        "the digest of layer {number} lies: the config names {wanted}, `{name}` unpacks to {found}"
    )]
    Layer {
        /// The number of the layer, from 1.
        number: usize,
        name: String,
        /// The digest in the config.
        wanted: Digest,
        /// The digest of the content.
        found: Digest,
    },
    /// The size of a blob is not the one that the manifest names.
    #[error("`{name}` has {found_bytes} bytes, `{wanted_by}` names {wanted_bytes}")]
    Size {
        name: String,
        /// The document that names it.
        wanted_by: String,
        /// The size in the document.
        wanted_bytes: u64,
        /// The size of the entry.
        found_bytes: u64,
    },
    /// Manifest and config count differently.
    #[error("`{manifest}` lists {found} layers, the config {wanted}")]
    LayerCount {
        /// The document that lists the layers.
        manifest: String,
        /// The number of layers that it lists.
        found: usize,
        /// The number of layers that the config lists.
        wanted: usize,
    },
    /// A blob that has to be checked was not read.
    #[error("`{0}` was not read")]
    NotRead(String),
}

impl ImageProblem {
    /// A next step that works offline.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoManifest { .. } => {
                "make it with `docker save -o FILE.tar IMAGE`, `podman save -o FILE.tar IMAGE` or `agent image pack`"
            }
            Self::SeveralImages { .. } => {
                "save one image and one platform into a file: `docker save -o FILE.tar IMAGE:TAG`"
            }
            Self::NoPlatform { .. } | Self::OtherPlatform { .. } => {
                "save the image again for the machine that will run it, as with `docker pull --platform OS/ARCHITECTURE` before `docker save`"
            }
            Self::NoImage(_) => "save an image into it: `docker save -o FILE.tar IMAGE:TAG`",
            _ => "save or copy the archive again, and compare checksums on both sides",
        }
    }
}
