//! Tests that misuse descriptors, the functions that the harness uses or its process cannot corrupt
//! the stream or lose a result.

use menace_agent::model::Outcome;
use menace_agent::pytest::protocol::HarnessEvent;

use super::driver::{Project, python};

#[test]
fn floods_and_odd_output_stay_out_of_the_stream() {
    let Some(python) = python() else { return };
    let file = r#"
import os, sys, subprocess

def test_flood():
    for fd in (1, 2):
        for _ in range(64): os.write(fd, b"{\"t\":\"bye\"}\n" * 4096)
def test_bytes():
    os.write(1, bytes(range(256)))
    assert 0, "\ud800 \udcff"
def test_child():
    subprocess.run([sys.executable, "-c", "print('child')"], check=True)
def test_stdin():
    assert os.read(0, 10) == b""
    assert subprocess.run(["cat"], stdout=subprocess.PIPE).stdout == b""
"#;
    for args in [&[][..], &["-s"], &["--capture=sys"], &["-n2"]] {
        let mut project = Project::new(&python, &[("test_it.py", file)]).args(args);
        project.command.options.cap_bytes = 10_000;
        let talk = project.run();
        talk.assert_whole();
        let expected = [
            "test_bytes failed",
            "test_child passed",
            "test_flood passed",
            "test_stdin passed",
        ];
        assert_eq!(talk.verdicts(), expected, "{args:?}");
        assert!(
            talk.message("test_bytes").contains(r"\ud800 \udcff"),
            "{talk:?}"
        );
    }
}

#[test]
fn long_texts_lose_their_middle() {
    let Some(python) = python() else { return };
    let file = "def test_it():\n    print('head' + 'é' * 3_000_000 + 'tail')\n    assert 0, 'x' * 30_000_000\n";
    let mut project = Project::new(&python, &[("test_it.py", file)]);
    project.command.options.cap_bytes = 10_000;
    let talk = project.run();
    talk.assert_whole();
    let test = talk.test("test_it");
    let text = &test.sections[0].text;
    assert!(
        text.len() < 10_100 && text.starts_with("headé") && text.ends_with("étail\n"),
        "{text}"
    );
    assert!(text.contains("[... 5990009 bytes left out ...]"), "{text}");
    assert!(test.longrepr.as_deref().unwrap().len() < 10_100);
    assert!(test.message.as_deref().unwrap().chars().count() <= 500);
    project.command.options.cap_bytes = u32::MAX;
    let talk = project.run();
    talk.assert_whole();
}

#[test]
fn a_test_may_close_standard_output_and_error() {
    let Some(python) = python() else { return };
    let file = r#"
import os, pytest

@pytest.mark.parametrize("restores", [True, False])
def test_close(restores, pytestconfig):
    if not restores and pytestconfig.getoption("capture") == "no":
        pytest.skip("pytest itself writes to descriptor 1")
    saved = [os.dup(fd) for fd in (0, 1, 2)]
    os.closerange(0, 3)
    if restores:
        for fd, copy in enumerate(saved): os.dup2(copy, fd)
def test_after(): assert 0
"#;
    for (args, unrestored) in [(&[][..], "passed"), (&["-s"], "skipped")] {
        let talk = Project::new(&python, &[("test_it.py", file)])
            .args(args)
            .run();
        talk.assert_whole();
        let unrestored = format!("test_close[False] {unrestored}");
        let expected = ["test_after failed", &unrestored, "test_close[True] passed"];
        assert_eq!(talk.verdicts(), expected, "{args:?}");
    }
}

#[test]
fn a_test_that_closes_everything_ends_the_process_and_says_nothing_wrong() {
    let Some(python) = python() else { return };
    let file = r#"
import os

def test_before(): pass
def test_closes(tmp_path):
    os.closerange(3, 4096)
    for _ in range(2000):
        if os.dup(os.open(tmp_path / "noise", os.O_CREAT | os.O_RDWR)) > 1000: break
def test_after(): pass
"#;
    let talk = Project::new(&python, &[("test_it.py", file)])
        .args(&["-s"])
        .run();
    assert_eq!(talk.verdicts(), ["test_before passed"]);
    assert_eq!(talk.started().last(), Some(&"test_it.py::test_closes"));
    assert_eq!(talk.status.code(), Some(70), "{talk:?}");
}

#[test]
fn patched_modules_do_not_reach_the_harness() {
    let Some(python) = python() else { return };
    let file = r#"
import json, os, select, sys, time, pytest

def broken(*args, **kwargs): raise RuntimeError("patched")
@pytest.fixture(scope="session", autouse=True)
def patched():
    patch = pytest.MonkeyPatch()
    for module, names in {
        json: ("dumps", "loads"), json.JSONEncoder: ("encode", "iterencode"),
        os: ("write", "read", "getpid", "getpgrp"), select: ("poll",),
        time: ("process_time",),
    }.items():
        for name in names: patch.setattr(module, name, broken)
    yield
    patch.undo()
def test_one(): pass
def test_two(): assert 0
"#;
    let talk = Project::new(&python, &[("test_it.py", file)])
        .args(&["-pno:rerunfailures"])
        .run();
    talk.assert_whole();
    assert_eq!(talk.verdicts(), ["test_one passed", "test_two failed"]);
}

#[test]
fn forked_children_are_mute() {
    let Some(python) = python() else { return };
    let file = r#"
import os

def test_child_raises():
    pid = os.fork()
    if pid == 0: raise RuntimeError("runs on into pytest")
    os.waitpid(pid, 0)
def test_child_closes_all():
    pid = os.fork()
    if pid == 0:
        os.closerange(0, 4096)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
def test_after(): pass
"#;
    let talk = Project::new(&python, &[("test_it.py", file)])
        .coverage()
        .run();
    talk.assert_whole();
    let expected = [
        "test_after passed",
        "test_child_closes_all passed",
        "test_child_raises passed",
    ];
    assert_eq!(talk.verdicts(), expected);
    let farewells = talk
        .events
        .iter()
        .filter(|event| matches!(event, HarnessEvent::Bye { .. }));
    assert_eq!(farewells.count(), 1);
}

#[test]
fn a_hook_that_meets_odd_objects_loses_no_result() {
    let Some(python) = python() else { return };
    let conftest = r#"
import pytest

class Odd:
    def __str__(self): raise RuntimeError("no text")
@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if call.when == "call":
        report.start = Odd()
        report.duration = float("nan")
        report.sections.append((Odd(), "text"))
        report.sections.append("not a pair")
"#;
    let file = "def test_pass(): pass\ndef test_fail(): assert 0\n";
    let project = Project::new(&python, &[("conftest.py", conftest), ("test_it.py", file)]);
    let talk = project
        .args(&[
            "--tb=no",
            "-q",
            "--no-summary",
            "--show-capture=no",
            "--durations=0",
        ])
        .run();
    assert_eq!(talk.verdicts(), ["test_fail failed", "test_pass passed"]);
    let complaints: Vec<_> = talk.notices().into_iter().map(|(code, _)| code).collect();
    assert_eq!(complaints, ["harness-error"]);
    assert_eq!(talk.test("test_fail").outcome, Outcome::Failed);
}

#[test]
fn an_interrupting_timer_cuts_no_line() {
    let Some(python) = python() else { return };
    let file = r#"
import signal, pytest

class Tick(Exception): pass
def tick(_, frame):
    while frame is not None:
        if frame.f_code.co_name == "deliver": raise Tick
        frame = frame.f_back
@pytest.mark.parametrize("i", range(100))
def test_i(i):
    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    assert 0, "x" * 300_000
"#;
    let talk = Project::new(&python, &[("test_it.py", file)])
        .args(&["--tb=line", "-q", "--no-summary"])
        .run();
    let finished: Vec<_> = talk.finished().map(|test| test.id.as_str()).collect();
    assert_eq!(finished, talk.collected());
}
