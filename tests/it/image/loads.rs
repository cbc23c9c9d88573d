//! Archives of all forms, loaded into real engines: each is there afterwards, or refused with the
//! hint that helps. The table is printed.

use std::fs;
use std::path::Path;

use menace_agent::archive::this_machine;
use serde_json::{Value, json};

use super::sample::{
    INDEX, Image, MANIFEST, Tar, blob_name, bzip2, descriptor, gzip, index, plain, xz, zstd,
};
use crate::engines::{Engine, Engines, engines, project};
use crate::lab::{Lab, answer};

/// A file or folder of the table.
struct Row {
    format: &'static str,
    compression: &'static str,
    /// Its name in the project.
    file: String,
    /// What the hint says; `None` if the image loads.
    refused: Option<&'static str>,
}

/// Frames of zstd that readers pass over: tools put them before and after the data.
const SKIPPABLE: [u8; 12] = [0x5c, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];

type Pack = fn(&[u8]) -> Vec<u8>;

const COMPRESSIONS: [(&str, Pack); 9] = [
    ("plain", plain),
    ("gzip", gzip),
    ("gzip, two members", |bytes| halves(bytes, gzip)),
    ("gzip, padded with zeros", |bytes| {
        [gzip(bytes), vec![0; 5000]].concat()
    }),
    ("zstd", zstd),
    ("zstd after a skippable frame", |bytes| {
        [SKIPPABLE.to_vec(), zstd(bytes)].concat()
    }),
    ("zstd, window of 128 MiB", |bytes| zstd_long(bytes, 27)),
    ("xz", xz),
    ("bzip2", bzip2),
];

fn halves(bytes: &[u8], pack: Pack) -> Vec<u8> {
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    [pack(first), pack(rest)].concat()
}

fn zstd_long(bytes: &[u8], window_log: u32) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(window_log).unwrap();
    encoder.include_contentsize(false).unwrap();
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// A layer of estargz: members for its files, and an empty one that ends it.
fn estargz(layer: &[u8]) -> Vec<u8> {
    [halves(layer, gzip), gzip(b"")].concat()
}

/// A layer of zstd:chunked: frames for its files, and two that readers pass over.
fn chunked(layer: &[u8]) -> Vec<u8> {
    [halves(layer, zstd), SKIPPABLE.to_vec(), SKIPPABLE.to_vec()].concat()
}

/// No other test has this image.
fn image(architecture: &str) -> Image {
    let layer = Tar::default()
        .folder("srv")
        .file("srv/loads", "1\n")
        .bytes();
    let other = Tar::default().file("srv/more", "2\n").bytes();
    Image::of_layers(architecture, vec![layer, other])
}

/// The layout of OCI without its index, and the descriptor of its manifest. `kind` ends the media
/// type of the layers.
fn oci_parts(image: &Image, pack: Pack, kind: &str) -> (Tar, Value) {
    let manifest = String::from_utf8(image.oci_manifest(&pack)).unwrap();
    let manifest = manifest.replace("layer.v1.tar", &format!("layer.v1.tar{kind}"));
    let mut tar = Tar::default()
        .file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
        .file(&blob_name(&image.config), &image.config)
        .file(&blob_name(manifest.as_bytes()), &manifest);
    for layer in &image.layers {
        let packed = pack(layer);
        tar = tar.file(&blob_name(&packed), &packed);
    }
    (tar, descriptor(manifest.as_bytes(), MANIFEST))
}

fn oci(image: &Image, pack: Pack, kind: &str) -> Tar {
    let (tar, manifest) = oci_parts(image, pack, kind);
    tar.file("index.json", index(&[manifest]))
}

/// As buildx writes it: an index with the image and what attests it.
fn with_attestations(image: &Image) -> Tar {
    let (tar, mut of_image) = oci_parts(image, gzip, "+gzip");
    of_image["platform"] = json!({"os": "linux", "architecture": this_machine().architecture});
    let statement = br#"{"_type":"https://in-toto.io/Statement/v0.1"}"#;
    let config = json!({"os": "unknown", "architecture": "unknown", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [super::sample::sha(statement)]}});
    let config = config.to_string();
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor(config.as_bytes(), "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(statement, "application/vnd.in-toto+json")]});
    let manifest = manifest.to_string();
    let mut attests = descriptor(manifest.as_bytes(), MANIFEST);
    attests["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attests["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": of_image["digest"]});
    let nested = index(&[of_image, attests]);
    tar.file(&blob_name(statement), statement)
        .file(&blob_name(config.as_bytes()), &config)
        .file(&blob_name(manifest.as_bytes()), &manifest)
        .file(&blob_name(nested.as_bytes()), &nested)
        .file("index.json", index(&[descriptor(nested.as_bytes(), INDEX)]))
}

/// The table while it is made.
struct Table<'a> {
    lab: &'a Lab,
    rows: Vec<Row>,
}

impl Table<'_> {
    fn add(&mut self, format: &'static str, compression: &'static str) -> String {
        let file = format!("image-{}", self.rows.len());
        self.rows.push(Row {
            format,
            compression,
            file: file.clone(),
            refused: None,
        });
        self.lab.path().join(file).to_str().unwrap().to_owned()
    }

    fn file(&mut self, format: &'static str, compression: &'static str, bytes: &[u8]) {
        let path = self.add(format, compression);
        fs::write(path, bytes).unwrap();
    }

    fn refused(
        &mut self,
        format: &'static str,
        how: &'static str,
        bytes: &[u8],
        hint: &'static str,
    ) {
        self.file(format, how, bytes);
        self.rows.last_mut().unwrap().refused = Some(hint);
    }

    /// What the engines themselves save of the image.
    fn saved(&mut self, engine: Engine, image: &Image) {
        let source = self.lab.path().join("source.tar");
        fs::write(&source, image.docker_save().bytes()).unwrap();
        engine.call(&["load", "--input", source.to_str().unwrap()]);
        let id = image.id();
        if engine == Engine("docker") {
            let path = self.add("docker save, by docker", "plain");
            engine.call(&["save", "--output", &path, &id]);
        } else {
            for (format, name) in [
                ("docker-archive", "docker-archive, by podman"),
                ("oci-archive", "oci-archive, by podman"),
                ("docker-dir", "docker-dir, by podman"),
                ("oci-dir", "OCI folder, by podman"),
            ] {
                let path = self.add(name, "plain");
                engine.call(&["save", "--format", format, "--output", &path, &id]);
            }
        }
        engine.call(&["image", "rm", "--force", &id]);
    }
}

fn table(lab: &Lab, found: &Engines) -> Vec<Row> {
    let here = this_machine().architecture;
    let image = image(&here);
    let mut table = Table {
        lab,
        rows: Vec::new(),
    };
    let save = image.docker_save().bytes();
    let archive = oci(&image, gzip, "+gzip").bytes();
    for (name, pack) in COMPRESSIONS {
        table.file("docker save", name, &pack(&save));
        table.file("oci-archive", name, &pack(&archive));
    }
    table.file("both layouts", "plain", &image.both().bytes());
    table.file(
        "with attestations",
        "plain",
        &with_attestations(&image).bytes(),
    );
    table.file(
        "estargz layers",
        "plain",
        &oci(&image, estargz, "+gzip").bytes(),
    );
    table.file(
        "zstd:chunked layers",
        "plain",
        &oci(&image, chunked, "+zstd").bytes(),
    );
    let folder = table.add("OCI folder", "plain");
    oci(&image, gzip, "+gzip").unpack(Path::new(&folder));
    let folder = table.add("docker-dir", "plain");
    image.docker_dir().unpack(Path::new(&folder));
    for &engine in found.iter() {
        table.saved(engine, &image);
    }
    let long = zstd_long(&save, 28);
    table.refused(
        "docker save",
        "zstd, window of 256 MiB",
        &long,
        "without `--long`",
    );
    let export = Tar::default().file(".dockerenv", "").folder("etc/");
    let rootfs = "agent image pack --rootfs";
    table.refused("docker export", "plain", &export.bytes(), rootfs);
    table.refused("docker export", "gzip", &gzip(&export.bytes()), rootfs);
    let other = if here == "s390x" { "amd64" } else { "s390x" };
    let other = super::loads::image(other).docker_save().bytes();
    table.refused(
        "docker save, other machine",
        "plain",
        &other,
        "for the machine that will run it",
    );
    let cut = &gzip(&save)[..200];
    table.refused("docker save, cut off", "gzip", cut, "copy it again");
    table.rows
}

/// The outcome of loading a file, in words.
fn load(engine: Engine, lab: &Lab, row: &Row) -> String {
    let mut command = lab.command(&["image", "load", &row.file, "--container-runtime", engine.0]);
    Engine::surroundings(&mut command);
    let loaded = answer(&mut command);
    if loaded.code != 0 {
        let hint = loaded
            .stderr
            .lines()
            .find(|line| line.starts_with("hint: "));
        assert_eq!(loaded.code, 3, "{engine:?}, {}: {loaded}", row.file);
        return hint.unwrap_or(&loaded.stderr).to_owned();
    }
    assert!(
        loaded.stdout.starts_with("loaded: "),
        "{engine:?}: {loaded}"
    );
    let shown = lab
        .agent(&["image", "inspect", &row.file, "--json"])
        .expect(0);
    let id = shown.json()["image_id"].as_str().unwrap().to_owned();
    let layers = engine.call(&[
        "image",
        "inspect",
        "--format",
        "{{len .RootFS.Layers}}",
        &id,
    ]);
    assert_eq!(layers, "2", "{engine:?}, {}", row.file);
    engine.call(&["image", "rm", "--force", &id]);
    "loaded".to_owned()
}

#[test]
fn archives_of_all_forms_load_in_both_engines_or_are_refused_with_a_hint() {
    let found = engines();
    if found.is_empty() {
        return;
    }
    let lab = project(&[]);
    let mut wrong = Vec::new();
    for row in table(&lab, &found) {
        let mut line = format!("{:28} {:30}", row.format, row.compression);
        for &engine in found.iter() {
            let outcome = load(engine, &lab, &row);
            let is_right = match row.refused {
                None => outcome == "loaded",
                Some(hint) => outcome.starts_with("hint: ") && outcome.contains(hint),
            };
            line = format!("{line} {}: {outcome};", engine.0);
            if !is_right {
                wrong.push(line.clone());
            }
        }
        println!("{line}");
    }
    assert_eq!(wrong, [""; 0]);
}
