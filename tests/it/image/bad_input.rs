//! Files and entries of archives that are refused, each with a message of its own.

use std::os::unix::fs::symlink;
use std::time::Duration;

use menace_agent::archive::{inspect, verify};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tar::EntryType;

use super::sample::{Image, Tar, blob_name, gzip, header, manifest, zstd};
use super::{Folder, amd64, said};

pub(super) fn image() -> Image {
    Image::new("amd64")
}

/// Every broken archive with what has to be said of it.
pub(super) fn assert_said(cases: &[(&str, Vec<u8>, &str)]) {
    let folder = Folder::new();
    for (name, bytes, wanted) in cases {
        let said = folder.complaint(bytes);
        assert!(
            said.contains(wanted),
            "{name}: wanted {wanted:?} in\n{said}"
        );
        assert!(said.contains("\nhint: "), "{name}: no hint in\n{said}");
    }
}

#[test]
fn what_is_no_file_is_refused_before_it_is_opened() {
    let folder = Folder::new();
    let fifo = folder.path().join("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let cases = [
        ("nothing", "there is no such file"),
        ("empty", "it is empty"),
        (".", "it is a directory; a file was expected"),
        ("fifo", "it is a FIFO; a file was expected"),
    ];
    folder.write("empty", b"");
    for (name, wanted) in cases {
        let path = folder.path().join(name);
        // A FIFO without a writer would block whoever opens it.
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let errors = [
                verify(&path, &amd64()).unwrap_err(),
                inspect(&path, &amd64()).unwrap_err(),
            ];
            sender.send(errors.map(|error| said(&error))).unwrap();
        });
        let errors = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        for error in errors {
            assert!(error.contains(wanted), "{error}");
        }
    }
}

#[test]
fn what_the_system_refuses_is_said() {
    let folder = Folder::new();
    let link = folder.path().join("loop");
    symlink("loop", &link).unwrap();
    let said = said(&verify(&link, &amd64()).unwrap_err());
    assert!(said.contains("cannot read it"), "{said}");
}

#[test]
fn what_is_no_archive_is_refused() {
    assert_said(&[
        (
            "text",
            b"hello".to_vec(),
            "no tar archive, plain or with gzip, zstd, xz or bzip2: it begins with \"hello\"",
        ),
        (
            "long text",
            vec![b'x'; 9000],
            "it begins with \"xxxxxxxxxxxxxxxx\"",
        ),
        ("packed text", gzip(b"hello"), "it begins with \"hello\""),
        ("packed nothing", gzip(b""), "it begins with \"\""),
        (
            "xz",
            [b"\xfd7zXZ\0", &b"\0".repeat(900)[..]].concat(),
            "it is damaged: the file: lzma data error",
        ),
        (
            "a zip",
            b"PK\x03\x04".repeat(300),
            "it begins with \"PK\\x03\\x04",
        ),
        (
            "a tar of nothing",
            Tar::default().bytes(),
            "it holds no files at all",
        ),
        (
            "another tar",
            Tar::default().file("a", "1").bytes(),
            "it holds neither `manifest.json` (docker save) nor",
        ),
        (
            "a root file system",
            Tar::default().file("bin/sh", "").file("etc/a", "").bytes(),
            "it is a root file system and no image: it holds `bin/sh`",
        ),
    ]);
}

#[test]
fn damage_is_named() {
    let tar = image().both().bytes();
    let packed = gzip(&tar);
    let mut flipped = tar.clone();
    flipped[600] ^= 1;
    let mut checksum = packed.clone();
    let end = checksum.len();
    checksum[end - 6] ^= 1;
    let layer = blob_name(&image().layers[1]);
    assert_said(&[
        ("cut in a file", tar[..700].to_vec(), "it is truncated"),
        (
            "cut at a header",
            tar[..1024].to_vec(),
            "it is truncated: the tar ends at byte 1024, without an end mark",
        ),
        (
            "without an end",
            tar[..tar.len() - 1024].to_vec(),
            "without an end mark",
        ),
        (
            "half an end",
            tar[..tar.len() - 512].to_vec(),
            "without an end mark",
        ),
        (
            "a cut gzip stream",
            packed[..packed.len() / 2].to_vec(),
            "ends in the middle",
        ),
        (
            "a gzip stream without its length",
            packed[..end - 2].to_vec(),
            "it is truncated",
        ),
        (
            "a cut zstd stream",
            zstd(&tar)[..300].to_vec(),
            "it is truncated",
        ),
        ("a wrong checksum", checksum, "it is damaged: the file: "),
        (
            "a flipped header",
            flipped,
            "it is damaged: the checksum of the header at byte 512 of the tar is wrong",
        ),
        (
            "garbage after a tar",
            [tar.as_slice(), b"\0\0x"].concat(),
            "something after the end of its archive, at byte",
        ),
        (
            "garbage after a gzip stream",
            [packed.as_slice(), b"garbage, and more of it"].concat(),
            "it is damaged",
        ),
        (
            "two tars",
            [tar.as_slice(), tar.as_slice()].concat(),
            "something after the end",
        ),
        (
            "a layer with other bytes",
            image().both().with(&layer, "x").bytes(),
            "the digest of `blobs/sha256/",
        ),
    ]);
}

#[test]
fn a_bomb_is_stopped() {
    // Zeros shrink to a thousandth, and an archive may grow to its 200-fold and 64 MiB.
    let zeros = vec![0; 96 << 20];
    let bomb = Tar::default().file("zeros", &zeros).bytes();
    let folder = Folder::new();
    for (name, bytes) in [("gzip", gzip(&bomb)), ("zstd", zstd(&bomb))] {
        let path = folder.write("bomb", &bytes);
        let said = said(&inspect(&path, &amd64()).unwrap_err());
        assert!(said.contains("it unpacks to more than"), "{name}: {said}");
    }
    // In a plain archive it is the layer that grows.
    let said = folder.complaint(&Tar::default().file("layer", zstd(&bomb)).bytes());
    assert!(said.contains("it unpacks to more than"), "{said}");
}

#[test]
fn names_that_leave_are_refused() {
    let with = |name: &str| image().both().file(name, "x").bytes();
    let long = {
        let mut tar = tar::Builder::new(Vec::new());
        let name = "n/".repeat(2100);
        tar.append(
            &header(EntryType::GNULongName, "L", "", name.len()),
            name.as_bytes(),
        )
        .unwrap();
        tar.append(&header(EntryType::Regular, "x", "", 0), std::io::empty())
            .unwrap();
        tar.into_inner().unwrap()
    };
    assert_said(&[
        (
            "absolute",
            with("/etc/passwd"),
            "an entry whose name `/etc/passwd` is absolute",
        ),
        (
            "climbing",
            with("a/../../b"),
            "an entry whose name `a/../../b` contains `..`",
        ),
        ("parent", with(".."), "contains `..`"),
        (
            "the root itself",
            with("./."),
            "an entry whose name `` is empty",
        ),
        ("long", long, "is longer than 4096 bytes"),
        (
            "twice",
            image().both().file("x", "1").file("./x", "2").bytes(),
            "it holds `x` twice",
        ),
    ]);
}

#[test]
fn links_that_leave_are_refused() {
    let link = |kind, target: &str| image().both().member(kind, "a/link", target, b"").bytes();
    let looping = image()
        .docker_save()
        .without("manifest.json")
        .symlink("one", "two")
        .symlink("two", "one")
        .file("manifest.json", manifest("one", &[]));
    assert_said(&[
        (
            "climbing",
            link(EntryType::Symlink, "../../x"),
            "a link `a/link` whose target `../../x` contains `..`, and so leads out of the archive",
        ),
        (
            "absolute",
            link(EntryType::Symlink, "/etc/passwd"),
            "whose target `/etc/passwd` is absolute",
        ),
        (
            "hard",
            link(EntryType::Link, "../x"),
            "an entry whose name `../x` contains `..`",
        ),
        (
            "to nothing",
            link(EntryType::Symlink, ""),
            "`a/link`, which is a link to nothing",
        ),
        (
            "in a circle",
            looping.bytes(),
            "the link `one` leads to no end",
        ),
    ]);
}

#[test]
fn entries_of_other_kinds_are_refused() {
    let with = |kind| image().both().member(kind, "x", "", b"").bytes();
    let pax = |record: &str| {
        let tar = image().both();
        tar.member(EntryType::XHeader, "p", "", record.as_bytes())
            .file("y", "1")
            .bytes()
    };
    assert_said(&[
        (
            "a device",
            with(EntryType::Char),
            "it holds `x`, which is a device",
        ),
        (
            "a FIFO",
            with(EntryType::Fifo),
            "it holds `x`, which is a FIFO",
        ),
        (
            "sparse",
            with(EntryType::GNUSparse),
            "it holds `x`, which is a sparse file",
        ),
        (
            "unknown",
            with(EntryType::new(b'Z')),
            "which is an entry of an unknown kind",
        ),
        (
            "a folder with content",
            image()
                .both()
                .member(EntryType::Directory, "x", "", b"1")
                .bytes(),
            "which is no file, and has content",
        ),
        (
            "a name in an extended header",
            pax("18 path=../escape\n"),
            "`../escape` contains `..`",
        ),
        (
            "a malformed extended header",
            pax("99 path=x\n"),
            "an extended header is malformed",
        ),
        (
            "two sizes",
            pax("9 size=1\n9 size=2\n"),
            "two extended headers contradict each other",
        ),
        (
            "a sparse file of pax",
            pax("22 GNU.sparse.major=1\n"),
            "which is a sparse file",
        ),
    ]);
}

#[test]
fn names_are_bounded_together() {
    let mut tar = tar::Builder::new(Vec::new());
    for number in 0..9_000 {
        let name = format!("{number:06}{}", "/n".repeat(2_000));
        let mut header = header(EntryType::Regular, "x", "", 0);
        tar.append_data(&mut header, name, std::io::empty())
            .unwrap();
    }
    let said = Folder::new().complaint(&zstd(&tar.into_inner().unwrap()));
    let wanted = "its names have more than 33554432 bytes together";
    assert!(said.contains(wanted), "{said}");
}
