//! Modules of the module map: imported as a test of their own, beside the tests that they define.

use std::fs;

use menace_agent::model::Module;

use super::driver::{Project, python};

const FILES: [(&str, &str); 5] = [
    (
        "src/pkg/fine.py",
        "'''\n>>> 1 + 1\n2\n'''\nfrom .part import value\nimport unittest\n\
         class Own(unittest.TestCase):\n    def test_own(self): self.assertEqual(value, 1)\n",
    ),
    ("src/pkg/__init__.py", ""),
    ("src/pkg/part.py", "value = 1\n"),
    ("src/pkg/broken.py", "import nonesuch\n"),
    ("src/pkg/leaves.py", "raise SystemExit(3)\n"),
];

fn project(python: &std::path::Path, names: &[&str]) -> Project {
    let files: Vec<String> = names
        .iter()
        .map(|name| format!("src/pkg/{name}.py"))
        .collect();
    let args: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut project = Project::new(python, &FILES).args(&args);
    project.command.roots = vec!["src".to_owned()];
    project.command.limit_s = 30.0;
    project.command.modules = names
        .iter()
        .zip(&files)
        .map(|(name, file)| Module {
            file: file.clone(),
            name: format!("pkg.{name}"),
        })
        .collect();
    project
}

#[test]
fn a_module_that_imports_passes_and_brings_its_own_tests() {
    let Some(python) = python() else { return };
    let talk = project(&python, &["fine"]).run();
    talk.assert_whole();
    assert_eq!(
        talk.verdicts(),
        ["Own::test_own passed", "import passed", "pkg.fine passed",]
    );
}

#[test]
fn a_module_that_does_not_import_is_a_failing_test_and_no_error_of_collection() {
    let Some(python) = python() else { return };
    let talk = project(&python, &["broken", "leaves"]).run();
    talk.assert_whole();
    assert_eq!(talk.verdicts(), ["import failed", "import failed",]);
}

/// What a module does in a run when it joined, it does under the guard of its trial.
#[test]
fn a_module_is_kept_from_harm_in_every_run() {
    let Some(python) = python() else { return };
    let victim = "import atexit, os\nfor p in ('victim', os.path.expanduser('~/victim')):\n    \
        if os.path.exists(p):\n        atexit.register(os.unlink, os.path.abspath(p))\n";
    let mut project = project(&python, &["fine"]);
    let home = project.path();
    fs::write(home.join("src/pkg/late.py"), victim).unwrap();
    fs::write(home.join("victim"), "precious").unwrap();
    let late = Module {
        file: "src/pkg/late.py".to_owned(),
        name: "pkg.late".to_owned(),
    };
    project.command.modules = vec![late];
    let talk = project.run();
    talk.assert_whole();
    assert_eq!(talk.verdicts(), ["import passed"]);
    assert!(home.join("victim").exists());
}

/// The settings of the project and its conftest files do not reach the modules, as in a trial.
#[test]
fn the_trouble_of_a_module_stays_with_it() {
    let Some(python) = python() else { return };
    let mut project = project(&python, &["client", "hangs", "dies", "fine"]);
    project.command.limit_s = 2.0;
    let files = [
        (
            "pytest.ini",
            "[pytest]\nfilterwarnings = error\naddopts = --nonesuch\n",
        ),
        ("conftest.py", "import nonesuch\n"),
        (
            "src/pkg/client.py",
            "class TestClient:\n    def __init__(self, url): pass\n    def test_x(self): pass\n\
             def test_needs(nonesuch): pass\ndef test_own(): assert 1 + 1 == 3\n",
        ),
        (
            "src/pkg/hangs.py",
            "import time\ndef test_ever(): time.sleep(600)\n",
        ),
        (
            "src/pkg/dies.py",
            "import os, atexit\natexit.register(os.abort)\n",
        ),
    ];
    for (file, text) in files {
        fs::write(project.path().join(file), text).unwrap();
    }
    let talk = project.run();
    talk.assert_whole();
    assert_eq!(
        talk.verdicts(),
        [
            "Own::test_own passed",
            "exit crashed",
            "import passed",
            "import passed",
            "import passed",
            "import passed",
            "pkg.fine passed",
            "test_ever timed_out",
            "test_own failed",
        ]
    );
}

/// What an earlier process had said is not said again.
#[test]
fn only_the_tests_that_are_left_run_again() {
    let Some(python) = python() else { return };
    let mut project = project(&python, &["fine", "part"]);
    project.command.skip = vec!["src/pkg/fine.py::import".to_owned()];
    project.command.only = Some(vec!["src/pkg/fine.py::Own::test_own".to_owned()]);
    let talk = project.run();
    assert_eq!(talk.verdicts(), ["Own::test_own passed"]);
}
