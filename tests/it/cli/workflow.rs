//! `agent workflow`.

use std::fs;

use super::schema::{problems, schema};
use super::{Answer, Project};
use crate::envs::{available, venv};

fn project() -> Project {
    let project = Project::new();
    for folder in ["a", "b", "tests"] {
        fs::create_dir(project.path().join(folder)).unwrap();
    }
    for (file, text) in [
        ("core.py", "import base\n"),
        ("base.py", ""),
        ("alone.py", ""),
        (
            "tests/test_core.py",
            "import core\n\n\ndef test_core():\n    pass\n",
        ),
        ("tests/test_else.py", "def test_else():\n    assert False\n"),
        ("menace.toml", ""),
        ("conftest.py", ""),
    ] {
        fs::write(project.path().join(file), text).unwrap();
    }
    project
}

fn call(project: &Project, args: &[&str]) -> Answer {
    project.call(&[&["workflow"], args].concat())
}

#[test]
fn a_workflow_is_made_extended_cut_and_removed() {
    let project = project();
    insta::assert_snapshot!(call(&project, &["create", "nightly", "core", "base.py"]), @"
    exit 0
    --- stdout
    created the workflow `nightly` with 2 modules
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["add", "nightly", "./alone.py", "base", "--at", "1"]), @"
    exit 0
    --- stdout
    added 1 module to `nightly`; the others are in it already
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["show", "nightly"]), @"
    exit 0
    --- stdout
    nightly  3 modules
      1  alone  alone.py
      2  core   core.py
      3  base   base.py
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["remove", "nightly", "core"]), @"
    exit 0
    --- stdout
    removed 1 module from `nightly`
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["remove", "nightly"]), @"
    exit 0
    --- stdout
    removed the workflow `nightly`
    --- stderr
    ");
    insta::assert_snapshot!(call(&project, &["list"]), @"
    exit 0
    --- stdout
    no workflow yet; `agent workflow create NAME` makes one
    --- stderr
    ");
}

#[test]
fn workflows_are_listed_for_people_and_for_programs() {
    let project = project();
    call(&project, &["create", "nightly", "alone", "base"]);
    call(&project, &["create", "empty"]);
    insta::assert_snapshot!(call(&project, &["list"]), @"
    exit 0
    --- stdout
    empty  0 modules
    nightly  2 modules
    --- stderr
    ");
    let json = call(&project, &["list", "--json"]);
    let workflows = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(problems(&schema("workflows"), &workflows), [""; 0]);
    insta::assert_snapshot!(json, @r#"
    exit 0
    --- stdout
    {
      "v": 1,
      "workflows": [
        {
          "name": "empty",
          "steps": []
        },
        {
          "name": "nightly",
          "steps": [
            {
              "file": "alone.py",
              "module": "alone",
              "source": "command",
              "added_run": null
            },
            {
              "file": "base.py",
              "module": "base",
              "source": "command",
              "added_run": null
            }
          ]
        }
      ]
    }
    --- stderr
    "#);
}

#[test]
fn names_that_mean_nothing_are_usage_errors() {
    let project = project();
    call(&project, &["create", "nightly", "core"]);
    insta::assert_snapshot!(call(&project, &["create", "nightly"]), @"
    exit 2
    --- stdout
    --- stderr
    error: there is a workflow `nightly` already
    hint: `agent workflow add` adds modules to it
    ");
    insta::assert_snapshot!(call(&project, &["create", "other", "croe"]), @"
    exit 2
    --- stdout
    --- stderr
    error: the project has no module `croe`
    hint: did you mean `core`?
    ");
    insta::assert_snapshot!(call(&project, &["show", "nigthly"]), @"
    exit 2
    --- stdout
    --- stderr
    error: there is no workflow `nigthly`
    hint: did you mean `nightly`?
    ");
    insta::assert_snapshot!(call(&project, &["remove", "nightly", "base"]), @"
    exit 2
    --- stdout
    --- stderr
    error: the workflow `nightly` has no module `base`
    ");
    insta::assert_snapshot!(call(&project, &["run", "weekly"]), @"
    exit 2
    --- stdout
    --- stderr
    error: there is no workflow `weekly`
    hint: `agent workflow list` lists them
    ");
}

#[test]
fn a_workflow_runs_the_tests_that_reach_its_modules() {
    let project = project();
    call(&project, &["create", "nightly", "base"]);
    call(&project, &["create", "lonely", "alone"]);
    insta::assert_snapshot!(call(&project, &["run", "lonely"]), @"
    exit 5
    --- stdout
    --- stderr
    error: no test reaches a module of the workflow `lonely`
    hint: `agent orphans list` shows what no test reaches
    ");
    let Some(python) = available(venv("python3", &["pytest", "coverage", "pytest-xdist"])) else {
        return;
    };
    let mut command = project.command(&["workflow", "run", "nightly"]);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    let answer = project.answer(command.env("SELF_TEST_PYTHON", python));
    assert_eq!(answer.code, 0, "{answer}");
    assert!(answer.stdout.contains("1 passed"), "{answer}");
}
