//! Whole archives of every layout and compression are read alike.

use menace_agent::archive::{ArchiveProblem, CopyError, copy_tar, inspect, verify};
use menace_agent::image::{Compression, Digest, Format};
use serde_json::{Value, json};

use super::sample::{
    INDEX, Image, MANIFEST, Tar, blob_name, descriptor, gzip, index, manifest, plain, zstd,
};
use super::{Folder, amd64};

#[test]
fn every_layout_and_compression_is_the_same_image() {
    let image = Image::new("amd64");
    let layouts = [
        (image.docker_save(), Format::DockerSave),
        (image.oci(plain), Format::Oci),
        (image.oci(gzip), Format::Oci),
        (image.oci(zstd), Format::Oci),
        (image.both(), Format::Both),
        (image.both().reversed(), Format::Both),
        (image.docker_save().below("./"), Format::DockerSave),
    ];
    let folder = Folder::new();
    for (tar, format) in layouts {
        let plain = tar.bytes();
        let packed = [
            (plain.clone(), Compression::None),
            (gzip(&plain), Compression::Gzip),
            (zstd(&plain), Compression::Zstd),
        ];
        for (bytes, compression) in packed {
            let verified = folder.verify(&bytes).unwrap();
            let archive = verified.archive;
            assert_eq!((archive.format, archive.compression), (format, compression));
            assert_eq!(archive.image_id.to_string(), image.id());
            assert_eq!(archive.platform, amd64());
            assert_eq!(archive.cmd, ["python3", "-q"]);
            assert_eq!(archive.size_bytes, bytes.len() as u64);
            assert_eq!(verified.file_sha256, Digest::of(&bytes));
            let diff_ids: Vec<Digest> = archive.layers.iter().map(|layer| layer.diff_id).collect();
            let wanted: Vec<Digest> = image.layers.iter().map(|layer| Digest::of(layer)).collect();
            assert_eq!(diff_ids, wanted);
            assert!(archive.layers.iter().all(|layer| layer.digest.is_some()));
        }
    }
}

#[test]
fn inspect_says_what_verify_says() {
    let image = Image::new("amd64");
    let folder = Folder::new();
    for tar in [image.both(), image.oci(gzip)] {
        for bytes in [tar.bytes(), gzip(&tar.bytes())] {
            let path = folder.write("image.tar", &bytes);
            let inspected = inspect(&path, &amd64()).unwrap();
            assert_eq!(inspected, verify(&path, &amd64()).unwrap().archive);
        }
    }
}

#[test]
fn tags_are_those_that_people_typed() {
    let folder = Folder::new();
    let image = Image::new("amd64");
    let tags = |tar: Tar| folder.verify(&tar.bytes()).unwrap().archive.tags;
    assert_eq!(tags(image.docker_save()), ["lab:1"]);
    assert_eq!(tags(image.both()), ["lab:1"]);
    assert_eq!(tags(image.oci(plain)), ["1"]);
    let untagged = json!([{"Config": blob_name(&image.config), "RepoTags": null,
        "Layers": image.layers.iter().map(|layer| blob_name(layer)).collect::<Vec<_>>()}]);
    assert_eq!(
        tags(image.both().with("manifest.json", untagged.to_string())),
        ["1"]
    );
}

#[test]
fn links_inside_the_archive_are_followed() {
    // Two equal layers, of which docker stored the second as a link.
    let layer = Tar::default().file("a", "1").bytes();
    let image = Image::of_layers("amd64", vec![layer.clone(), layer.clone()]);
    let config = "config.json";
    let names = ["one/layer.tar".to_owned(), "two/layer.tar".to_owned()];
    let tar = Tar::default()
        .symlink("two/layer.tar", "../one/layer.tar")
        .file("one/layer.tar", &layer)
        .file(config, &image.config)
        .file("manifest.json", manifest(config, &names));
    let archive = Folder::new().verify(&tar.bytes()).unwrap().archive;
    assert_eq!(archive.layers.len(), 2);
    assert_eq!(archive.layers[0], archive.layers[1]);
}

#[test]
fn names_longer_than_a_header_are_read() {
    let image = Image::new("amd64");
    let long = format!("{}/layer.tar", "d".repeat(200));
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content).unwrap();
    };
    let image = Image::of_layers("amd64", vec![image.layers[0].clone()]);
    add(&long, &image.layers[0]);
    add("c.json", &image.config);
    add(
        "manifest.json",
        manifest("c.json", std::slice::from_ref(&long)).as_bytes(),
    );
    let bytes = tar.into_inner().unwrap();
    assert_eq!(
        Folder::new().verify(&bytes).unwrap().archive.layers.len(),
        1
    );
}

/// An index over two platforms of one image, below the archive's own index.
fn two_platforms(present: &[&Image]) -> Tar {
    let platforms = ["amd64", "arm64"];
    let listed: Vec<Value> = platforms
        .iter()
        .map(|architecture| {
            let manifest = Image::new(architecture).oci_manifest(&plain);
            let mut descriptor = descriptor(&manifest, MANIFEST);
            descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
            descriptor
        })
        .collect();
    let nested = index(&listed);
    let mut tar = Tar::default()
        .file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
        .file("index.json", index(&[descriptor(nested.as_bytes(), INDEX)]))
        .file(&blob_name(nested.as_bytes()), &nested);
    for image in present {
        let manifest = image.oci_manifest(&plain);
        tar = tar
            .file(&blob_name(&image.config), &image.config)
            .file(&blob_name(&manifest), &manifest);
    }
    // Both have the same layers.
    for layer in &Image::new("amd64").layers {
        tar = tar.file(&blob_name(layer), layer);
    }
    tar
}

#[test]
fn of_several_platforms_the_wanted_one_is_chosen() {
    let (amd, arm) = (Image::new("amd64"), Image::new("arm64"));
    let folder = Folder::new();
    let path = folder.write("image.tar", &two_platforms(&[&amd, &arm]).bytes());
    for (platform, image) in [("linux/amd64", &amd), ("linux/arm64", &arm)] {
        let found = verify(&path, &platform.parse().unwrap()).unwrap();
        assert_eq!(found.archive.image_id.to_string(), image.id());
    }
    let error = verify(&path, &"linux/s390x".parse().unwrap()).unwrap_err();
    let said = super::said(&error);
    assert!(
        said.contains("linux/amd64, linux/arm64, and none for linux/s390x"),
        "{said}"
    );
}

#[test]
fn platforms_that_were_not_saved_do_not_count() {
    let arm = Image::new("arm64");
    let folder = Folder::new();
    let path = folder.write("image.tar", &two_platforms(&[&arm]).bytes());
    let found = inspect(&path, &amd64()).unwrap();
    assert_eq!(found.image_id.to_string(), arm.id());
}

#[test]
fn what_is_handed_on_is_what_was_verified() {
    let folder = Folder::new();
    let tar = Image::new("amd64").both().bytes();
    for bytes in [tar.clone(), gzip(&tar), zstd(&tar)] {
        let path = folder.write("image.tar", &bytes);
        let verified = verify(&path, &amd64()).unwrap();
        let mut copy = Vec::new();
        let count = copy_tar(&path, &verified.file_sha256, &mut copy).unwrap();
        assert_eq!(count, tar.len() as u64);
        assert_eq!(copy, tar);

        let other = Image::of_layers("amd64", Vec::new()).both().bytes();
        let path = folder.write("image.tar", &other);
        let error = copy_tar(&path, &verified.file_sha256, &mut Vec::new()).unwrap_err();
        let CopyError::Archive(error) = error else {
            panic!("{error:?}")
        };
        assert!(matches!(*error.problem, ArchiveProblem::Changed));
    }
}

#[test]
fn an_engine_that_takes_nothing_is_told_apart() {
    let folder = Folder::new();
    let path = folder.write("image.tar", &Image::new("amd64").both().bytes());
    let verified = verify(&path, &amd64()).unwrap();
    let mut full: &mut [u8] = &mut [0; 10];
    let error = copy_tar(&path, &verified.file_sha256, &mut full).unwrap_err();
    assert!(matches!(error, CopyError::Target(_)), "{error:?}");
}
