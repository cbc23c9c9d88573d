//! `agent image`: wiring, output and exit codes.

use std::fs;

use menace_agent::archive::this_machine;
use serde_json::Value;

use super::{Answer, Project};
use crate::engines::{Engine, engines_alone, project, tarball};
use crate::image::sample::{Image, Tar, gzip, sha};
use crate::lab::answer;

fn project_with(name: &str, bytes: &[u8]) -> Project {
    let project = Project::new();
    fs::write(project.path().join(name), bytes).unwrap();
    project
}

fn image() -> Image {
    Image::new("amd64")
}

/// For one platform on every machine that runs the tests.
const AMD64: [&str; 2] = ["--platform", "linux/amd64"];

fn call(project: &Project, args: &[&str]) -> Answer {
    project.call(&[&["image"], args, &AMD64].concat())
}

#[test]
fn inspect_says_what_an_archive_holds() {
    let project = project_with("lab.tar", &image().both().bytes());
    let answer = call(&project, &["inspect", "lab.tar"]).to_string();
    let mut answer = answer.replace(&image().id(), "[ID]");
    for layer in image().layers {
        answer = answer.replace(&sha(&layer), "[LAYER]");
    }
    insta::assert_snapshot!(answer, @"
    exit 0
    --- stdout
    image    [ID]
    tag      lab:1
    platform linux/amd64
    runs     python3 -q
    created  2026-01-02T03:04:05Z
    content  2 layers, 4.5 KiB
    layer    [LAYER]
    layer    [LAYER]
    format   docker save and OCI, compression: none
    size     13.0 KiB (13312 bytes)
    --- stderr
    ");
    let widest = image().id().len() + "platform ".len();
    assert!(widest <= 80, "{widest}");
}

#[test]
fn verify_adds_the_digest_of_the_file() {
    let bytes = gzip(&image().both().bytes());
    let project = project_with("lab.tar.gz", &bytes);
    let answer = call(&project, &["verify", "lab.tar.gz"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let file = format!("\nfile     {}\n", sha(&bytes));
    assert!(answer.stdout.contains(&file), "{answer}");
    assert!(
        answer
            .stdout
            .ends_with("\nverified sizes, checksums and digests agree\n"),
        "{answer}"
    );
}

#[test]
fn bad_archives_are_errors_of_the_environment() {
    let project = project_with("lab.tar", b"hello");
    fs::write(project.path().join("empty"), b"").unwrap();
    for command in ["inspect", "verify"] {
        for file in ["lab.tar", "empty", "missing", "."] {
            let answer = call(&project, &[command, file]);
            assert_eq!((answer.code, answer.stdout.as_str()), (3, ""), "{answer}");
            let named = format!("error: cannot use the image archive `{file}`\n  caused by: ");
            assert!(answer.stderr.starts_with(&named), "{answer}");
            assert!(answer.stderr.contains("\nhint: "), "{answer}");
        }
    }
    insta::assert_snapshot!(call(&project, &["verify", "lab.tar"]), @r#"
    exit 3
    --- stdout
    --- stderr
    error: cannot use the image archive `lab.tar`
      caused by: it is no tar archive, plain or with gzip, zstd, xz or bzip2: it begins with "hello"
    hint: make an image archive with `docker save`, `podman save` or `agent image pack`
    "#);
}

#[test]
fn an_image_for_another_machine_is_shown_and_not_verified() {
    let project = project_with("lab.tar", &Image::new("s390x").both().bytes());
    let shown = call(&project, &["inspect", "lab.tar"]);
    assert_eq!(shown.code, 0, "{shown}");
    assert!(
        shown
            .stderr
            .starts_with("warning: the image is for linux/s390x"),
        "{shown}"
    );
    assert!(shown.stdout.contains("\nplatform linux/s390x\n"), "{shown}");
    let refused = call(&project, &["verify", "lab.tar"]);
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (3, ""),
        "{refused}"
    );
    let asked = project.call(&["image", "verify", "lab.tar", "--platform", "linux/s390x"]);
    assert_eq!(asked.code, 0, "{asked}");
}

#[test]
fn names_in_an_archive_cannot_move_the_cursor() {
    let tags = "[{\"Config\":\"c.json\",\"RepoTags\":[\"a\\u001b[2Jb\"],\"Layers\":[]}]";
    let config = Image::of_layers("amd64", Vec::new()).config;
    let tar = Tar::default()
        .file("c.json", config)
        .file("manifest.json", tags);
    let project = project_with("lab.tar", &tar.bytes());
    let answer = call(&project, &["inspect", "lab.tar"]);
    assert!(answer.stdout.contains(r"tag      a\x1b[2Jb"), "{answer}");
    let name = Tar::default().file("a\u{1b}[2J/../b", "").bytes();
    fs::write(project.path().join("lab.tar"), name).unwrap();
    let answer = call(&project, &["inspect", "lab.tar"]);
    assert!(!answer.stderr.contains('\u{1b}'), "{answer}");
}

#[test]
fn json_fits_its_schema() {
    let project = project_with("lab.tar", &image().both().bytes());
    let schema = project.call(&["schema", "image"]);
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (command, has_digest) in [("inspect", false), ("verify", true)] {
        let answer = call(&project, &[command, "lab.tar", "--json"]);
        let report: Value = serde_json::from_str(&answer.stdout).unwrap();
        let problems: Vec<String> = schema.iter_errors(&report).map(|e| e.to_string()).collect();
        assert_eq!(problems, [""; 0], "{command}");
        assert_eq!(report["image_id"], image().id());
        assert_eq!(report["file_sha256"].is_string(), has_digest, "{command}");
        assert_eq!(report["layers"].as_array().unwrap().len(), 2);
    }
    let mut broken: Value =
        serde_json::from_str(&call(&project, &["verify", "lab.tar", "--json"]).stdout).unwrap();
    broken["format"] = Value::from("zip");
    assert!(!schema.is_valid(&broken));
}

#[test]
fn an_image_is_packed_and_verified() {
    let rootfs = Tar::default()
        .folder("etc/")
        .file("etc/hostname", "lab\n")
        .bytes();
    let project = project_with("rootfs.tar", &rootfs);
    let pack = [
        "image",
        "pack",
        "--rootfs",
        "rootfs.tar",
        "--tag",
        "lab",
        "-o",
        "lab.tar.gz",
    ];
    let packed = project.call(&pack);
    assert_eq!((packed.code, packed.stderr.as_str()), (0, ""), "{packed}");
    let platform = format!("\nplatform {}\n", this_machine());
    assert!(packed.stdout.contains(&platform), "{packed}");
    assert!(
        packed.stdout.contains("\ntag      lab:latest\n"),
        "{packed}"
    );
    let verified = project.call(&["image", "verify", "lab.tar.gz"]);
    assert_eq!(verified.stdout, packed.stdout);

    let again = project.call(&pack);
    insta::assert_snapshot!(again, @"
    exit 2
    --- stdout
    --- stderr
    error: the output `lab.tar.gz` is there already
    hint: name another file, or pass `--force` to replace it
    ");
    let forced = project.call(&[&pack[..], &["--force"]].concat());
    assert_eq!(forced.stdout, packed.stdout);
}

#[test]
fn the_time_of_an_image_is_the_one_that_was_set() {
    let project = project_with("rootfs.tar", &Tar::default().file("a", "").bytes());
    let pack = |time: &str| {
        let args = [
            "image",
            "pack",
            "--rootfs",
            "rootfs.tar",
            "--tag",
            "a",
            "-o",
            "a.tar",
            "--force",
        ];
        project.answer(project.command(&args).env("SOURCE_DATE_EPOCH", time))
    };
    let packed = pack("1767323045");
    assert!(
        packed.stdout.contains("\ncreated  2026-01-02T03:04:05Z\n"),
        "{packed}"
    );
    for wrong in ["yesterday", "-1", "99999999999"] {
        let answer = pack(wrong);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{answer}");
        assert!(
            answer
                .stderr
                .contains(&format!("`SOURCE_DATE_EPOCH` is `{wrong}`")),
            "{answer}"
        );
    }
}

#[test]
fn wrong_command_lines_are_usage_errors() {
    let project = project_with("rootfs.tar", &Tar::default().file("a", "").bytes());
    let pack = ["pack", "--rootfs", "rootfs.tar", "--tag"];
    let cases: [(&[&str], &str); 8] = [
        (&[], "Usage: agent image"),
        (&["load"], "load"),
        (&["inspect"], "<FILE>"),
        (
            &["verify", "a", "--platform", "linux"],
            "expected OS/ARCHITECTURE",
        ),
        (
            &[&pack[..], &["Lab", "-o", "a.tar"]].concat(),
            "`Lab` is no part of a name",
        ),
        (
            &[&pack[..], &["lab:-", "-o", "a.tar"]].concat(),
            "`-` is no tag",
        ),
        (
            &[&pack[..], &["lab", "-o", "a.zip"]].concat(),
            "named for no known format",
        ),
        (&[&pack[..], &["lab"]].concat(), "--output"),
    ];
    for (args, named) in cases {
        let answer = project.call(&[&["image"], args].concat());
        assert_eq!(
            (answer.code, answer.stdout.as_str()),
            (2, ""),
            "{args:?}: {answer}"
        );
        assert!(answer.stderr.contains(named), "{args:?}: {answer}");
    }
}

#[test]
fn no_state_file_is_made() {
    let project = project_with("lab.tar", &image().both().bytes());
    call(&project, &["inspect", "lab.tar"]);
    call(&project, &["verify", "lab.tar"]);
    let names = fs::read_dir(project.path()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".git", "lab.tar"]);
}

#[test]
fn the_help_of_each_command_fits_eighty_columns() {
    let project = Project::new();
    for command in ["inspect", "verify", "pack"] {
        let mut call = project.command(&["image", command, "--help"]);
        let answer = project.answer(call.env("COLUMNS", "200"));
        assert_eq!(answer.code, 0, "{answer}");
        let widest = answer.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest.unwrap() <= 80, "{command}: {widest:?}");
    }
}

#[test]
fn a_tarball_is_loaded_into_an_engine_that_answers() {
    let found = engines_alone();
    if found.len() < 2 {
        return;
    }
    let Some(file) = tarball() else { return };
    let file = file.to_str().unwrap();
    let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
    let with_dead_docker = |args: &[&str]| {
        let mut command = lab.command(args);
        Engine::surroundings(&mut command);
        answer(command.env("DOCKER_HOST", "unix:///nowhere/docker.sock"))
    };
    with_dead_docker(&["image", "load", file]).expect(0);
    let list = with_dead_docker(&["image", "list"]).expect(0).stdout;
    assert!(list.contains("loaded in podman"), "{list}");
    let mut nobody = lab.command(&["image", "list", "--docker-host", "unix:///nowhere.sock"]);
    let list = answer(&mut nobody).expect(0).stdout;
    assert!(list.contains("no engine answers"), "{list}");
}
