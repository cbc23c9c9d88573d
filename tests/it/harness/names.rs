//! Node ids: odd characters, duplicates, selection, things that are no Python functions.

use super::driver::{Project, Talk, python};

use menace_agent::model::Outcome;
use menace_agent::pytest::protocol::HarnessEvent;

fn deselected(talk: &Talk) -> u64 {
    let counts = talk.events.iter().filter_map(|event| match event {
        HarnessEvent::Collected(collected) => Some(collected.deselected),
        _ => None,
    });
    counts.sum()
}

#[test]
fn odd_parameters_keep_their_ids() {
    let Some(python) = python() else { return };
    let file = r#"
import pytest

class Opaque:
    def __repr__(self): raise RuntimeError("no text")
@pytest.mark.parametrize("value", [
    "plain", "with space", "a::b", "[x]", "new\nline", "nul\0", "é", "日本", "", "🦀",
    "\udcff", b"\xff\x00", float("nan"), Opaque(), object, None, "x" * 5000,
], ids=None)
def test_value(value): assert value is not None
@pytest.mark.parametrize("value", [1, 2, 3], ids=["日本 ::[]", "tab\there", "same"])
def test_named(value): pass
"#;
    for arguments in [&[][..], &["-n", "2"]] {
        let mut project = Project::new(&python, &[("tests/test_é x.py", file)]).args(arguments);
        project.environment.push(("PYTHONUTF8", "1"));
        let talk = project.run();
        talk.assert_whole();
        assert_eq!(talk.collected().len(), 20);
        assert_eq!(
            talk.verdicts()
                .iter()
                .filter(|verdict| verdict.ends_with(" passed"))
                .count(),
            19
        );
        assert!(
            talk.collected()
                .iter()
                .all(|id| id.starts_with("tests/test_é x.py::"))
        );
    }
}

#[test]
fn a_file_name_that_is_not_unicode_can_be_tested() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let Some(python) = python() else { return };
    let project = Project::new(&python, &[]);
    let name = project.path().join(OsStr::from_bytes(b"test_\xff.py"));
    if std::fs::write(name, "def test_it(): pass\ndef test_bad(): assert 0").is_err() {
        println!("SKIPPED: this file system takes Unicode names only");
        return;
    }
    let talk = project.run();
    talk.assert_whole();
    assert_eq!(
        talk.collected(),
        [r"test_\udcff.py::test_it", r"test_\udcff.py::test_bad"]
    );
}

const DUPLICATES: &str = r#"
import pytest

class Twin(pytest.Item):
    def runtest(self): assert self.config.twins.pop()
    def reportinfo(self): return self.path, None, "twin"
class Folder(pytest.File):
    def collect(self):
        for _ in range(3): yield Twin.from_parent(self, name="twin")
        yield Twin.from_parent(self, name="other")
def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".twins":
        return Folder.from_parent(parent, path=file_path)
def pytest_configure(config):
    config.twins = [True, True, False, True]
"#;

#[test]
fn tests_with_the_same_id_are_told_apart() {
    let Some(python) = python() else { return };
    let mut project = Project::new(&python, &[("conftest.py", DUPLICATES), ("a.twins", "")]);
    let talk = project.run();
    talk.assert_whole();
    let expected = [
        "other passed",
        "twin passed",
        "twin#2 failed",
        "twin#3 passed",
    ];
    assert_eq!(talk.verdicts(), expected);
    project.command.only = Some(vec![
        "a.twins::twin#2".to_owned(),
        "a.twins::other".to_owned(),
    ]);
    let talk = project.run();
    talk.assert_whole();
    assert_eq!(talk.collected(), ["a.twins::twin#2", "a.twins::other"]);
    project.command.only = None;
    project.command.skip = vec!["a.twins::twin".to_owned()];
    let project = project.args(&["-n", "2"]);
    let talk = project.run();
    talk.assert_whole();
    assert_eq!(
        talk.collected(),
        ["a.twins::twin#2", "a.twins::twin#3", "a.twins::other"]
    );
    assert_eq!(deselected(&talk), 0);
}

#[test]
fn what_pytest_deselects_is_counted() {
    let Some(python) = python() else { return };
    let file = r"
import pytest

@pytest.mark.slow
def test_slow(): pass
def test_one(): pass
def test_two(): pass
";
    let ini = ("pytest.ini", "[pytest]\nmarkers = slow\n");
    for (args, ids, count) in [
        (
            &["-k", "one or slow"][..],
            &["test_it.py::test_slow", "test_it.py::test_one"][..],
            1,
        ),
        (
            &["-m", "not slow"],
            &["test_it.py::test_one", "test_it.py::test_two"],
            1,
        ),
        (&["-m", "slow", "-n2"], &["test_it.py::test_slow"], 2),
        (&["test_it.py::test_two"], &["test_it.py::test_two"], 0),
        (
            &["--deselect", "test_it.py::test_two", "-x"],
            &["test_it.py::test_slow", "test_it.py::test_one"],
            1,
        ),
    ] {
        let talk = Project::new(&python, &[("test_it.py", file), ini])
            .args(args)
            .run();
        talk.assert_whole();
        assert_eq!(talk.collected(), ids, "{args:?}");
        assert_eq!(deselected(&talk), count, "{args:?}");
    }
}

#[test]
fn doctests_and_their_lines_are_collected() {
    let Some(python) = python() else { return };
    let module = "def two():\n    \"\"\"\n    >>> two()\n    2\n    \"\"\"\n    return 3\n";
    let text = "Hello\n\n>>> 1 + 1\n2\n";
    let project = Project::new(&python, &[("module.py", module), ("test_text.txt", text)]);
    let talk = project
        .args(&["--doctest-modules", "--doctest-glob=*.txt"])
        .run();
    talk.assert_whole();
    assert_eq!(
        talk.verdicts(),
        ["module.two failed", "test_text.txt passed"]
    );
    assert!(
        talk.test("module.two")
            .longrepr
            .as_deref()
            .unwrap()
            .contains("Expected:")
    );
}

#[test]
fn files_and_lines_are_told_with_and_without_xdist() {
    let Some(python) = python() else { return };
    let file = "import pytest\n\n@pytest.mark.parametrize('i', [1])\ndef test_a(i):\n    pass\n\n\ndef test_b(): pass\n";
    for args in [&[][..], &["-n2"], &["-n2", "--dist=loadgroup"]] {
        let project = Project::new(&python, &[("sub/test_it.py", file)]).args(args);
        let talk = project.run();
        let file = project.path().join("sub/test_it.py");
        let mut batches = talk.events.iter().filter_map(|event| match event {
            HarnessEvent::Collected(collected) => Some(collected),
            _ => None,
        });
        let collected = batches.next().unwrap();
        assert!(collected.done, "{talk:?}");
        let told: Vec<_> = collected
            .tests
            .iter()
            .map(|test| (test.file.as_str(), test.line))
            .collect();
        let path = file.to_str().unwrap();
        assert_eq!(told, [(path, Some(3)), (path, Some(8))], "{args:?}");
    }
}

#[test]
fn thousands_of_tests_come_in_batches() {
    let Some(python) = python() else { return };
    let file = "import pytest\n@pytest.mark.parametrize('i', range(2500))\ndef test_i(i): pass\n";
    let talk = Project::new(&python, &[("test_it.py", file)]).run();
    talk.assert_whole();
    let batches = talk
        .events
        .iter()
        .filter(|event| matches!(event, HarnessEvent::Collected { .. }));
    assert_eq!(batches.count(), 3);
}

#[test]
fn tests_that_a_plugin_adds_after_the_selection_run() {
    let Some(python) = python() else { return };
    let conftest = r"
import pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_collection_modifyitems(items):
    everything = list(items)
    yield
    items[:] = everything
";
    let file = "def test_a(): pass\ndef test_b(): pass\n";
    let mut project = Project::new(&python, &[("conftest.py", conftest), ("test_it.py", file)]);
    project.command.only = Some(vec!["test_it.py::test_a".to_owned()]);
    let talk = project.run();
    assert_eq!(talk.verdicts().len(), 2, "{talk:?}");
    assert_eq!(talk.notices(), []);
}

#[test]
fn names_that_change_with_each_collection_are_known_by_their_place() {
    let Some(python) = python() else { return };
    let file = r"
import uuid, pytest
values = [uuid.uuid4().hex for _ in range(4)]
@pytest.mark.parametrize('value', values)
def test_value(value): assert values.index(value) == 2
@pytest.mark.parametrize('n', [1, 2])
def test_number(n): pass
";
    let mut project = Project::new(&python, &[("test_it.py", file)]);
    let first = project.run();
    let names: Vec<String> = first.collected().into_iter().map(str::to_owned).collect();
    project.command.known.clone_from(&names);
    // A process that continues.
    project.command.skip = vec![names[0].clone(), names[3].clone(), names[4].clone()];
    let talk = project.run();
    talk.assert_whole();
    assert_eq!(talk.collected(), [&names[1], &names[2], &names[5]]);
    assert_eq!(talk.outcomes()[&*names[2]], Outcome::Passed);
    assert_eq!(talk.outcomes()[&*names[1]], Outcome::Failed);
    let said = "tests with other ids in each collection, known by their function and position: 4";
    assert_eq!(talk.notices(), [("ids-change", said)]);
    // A later round.
    project.command.skip = Vec::new();
    project.command.only = Some(vec![names[3].clone()]);
    let talk = project.run();
    talk.assert_whole();
    assert_eq!(talk.collected(), [&names[3]]);
    // One test more than before: nobody can say which is which.
    project.command.known.remove(0);
    let talk = project.run();
    assert_eq!(talk.collected(), [""; 0]);
    let said = "tests that are not found again, as each collection has more or fewer of them: 1";
    assert_eq!(talk.notices(), [("ids-lost", said)]);
}
