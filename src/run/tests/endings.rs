//! The ends of processes, and what becomes of their tests.

use std::time::Duration;

use super::{MAIN, OTHER, SIGSEGV, Sim, request, two_paths};
use crate::engine::EngineEvent;
use crate::engine::child::Exit;
use crate::model::{ExitCode, Failure, Outcome, RunOutcome};
use crate::plan::{RunRequest, ShardLimit};
use crate::pytest::protocol::{HarnessEvent, StopReason};
use crate::run::effect::{
    Effect, EnvironmentReady, Input, Notify, ProcessEvent, StopSignal, Target,
};

#[test]
fn the_test_that_ran_when_the_interpreter_died_is_to_blame_and_the_rest_continues() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b", "t.py::c"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.start(MAIN, "t.py::b");
    sim.exit(MAIN, SIGSEGV, "the last words");
    assert_eq!(sim.commands()[1].skip, ["t.py::a", "t.py::b"]);
    sim.collect(MAIN, &["t.py::a", "t.py::b", "t.py::c"]);
    sim.test(MAIN, "t.py::c", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(
        sim.attempts(),
        [
            ("t.py::a", 1, Outcome::Passed),
            ("t.py::b", 1, Outcome::Crashed),
            ("t.py::c", 1, Outcome::Passed)
        ]
    );
    let crash = sim.records().nth(1).unwrap();
    assert_eq!(
        crash.message.as_deref(),
        Some("the interpreter was killed by SIGSEGV in this test")
    );
    assert_eq!(crash.longrepr.as_deref(), Some("the last words"));
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn three_deaths_without_progress_end_the_shard() {
    let mut sim = Sim::new(request());
    for _ in 0..3 {
        sim.hello_with(MAIN, Some("8.0"));
        sim.line(
            MAIN,
            HarnessEvent::Collecting {
                id: "t.py".to_owned(),
            },
        );
        sim.exit(MAIN, Exit::Code(3), "");
    }
    assert_eq!(sim.commands().len(), 3);
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
    assert!(sim.notices().contains(&"death-in-collection"));
}

#[test]
fn a_death_that_settles_a_test_is_progress() {
    let mut sim = Sim::new(request());
    let tests = ["t.py::a", "t.py::b", "t.py::c", "t.py::d"];
    for test in tests {
        sim.collect(MAIN, &tests);
        sim.start(MAIN, test);
        sim.exit(MAIN, SIGSEGV, "");
    }
    assert_eq!(sim.attempts().len(), 4);
    assert!(
        sim.attempts()
            .iter()
            .all(|(_, _, outcome)| *outcome == Outcome::Crashed)
    );
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn a_test_out_of_time_shows_its_stacks_and_the_rest_continues() {
    let mut sim = Sim::new(RunRequest {
        test_timeout: Some(Duration::from_secs(5)),
        ..request()
    });
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.start(MAIN, "t.py::a");
    sim.pass_time(Duration::from_secs(4));
    assert_eq!(sim.signals(), []);
    sim.pass_time(Duration::from_secs(1));
    assert_eq!(sim.signals(), [(Target::Member(1001), Notify::DumpStacks)]);
    sim.pass_time(Duration::from_secs(1));
    sim.pass_time(Duration::from_secs(2));
    assert_eq!(
        sim.signals()[1..],
        [
            (Target::Group, Notify::Terminate),
            (Target::Group, Notify::Kill)
        ]
    );
    let stacks = "Current thread 0x1 (most recent call first):\n  File \"t.py\", line 3 in a\n";
    sim.exit(MAIN, Exit::Signal(9), stacks);
    let record = sim.records().next().unwrap();
    assert_eq!(record.outcome, Outcome::TimedOut);
    assert!(record.longrepr.as_ref().unwrap().contains("line 3 in a"));
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.test(MAIN, "t.py::b", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn a_worker_out_of_time_costs_that_worker_only() {
    let limit = Some(Duration::from_secs(5));
    let mut sim = Sim::new(RunRequest {
        test_timeout: limit,
        workers: 2,
        ..request()
    });
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.start_in(MAIN, "t.py::a", "gw0", 2001);
    sim.pass_time(Duration::from_secs(3));
    sim.start_in(MAIN, "t.py::b", "gw1", 2002);
    sim.pass_time(Duration::from_secs(2));
    assert_eq!(sim.signals(), [(Target::Member(2001), Notify::DumpStacks)]);
    sim.pass_time(Duration::from_secs(1));
    assert!(sim.log.contains(&Effect::ReadStderr { serial: 1 }));
    assert_eq!(sim.signals()[1], (Target::Member(2001), Notify::Kill));
    let tail = "Current thread 0x1 (most recent call first):\n  File \"t.py\", line 3 in a\n";
    sim.input(Input::Stderr {
        serial: 1,
        tail: tail.to_owned(),
    });
    sim.finish_in(MAIN, "t.py::a", "gw0", Outcome::Crashed);
    sim.finish_in(MAIN, "t.py::b", "gw1", Outcome::Passed);
    sim.bye(MAIN, 1, None);
    let record = sim.records().next().unwrap();
    assert_eq!(
        (record.nodeid.as_str(), record.outcome),
        ("t.py::a", Outcome::TimedOut)
    );
    assert!(record.longrepr.as_ref().unwrap().contains("line 3 in a"));
    assert_eq!(sim.attempts()[1], ("t.py::b", 1, Outcome::Passed));
}

#[test]
fn a_shard_out_of_time_ends_with_every_test_accounted_for() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.start(MAIN, "t.py::a");
    sim.pass_time(Duration::from_mins(5));
    sim.exit(MAIN, Exit::Signal(15), "");
    assert_eq!(
        sim.attempts(),
        [
            ("t.py::a", 1, Outcome::TimedOut),
            ("t.py::b", 1, Outcome::NotRun)
        ]
    );
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
    assert!(sim.notices().contains(&"shard-timeout"));
}

#[test]
fn a_shard_that_goes_on_reporting_has_time_and_a_silent_one_has_not() {
    let mut sim = Sim::new(RunRequest {
        limit: ShardLimit::Silence(Duration::from_mins(5)),
        ..request()
    });
    let tests = ["t.py::a", "t.py::b", "t.py::c"];
    sim.collect(MAIN, &tests);
    for test in &tests[..2] {
        sim.pass_time(Duration::from_secs(299));
        sim.start(MAIN, test);
        sim.pass_time(Duration::from_secs(299));
        assert_eq!(sim.signals(), []);
        sim.finish(MAIN, test, Outcome::Passed);
    }
    sim.start(MAIN, tests[2]);
    sim.pass_time(Duration::from_mins(5));
    assert_eq!(sim.signals(), [(Target::Member(1001), Notify::DumpStacks)]);
    sim.exit(MAIN, Exit::Signal(15), "");
    let last = sim.records().last().unwrap();
    assert_eq!(last.outcome, Outcome::TimedOut);
    let message = "running when its shard had reported nothing for 300s";
    assert_eq!(last.message.as_deref(), Some(message));
    assert!(sim.notices().contains(&"shard-timeout"));
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn an_interrupt_keeps_what_finished_and_says_what_did_not() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b", "t.py::c"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.start(MAIN, "t.py::b");
    sim.input(Input::Stop(StopSignal::Interrupt));
    assert_eq!(sim.signals(), [(Target::Group, Notify::Interrupt)]);
    sim.exit(MAIN, Exit::Code(2), "");
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 130));
    assert_eq!(
        sim.attempts()[1..],
        [
            ("t.py::b", 1, Outcome::NotRun),
            ("t.py::c", 1, Outcome::NotRun)
        ]
    );
}

#[test]
fn a_second_signal_kills_at_once() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a"]);
    sim.input(Input::Stop(StopSignal::Terminate));
    sim.input(Input::Stop(StopSignal::Terminate));
    assert_eq!(sim.signals()[1], (Target::Group, Notify::Kill));
    sim.exit(MAIN, Exit::Signal(9), "");
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 143));
}

#[test]
fn what_ignores_an_interrupt_is_ended_in_steps() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a"]);
    sim.input(Input::Stop(StopSignal::Interrupt));
    sim.pass_time(Duration::from_secs(5));
    sim.pass_time(Duration::from_secs(2));
    let steps: Vec<Notify> = sim
        .signals()
        .into_iter()
        .map(|(_, notify)| notify)
        .collect();
    assert_eq!(steps, [Notify::Interrupt, Notify::Terminate, Notify::Kill]);
}

#[test]
fn what_is_no_python_ends_the_run_for_all_shards() {
    let mut sim = Sim::new(two_paths(1));
    sim.exit(MAIN, Exit::Code(1), "cat: invalid option");
    let verdict = sim.verdict();
    assert_eq!(
        (verdict.outcome, verdict.exit_code),
        (RunOutcome::Error, ExitCode::ENVIRONMENT)
    );
    let failure = verdict.failure.unwrap();
    assert_eq!(failure.causes, ["exit status 1", "cat: invalid option"]);
    assert_eq!(sim.commands().len(), 1);
}

#[test]
fn silence_is_no_python_either() {
    let mut sim = Sim::new(request());
    sim.pass_time(Duration::from_mins(1));
    assert_eq!(sim.signals(), [(Target::Group, Notify::Terminate)]);
    sim.exit(MAIN, Exit::Signal(15), "");
    assert_eq!(sim.outcome(), (RunOutcome::Error, 3));
}

#[test]
fn an_old_interpreter_is_named_with_its_version() {
    let mut sim = Sim::new(request());
    sim.line(
        MAIN,
        HarnessEvent::Unsupported {
            python: "2.7.18".to_owned(),
        },
    );
    sim.exit(MAIN, Exit::Code(0), "");
    let failure = sim.verdict().failure.unwrap();
    assert!(failure.message.contains("2.7.18") && failure.message.contains("3.8"));
}

#[test]
fn without_pytest_one_environment_serves_all_shards() {
    let mut sim = Sim::new(two_paths(2));
    for shard in [MAIN, OTHER] {
        sim.hello_with(shard, None);
        sim.exit(shard, Exit::Code(0), "");
    }
    let asked = sim
        .log
        .iter()
        .filter(|effect| **effect == Effect::ProvideEnvironment);
    assert_eq!(asked.count(), 1);
    sim.pass_time(Duration::from_secs(1000));
    let ready = EnvironmentReady {
        python: "/e/bin/python".to_owned(),
        created: true,
    };
    sim.input(Input::Environment(Ok(ready)));
    for shard in [MAIN, OTHER] {
        let test = format!("{shard}.py::a");
        sim.collect(shard, &[&test]);
        sim.test(shard, &test, Outcome::Passed);
        sim.bye(shard, 0, None);
    }
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
    assert_eq!(sim.notices(), ["managed-env"]);
}

#[test]
fn no_environment_to_be_had_ends_the_run() {
    let mut sim = Sim::new(request());
    sim.hello_with(MAIN, None);
    sim.exit(MAIN, Exit::Code(0), "");
    sim.input(Input::Environment(Err(Failure::environment(
        "no wheels",
        "fetch some",
    ))));
    assert_eq!(sim.outcome(), (RunOutcome::Error, 3));
}

#[test]
fn what_a_former_process_says_late_is_not_heard() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a"]);
    sim.exit(MAIN, SIGSEGV, "");
    let stale = sim.serials[0] - 1;
    let event = EngineEvent::Exited {
        exit: SIGSEGV,
        stderr_tail: String::new(),
    };
    sim.input(Input::Process {
        serial: stale,
        event: ProcessEvent::Tests(event),
    });
    sim.collect(MAIN, &["t.py::a"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(
        sim.outcome(),
        (RunOutcome::Incomplete, 6),
        "a death is never green"
    );
}

#[test]
fn a_run_that_is_called_off_waits_for_the_end_of_its_installation() {
    let mut sim = Sim::new(request());
    sim.hello_with(MAIN, None);
    sim.exit(MAIN, Exit::Code(0), "");
    assert!(sim.log.contains(&Effect::ProvideEnvironment));
    sim.input(Input::Stop(StopSignal::Interrupt));
    assert!(!sim.is_over(), "an installer would be left behind");
    let called_off = Failure::environment("cancelled", "try again");
    sim.input(Input::Environment(Err(called_off)));
    assert!(sim.is_over());
    assert_eq!(sim.outcome(), (RunOutcome::Interrupted, 130));
}

#[test]
fn an_interpreter_that_starts_no_more_ends_the_shard() {
    let mut sim = Sim::new(request());
    sim.hello_with(MAIN, Some("9.0.0"));
    sim.collect(MAIN, &["a", "b"]);
    sim.start(MAIN, "a");
    sim.exit(MAIN, SIGSEGV, "");
    for _ in 0..3 {
        assert!(!sim.is_over());
        sim.exit(MAIN, Exit::Code(7), "");
    }
    assert!(sim.is_over());
    let expected = [("a", 1, Outcome::Crashed), ("b", 1, Outcome::NotRun)];
    assert_eq!(sim.attempts(), expected);
}

#[test]
fn what_a_test_out_of_time_says_at_last_does_not_count() {
    let mut sim = Sim::new(RunRequest {
        test_timeout: Some(Duration::from_secs(1)),
        ..request()
    });
    sim.hello_with(MAIN, Some("9.0.0"));
    sim.collect(MAIN, &["a", "b"]);
    sim.start(MAIN, "a");
    sim.pass_time(Duration::from_secs(2));
    // A test that is out of time may still report: the signal that asks for the stacks may end the
    // system call in which it waits, or SIGTERM may raise an exception in it.
    sim.finish(MAIN, "a", Outcome::Passed);
    sim.start(MAIN, "b");
    sim.bye(MAIN, 2, Some(StopReason::Interrupted));
    assert_eq!(sim.attempts(), [("a", 1, Outcome::TimedOut)]);
    assert_eq!(sim.commands().len(), 2, "b continues in a new process");
}

#[test]
fn a_process_may_work_on_after_pytest_as_long_as_a_test_and_that_is_told() {
    for ends_by_itself in [true, false] {
        let mut sim = Sim::new(RunRequest {
            limit: ShardLimit::Silence(Duration::from_mins(5)),
            ..request()
        });
        sim.collect(MAIN, &["t.py::a"]);
        sim.test(MAIN, "t.py::a", Outcome::Passed);
        sim.say_bye(MAIN, 0, None);
        sim.pass_time(Duration::from_secs(9));
        assert_eq!(sim.notices(), [""; 0]);
        sim.pass_time(Duration::from_secs(1));
        assert_eq!(sim.notices(), ["exit-waits"]);
        sim.pass_time(Duration::from_secs(289));
        assert_eq!(sim.signals(), []);
        if ends_by_itself {
            sim.exit(MAIN, Exit::Code(0), "");
            assert_eq!(sim.notices(), ["exit-waits"]);
        } else {
            sim.pass_time(Duration::from_secs(1));
            assert_eq!(sim.signals(), [(Target::Group, Notify::Terminate)]);
            assert_eq!(sim.notices(), ["exit-waits", "exit-hang"]);
            sim.exit(MAIN, Exit::Signal(15), "");
        }
        assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
    }
}
