//! Suites of real packages: the same outcomes on the host, in each engine and over ssh.

use std::path::Path;

use crate::conformance::packages::{self, Package};
use crate::engines::{Engine, engines};
use crate::envs::{available, venv};
use crate::lab::{Lab, answer, bare_lab};

/// The version of pytest in the image.
const PYTEST: &str = "pytest==7.2.1";

const MORE_ITERTOOLS: Package = Package {
    name: "more-itertools",
    version: "10.5.0",
    pytest: "7.2.1",
    needs: &[],
};

/// A copy of the sources of a package, without what earlier runs left in them.
fn copy(package: &Package, python: &Path, paths: &[&str]) -> Option<Lab> {
    let source = available(packages::source_of(package))?;
    let lab = bare_lab(python, &[]);
    let mut copy = std::process::Command::new("cp");
    copy.arg("--recursive")
        .arg("--parents")
        .args(paths)
        .arg(lab.path());
    assert!(copy.current_dir(source).status().unwrap().success());
    Some(lab)
}

fn compare(package: &Package, copied: &[&str], tests: &str) {
    let found = engines();
    if found.is_empty() {
        return;
    }
    let Some(python) = available(venv("python3", &[PYTEST])) else {
        return;
    };
    let labs = || copy(package, &python, copied);
    let Some(host) = labs() else { return };
    let args = [
        "--no-include-orphans",
        "--no-cov",
        "--timeout",
        "1200",
        tests,
    ];
    let reference = host.run(&args);
    assert!(!host.outcomes().is_empty(), "{reference}");
    for &engine in found.iter() {
        let lab = labs().unwrap();
        let here = engine.run(&lab, &args);
        assert_eq!(lab.table(), host.table(), "{engine:?}");
        assert_eq!(here.code, reference.code, "{engine:?}: {here}");
        let lab = labs().unwrap();
        if let Some(mut command) = engine.command_over_ssh(&lab, &args) {
            let there = answer(&mut command);
            assert_eq!(lab.table(), host.table(), "{engine:?} over ssh");
            assert_eq!(there.code, reference.code, "{engine:?} over ssh: {there}");
            assert_eq!(Engine::connections(&lab), 1);
        }
    }
}

#[test]
fn more_itertools_is_everywhere_as_on_the_host() {
    compare(&MORE_ITERTOOLS, &["more_itertools", "tests"], "tests");
}

#[test]
fn a_part_of_networkx_is_everywhere_as_on_the_host() {
    let tests = "networkx/classes";
    compare(&packages::NETWORKX, &["networkx", "pyproject.toml"], tests);
}
