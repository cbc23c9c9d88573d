//! The verdict of a test over all its phases, subtests and reruns.

use menace_agent::model::Outcome;
use menace_agent::pytest::protocol::{Fixture, HarnessEvent, Warning};

use super::driver::{Project, python};

const EVERYTHING: &str = r#"
import pytest, unittest

def test_pass(): pass
def test_fail():
    print("to stdout")
    assert 1 == 2
@pytest.mark.skip(reason="not today")
def test_skip(): pass
def test_skip_inside(): pytest.skip("in the middle")
@pytest.mark.xfail(reason="known")
def test_xfail(): assert 0
def test_xfail_inside(): pytest.xfail("imperative")
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True, reason="must fail")
def test_xpass_strict(): pass
@pytest.fixture
def bad_setup(): raise KeyError("gone")
@pytest.fixture
def bad_teardown():
    yield
    raise OSError("late")
@pytest.fixture
def skips_in_teardown():
    yield
    pytest.skip("late skip")
def test_setup_error(bad_setup): pass
def test_teardown_error(bad_teardown): pass
def test_fail_and_teardown_error(bad_teardown): assert False, "first"
def test_skip_and_teardown_error(bad_teardown): pytest.skip("x")
def test_skip_in_teardown(skips_in_teardown): pass
def test_no_fixture(nonesuch): pass

class TestCase(unittest.TestCase):
    def test_pass(self): pass
    def test_fail(self): self.assertEqual(1, 2)
    @unittest.skip("unit skip")
    def test_skip(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.expectedFailure
    def test_unexpected(self): pass
"#;

#[test]
fn every_way_for_a_test_to_end_has_its_verdict() {
    let Some(python) = python() else { return };
    let talk = Project::new(&python, &[("test_it.py", EVERYTHING)]).run();
    talk.assert_whole();
    let expected = [
        "TestCase::test_expected xfailed",
        "TestCase::test_fail failed",
        "TestCase::test_pass passed",
        "TestCase::test_skip skipped",
        "TestCase::test_unexpected failed",
        "test_fail failed",
        "test_fail_and_teardown_error failed",
        "test_no_fixture error",
        "test_pass passed",
        "test_setup_error error",
        "test_skip skipped",
        "test_skip_and_teardown_error error",
        "test_skip_in_teardown skipped",
        "test_skip_inside skipped",
        "test_teardown_error error",
        "test_xfail xfailed",
        "test_xfail_inside xfailed",
        "test_xpass xpassed",
        "test_xpass_strict failed",
    ];
    assert_eq!(talk.verdicts(), expected);
}

#[test]
fn a_verdict_comes_with_its_reason_times_and_output() {
    let Some(python) = python() else { return };
    let talk = Project::new(&python, &[("test_it.py", EVERYTHING)]).run();
    for (name, message) in [
        ("::test_fail", "AssertionError: assert 1 == 2"),
        ("::test_skip", "not today"),
        ("::test_skip_inside", "in the middle"),
        ("::test_xfail", "known"),
        ("::test_xfail_inside", "imperative"),
        ("::test_xpass_strict", "[XPASS(strict)] must fail"),
        ("::test_setup_error", "KeyError: 'gone'"),
        ("::test_teardown_error", "OSError: late"),
        ("::test_no_fixture", "fixture 'nonesuch' not found"),
    ] {
        let found: Vec<_> = talk
            .finished()
            .filter(|test| test.id == format!("test_it.py{name}"))
            .collect();
        assert_eq!(found[0].message.as_deref(), Some(message), "{name}");
    }
    let failed = talk
        .finished()
        .find(|test| test.id == "test_it.py::test_fail")
        .unwrap();
    assert_eq!(failed.sections[0].title, "Captured stdout call");
    assert_eq!(failed.sections[0].text, "to stdout\n");
    assert!(failed.call_s.unwrap() < 5.0);
    assert!(failed.peak_rss_bytes.unwrap() > 1 << 20 && failed.cpu_s.unwrap() < 5.0);
    let both = talk.test("test_fail_and_teardown_error");
    let longrepr = both.longrepr.as_deref().unwrap();
    assert!(
        longrepr.contains("first") && longrepr.contains("OSError: late"),
        "{longrepr}"
    );
    let quiet = talk
        .finished()
        .find(|test| test.id == "test_it.py::test_pass")
        .unwrap();
    assert_eq!(
        (&quiet.message, &quiet.longrepr, quiet.sections.len()),
        (&None, &None, 0)
    );
}

#[test]
fn a_failed_subtest_fails_its_test() {
    let Some(python) = python() else { return };
    let file = r#"
import unittest, pytest

def test_some(subtests):
    for i in range(3):
        with subtests.test("round", i=i):
            assert i != 1
def test_none(subtests):
    with subtests.test(): pass
def test_skips(subtests):
    with subtests.test("s"): pytest.skip("inner")
class TestUnit(unittest.TestCase):
    def test_sub(self):
        for i in range(2):
            with self.subTest(i=i):
                self.assertEqual(i, 0)
"#;
    let talk = Project::new(&python, &[("test_it.py", file)]).run();
    talk.assert_whole();
    let expected = [
        "TestUnit::test_sub failed",
        "test_none passed",
        "test_skips passed",
        "test_some failed",
    ];
    assert_eq!(talk.verdicts(), expected);
    let subtests: Vec<_> = talk
        .events
        .iter()
        .filter_map(|event| match event {
            HarnessEvent::Subtest(sub) => Some((
                sub.id.as_str(),
                sub.description.as_str(),
                sub.outcome,
                sub.message.as_deref().unwrap_or_default(),
            )),
            _ => None,
        })
        .collect();
    let expected = [
        (
            "test_it.py::test_some",
            "[round] (i=1)",
            Outcome::Failed,
            "assert 1 != 1",
        ),
        ("test_it.py::test_skips", "[s]", Outcome::Skipped, "inner"),
        (
            "test_it.py::TestUnit::test_sub",
            "(i=1)",
            Outcome::Failed,
            "AssertionError: 1 != 0",
        ),
    ];
    for (found, wanted) in subtests.iter().zip(&expected) {
        assert_eq!((found.0, found.1, found.2), (wanted.0, wanted.1, wanted.2));
        assert!(found.3.contains(wanted.3), "{found:?}");
    }
    assert_eq!(subtests.len(), expected.len());
    assert!(
        talk.test("test_some")
            .longrepr
            .as_deref()
            .unwrap()
            .contains("[round] (i=1)")
    );
}

#[test]
fn each_try_of_a_rerun_is_reported() {
    let Some(python) = python() else { return };
    let file = "tries = []\ndef test_flaky():\n    tries.append(1)\n    assert len(tries) == 3\n";
    let talk = Project::new(&python, &[("test_it.py", file)])
        .args(&["--reruns", "5"])
        .run();
    talk.assert_whole();
    let outcomes: Vec<_> = talk.finished().map(|test| test.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Failed, Outcome::Failed, Outcome::Passed]
    );
    assert_eq!(talk.started().len(), 3);
    assert_eq!(talk.bye(), (0, None, None));
}

#[test]
fn warnings_and_slow_fixtures_are_told() {
    let Some(python) = python() else { return };
    let file = r#"
import pytest, time, warnings

@pytest.fixture(scope="module")
def slow(): time.sleep(0.15)
@pytest.fixture
def fast(): pass
def test_it(slow, fast):
    warnings.warn("old thing", DeprecationWarning)
"#;
    let project = Project::new(&python, &[("test_it.py", file)]);
    let talk = project.run();
    let told: Vec<_> = talk
        .events
        .iter()
        .filter_map(|event| match event {
            HarnessEvent::Warning(Warning {
                category,
                message,
                file,
                line,
                id,
            }) => {
                assert_eq!(
                    Some(file.as_str()),
                    project.path().join("test_it.py").to_str()
                );
                Some(format!("{category}: {message} at {line} in {id}"))
            }
            HarnessEvent::Fixture(Fixture {
                scope,
                name,
                seconds,
                id,
            }) => {
                assert!((0.1..5.0).contains(seconds));
                Some(format!("{scope} {name} for {id}"))
            }
            _ => None,
        })
        .collect();
    let expected = [
        "module slow for test_it.py::test_it",
        "DeprecationWarning: old thing at 9 in test_it.py::test_it",
    ];
    assert_eq!(told, expected);
}
