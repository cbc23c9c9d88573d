//! Whole archives of every layout and compression are read alike.

use menace_agent::archive::{
    ArchiveProblem, CopyError, copy_for_docker, copy_tar, inspect, verify,
};
use menace_agent::image::{Compression, Digest, Format};
use serde_json::{Value, json};

use super::sample::{
    INDEX, Image, MANIFEST, Tar, blob_name, bzip2, descriptor, gzip, index, manifest, plain, xz,
    zstd,
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
            (xz(&plain), Compression::Xz),
            (bzip2(&plain), Compression::Bzip2),
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

/// A frame of zstd that readers pass over, with four bytes in it.
const SKIPPABLE: [u8; 12] = [0x5c, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];

#[test]
fn what_tools_put_around_a_compressed_archive_is_no_damage() {
    let folder = Folder::new();
    let image = Image::new("amd64");
    let tar = image.both().bytes();
    let (first, rest) = tar.split_at(tar.len() / 2);
    let streams = [
        ("zeros after gzip", [gzip(&tar), vec![0; 100_000]].concat()),
        ("two members of gzip", [gzip(first), gzip(rest)].concat()),
        (
            "two members of gzip, and zeros",
            [gzip(first), gzip(rest), vec![0; 7]].concat(),
        ),
        (
            "a frame before zstd",
            [SKIPPABLE.to_vec(), zstd(&tar)].concat(),
        ),
        (
            "a frame after zstd",
            [zstd(&tar), SKIPPABLE.to_vec()].concat(),
        ),
        ("two streams of xz", [xz(first), xz(rest)].concat()),
        ("two streams of bzip2", [bzip2(first), bzip2(rest)].concat()),
    ];
    for (name, bytes) in streams {
        let verified = folder.verify(&bytes);
        let id = verified.map(|verified| verified.archive.image_id.to_string());
        assert_eq!(id.unwrap(), image.id(), "{name}");
    }
}

#[test]
fn what_follows_a_compressed_archive_is_refused() {
    let folder = Folder::new();
    let tar = Image::new("amd64").both().bytes();
    for bytes in [
        [gzip(&tar), b"more".to_vec()].concat(),
        [gzip(&tar), vec![0; 9], gzip(&tar)].concat(),
        [xz(&tar), vec![b'x'; 64]].concat(),
        [zstd(&tar), b"more".to_vec()].concat(),
    ] {
        let said = folder.complaint(&bytes);
        assert!(said.contains("it is damaged"), "{said}");
    }
}

#[test]
fn a_window_that_would_fill_the_memory_has_a_message_of_its_own() {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    encoder.include_contentsize(false).unwrap();
    let tar = Image::new("amd64").both().bytes();
    std::io::Write::write_all(&mut encoder, &tar).unwrap();
    let said = Folder::new().complaint(&encoder.finish().unwrap());
    let (_, why) = said.split_once('\n').unwrap();
    insta::assert_snapshot!(why, @r"
      caused by: unpacking it takes more memory than 128 MiB
    hint: pack it again without `--long`, or unpack it first
    ");
}

#[test]
fn a_root_file_system_is_led_to_the_command_that_makes_an_image_of_it() {
    let export = Tar::default()
        .file(".dockerenv", "")
        .symlink("bin", "usr/bin")
        .folder("dev/")
        .symlink("etc/mtab", "/proc/mounts");
    let said = Folder::new().complaint(&export.bytes());
    let wanted = "it is a root file system and no image: it holds `.dockerenv`";
    assert!(said.contains(wanted), "{said}");
    assert!(said.contains("image.tar --tag NAME:1"), "{said}");
    assert!(said.contains("agent image pack --rootfs "), "{said}");
}

#[test]
fn a_folder_with_the_files_of_an_image_is_read_like_their_archive() {
    let image = Image::new("amd64");
    for tar in [
        image.oci(gzip),
        image.both(),
        image.docker_save(),
        image.docker_dir(),
    ] {
        let folder = Folder::new();
        tar.unpack(folder.path());
        let verified = verify(folder.path(), &amd64()).unwrap();
        assert_eq!(verified.archive.image_id.to_string(), image.id());
        let inspected = inspect(folder.path(), &amd64()).unwrap();
        assert_eq!(inspected.image_id, verified.archive.image_id);
        let mut copy = Vec::new();
        let digest = verified.file_sha256;
        copy_for_docker(folder.path(), &digest, &amd64(), &mut copy).unwrap();
        let copied = Folder::new().verify(&copy).unwrap().archive;
        assert_eq!(copied.image_id.to_string(), image.id());
        std::fs::write(folder.path().join("more"), "x").unwrap();
        let changed = copy_for_docker(folder.path(), &digest, &amd64(), &mut Vec::new());
        assert!(matches!(changed, Err(CopyError::Archive(_))), "{changed:?}");
    }
    let said = super::said(&verify(Folder::new().path(), &amd64()).unwrap_err());
    assert!(said.contains("it is a directory"), "{said}");
}

#[test]
fn docker_gets_an_image_of_oci_in_its_own_layout_with_unpacked_layers() {
    let folder = Folder::new();
    let image = Image::new("amd64");
    for tar in [
        image.oci(plain),
        image.oci(zstd),
        image.oci(gzip).reversed(),
    ] {
        let path = folder.write("image.tar", &xz(&tar.bytes()));
        let verified = verify(&path, &amd64()).unwrap();
        let mut copy = Vec::new();
        copy_for_docker(&path, &verified.file_sha256, &amd64(), &mut copy).unwrap();
        let copied = Folder::new().verify(&copy).unwrap().archive;
        assert_eq!(copied.format, Format::DockerSave);
        assert_eq!(copied.image_id, verified.archive.image_id);
        let sizes: Vec<u64> = copied.layers.iter().map(|layer| layer.size_bytes).collect();
        let wanted: Vec<u64> = image
            .layers
            .iter()
            .map(|layer| layer.len() as u64)
            .collect();
        assert_eq!(sizes, wanted);
        let mut full: &mut [u8] = &mut [0; 10];
        let refused = copy_for_docker(&path, &verified.file_sha256, &amd64(), &mut full);
        assert!(matches!(refused, Err(CopyError::Target(_))), "{refused:?}");
    }
}
