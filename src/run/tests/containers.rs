//! Ends that only containers have.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{MAIN, Sim, request};
use crate::engine::EngineEvent;
use crate::engine::child::{Exit, NotStarted};
use crate::engine::container::{ContainerExecutor, Engine, EngineKind, Limits, ProjectSource};
use crate::model::{Outcome, RunOutcome};
use crate::run::effect::{Notify, Target};

fn executor(retries: u32) -> ContainerExecutor {
    ContainerExecutor {
        engine: Arc::new(Engine::unreachable(EngineKind::Docker)),
        image: "sha256:1".to_owned(),
        image_name: "lab:1".to_owned(),
        python: "python3".to_owned(),
        project: PathBuf::from("/p"),
        source: ProjectSource::Mounted {
            read_only: false,
            hidden: Vec::new(),
            byte_code: None,
        },
        environment: Vec::new(),
        limits: Limits {
            memory: Some("64m".to_owned()),
            ..Limits::default()
        },
        network: None,
        extra: Vec::new(),
        retries,
        hello_limit: Duration::from_mins(2),
    }
}

fn sim(retries: u32) -> Sim {
    Sim::in_containers(request(), executor(retries))
}

#[test]
fn the_cache_of_pytest_is_where_a_container_can_write() {
    let mut sim = sim(0);
    sim.collect(MAIN, &["t.py::a"]);
    let argv = &sim.commands()[0].argv;
    assert_eq!(argv[..2], ["-o", "cache_dir=/tmp/.pytest_cache"]);
}

const REFUSED: Exit = Exit::NotStarted(NotStarted::Refused);

#[test]
fn a_container_that_is_refused_is_tried_again_after_a_pause() {
    let mut sim = sim(1);
    sim.exit(MAIN, REFUSED, "Cannot connect to the Docker daemon");
    assert_eq!(sim.commands().len(), 1);
    sim.pass_time(Duration::from_millis(999));
    assert_eq!(sim.commands().len(), 1);
    sim.pass_time(Duration::from_millis(1));
    assert_eq!(sim.commands().len(), 2);
    sim.collect(MAIN, &["t.py::a"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
    assert_eq!(sim.notices(), ["container-refused"]);
}

#[test]
fn refusals_end_the_run_when_the_tries_are_used_up() {
    let mut sim = sim(1);
    sim.exit(MAIN, REFUSED, "");
    sim.pass_time(Duration::from_secs(1));
    sim.exit(MAIN, REFUSED, "first\nno space left on device\n");
    assert_eq!(sim.outcome(), (RunOutcome::Error, 3));
    let failure = sim.verdict().failure.unwrap();
    assert_eq!(
        failure.message,
        "docker did not start a container of the image `lab:1`"
    );
    assert_eq!(failure.causes, ["first", "no space left on device"]);
    assert!(failure.hint.unwrap().contains("make room"));
}

#[test]
fn an_image_that_cannot_run_python_is_not_tried_again() {
    for (why, message) in [
        (NotStarted::NotFound, "the image `lab:1` has no `python3`"),
        (
            NotStarted::NotExecutable,
            "`python3` of the image `lab:1` cannot be executed here",
        ),
    ] {
        let mut sim = sim(5);
        sim.exit(MAIN, Exit::NotStarted(why), "");
        assert_eq!(sim.outcome(), (RunOutcome::Error, 3));
        assert_eq!(sim.verdict().failure.unwrap().message, message);
    }
}

#[test]
fn an_image_without_pytest_is_named() {
    let mut sim = sim(1);
    sim.hello_with(MAIN, None);
    sim.exit(MAIN, Exit::Code(0), "");
    assert_eq!(sim.outcome(), (RunOutcome::Error, 3));
    let failure = sim.verdict().failure.unwrap();
    assert_eq!(failure.message, "the image `lab:1` has no pytest");
}

#[test]
fn a_container_that_never_starts_is_a_refusal() {
    let mut sim = sim(0);
    sim.pass_time(Duration::from_mins(2));
    assert_eq!(sim.signals(), [(Target::Group, Notify::Terminate)]);
    sim.pass_time(Duration::from_secs(2));
    sim.exit(MAIN, Exit::EngineLost, "");
    assert_eq!(sim.outcome(), (RunOutcome::Error, 3));
}

#[test]
fn tests_of_a_container_that_was_killed_run_again() {
    let mut sim = sim(0);
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.start(MAIN, "t.py::b");
    sim.exit(MAIN, Exit::ContainerKilled, "");
    assert_eq!(sim.commands()[1].skip, ["t.py::a"]);
    sim.collect(MAIN, &["t.py::b"]);
    sim.test(MAIN, "t.py::b", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(
        sim.attempts(),
        [
            ("t.py::a", 1, Outcome::Passed),
            ("t.py::b", 1, Outcome::Passed)
        ]
    );
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
    assert_eq!(sim.notices(), ["container-killed"]);
}

#[test]
fn containers_that_are_killed_again_and_again_end_the_shard() {
    let mut sim = sim(0);
    for _ in 0..3 {
        sim.collect(MAIN, &["t.py::a"]);
        sim.start(MAIN, "t.py::a");
        sim.exit(MAIN, Exit::ContainerKilled, "");
    }
    assert_eq!(sim.attempts(), [("t.py::a", 1, Outcome::NotRun)]);
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn an_engine_that_goes_away_keeps_what_was_reported() {
    for exit in [Exit::EngineLost, REFUSED] {
        let mut sim = sim(5);
        sim.collect(MAIN, &["t.py::a", "t.py::b", "t.py::c"]);
        sim.test(MAIN, "t.py::a", Outcome::Passed);
        sim.start(MAIN, "t.py::b");
        sim.exit(MAIN, exit, "error during connect: EOF\n");
        assert_eq!(
            sim.attempts(),
            [
                ("t.py::a", 1, Outcome::Passed),
                ("t.py::b", 1, Outcome::NotRun),
                ("t.py::c", 1, Outcome::NotRun)
            ]
        );
        assert_eq!(sim.outcome(), (RunOutcome::Error, 3));
        let failure = sim.verdict().failure.unwrap();
        assert_eq!(failure.message, "docker went away while the tests ran");
        assert_eq!(failure.causes, ["error during connect: EOF"]);
    }
}

#[test]
fn the_test_that_used_up_the_memory_is_told_the_limit() {
    let mut sim = sim(0);
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.start(MAIN, "t.py::a");
    sim.exit(MAIN, Exit::OutOfMemory, "");
    sim.collect(MAIN, &["t.py::b"]);
    sim.test(MAIN, "t.py::b", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    let record = sim.records().next().unwrap();
    assert_eq!(record.outcome, Outcome::Crashed);
    assert_eq!(
        record.message.as_deref(),
        Some("the container ran out of its 64m of memory in this test")
    );
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn a_container_that_is_left_behind_is_told() {
    let mut sim = sim(0);
    sim.collect(MAIN, &["t.py::a"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    let problem = "cannot remove".to_owned();
    sim.engine(MAIN, EngineEvent::Leftover { problem });
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.notices(), ["container-left"]);
}
