//! Plug-ins that replace the world around the harness, or that run tests in their own way.

use std::path::PathBuf;

use menace_agent::model::Outcome;
use menace_agent::pytest::protocol::HarnessEvent;

use super::driver::{Project, python};
use crate::envs::{available, venv};

/// An environment with plug-ins that replace clocks and files, and that try tests again.
fn plugins() -> Option<PathBuf> {
    let packages = [
        "pytest",
        "pytest-xdist",
        "coverage",
        "pyfakefs",
        "freezegun",
        "time-machine",
        "flaky",
    ];
    available(venv("python3", &packages))
}

#[test]
fn a_false_file_system_hides_nothing_from_the_harness() {
    let Some(python) = plugins() else { return };
    let file = r#"
import os, pytest, time, warnings

@pytest.fixture(scope="session", autouse=True)
def slow(fs_session): time.sleep(0.2)
def test_files(fs_session):
    fs_session.create_file("/false")
    assert os.listdir("/").count("false") == 1
    warnings.warn("written")
def test_fails(): assert not os.path.exists("/false")
"#;
    for workers in [1, 2] {
        for coverage in [false, true] {
            let files = [
                ("test_a.py", file),
                ("test_b.py", "import os\ndef test_b(): pass\n"),
            ];
            let mut project = Project::new(&python, &files).workers(workers);
            project.command.options.coverage = coverage;
            // The one worker that has made the file is the one that finds it.
            let talk = project.args(&["--dist=loadfile"]).run();
            talk.assert_whole();
            let expected = ["test_b passed", "test_fails failed", "test_files passed"];
            assert_eq!(talk.verdicts(), expected, "{workers} {coverage}");
            let covered = talk.events.iter().any(|event| match event {
                HarnessEvent::Coverage { files } => {
                    files.iter().any(|file| file.file.ends_with("test_b.py"))
                }
                _ => false,
            });
            assert_eq!(covered, coverage, "{talk:?}");
        }
    }
}

#[test]
fn clocks_that_stand_still_or_leap_do_not_change_the_times_of_tests() {
    let Some(python) = plugins() else { return };
    let frozen = "import freezegun\nfreezegun.freeze_time('2001-01-01').start()\n";
    let leaping = r"
import pytest, time_machine
@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel('2300-01-01', tick=False): yield
";
    let patched = r"
import pytest, time
@pytest.fixture(autouse=True)
def clock(monkeypatch):
    import _pytest.timing
    monkeypatch.setattr('time.perf_counter', lambda: 1e12)
    monkeypatch.setattr('time.time', lambda: 5e9)
    monkeypatch.setattr(_pytest.timing, 'perf_counter', lambda: 1e12)
    monkeypatch.setattr(_pytest.timing, 'time', lambda: 5e9)
";
    let file = r"
import select
def test_waits(): select.select([], [], [], 0.2)
def test_does_not(): pass
";
    for conftest in [frozen, leaping, patched] {
        for args in [&[][..], &["-n2"]] {
            let files = [("conftest.py", conftest), ("test_it.py", file)];
            let talk = Project::new(&python, &files).args(args).run();
            talk.assert_whole();
            let waited = talk.test("test_waits").call_s.unwrap();
            assert!((0.2..30.0).contains(&waited), "{conftest} {talk:?}");
            for test in talk.finished() {
                for seconds in [test.setup_s, test.call_s, test.teardown_s] {
                    assert!((0.0..30.0).contains(&seconds.unwrap()), "{test:?}");
                }
            }
        }
    }
}

#[test]
fn a_plugin_that_owns_the_protocol_gets_each_report_to_its_test() {
    let Some(python) = python() else { return };
    let file = "def test_1(): pass\ndef test_2(): assert 0, 'two'\ndef test_3(): pass\n";
    let silent = r"
from _pytest.runner import runtestprotocol
def pytest_runtest_protocol(item, nextitem):
    runtestprotocol(item, nextitem=nextitem)
    return True
";
    let in_turns = r"
from _pytest.runner import runtestprotocol
def pytest_runtestloop(session):
    reports = [runtestprotocol(item, log=False, nextitem=None) for item in session.items]
    for phase in zip(*reports):
        for report in phase: session.config.hook.pytest_runtest_logreport(report=report)
    return True
";
    for (conftest, args) in [
        (silent, &[][..]),
        (silent, &["-n2"]),
        (in_turns, &["-pno:xdist"]),
    ] {
        let files = [("conftest.py", conftest), ("test_it.py", file)];
        let talk = Project::new(&python, &files).args(args).run();
        talk.assert_whole();
        let expected = ["test_1 passed", "test_2 failed", "test_3 passed"];
        assert_eq!(talk.verdicts(), expected, "{talk:?}");
        let failed = talk.test("test_2");
        assert_eq!(failed.message.as_deref(), Some("AssertionError: two"));
        assert!(failed.longrepr.as_deref().unwrap().contains("def test_2"));
        assert_eq!(talk.finished().count(), 3);
    }
}

#[test]
fn each_try_of_the_plugin_flaky_has_its_verdict() {
    let Some(python) = plugins() else { return };
    let file = r"
from flaky import flaky
tries = []
@flaky(max_runs=3)
def test_late():
    tries.append(1)
    assert len(tries) == 2, 'early'
@flaky(max_runs=2)
def test_never(): assert 0, 'never'
@flaky(max_runs=3, min_passes=2)
def test_twice(): pass
";
    for args in [&[][..], &["-n1"]] {
        let talk = Project::new(&python, &[("test_it.py", file)])
            .args(args)
            .run();
        let verdicts = talk.finished().map(|test| {
            let name = test.id.split("::").nth(1).unwrap();
            (name, test.outcome, test.message.as_deref())
        });
        let (early, never) = (Some("AssertionError: early"), Some("AssertionError: never"));
        let expected = [
            ("test_late", Outcome::Failed, early),
            ("test_late", Outcome::Passed, None),
            ("test_never", Outcome::Failed, never),
            ("test_never", Outcome::Failed, never),
            ("test_twice", Outcome::Passed, None),
        ];
        assert_eq!(verdicts.collect::<Vec<_>>(), expected, "{args:?}");
        assert_eq!(talk.bye().0, 1);
    }
}

#[test]
fn tests_that_a_plugin_runs_or_makes_in_its_own_way_come_in_order() {
    let Some(python) = python() else { return };
    // All are announced before the first one reports, and one never does.
    let at_once = r"
from _pytest.runner import runtestprotocol
def pytest_runtestloop(session):
    hook = session.config.hook
    for item in session.items: hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for item in session.items[1:]:
        runtestprotocol(item, nextitem=None)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
";
    let file = "def test_1(): pass\ndef test_2(): assert 0\ndef test_3(): pass\n";
    let files = [("conftest.py", at_once), ("test_it.py", file)];
    let talk = Project::new(&python, &files).args(&["-pno:xdist"]).run();
    assert_eq!(talk.verdicts(), ["test_2 failed", "test_3 passed"]);
    let mut running = None;
    for event in &talk.events {
        match event {
            HarnessEvent::Started(test) => assert_eq!(running.replace(&test.id), None),
            HarnessEvent::Finished(test) => assert_eq!(running.take(), Some(&test.id)),
            HarnessEvent::Dropped { id, .. } => assert_eq!(running.take(), Some(id)),
            _ => {}
        }
    }
    assert_eq!(running, None, "{talk:?}");
    // A test that nobody has collected.
    let made = r"
import pytest
def pytest_runtestloop(session):
    for item in list(session.items):
        for name in ('made_1', 'made_2'):
            new = pytest.Function.from_parent(item.parent, name=name, callobj=item.obj)
            new.config.hook.pytest_runtest_protocol(item=new, nextitem=None)
";
    let files = [
        ("conftest.py", made),
        ("test_it.py", "def test_1(): pass\n"),
    ];
    let talk = Project::new(&python, &files).run();
    talk.assert_whole();
    let expected = ["made_1 passed", "made_2 passed", "test_1 passed"];
    assert_eq!(talk.verdicts(), expected);
}
