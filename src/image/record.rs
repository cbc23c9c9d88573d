//! The facts of an image archive, as commands print them and programs read them.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::digest::Digest;
use super::platform::Platform;

/// The image of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The layout of the archive, or both.
    pub format: Format,
    /// The digest of the config, which engines use as the image's id.
    pub id: Digest,
    pub platform: Platform,
    /// The names that it has in the archive.
    pub tags: Vec<String>,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
    /// When it was made, as it says itself.
    pub created: Option<String>,
    /// Variables as `NAME=value`, for every process.
    pub env: Vec<String>,
    /// The program of its processes.
    pub entrypoint: Vec<String>,
    /// The default arguments, or the program if there is no entry point.
    pub cmd: Vec<String>,
}

/// The documents that describe the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `manifest.json`, as docker and podman save it.
    DockerSave,
    /// `oci-layout` and `index.json`.
    Oci,
    /// Both in one archive, as docker saves since version 25.
    Both,
}

/// The compression of the archive as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// The file is a plain tar.
    None,
    Gzip,
    /// Zstandard.
    Zstd,
    Xz,
    Bzip2,
}

impl Format {
    /// The name in JSON and in the state file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DockerSave => "docker-save",
            Self::Oci => "oci",
            Self::Both => "both",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DockerSave => "docker save",
            Self::Oci => "OCI",
            Self::Both => "docker save and OCI",
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        })
    }
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Layer {
    /// The digest of the layer as it is stored; null if the archive names none and the layer was
    /// not read.
    #[schemars(with = "Option<String>")]
    pub digest: Option<Digest>,
    /// The digest of the layer unpacked, by the image's config.
    #[schemars(with = "String")]
    pub diff_id: Digest,
    /// Its size as it is stored.
    pub size_bytes: u64,
}

/// An archive and the image in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImageArchive {
    /// The documents that describe the image.
    pub format: Format,
    /// The compression of the file.
    pub compression: Compression,
    /// The digest of the image's config; docker and podman call the loaded image by it.
    #[schemars(with = "String")]
    pub image_id: Digest,
    /// The platform that the image runs on.
    pub platform: Platform,
    /// The names of the image; may be empty.
    pub tags: Vec<String>,
    /// The layers of the image, the lowest first.
    pub layers: Vec<Layer>,
    /// The size of the file in bytes.
    pub size_bytes: u64,
    /// When the file was last written: nanoseconds since the epoch.
    pub mtime_ns: i64,
    /// When the image was made, as it says itself.
    pub created: Option<String>,
    /// Variables as `NAME=value`, for every process of the image.
    pub env: Vec<String>,
    /// The program of its processes; empty if there is none.
    pub entrypoint: Vec<String>,
    /// The default arguments, or the program if there is no entry point.
    pub cmd: Vec<String>,
}

/// An archive of which every byte was read and agrees with its digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verified {
    #[serde(flatten)]
    pub archive: ImageArchive,
    /// The digest of the file.
    #[schemars(with = "String")]
    pub file_sha256: Digest,
}

impl ImageArchive {
    /// `image` in a file of that size and time.
    pub fn new(image: Image, compression: Compression, size_bytes: u64, mtime_ns: i64) -> Self {
        Self {
            format: image.format,
            compression,
            image_id: image.id,
            platform: image.platform,
            tags: image.tags,
            layers: image.layers,
            size_bytes,
            mtime_ns,
            created: image.created,
            env: image.env,
            entrypoint: image.entrypoint,
            cmd: image.cmd,
        }
    }
}
