//! Archives whose documents are refused, each with a message of its own.

use menace_agent::archive::ArchiveProblem;
use serde_json::json;

use super::Folder;
use super::bad_input::{assert_said, image};
use super::sample::{
    INDEX, Image, MANIFEST, Tar, blob_name, descriptor, gzip, index, manifest, plain, sha,
};

#[test]
fn an_archive_holds_one_image() {
    let (one, other) = (Image::new("amd64"), Image::of_layers("amd64", Vec::new()));
    let two = json!([
        {"Config": "a.json", "RepoTags": ["one:1"], "Layers": []},
        {"Config": "b.json", "RepoTags": ["two:1"], "Layers": []},
    ]);
    let manifests = [one.oci_manifest(&plain), other.oci_manifest(&plain)];
    let listed: Vec<_> = manifests
        .iter()
        .map(|manifest| descriptor(manifest, MANIFEST))
        .collect();
    let both = one
        .oci(plain)
        .file(&blob_name(&other.config), &other.config)
        .file(&blob_name(&manifests[1]), &manifests[1])
        .with("index.json", index(&listed));
    assert_said(&[
        (
            "docker",
            Tar::default()
                .file("manifest.json", two.to_string())
                .bytes(),
            "it holds 2 images: one:1, two:1; exactly one was expected",
        ),
        ("OCI", both.bytes(), "it holds 2 images: "),
        (
            "none, docker",
            Tar::default().file("manifest.json", "[]").bytes(),
            "`manifest.json` lists no image",
        ),
        (
            "none, OCI",
            one.oci(plain).with("index.json", index(&[])).bytes(),
            "`index.json` lists no image",
        ),
        (
            "unlike layouts",
            other_config(&one),
            "its two layouts differ",
        ),
    ]);
}

/// Both layouts, of which `manifest.json` names another image than `index.json`.
fn other_config(image: &Image) -> Vec<u8> {
    let other = Image::of_layers("amd64", Vec::new());
    let tar = image.both();
    tar.file("c.json", &other.config)
        .with("manifest.json", manifest("c.json", &[]))
        .bytes()
}

#[test]
fn an_image_for_another_machine_is_refused() {
    let said = Folder::new().complaint(&Image::new("arm64").both().bytes());
    assert!(
        said.contains("the image is for linux/arm64, and linux/amd64 was expected"),
        "{said}"
    );
}

#[test]
fn documents_that_lie_are_named() {
    let image = image();
    let config = blob_name(&image.config);
    let manifest_name = blob_name(&image.oci_manifest(&plain));
    let legacy_config = format!("{}.json", &config["blobs/sha256/".len()..]);
    let layer = format!("{:064}/layer.tar", 1);
    let swapped = Image {
        layers: vec![image.layers[1].clone(), image.layers[0].clone()],
        ..image.clone()
    };
    let sized = index(&[
        json!({"mediaType": MANIFEST, "digest": sha(&image.oci_manifest(&plain)), "size": 3}),
    ]);
    assert_said(&[
        (
            "a layer",
            image
                .docker_save()
                .with(&layer, Tar::default().file("evil", "1").bytes())
                .bytes(),
            "the digest of layer 2 lies: the config names sha256:",
        ),
        (
            "layers in another order",
            swapped.docker_save().bytes(),
            "the digest of layer 1 lies",
        ),
        (
            "a config",
            image.docker_save().with(&legacy_config, "{}").bytes(),
            "lies: sha256:",
        ),
        (
            "a blob",
            image.both().with(&config, "{}").bytes(),
            "lies: sha256:",
        ),
        (
            "a packed layer",
            image
                .oci(|layer| [gzip(layer), gzip(b"more")].concat())
                .bytes(),
            "the digest of layer 1 lies",
        ),
        (
            "a size",
            image.oci(plain).with("index.json", sized).bytes(),
            "bytes, `index.json` names 3",
        ),
        (
            "a count",
            image
                .docker_save()
                .with("manifest.json", manifest(&legacy_config, &[]))
                .bytes(),
            "`manifest.json` lists 0 layers, the config 2",
        ),
        (
            "a missing layer",
            image.docker_save().without("1/layer.tar").bytes(),
            "1/layer.tar` is missing, which `manifest.json` names",
        ),
        (
            "a missing config",
            image.docker_save().without(&legacy_config).bytes(),
            "is missing, which `manifest.json` names",
        ),
        (
            "a missing manifest",
            image.oci(plain).without(&manifest_name).bytes(),
            "is missing, which `index.json` names",
        ),
        (
            "a missing index",
            image.oci(plain).without("index.json").bytes(),
            "`index.json` is missing, which `oci-layout` names",
        ),
    ]);
}

#[test]
fn documents_that_are_none_are_named() {
    let image = image();
    let config = |text: &str| {
        let names = [format!("{:064}/layer.tar", 0)];
        Tar::default()
            .file("c.json", text)
            .file("manifest.json", manifest("c.json", &names))
            .bytes()
    };
    let deep = (0..5).fold(index(&[]), |inner, _| {
        index(&[descriptor(inner.as_bytes(), INDEX)])
    });
    let mut nested = image.oci(plain).with("index.json", &deep);
    let mut inner = index(&[]);
    for _ in 0..5 {
        nested = nested.file(&blob_name(inner.as_bytes()), &inner);
        inner = index(&[descriptor(inner.as_bytes(), INDEX)]);
    }
    assert_said(&[
        ("no JSON", image.docker_save().with("manifest.json", "{nonsense").bytes(), "`manifest.json` is no list of images: "),
        ("binary", image.docker_save().with("manifest.json", "\x01").bytes(), "`manifest.json` is no document: it does not begin as JSON"),
        (
            "two spellings",
            image
                .docker_save()
                .with("manifest.json", r#"[{"Config":"a","config":"b","Layers":[]}]"#)
                .bytes(),
            "the key `config` is there twice",
        ),
        ("another JSON", image.oci(plain).with("index.json", "{}").bytes(), "`index.json` is no image index: missing field `schemaVersion`"),
        ("version 1", image.oci(plain).with("index.json", r#"{"schemaVersion":1,"manifests":[]}"#).bytes(), "its schemaVersion is 1, and 2 was expected"),
        ("layout 2", image.oci(plain).with("oci-layout", r#"{"imageLayoutVersion":"2.0.0"}"#).bytes(), "its version is `2.0.0`, and 1 was expected"),
        ("sha512", image.oci(plain).with("index.json", r#"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha512:00","size":1}]}"#).bytes(), "expected `sha256:` and 64 lower-case hexadecimal digits, found `sha512:00`"),
        ("no architecture", config(r#"{"os":"linux","rootfs":{"diff_ids":[]}}"#), "`c.json` is no image config: it names no architecture"),
        ("no layers", config(r#"{"os":"linux","architecture":"amd64"}"#), "`c.json` is no image config: missing field `rootfs`"),
        ("a name that climbs", image.docker_save().with("manifest.json", manifest("../c.json", &[])).bytes(), "the name `../c.json` contains `..`"),
        ("nested indexes", nested.bytes(), "is an index within more than 3 others"),
    ]);
}

#[test]
fn a_document_of_all_sizes_is_bounded() {
    let large = format!("[{}]", " ".repeat(16 << 20));
    let tar = image().docker_save().with("manifest.json", large);
    let said = Folder::new().complaint(&tar.bytes());
    assert!(
        said.contains("`manifest.json` has 16777218 bytes, a document has at most 16777216"),
        "{said}"
    );
}

#[test]
fn problems_can_be_told_apart() {
    let error = Folder::new().verify(b"hello").unwrap_err();
    assert!(matches!(*error.problem, ArchiveProblem::NotAnArchive(_)));
}
