//! One project with something of everything, on every Python of this machine and pytest 7, 8, 9.

use std::thread;

use menace_agent::pytest::protocol::HarnessEvent;

use super::driver::{Project, Talk};
use crate::envs::{Interpreter, available, interpreters, nothing_may_be_skipped, venv};

const CONFTEST: &str = r#"
import pytest

class Line(pytest.Item):
    def runtest(self): assert self.name != "bad"
    def reportinfo(self): return self.fspath, 0, self.name
    def repr_failure(self, excinfo): return "this line is bad"
class Lines(pytest.File):
    def collect(self):
        for name in self.path.read_text().split(): yield Line.from_parent(self, name=name)
def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".lines": return Lines.from_parent(parent, path=file_path)
"#;

const TESTS: &str = r#"
import os, sys, unittest, warnings, pytest

@pytest.fixture
def bad_setup(): raise KeyError("gone")
@pytest.fixture
def bad_teardown():
    yield
    raise OSError("late")
def test_pass():
    os.write(1, b"raw \xff\n")
    warnings.warn("hm")
def test_fail(): assert [1] == [2]
def test_setup_error(bad_setup): pass
def test_teardown_error(bad_teardown): pass
@pytest.mark.skip(reason="no")
def test_skip(): pass
@pytest.mark.xfail(reason="known")
def test_xfail(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True)
def test_strict(): pass
@pytest.mark.parametrize("value", ["a b", "::", "é", "[", "\0"])
def test_odd(value): pass
def test_child():
    pid = os.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
class TestUnit(unittest.TestCase):
    def test_pass(self): pass
    def test_fail(self): self.fail()
"#;

const EXPECTED: [&str; 20] = [
    "TestUnit::test_fail failed",
    "TestUnit::test_pass passed",
    "bad failed",
    "good passed",
    "test_child passed",
    "test_fail failed",
    r"test_odd[::] passed",
    r"test_odd[[] passed",
    r"test_odd[\x00] passed",
    r"test_odd[\xe9] passed",
    r"test_odd[a b] passed",
    "test_pass passed",
    "test_setup_error error",
    "test_skip skipped",
    "test_strict failed",
    "test_teardown_error error",
    "test_xfail xfailed",
    "test_xpass xpassed",
    "zoo.double passed",
    "zoo.half failed",
];

const MODULE: &str = "def double(n):\n    \"\"\"\n    >>> double(2)\n    4\n    \"\"\"\n    return 2 * n\n\n\ndef half(n):\n    \"\"\"\n    >>> half(2)\n    3\n    \"\"\"\n    return n // 2\n";

/// The pytest versions that there are for a Python.
fn requirements(python: &Interpreter) -> Vec<&'static str> {
    let mut versions = vec!["pytest>=7,<8", "pytest>=8,<9"];
    match python.minor {
        8 => versions.push("pytest==7.0.1"),
        9 => {}
        _ => versions.push("pytest>=9,<10"),
    }
    versions
}

fn check(talk: &Talk, label: &str) {
    talk.assert_whole();
    assert_eq!(talk.verdicts(), EXPECTED, "{label}");
    assert_eq!(talk.bye(), (1, None, None), "{label}");
    assert_eq!(talk.notices(), [], "{label}");
    let warnings = talk
        .events
        .iter()
        .filter(|event| matches!(event, HarnessEvent::Warning(warning) if warning.message == "hm"));
    assert_eq!(warnings.count(), 1, "{label}");
}

fn run_on(python: &Interpreter) {
    for requirement in requirements(python) {
        let packages = [requirement, "pytest-xdist", "coverage"];
        let Some(interpreter) = available(venv(&python.path.to_string_lossy(), &packages)) else {
            continue;
        };
        let files = [
            ("conftest.py", CONFTEST),
            ("test_zoo.py", TESTS),
            ("zoo.py", MODULE),
            ("some.lines", "good bad"),
        ];
        for workers in [1, 2] {
            let project = Project::new(&interpreter, &files)
                .coverage()
                .workers(workers)
                .args(&["--doctest-modules"]);
            check(
                &project.run(),
                &format!("3.{} {requirement} {workers}", python.minor),
            );
        }
    }
}

#[test]
fn every_python_and_pytest_gives_the_same_verdicts() {
    let pythons = interpreters();
    assert!(
        !pythons.is_empty() || !nothing_may_be_skipped(),
        "no CPython from 3.8 up"
    );
    let jobs: Vec<_> = pythons
        .into_iter()
        .map(|python| thread::spawn(move || run_on(&python)))
        .collect();
    for job in jobs {
        job.join().unwrap();
    }
}
