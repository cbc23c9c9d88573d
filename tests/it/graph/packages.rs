//! Real packages from PyPI, with their own tests.

use std::process::Command;

use super::reality::{Difference, Only, differences, expected, graph_of, imported};
use crate::conformance::packages::{Package, Ready, prepare};
use crate::envs::{available, nothing_may_be_skipped};

/// A package, and the files in which its graph and a run of its tests differ.
struct Real {
    package: Package,
    differences: &'static [Difference],
}

#[track_caller]
fn check(real: &Real) {
    if !nothing_may_be_skipped() {
        let reason = "takes a package index; AGENT_CONFORMANCE=1 runs it";
        println!("SKIPPED: the graph of {}: {reason}", real.package.name);
        return;
    }
    let Some(Ready { source, python }) = available(prepare(&real.package)) else {
        return;
    };
    let root = source.canonicalize().unwrap();
    let found = graph_of(&root);
    let mut pytest = Command::new(python.parent().unwrap().join("pytest"));
    let python = imported(&mut pytest, &root, &[]);
    let found_differences = differences(&found, &python);
    assert_eq!(found_differences, expected(real.differences));
}

#[test]
fn click_imports_what_its_graph_says() {
    check(&Real {
        package: Package {
            name: "click",
            version: "8.1.8",
            pytest: "8.4.2",
            needs: &[],
        },
        differences: &[],
    });
}

#[test]
fn pluggy_imports_what_its_graph_says() {
    check(&Real {
        package: Package {
            name: "pluggy",
            version: "1.5.0",
            pytest: "8.4.2",
            needs: &[],
        },
        differences: &[],
    });
}

#[test]
fn toolz_imports_what_its_graph_says() {
    check(&Real {
        package: Package {
            name: "toolz",
            version: "1.0.0",
            pytest: "8.4.2",
            needs: &[],
        },
        differences: &[],
    });
}

#[test]
fn jinja2_imports_what_its_graph_says() {
    check(&Real {
        package: Package {
            name: "jinja2",
            version: "3.1.6",
            pytest: "8.4.2",
            needs: &["trio==0.30.0"],
        },
        differences: &[(
            Only::Python,
            "tests/res/__init__.py",
            "`PackageLoader(\"res\")`: a function of the package imports what it is given, and one \
             word is no dotted name",
        )],
    });
}
