//! Cycles of a schedule in containers: when they use them, and how they end.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::cli::cycle::UNTIL_STOPPED;
use crate::cli::run_scheduled::{Service, assert_nothing_is_left};
use crate::engines::{Engine, IMAGE, engines, notices, project};
use crate::lab::{Going, Lab, answer};
use crate::wait::{wait_until, wait_until_gone};

/// A cycle that may use this engine, if it names an image.
fn cycle(engine: Engine, lab: &Lab, args: &[&str]) -> Command {
    let cycle = ["cycle", "1", "--no-cov"];
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
        let Some(lab) = crate::lab::lab(&files) else {
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

/// A service whose cycles need docker, behind a socket that comes and goes.
#[test]
fn a_service_follows_an_engine_that_comes_and_goes() {
    let engines = engines();
    if !engines.iter().any(|engine| engine.0 == "docker") {
        return;
    }
    let named = std::env::var("AGENT_TEST_DOCKER_HOST");
    let host = named.unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
    let socket = host.strip_prefix("unix://").expect("a socket");
    let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
    let link = lab.path().join("engine.sock");
    let seen = format!("unix://{}", link.display());
    let args = [
        "--interval",
        "1",
        "--require-container",
        "--container-runtime",
        "docker",
        "--docker-host",
        &seen,
        "--container-image",
        IMAGE,
    ];
    let mut command = Service::command(&lab, &args);
    Engine::surroundings(&mut command);
    let mut service = Service::spawn(&mut command);
    let mut finish = |outcome: &str| {
        while service.wait("cycle-finished")["outcome"] != outcome {}
    };
    finish("not_started");
    std::os::unix::fs::symlink(socket, &link).unwrap();
    finish("passed");
    std::fs::remove_file(&link).unwrap();
    finish("not_started");
    std::os::unix::fs::symlink(socket, &link).unwrap();
    finish("passed");
    service.stop();
    let unexplained = "SELECT cycle_id FROM cycle_summary WHERE run_id IS NULL AND message IS NULL";
    assert_eq!(lab.rows(unexplained), [""; 0]);
    assert_eq!(Engine("docker").containers(&lab), [""; 0]);
}

#[test]
fn a_service_that_is_killed_leaves_no_container_and_no_lease() {
    for &engine in engines().iter() {
        let test = "import time\ndef test_one(): time.sleep(600)\n";
        let lab = project(&[("test_a.py", test)]);
        let args = [
            "--interval",
            "3600",
            "--use-container",
            "--container-runtime",
            engine.0,
            "--container-image",
            IMAGE,
        ];
        let mut command = Service::command(&lab, &[&args[..], &["--run-now"]].concat());
        Engine::surroundings(&mut command);
        let mut service = Service::spawn(&mut command);
        service.wait("run-started");
        wait_until(
            "a container",
            || engine.containers(&lab),
            |names| !names.is_empty(),
        );
        service.kill();
        wait_until_gone("the container", || engine.containers(&lab));
        let mut command = Service::command(&lab, &args);
        Engine::surroundings(&mut command);
        let mut service = Service::spawn(&mut command);
        service.wait("service-started");
        service.stop();
        assert_nothing_is_left(&lab);
        let outcomes = lab.rows("SELECT outcome FROM cycle_summary");
        assert_eq!(outcomes, ["interrupted"], "{engine:?}");
    }
}
