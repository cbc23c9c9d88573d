//! The common rules of all scripts: help, usage errors, soundness, and no host that they depend on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use super::{Desk, answer, repository};
use crate::envs::{Skip, available};

const SCRIPTS: [&str; 3] = ["build-image.sh", "fetch-wheels.sh", "vendor.sh"];

/// The other files of the folder.
const OTHERS: [&str; 5] = [
    "README.md",
    "Containerfile",
    "menace-agent.plist",
    "menace-agent.service",
    "monitoring",
];

/// The scripts of `offline/` and of `.ci/`.
fn all_scripts() -> Vec<PathBuf> {
    let offline = SCRIPTS.map(|name| repository("offline").join(name));
    let ci = ["run", "engines"].map(|name| repository(".ci").join(name));
    offline.into_iter().chain(ci).collect()
}

#[test]
fn every_script_of_the_folder_is_known_and_explained() {
    let mut found: Vec<String> = fs::read_dir(repository("offline"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !OTHERS.contains(&name.as_str()))
        .collect();
    found.sort();
    assert_eq!(found, SCRIPTS);
    let guide = fs::read_to_string(repository("offline").join("README.md")).unwrap();
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    for name in SCRIPTS {
        assert!(guide.contains(&format!("]({name})")), "{name}");
        assert!(readme.contains(&format!("`offline/{name}`")), "{name}");
    }
    for link in guide.split("](").skip(1) {
        let target = repository("offline").join(link.split(')').next().unwrap());
        assert!(target.exists(), "{}", target.display());
    }
}

#[test]
fn every_script_can_be_started() {
    for script in all_scripts() {
        let mode = fs::metadata(&script).unwrap().permissions().mode();
        assert_eq!(mode & 0o100, 0o100, "{}", script.display());
    }
}

#[test]
fn help_is_data_and_fits_eighty_columns() {
    let desk = Desk::new();
    for script in SCRIPTS {
        for flag in ["--help", "-h"] {
            let answer = desk.call(script, &[flag]).expect(0);
            assert_eq!(answer.stderr, "", "{script}");
            let usage = format!("\n\nUsage: {script} [OPTIONS]");
            assert!(answer.stdout.contains(&usage), "{answer}");
            let widest = answer.stdout.lines().map(|line| line.chars().count()).max();
            assert!(widest.unwrap() <= 80, "{answer}");
        }
    }
}

#[test]
fn what_is_not_understood_is_a_usage_error_that_names_it() {
    let desk = Desk::new();
    let cases: [(&str, &[&str], &str); 10] = [
        ("build-image.sh", &["--outptu", "x"], "'--outptu'"),
        ("build-image.sh", &["-o"], "-o needs a value"),
        ("build-image.sh", &["--tag", ""], "--tag needs a value"),
        ("build-image.sh", &["image.tar"], "'image.tar'"),
        ("fetch-wheels.sh", &[], "DIR is missing"),
        ("fetch-wheels.sh", &["--wheels", "w"], "'--wheels'"),
        ("fetch-wheels.sh", &["--python-version", "3", "w"], "'3'"),
        ("fetch-wheels.sh", &["--platform", "a b", "w"], "'a b'"),
        ("vendor.sh", &["--output"], "--output needs a value"),
        ("vendor.sh", &["now"], "'now'"),
    ];
    for (script, args, named) in cases {
        let answer = desk.call(script, args).expect(2);
        assert_eq!(answer.stdout, "", "{script} {args:?}");
        assert!(answer.stderr.starts_with("error: "), "{answer}");
        assert!(answer.stderr.contains(named), "{answer}");
    }
    assert_eq!(desk.names("."), [""; 0]);
}

#[test]
fn the_shell_and_shellcheck_find_no_fault() {
    let scripts = all_scripts();
    answer(Command::new("bash").arg("-n").args(&scripts)).expect(0);
    let shellcheck = Command::new("shellcheck").arg("--version").output();
    let missing = |_| Skip("shellcheck is not installed".to_owned());
    if available(shellcheck.map_err(missing)).is_some() {
        answer(Command::new("shellcheck").args(&scripts)).expect(0);
    }
}

/// Whoever runs them chooses mirrors and indexes; the sources name none.
#[test]
fn nothing_depends_on_a_host() {
    let mut sources = all_scripts();
    sources.push(repository("offline/Containerfile"));
    for source in sources {
        let text = fs::read_to_string(&source).unwrap();
        for scheme in ["http:", "https:", "ftp:", "docker.io/"] {
            assert!(!text.contains(scheme), "{}: {scheme}", source.display());
        }
    }
}
