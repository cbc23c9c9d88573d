//! `pack --wheels`: wheels installed into an image as pip would install them.

use std::fs;
use std::io::{Cursor, Write};

use menace_agent::archive::{PackError, pack};
use menace_agent::image::Digest;
use menace_agent::image::wheel::{record_digest, record_line};
use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::pack::{options, rootfs};
use super::sample::{Tar, entries, gunzip};
use super::{Folder, said};

const SITE: &str = "usr/local/lib/python3.11/dist-packages";

/// The mode that makes a file a link.
const LINK: u32 = 0o120_777;

/// A wheel whose RECORD is right, unless it is told otherwise.
#[derive(Clone)]
struct Wheel {
    name: String,
    files: Vec<(String, Vec<u8>, u32)>,
    /// Further text of RECORD, and the files that it leaves out.
    record: String,
    unlisted: Vec<String>,
}

impl Wheel {
    fn new(name: &str, tags: &str) -> Self {
        let info = format!("{name}-1.0.dist-info");
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n");
        let wheel = Self {
            name: format!("{name}-1.0-{tags}.whl"),
            files: Vec::new(),
            record: String::new(),
            unlisted: Vec::new(),
        };
        wheel
            .file(&format!("{info}/METADATA"), &metadata)
            .file(&format!("{info}/WHEEL"), "Wheel-Version: 1.0\n")
    }

    fn pure(name: &str) -> Self {
        let init = format!("{name}/__init__.py");
        Self::new(name, "py3-none-any").file(&init, "VALUE = 1\n")
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.file_with_mode(name, content, 0o644)
    }

    fn file_with_mode(mut self, name: &str, content: &str, mode: u32) -> Self {
        self.files.push((name.to_owned(), content.into(), mode));
        self
    }

    fn without(mut self, suffix: &str) -> Self {
        self.files.retain(|(name, ..)| !name.ends_with(suffix));
        self
    }

    fn unlisted(mut self, name: &str) -> Self {
        self.unlisted.push(name.to_owned());
        self
    }

    fn listed(mut self, line: &str) -> Self {
        self.record.push_str(line);
        self
    }

    fn info(&self) -> String {
        let stem: Vec<&str> = self.name.split('-').take(2).collect();
        format!("{}.dist-info", stem.join("-"))
    }

    fn bytes(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let mut add = |name: &str, content: &[u8], mode: u32| {
            let options = SimpleFileOptions::default().unix_permissions(mode);
            if mode == LINK {
                let target = str::from_utf8(content).unwrap();
                return zip.add_symlink(name, target, options).unwrap();
            }
            zip.start_file(name, options).unwrap();
            zip.write_all(content).unwrap();
        };
        let mut record = self.record.clone();
        for (name, content, mode) in &self.files {
            add(name, content, *mode);
            if !self.unlisted.contains(name) {
                let digest = record_digest(&Digest::of(content));
                record += &record_line(name, &digest, Some(content.len() as u64));
            }
        }
        let own = format!("{}/RECORD", self.info());
        record += &record_line(&own, "", None);
        if !self.unlisted.contains(&own) {
            add(&own, record.as_bytes(), 0o644);
        }
        zip.finish().unwrap().into_inner()
    }
}

/// Packs `rootfs` with `wheels`, and returns the entries of their layer.
fn layer(rootfs: &Tar, wheels: &[Wheel]) -> Result<Vec<(String, u32, String)>, PackError> {
    let files: Vec<_> = wheels
        .iter()
        .map(|wheel| (wheel.name.clone(), wheel.bytes()))
        .collect();
    layer_of_files(rootfs, &files)
}

fn layer_of_files(
    rootfs: &Tar,
    files: &[(String, Vec<u8>)],
) -> Result<Vec<(String, u32, String)>, PackError> {
    let folder = Folder::new();
    let mut options = options(&folder, &rootfs.bytes());
    let wheels = folder.path().join("wheels");
    fs::create_dir(&wheels).unwrap();
    for (name, bytes) in files {
        fs::write(wheels.join(name), bytes).unwrap();
    }
    options.wheels = Some(wheels);
    let packed = pack(&options);
    if packed.is_err() {
        assert_eq!(folder.names(), ["rootfs.tar", "wheels"]);
    }
    let layers = packed?.archive.layers;
    assert_eq!(layers.len(), 2);
    let archive = gunzip(&fs::read(&options.output).unwrap());
    let name = format!("blobs/sha256/{}", layers[1].diff_id.hex());
    let mut archive = tar::Archive::new(archive.as_slice());
    let mut found = archive.entries().unwrap().map(Result::unwrap);
    let mut blob = found.find(|entry| entry.path().unwrap().to_str() == Some(&name));
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(blob.as_mut().unwrap(), &mut bytes).unwrap();
    Ok(entries(&bytes))
}

/// The error about wheels that cannot be installed.
fn refused(wheels: &[Wheel]) -> String {
    said(&layer(&rootfs(), wheels).unwrap_err())
}

fn content<'a>(layer: &'a [(String, u32, String)], path: &str) -> &'a str {
    let entry = layer.iter().find(|(name, ..)| name == path);
    &entry.unwrap_or_else(|| panic!("no {path} in {layer:#?}")).2
}

#[test]
fn a_wheel_is_installed_with_its_commands() {
    let wheel = Wheel::pure("lab")
        .file_with_mode("lab/tool.sh", "#!/bin/sh\n", 0o755)
        .file("lab-1.0.data/purelib/pure.py", "")
        .file("lab-1.0.data/platlib/plat.py", "")
        .file("lab-1.0.data/scripts/run", "#!python -E\nprint(1)\n")
        .file("lab-1.0.data/data/share/lab/x", "x")
        .file(
            "lab-1.0.dist-info/entry_points.txt",
            "[console_scripts]\nlab = lab:main\n",
        );
    let layer = layer(&rootfs(), &[wheel]).unwrap();
    let listing: Vec<String> = layer
        .iter()
        .map(|(name, mode, _)| format!("{mode:o} {name}"))
        .collect();
    insta::assert_snapshot!(listing.join("\n"), @"
    755 usr/local/share/
    755 usr/local/share/lab/
    644 usr/local/share/lab/x
    755 usr/local/lib/python3.11/
    755 usr/local/lib/python3.11/dist-packages/
    644 usr/local/lib/python3.11/dist-packages/plat.py
    644 usr/local/lib/python3.11/dist-packages/pure.py
    755 usr/local/bin/
    755 usr/local/bin/run
    755 usr/local/lib/python3.11/dist-packages/lab-1.0.dist-info/
    644 usr/local/lib/python3.11/dist-packages/lab-1.0.dist-info/METADATA
    644 usr/local/lib/python3.11/dist-packages/lab-1.0.dist-info/WHEEL
    644 usr/local/lib/python3.11/dist-packages/lab-1.0.dist-info/entry_points.txt
    755 usr/local/lib/python3.11/dist-packages/lab/
    644 usr/local/lib/python3.11/dist-packages/lab/__init__.py
    755 usr/local/lib/python3.11/dist-packages/lab/tool.sh
    755 usr/local/bin/lab
    644 usr/local/lib/python3.11/dist-packages/lab-1.0.dist-info/INSTALLER
    644 usr/local/lib/python3.11/dist-packages/lab-1.0.dist-info/RECORD
    ");
    assert_eq!(
        content(&layer, "usr/local/bin/run"),
        "#!/usr/bin/python3.11\nprint(1)\n"
    );
    let command = content(&layer, "usr/local/bin/lab");
    assert!(command.starts_with("#!/usr/bin/python3.11\n"), "{command}");
    assert!(command.contains("from lab import main"), "{command}");
    let record = content(&layer, &format!("{SITE}/lab-1.0.dist-info/RECORD"));
    let init = format!(
        "lab/__init__.py,{},10\n",
        record_digest(&Digest::of(b"VALUE = 1\n"))
    );
    assert!(record.contains(&init), "{record}");
    assert!(record.contains("\n../../../bin/run,sha256="), "{record}");
    assert!(
        record.ends_with("\nlab-1.0.dist-info/RECORD,,\n"),
        "{record}"
    );
}

#[test]
fn folders_come_before_files_and_only_where_there_are_none() {
    let layer = layer(&rootfs(), &[Wheel::pure("lab"), Wheel::pure("other")]).unwrap();
    let names: Vec<&str> = layer.iter().map(|(name, ..)| name.as_str()).collect();
    for (index, name) in names.iter().enumerate() {
        assert!(!names[..index].contains(name), "{name} comes twice");
        let folder = name.trim_end_matches('/').rsplit_once('/').unwrap().0;
        let in_rootfs = ["usr", "usr/local", "usr/local/lib"].contains(&folder);
        let before = names[..index].contains(&format!("{folder}/").as_str());
        assert!(in_rootfs != before, "{folder} of {name}");
    }
}

#[test]
fn wheels_go_where_the_python_looks() {
    let slim = rootfs()
        .folder("usr/local/bin/")
        .file("usr/local/bin/python3.13", "")
        .symlink("usr/local/bin/python3", "python3.13");
    let fedora = Tar::default().file("usr/bin/python3.14", "");
    let cases = [
        (rootfs(), SITE),
        (slim, "usr/local/lib/python3.13/site-packages"),
        (fedora, "usr/lib/python3.14/site-packages"),
    ];
    for (rootfs, site) in cases {
        let layer = layer(&rootfs, &[Wheel::pure("lab")]).unwrap();
        content(&layer, &format!("{site}/lab/__init__.py"));
    }
}

#[test]
fn what_does_not_fit_the_image_is_named() {
    let cases = [
        ("cp311-cp311-manylinux_2_17_x86_64", None),
        ("cp39-abi3-manylinux2014_x86_64", None),
        (
            "cp312-cp312-manylinux_2_17_x86_64",
            Some(
                "it is for cp312-cp312-manylinux_2_17_x86_64, and the image has CPython 3.11 on linux/amd64",
            ),
        ),
        (
            "cp311-cp311-manylinux_2_17_aarch64",
            Some("it is for cp311-cp311-manylinux_2_17_aarch64"),
        ),
        ("cp311-cp311-musllinux_1_1_x86_64", Some("it is for")),
    ];
    for (tags, wanted) in cases {
        let wheel = Wheel::new("lab", tags);
        match (layer(&rootfs(), &[wheel]), wanted) {
            (Ok(_), None) => {}
            (Err(error), Some(wanted)) => {
                let said = said(&error);
                assert!(said.contains(wanted), "{said}");
                assert!(said.contains(&format!("lab-1.0-{tags}.whl")), "{said}");
            }
            (found, wanted) => panic!("{tags}: {found:?}, {wanted:?}"),
        }
    }
    let alpine = Tar::default()
        .file("lib/ld-musl-x86_64.so.1", "")
        .file("usr/bin/python3.11", "");
    let musl = Wheel::new("lab", "cp311-cp311-musllinux_1_1_x86_64");
    layer(&alpine, &[musl]).unwrap();
}

#[test]
fn a_record_that_lies_is_refused() {
    let info = "lab-1.0.dist-info";
    let init = "lab/__init__.py";
    let other = record_line(init, &record_digest(&Digest::of(b"x")), Some(1));
    let cases = [
        (
            Wheel::pure("lab").unlisted(init),
            "its RECORD does not list `lab/__init__.py`",
        ),
        (
            Wheel::pure("lab").unlisted(init).listed(&other),
            "the digest of `lab/__init__.py` lies: RECORD names sha256=",
        ),
        (
            Wheel::pure("lab").listed("gone.py,sha256=x,1\n"),
            "its RECORD lists `gone.py`, which is not there",
        ),
        (
            Wheel::pure("lab").listed("a.py,md5=x,1\n"),
            "line 1: expected a digest with SHA-256",
        ),
        (
            Wheel::pure("lab")
                .unlisted(init)
                .listed("lab/__init__.py,,\n"),
            "does not list `lab/__init__.py`",
        ),
        (
            Wheel::pure("lab").unlisted(&format!("{info}/RECORD")),
            "it holds no `lab-1.0.dist-info/RECORD`",
        ),
    ];
    for (wheel, wanted) in cases {
        let said = refused(&[wheel]);
        assert!(said.contains(wanted), "wanted {wanted:?} in\n{said}");
    }
}

#[test]
fn wheels_that_are_none_are_refused() {
    let plain = || Wheel::pure("lab");
    let mut other = plain();
    other.name = "other-1.0-py3-none-any.whl".to_owned();
    let mut unnamed = plain();
    unnamed.name = "lab.whl".to_owned();
    let cases = [
        (
            plain().without("WHEEL"),
            "it holds no `lab-1.0.dist-info/WHEEL`",
        ),
        (
            plain()
                .without("WHEEL")
                .file("lab-1.0.dist-info/WHEEL", "Wheel-Version: 2.0\n"),
            "expected Wheel-Version 1, found 2.0",
        ),
        (
            plain().file("more-1.0.dist-info/x", ""),
            "for `lab`, and has `lab-1.0.dist-info`, `more-1.0.dist-info`",
        ),
        (
            other,
            "exactly one `.dist-info` folder, for `other`, and has `lab-1.0.dist-info`",
        ),
        (
            unnamed,
            "its name has not the form NAME-VERSION-PYTHON-ABI-PLATFORM.whl",
        ),
        (
            plain().file("../escape.py", ""),
            "a file whose name `../escape.py` contains `..`",
        ),
        (
            plain().file("/escape.py", ""),
            "a file whose name `/escape.py` is absolute",
        ),
        (
            plain().file("lab-1.0.data/other/x", ""),
            "it holds `lab-1.0.data/other/x`, for which",
        ),
        (
            plain().file(
                "lab-1.0.dist-info/entry_points.txt",
                "[console_scripts]\n../x = a:b\n",
            ),
            "line 2: expected COMMAND = MODULE:FUNCTION",
        ),
        (
            plain().file_with_mode("lab/link", "/etc/passwd", LINK),
            "it holds `lab/link`, which is a link",
        ),
    ];
    for (wheel, wanted) in cases {
        let said = refused(&[wheel]);
        assert!(said.contains(wanted), "wanted {wanted:?} in\n{said}");
        assert!(said.contains("\nhint: "), "no hint in\n{said}");
    }
}

#[test]
fn damaged_wheels_are_refused() {
    let bytes = Wheel::pure("lab").bytes();
    let name = "lab-1.0-py3-none-any.whl".to_owned();
    let mut flipped = bytes.clone();
    let at = flipped
        .windows(9)
        .position(|window| window == b"VALUE = 1")
        .map_or(70, |at| at + 2);
    flipped[at] ^= 1;
    for bytes in [
        bytes[..bytes.len() / 2].to_vec(),
        b"hello".to_vec(),
        Vec::new(),
        flipped,
    ] {
        let error = layer_of_files(&rootfs(), &[(name.clone(), bytes)]).unwrap_err();
        assert!(matches!(error, PackError::Wheel { .. }), "{error:?}");
    }
}

#[test]
fn distributions_and_files_do_not_meet() {
    let lab = Wheel::pure("lab");
    let mut spelled = Wheel::pure("LAB");
    spelled.name = "LAB-2.0-py3-none-any.whl".to_owned();
    let said = refused(&[lab.clone(), spelled]);
    assert!(
        said.contains("are both for the distribution `lab`"),
        "{said}"
    );

    let thief = Wheel::new("thief", "py3-none-any").file("lab/__init__.py", "");
    let said = refused(&[lab.clone(), thief]);
    assert!(
        said.contains("both install `usr/local/lib/python3.11/dist-packages/lab/__init__.py`"),
        "{said}"
    );

    let below = Wheel::new("thief", "py3-none-any").file("lab/__init__.py/x", "");
    let said = refused(&[lab.clone(), below]);
    assert!(said.contains("both install `"), "{said}");

    let installed = rootfs().folder(&format!("{SITE}/Lab-0.9.dist-info/"));
    let error = layer(&installed, std::slice::from_ref(&lab)).unwrap_err();
    assert!(matches!(error, PackError::Installed { .. }), "{error:?}");

    let linked = rootfs().symlink("usr/local/lib/python3.11", "/elsewhere");
    let error = layer(&linked, &[lab]).unwrap_err();
    assert!(matches!(error, PackError::LinkedFolder(_)), "{error:?}");
}

#[test]
fn a_folder_without_wheels_is_refused() {
    let nothing = layer(&rootfs(), &[]).unwrap_err();
    assert!(matches!(nothing, PackError::NoWheels(_)), "{nothing:?}");
    let files = [
        ("SHA256SUMS".to_owned(), Vec::new()),
        ("lab-1.0.tar.gz".to_owned(), Vec::new()),
    ];
    let source = layer_of_files(&rootfs(), &files).unwrap_err();
    assert!(
        matches!(source, PackError::SourceDistribution(_)),
        "{source:?}"
    );
    let no_python = layer(&Tar::default().file("a", ""), &[Wheel::pure("lab")]).unwrap_err();
    let said = said(&no_python);
    assert!(
        said.contains("has no Python to install wheels for: it has neither"),
        "{said}"
    );
}

/// The names and contents of a layer. No digest covers the modes in a wheel.
fn contents(layer: Vec<(String, u32, String)>) -> Vec<(String, String)> {
    let contents = layer.into_iter().map(|(name, _, text)| (name, text));
    contents.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_flipped_bit_in_a_wheel_is_noticed_or_harmless(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let wheel = Wheel::pure("lab").file("lab-1.0.data/scripts/run", "#!python\nprint(1)\n");
        let original = wheel.bytes();
        let wanted = layer(&rootfs(), std::slice::from_ref(&wheel)).unwrap();
        let mut bytes = original.clone();
        bytes[at.index(original.len())] ^= 1 << bit;
        if let Ok(found) = layer_of_files(&rootfs(), &[(wheel.name, bytes)]) {
            prop_assert_eq!(contents(found), contents(wanted));
        }
    }
}
