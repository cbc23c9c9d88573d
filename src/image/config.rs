//! The config of an image: its platform, its program, and the digests of its layers.

use serde::Deserialize;

use super::contents::NamedFile;
use super::digest::Digest;
use super::platform::Platform;
use super::problem::ImageProblem;

const WHAT: &str = "image config";

/// The parts of a config that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageConfig {
    /// The digest of the document, which is the image's id.
    pub(super) id: Digest,
    pub(super) platform: Platform,
    /// Of each layer, unpacked, the lowest first.
    pub(super) diff_ids: Vec<Digest>,
    /// When it was made, as it says itself.
    pub(super) created: Option<String>,
    pub(super) env: Vec<String>,
    pub(super) entrypoint: Vec<String>,
    pub(super) cmd: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    created: Option<String>,
    rootfs: RootFs,
    config: Option<Process>,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<Digest>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Process {
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

impl ImageConfig {
    pub(super) fn parse(found: NamedFile<'_>) -> Result<Self, ImageProblem> {
        let id = Digest::of(found.json()?);
        let document: Document = found.parse(WHAT)?;
        let named = |value: Option<String>, what: &str| {
            let value = value.filter(|value| !value.is_empty());
            value.ok_or_else(|| found.is_no(WHAT, format!("it names no {what}")))
        };
        let os = named(document.os, "operating system")?;
        let architecture = named(document.architecture, "architecture")?;
        let process = document.config.unwrap_or_default();
        Ok(Self {
            id,
            platform: Platform::new(&os, &architecture, document.variant.as_deref()),
            diff_ids: document.rootfs.diff_ids.unwrap_or_default(),
            created: document.created,
            env: process.env.unwrap_or_default(),
            entrypoint: process.entrypoint.unwrap_or_default(),
            cmd: process.cmd.unwrap_or_default(),
        })
    }
}
