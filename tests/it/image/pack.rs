//! `pack`: an archive from a root file system.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use jiff::Timestamp;
use menace_agent::archive::{PackError, PackOptions, pack};
use menace_agent::diag::Hint;
use menace_agent::image::{Compression, Format, Verified};
use menace_agent::model::ExitCode;
use serde_json::Value;
use tar::EntryType;

use super::sample::{Image, Tar, entries, gunzip, gzip, sha, zstd};
use super::{Folder, amd64, said};
use crate::store::disk::Mount;

/// A root file system as Debian's tools write it, with a Python that cannot run.
pub(super) fn rootfs() -> Tar {
    Tar::default()
        .folder("./")
        .folder("./usr/")
        .folder("./usr/bin/")
        .file("./usr/bin/python3.11", elf(62))
        .symlink("./usr/bin/python3", "python3.11")
        .symlink("./bin", "/usr/bin")
        .folder("./usr/lib/")
        .folder("./usr/lib/python3/")
        .folder("./usr/lib/python3/dist-packages/")
        .folder("./usr/local/")
        .folder("./usr/local/lib/")
        .folder("./dev/")
        .member(EntryType::Char, "./dev/null", "", b"")
}

/// The head of a program for that machine.
pub(super) fn elf(machine: u16) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(18, 0);
    bytes.extend(machine.to_le_bytes());
    bytes.resize(64, 0);
    bytes
}

/// The options to pack `rootfs.tar` of the folder to `image.tar.gz`.
pub(super) fn options(folder: &Folder, rootfs: &[u8]) -> PackOptions {
    PackOptions {
        rootfs: folder.write("rootfs.tar", rootfs),
        wheels: None,
        output: folder.path().join("image.tar.gz"),
        force: false,
        reference: "lab/tests:1".parse().unwrap(),
        platform: amd64(),
        created: Timestamp::UNIX_EPOCH,
    }
}

fn packed(folder: &Folder, rootfs: &[u8]) -> Verified {
    pack(&options(folder, rootfs)).unwrap()
}

/// The document `name` of an unpacked archive.
fn document(archive: &[u8], name: &str) -> Value {
    let entries = entries(archive);
    let (_, _, text) = entries.iter().find(|(found, ..)| found == name).unwrap();
    serde_json::from_str(text).unwrap()
}

#[test]
fn an_archive_has_both_layouts_and_the_root_file_system_as_it_is() {
    let rootfs = rootfs().bytes();
    let folder = Folder::new();
    for source in [rootfs.clone(), gzip(&rootfs), zstd(&rootfs)] {
        let mut options = options(&folder, &source);
        options.force = true;
        let archive = pack(&options).unwrap().archive;
        assert_eq!(archive.format, Format::Both);
        assert_eq!(archive.compression, Compression::Gzip);
        assert_eq!(archive.tags, ["lab/tests:1"]);
        assert_eq!(archive.platform, amd64());
        assert_eq!(archive.cmd, ["python3"]);
        let layers: Vec<String> = archive
            .layers
            .iter()
            .map(|layer| layer.diff_id.to_string())
            .collect();
        assert_eq!(layers, [sha(&rootfs)]);
        assert_eq!(archive.layers[0].digest, Some(archive.layers[0].diff_id));
    }
    let archive = gunzip(&fs::read(folder.path().join("image.tar.gz")).unwrap());
    let manifest = document(&archive, "manifest.json");
    let config = document(&archive, manifest[0]["Config"].as_str().unwrap());
    assert_eq!(config["created"], "1970-01-01T00:00:00Z");
    assert_eq!(config["history"].as_array().unwrap().len(), 1);
    let index = document(&archive, "index.json");
    let annotations = &index["manifests"][0]["annotations"];
    assert_eq!(annotations["org.opencontainers.image.ref.name"], "1");
    let full = annotations["io.containerd.image.name"].as_str().unwrap();
    assert!(full.ends_with("/lab/tests:1"), "{full}");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let rootfs = rootfs().bytes();
    let (one, other) = (Folder::new(), Folder::new());
    for suffix in ["tar", "tar.gz", "tgz", "tar.zst"] {
        let bytes = [&one, &other].map(|folder| {
            let mut options = options(folder, &rootfs);
            options.output = folder.path().join(format!("image.{suffix}"));
            pack(&options).unwrap();
            fs::read(options.output).unwrap()
        });
        assert_eq!(bytes[0], bytes[1], "{suffix}");
    }
}

#[test]
fn the_end_of_the_name_tells_the_compression() {
    let rootfs = rootfs().bytes();
    let folder = Folder::new();
    let cases = [
        ("a.tar", Compression::None),
        ("a.tar.gz", Compression::Gzip),
        ("a.tgz", Compression::Gzip),
        ("a.tar.zst", Compression::Zstd),
        ("a.tzst", Compression::Zstd),
    ];
    for (name, compression) in cases {
        let mut options = options(&folder, &rootfs);
        options.output = folder.path().join(name);
        assert_eq!(pack(&options).unwrap().archive.compression, compression);
    }
    for name in ["a", "a.zip", ".tar", "a.tar.xz"] {
        let mut options = options(&folder, &rootfs);
        options.output = folder.path().join(name);
        let error = pack(&options).unwrap_err();
        assert!(matches!(error, PackError::OutputName(_)), "{name}");
        assert_eq!(error.exit_code(), ExitCode::USAGE);
    }
}

#[test]
fn an_archive_that_is_there_is_replaced_only_by_force() {
    let folder = Folder::new();
    let mut options = options(&folder, &rootfs().bytes());
    fs::write(&options.output, "precious").unwrap();
    let error = pack(&options).unwrap_err();
    assert!(matches!(error, PackError::OutputExists(_)));
    assert!(said(&error).contains("pass `--force`"));
    assert_eq!(fs::read(&options.output).unwrap(), b"precious");
    options.force = true;
    pack(&options).unwrap();
    assert_ne!(fs::read(&options.output).unwrap(), b"precious");
    assert_eq!(folder.names(), ["image.tar.gz", "rootfs.tar"]);
}

#[test]
fn only_a_file_is_replaced() {
    let folder = Folder::new();
    let mut options = options(&folder, &rootfs().bytes());
    options.force = true;
    fs::create_dir(&options.output).unwrap();
    let error = pack(&options).unwrap_err();
    assert!(matches!(error, PackError::OutputNotAFile(_)));
}

#[test]
fn others_may_read_the_archive_as_the_umask_allows() {
    let folder = Folder::new();
    packed(&folder, &rootfs().bytes());
    let mode = |name: &str| {
        let metadata = fs::metadata(folder.path().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    // The root file system was simply created, under the same umask.
    assert_eq!(mode("image.tar.gz"), mode("rootfs.tar"));
}

/// Packs what is broken, and says what is said of it; nothing may be left.
fn refused(rootfs: &[u8]) -> String {
    let folder = Folder::new();
    let error = pack(&options(&folder, rootfs)).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::ENVIRONMENT);
    assert_eq!(folder.names(), ["rootfs.tar"]);
    said(&error)
}

#[test]
fn a_broken_root_file_system_is_refused_and_nothing_is_left() {
    let whole = rootfs().bytes();
    let cases = [
        ("empty", Vec::new(), "it is empty"),
        (
            "cut",
            whole[..whole.len() - 700].to_vec(),
            "it is truncated",
        ),
        ("cut gzip", gzip(&whole)[..200].to_vec(), "it is truncated"),
        (
            "garbage",
            [whole.as_slice(), b"x"].concat(),
            "something after the end",
        ),
        ("text", b"hello".to_vec(), "it is no tar archive"),
        (
            "a climbing name",
            rootfs().file("a/../../b", "").bytes(),
            "whose name `a/../../b` contains `..`",
        ),
        (
            "an absolute name",
            rootfs().file("/etc/passwd", "").bytes(),
            "whose name `/etc/passwd` is absolute",
        ),
        (
            "sparse",
            rootfs().member(EntryType::GNUSparse, "x", "", b"").bytes(),
            "which is a sparse file",
        ),
        (
            "nothing in it",
            Tar::default().folder("./").bytes(),
            "is no root file system: it holds no files",
        ),
        (
            "an image",
            Image::new("amd64").both().bytes(),
            "is no root file system: it is an image archive already",
        ),
        (
            "another machine",
            rootfs().with("python3.11", elf(183)).bytes(),
            "is not for linux/amd64: its `usr/bin/python3.11` is for linux/arm64",
        ),
    ];
    for (name, bytes, wanted) in cases {
        let said = refused(&bytes);
        assert!(
            said.contains(wanted),
            "{name}: wanted {wanted:?} in\n{said}"
        );
        assert!(said.contains("\nhint: "), "{name}: no hint in\n{said}");
    }
}

#[test]
fn a_root_file_system_may_hold_a_file_of_any_name() {
    let folder = Folder::new();
    let rootfs = rootfs().file("manifest.json", "{}").bytes();
    assert_eq!(packed(&folder, &rootfs).archive.layers.len(), 1);
}

#[test]
fn what_is_missing_is_named() {
    let folder = Folder::new();
    let whole = options(&folder, &rootfs().bytes());
    let said_of = |change: &dyn Fn(&mut PackOptions)| {
        let mut options = whole.clone();
        change(&mut options);
        said(&pack(&options).unwrap_err())
    };
    let missing = said_of(&|options| options.rootfs = PathBuf::from("/nonexistent/rootfs.tar"));
    assert!(
        missing.contains("the root file system `/nonexistent/rootfs.tar`"),
        "{missing}"
    );
    assert!(missing.contains("there is no such file"), "{missing}");
    let folder = said_of(&|options| options.output = PathBuf::from("/nonexistent/image.tar"));
    assert!(
        folder.contains("cannot write the output `/nonexistent/image.tar`"),
        "{folder}"
    );
}

#[test]
fn a_full_disk_is_said_and_nothing_is_left() {
    let Some(mount) = Mount::new() else { return };
    let folder = Folder::new();
    let large = vec![7; 3 << 20];
    let mut options = options(&folder, &rootfs().file("large", large).bytes());
    options.output = mount.path().join("image.tar");
    let error = pack(&options).unwrap_err();
    assert!(matches!(error, PackError::Output { .. }), "{error:?}");
    let said = said(&error);
    assert!(said.contains("No space left on device"), "{said}");
    assert_eq!(fs::read_dir(mount.path()).unwrap().count(), 0);
}
