//! Small image archives, whole and broken.

use std::io::{Cursor, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use menace_agent::image::Digest;
use serde_json::{Value, json};
use tar::{EntryType, Header};

/// A tar archive of named members, in their order.
#[derive(Clone, Default)]
pub(crate) struct Tar {
    members: Vec<(EntryType, String, String, Vec<u8>)>,
}

impl Tar {
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.member(EntryType::Regular, name, "", content.as_ref())
    }

    pub(crate) fn folder(self, name: &str) -> Self {
        self.member(EntryType::Directory, name, "", b"")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.member(EntryType::Symlink, name, target, b"")
    }

    pub(crate) fn member(
        mut self,
        kind: EntryType,
        name: &str,
        link: &str,
        content: &[u8],
    ) -> Self {
        self.members
            .push((kind, name.to_owned(), link.to_owned(), content.to_vec()));
        self
    }

    /// Without the members whose names end in `suffix`.
    pub(crate) fn without(mut self, suffix: &str) -> Self {
        let before = self.members.len();
        self.members.retain(|(_, name, ..)| !name.ends_with(suffix));
        assert_ne!(self.members.len(), before, "no member ends in {suffix}");
        self
    }

    /// With another content of the one member whose name ends in `suffix`.
    pub(crate) fn with(mut self, suffix: &str, content: impl AsRef<[u8]>) -> Self {
        let mut found = self
            .members
            .iter_mut()
            .filter(|(_, name, ..)| name.ends_with(suffix));
        found.next().expect("a member has that name").3 = content.as_ref().to_vec();
        assert!(found.next().is_none(), "several members end in {suffix}");
        self
    }

    pub(crate) fn reversed(mut self) -> Self {
        self.members.reverse();
        self
    }

    /// Moves all members below `prefix`.
    pub(crate) fn below(mut self, prefix: &str) -> Self {
        for (_, name, ..) in &mut self.members {
            *name = format!("{prefix}{name}");
        }
        self
    }

    /// Writes its files to a folder.
    pub(crate) fn unpack(&self, folder: &std::path::Path) {
        for (kind, name, _, content) in &self.members {
            let path = folder.join(name);
            if *kind == EntryType::Directory {
                std::fs::create_dir_all(path).unwrap();
            } else {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (kind, name, link, content) in &self.members {
            let header = header(*kind, name, link, content.len());
            tar.append(&header, content.as_slice()).unwrap();
        }
        tar.into_inner().unwrap()
    }
}

/// A header with any name at all; the library would refuse some.
pub(crate) fn header(kind: EntryType, name: &str, link: &str, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    header
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(Cursor::new(bytes), 1).unwrap()
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(bytes);
    decoder.read_to_end(&mut unpacked).unwrap();
    unpacked
}

/// The entries of a tar by the library's own reader: name, mode, and content or target.
pub(crate) fn entries(bytes: &[u8]) -> Vec<(String, u32, String)> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mode = entry.header().mode().unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (name, mode, String::from_utf8_lossy(&content).into_owned())
    });
    entries.collect()
}

/// An image to make archives of.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) config: Vec<u8>,
    /// The tars of the layers, unpacked.
    pub(crate) layers: Vec<Vec<u8>>,
}

impl Image {
    /// An image of two layers for `architecture`.
    pub(crate) fn new(architecture: &str) -> Self {
        Self::of_layers(
            architecture,
            vec![
                Tar::default().file("etc/hostname", "lab\n").bytes(),
                Tar::default().folder("srv").file("srv/data", "1\n").bytes(),
            ],
        )
    }

    pub(crate) fn of_layers(architecture: &str, layers: Vec<Vec<u8>>) -> Self {
        let diff_ids: Vec<String> = layers.iter().map(|layer| sha(layer)).collect();
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "created": "2026-01-02T03:04:05Z",
            "config": {"Env": ["PATH=/bin"], "Entrypoint": null, "Cmd": ["python3", "-q"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        Self {
            config: config.to_string().into_bytes(),
            layers,
        }
    }

    pub(crate) fn id(&self) -> String {
        sha(&self.config)
    }

    /// As docker saved images until version 25.
    pub(crate) fn docker_save(&self) -> Tar {
        let config = format!("{}.json", Digest::of(&self.config).hex());
        let names: Vec<String> = (0..self.layers.len())
            .map(|index| format!("{index:064}/layer.tar"))
            .collect();
        let mut tar = Tar::default().file(&config, &self.config);
        for (name, layer) in names.iter().zip(&self.layers) {
            let folder = name.strip_suffix("layer.tar").unwrap();
            tar = tar.folder(folder);
            tar = tar.file(&format!("{folder}VERSION"), "1.0");
            tar = tar.file(name, layer);
        }
        tar.file("manifest.json", manifest(&config, &names))
    }

    /// As OCI tools write it, with layers packed by `pack`.
    pub(crate) fn oci(&self, pack: impl Fn(&[u8]) -> Vec<u8>) -> Tar {
        let manifest = self.oci_manifest(&pack);
        self.blobs(&pack)
            .file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
            .file("index.json", index(&[descriptor(&manifest, MANIFEST)]))
    }

    /// As `podman save --format docker-dir` writes a folder.
    pub(crate) fn docker_dir(&self) -> Tar {
        let hex = |bytes: &[u8]| Digest::of(bytes).hex();
        let manifest = self.oci_manifest(&gzip);
        let mut tar = Tar::default()
            .file("version", "Directory Transport Version: 1.1\n")
            .file("manifest.json", manifest)
            .file(&hex(&self.config), &self.config);
        for layer in &self.layers {
            let packed = gzip(layer);
            tar = tar.file(&hex(&packed), &packed);
        }
        tar
    }

    /// As docker saves images since version 25: both layouts over the same blobs.
    pub(crate) fn both(&self) -> Tar {
        let config = blob_name(&self.config);
        let names: Vec<String> = self.layers.iter().map(|layer| blob_name(layer)).collect();
        self.oci(plain)
            .file("manifest.json", manifest(&config, &names))
    }

    pub(crate) fn oci_manifest(&self, pack: &impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|layer| descriptor(&pack(layer), "application/vnd.oci.image.layer.v1.tar"))
            .collect();
        let config = descriptor(&self.config, "application/vnd.oci.image.config.v1+json");
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
        manifest.to_string().into_bytes()
    }

    /// The blobs of an OCI layout, without what leads to them.
    pub(crate) fn blobs(&self, pack: &impl Fn(&[u8]) -> Vec<u8>) -> Tar {
        let manifest = self.oci_manifest(pack);
        let mut tar = Tar::default()
            .folder("blobs/")
            .folder("blobs/sha256/")
            .file(&blob_name(&self.config), &self.config)
            .file(&blob_name(&manifest), &manifest);
        for layer in &self.layers {
            let packed = pack(layer);
            tar = tar.file(&blob_name(&packed), &packed);
        }
        tar
    }
}

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

pub(crate) fn sha(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

pub(crate) fn blob_name(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", Digest::of(bytes).hex())
}

pub(crate) fn manifest(config: &str, layers: &[String]) -> String {
    json!([{"Config": config, "RepoTags": ["lab:1"], "Layers": layers}]).to_string()
}

pub(crate) fn descriptor(bytes: &[u8], media_type: &str) -> Value {
    json!({
        "mediaType": media_type,
        "digest": sha(bytes),
        "size": bytes.len(),
        "annotations": {"org.opencontainers.image.ref.name": "1"},
    })
}

pub(crate) fn index(manifests: &[Value]) -> String {
    json!({"schemaVersion": 2, "manifests": manifests}).to_string()
}
