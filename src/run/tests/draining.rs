//! A run that is asked to end when its running tests have finished.

use std::time::Duration;

use super::{MAIN, OTHER, SIGSEGV, Sim, request, two_paths};
use crate::engine::child::Exit;
use crate::model::{Failure, Outcome, RunOutcome};
use crate::plan::RunRequest;
use crate::pytest::protocol::{Command, StopReason};
use crate::run::effect::{Effect, Input, Notify, StopSignal, Target};

const TERMINATE: StopSignal = StopSignal::Terminate;
const ASKED: &str = "not run: the agent was asked to end";

/// The shards whose session was told to stop after the running test.
fn told(sim: &Sim) -> usize {
    let commands = sim.log.iter().filter_map(|effect| match effect {
        Effect::Send { command, .. } => Some(command),
        _ => None,
    });
    commands
        .filter(|command| matches!(command, Command::Stop { reason } if reason == ASKED))
        .count()
}

fn messages(sim: &Sim) -> Vec<Option<&str>> {
    sim.records()
        .map(|record| record.message.as_deref())
        .collect()
}

#[test]
fn the_running_test_finishes_and_the_next_does_not_begin() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.start(MAIN, "t.py::a");
    sim.input(Input::Drain(TERMINATE));
    assert_eq!((told(&sim), sim.signals()), (1, vec![]));
    assert!(!sim.is_over());
    sim.finish(MAIN, "t.py::a", Outcome::Passed);
    sim.bye(MAIN, 2, Some(StopReason::Stop));
    assert_eq!(
        sim.attempts(),
        [
            ("t.py::a", 1, Outcome::Passed),
            ("t.py::b", 1, Outcome::NotRun)
        ]
    );
    assert_eq!(messages(&sim), [None, Some(ASKED)]);
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 143));
}

#[test]
fn shards_that_wait_never_begin() {
    let mut sim = Sim::new(two_paths(1));
    sim.collect(MAIN, &["a/t.py::a"]);
    sim.start(MAIN, "a/t.py::a");
    sim.input(Input::Drain(TERMINATE));
    sim.finish(MAIN, "a/t.py::a", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.commands().len(), 1);
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 143));
}

#[test]
fn a_test_that_failed_is_not_tried_again() {
    let mut sim = Sim::new(RunRequest {
        reruns: 2,
        ..request()
    });
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.test(MAIN, "t.py::a", Outcome::Failed);
    sim.start(MAIN, "t.py::b");
    sim.input(Input::Drain(TERMINATE));
    sim.finish(MAIN, "t.py::b", Outcome::Failed);
    sim.bye(MAIN, 1, None);
    assert_eq!(sim.commands().len(), 1);
    assert_eq!(sim.attempts().len(), 2);
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 143));
}

#[test]
fn what_a_death_leaves_does_not_go_on_in_a_new_process() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.start(MAIN, "t.py::a");
    sim.input(Input::Drain(TERMINATE));
    sim.exit(MAIN, SIGSEGV, "");
    assert_eq!(sim.commands().len(), 1);
    let outcomes = sim.attempts().into_iter().map(|(_, _, outcome)| outcome);
    let outcomes: Vec<Outcome> = outcomes.collect();
    assert_eq!(outcomes, [Outcome::Crashed, Outcome::NotRun]);
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 143));
}

#[test]
fn deadlines_hold_while_a_test_is_waited_for() {
    let mut sim = Sim::new(RunRequest {
        test_timeout: Some(Duration::from_secs(5)),
        ..request()
    });
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.start(MAIN, "t.py::a");
    sim.input(Input::Drain(TERMINATE));
    sim.pass_time(Duration::from_secs(5));
    sim.pass_time(Duration::from_secs(1));
    sim.exit(MAIN, Exit::Signal(15), "");
    let outcomes = sim.attempts().into_iter().map(|(_, _, outcome)| outcome);
    let outcomes: Vec<Outcome> = outcomes.collect();
    assert_eq!(outcomes, [Outcome::TimedOut, Outcome::NotRun]);
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 143));
}

#[test]
fn a_signal_after_that_kills_at_once() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.start(MAIN, "t.py::a");
    sim.input(Input::Drain(TERMINATE));
    sim.input(Input::Stop(TERMINATE));
    assert_eq!(sim.signals(), [(Target::Group, Notify::Kill)]);
    sim.exit(MAIN, Exit::Signal(9), "");
    let why = Some("not run: terminated");
    assert_eq!(messages(&sim), [why, why]);
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 143));
}

#[test]
fn a_run_that_is_being_stopped_is_not_slowed_down() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a"]);
    sim.start(MAIN, "t.py::a");
    sim.input(Input::Stop(StopSignal::Interrupt));
    sim.input(Input::Drain(TERMINATE));
    assert_eq!((told(&sim), sim.signals().len()), (0, 1));
    sim.exit(MAIN, Exit::Code(2), "");
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 130));
}

#[test]
fn a_process_that_has_not_answered_is_ended() {
    let mut sim = Sim::new(request());
    sim.input(Input::Drain(TERMINATE));
    assert_eq!(sim.signals(), [(Target::Group, Notify::Interrupt)]);
    sim.input(Input::Drain(TERMINATE));
    assert_eq!(sim.signals().len(), 1, "asking again changes nothing");
    sim.exit(MAIN, Exit::Signal(2), "");
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 143));
}

#[test]
fn no_environment_is_made_any_more() {
    let mut sim = Sim::new(two_paths(2));
    sim.hello_with(MAIN, None);
    sim.hello_with(OTHER, None);
    sim.exit(OTHER, Exit::Code(0), "");
    sim.input(Input::Drain(TERMINATE));
    sim.exit(MAIN, Exit::Code(0), "");
    let asked = sim
        .log
        .iter()
        .filter(|effect| **effect == Effect::ProvideEnvironment);
    assert_eq!(asked.count(), 1);
    assert!(!sim.is_over(), "an installer would be left");
    let called_off = Failure::environment("cancelled", "try again");
    sim.input(Input::Environment(Err(called_off)));
    let verdict = sim.verdict();
    assert_eq!(verdict.outcome, RunOutcome::Interrupted);
    assert_eq!(verdict.failure, None);
}
