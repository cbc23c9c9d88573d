//! The documents of a new archive, in both layouts.
//!
//! The same input gives the same bytes: keys are written in alphabetical order, whatever order the
//! JSON library prefers.

use serde_json::{Value, json};

use super::digest::Digest;
use super::oci::{
    CONFIG_TYPE, FULL_NAME, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, REF_NAME, blob_name,
};
use super::platform::Platform;
use super::reference::Reference;

/// The folders of programs, in the order of Debian and of the official Python image.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The parts of a new image.
#[derive(Debug, Clone)]
pub struct NewImage<'a> {
    pub reference: &'a Reference,
    pub platform: &'a Platform,
    /// When it was made, in RFC 3339.
    pub created: &'a str,
    /// The digest and the size of each layer, uncompressed, the lowest first.
    pub layers: &'a [(Digest, u64)],
}

/// A file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFile {
    /// Its name in the archive.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The documents of `image`. The layers are to be added under [`layer_name`].
pub fn documents(image: &NewImage<'_>) -> Vec<DocumentFile> {
    let config = text(&config(image));
    let config_digest = Digest::of(&config);
    let manifest = text(&manifest(image, &config));
    let manifest_digest = Digest::of(&manifest);
    let index = index(image, manifest_digest, manifest.len());
    let docker = docker_manifest(image, config_digest);
    let file = |name: &str, bytes: Vec<u8>| DocumentFile {
        name: name.to_owned(),
        bytes,
    };
    vec![
        file("oci-layout", text(&json!({"imageLayoutVersion": "1.0.0"}))),
        file("index.json", text(&index)),
        file("manifest.json", text(&docker)),
        file(&blob_name(&config_digest), config),
        file(&blob_name(&manifest_digest), manifest),
    ]
}

/// The name of the layer that has `digest`.
pub fn layer_name(digest: &Digest) -> String {
    blob_name(digest)
}

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn config(image: &NewImage<'_>) -> Value {
    let diff_ids: Vec<String> = image
        .layers
        .iter()
        .map(|(digest, _)| digest.to_string())
        .collect();
    let step = json!({"created": image.created, "created_by": "agent image pack"});
    let history = vec![step; diff_ids.len()];
    let mut config = json!({
        "architecture": image.platform.architecture,
        "config": {"Cmd": ["python3"], "Env": [PATH]},
        "created": image.created,
        "history": history,
        "os": image.platform.os,
        "rootfs": {"diff_ids": diff_ids, "type": "layers"},
    });
    if let Some(variant) = &image.platform.variant {
        config["variant"] = Value::from(variant.as_str());
    }
    config
}

fn manifest(image: &NewImage<'_>, config: &[u8]) -> Value {
    let layers: Vec<Value> = image
        .layers
        .iter()
        .map(|(digest, size)| {
            json!({"digest": digest.to_string(), "mediaType": LAYER_TYPE, "size": size})
        })
        .collect();
    json!({
        "config": {
            "digest": Digest::of(config).to_string(),
            "mediaType": CONFIG_TYPE,
            "size": config.len(),
        },
        "layers": layers,
        "mediaType": MANIFEST_TYPE,
        "schemaVersion": 2,
    })
}

fn index(image: &NewImage<'_>, manifest: Digest, size: usize) -> Value {
    let mut platform = json!({
        "architecture": image.platform.architecture,
        "os": image.platform.os,
    });
    if let Some(variant) = &image.platform.variant {
        platform["variant"] = Value::from(variant.as_str());
    }
    json!({
        "manifests": [{
            "annotations": {
                FULL_NAME: image.reference.full(),
                REF_NAME: image.reference.tag(),
            },
            "digest": manifest.to_string(),
            "mediaType": MANIFEST_TYPE,
            "platform": platform,
            "size": size,
        }],
        "mediaType": INDEX_TYPE,
        "schemaVersion": 2,
    })
}

fn docker_manifest(image: &NewImage<'_>, config: Digest) -> Value {
    let layers: Vec<String> = image
        .layers
        .iter()
        .map(|(digest, _)| layer_name(digest))
        .collect();
    json!([{
        "Config": blob_name(&config),
        "Layers": layers,
        "RepoTags": [image.reference.to_string()],
    }])
}
