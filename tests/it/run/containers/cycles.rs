//! Cycles of a schedule in containers: when they use them, and how they end.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::engines::{Engine, IMAGE, engines, notices, project};
use crate::run::cycle::UNTIL_STOPPED;
use crate::run::lab::{Going, Lab, answer};

/// A cycle that may use this engine, where it names an image.
fn cycle(engine: Engine, lab: &Lab, args: &[&str]) -> Command {
    let cycle = ["--cycle", "1", "run-scheduled", "--no-cov"];
    let engine = ["--container-runtime", engine.0];
    let mut command = lab.command(&[&cycle[..], &engine, args].concat());
    Engine::surroundings(&mut command);
    command.stdin(Stdio::piped());
    command
}

#[test]
fn an_image_that_is_there_is_used_without_being_asked_to() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
        answer(&mut cycle(engine, &lab, &["--container-image", IMAGE])).expect(0);
        let on = "SELECT executor FROM run_summary ORDER BY run_id DESC LIMIT 1";
        assert_eq!(lab.rows(on), [engine.0]);
        assert_eq!(engine.containers(&lab), [""; 0]);
    }
}

#[test]
fn an_image_that_is_not_there_is_not_fetched_and_no_error() {
    for &engine in engines().iter() {
        let files = [("test_a.py", "def test_one(): pass\n")];
        let Some(lab) = crate::run::lab::lab(&files) else {
            return;
        };
        let args = ["--json", "--container-image", "localhost/no-such:1"];
        let mut command = cycle(engine, &lab, &args);
        command.env("SELF_TEST_PYTHON", lab.python());
        let answer = answer(&mut command).expect(0);
        assert_eq!(answer.json()["executor"], "host");
        let why = format!(
            "runs on the host, not in `localhost/no-such:1`: {} has no image `localhost/no-such:1`",
            engine.0
        );
        assert_eq!(notices(&answer), [("image-not-ready".to_owned(), why)]);
    }
}

#[test]
fn the_running_test_finishes_in_its_container() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", UNTIL_STOPPED)]);
        let args = ["--events", "-", "--container-image", IMAGE];
        let mut going = Going::start(&mut cycle(engine, &lab, &args));
        going.wait_for_test("test_one");
        going.signal(Signal::SIGTERM);
        going.end().expect(143);
        assert_eq!(lab.verdict(), "interrupted | 143");
        let outcomes = lab.rows("SELECT outcome FROM test_outcome ORDER BY nodeid");
        assert_eq!(outcomes, ["passed", "not_run", "not_run"], "{engine:?}");
        assert_eq!(engine.containers(&lab), [""; 0]);
    }
}

#[test]
fn a_second_signal_kills_the_container() {
    for &engine in engines().iter() {
        let test = "import time\ndef test_one(): time.sleep(600)\n";
        let lab = project(&[("test_a.py", test)]);
        let args = ["--events", "-", "--container-image", IMAGE];
        let mut going = Going::start(&mut cycle(engine, &lab, &args));
        going.wait_for_test("test_one");
        going.signal(Signal::SIGTERM);
        going.wait_to_say("running tests finish");
        going.signal(Signal::SIGTERM);
        going.end().expect(143);
        assert_eq!(lab.verdict(), "interrupted | 143");
        assert_eq!(engine.containers(&lab), [""; 0]);
    }
}
