//! The verdict of a run.

use std::time::Duration;

use super::{MAIN, NOON_MS, OTHER, SIGSEGV, Sim, request, two_paths};
use crate::model::{Branches, CoverageTotals, HarnessOptions, Outcome, RunOutcome, Write};
use crate::plan::RunRequest;
use crate::pytest::protocol::{CollectReport, Command, CoverageLines, HarnessEvent, StopReason};
use crate::run::effect::Effect;

#[test]
fn a_run_in_which_everything_passes_is_green() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.test(MAIN, "t.py::b", Outcome::Skipped);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
    let first = sim.records().next().unwrap();
    assert_eq!(
        first.duration_s,
        Some(0.75),
        "a clock that runs backwards counts as no time"
    );
}

#[test]
fn the_times_of_a_test_are_those_of_the_agent_if_its_process_has_a_false_clock() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b", "t.py::c"]);
    sim.pass_time(Duration::from_secs(10));
    for (id, call_s) in [
        ("t.py::a", 1e10),
        ("t.py::b", f64::INFINITY),
        ("t.py::c", 2.0),
    ] {
        sim.start(MAIN, id);
        sim.pass_time(Duration::from_secs(3));
        sim.finish_after(MAIN, id, "main", Outcome::Passed, call_s);
    }
    let times = sim
        .records()
        .map(|test| (test.started_ms, test.duration_s, test.call_s));
    let expected = [
        (Some(NOON_MS + 10_000), Some(3.0), None),
        (Some(NOON_MS + 13_000), Some(3.0), None),
        (Some(NOON_MS + 16_000), Some(2.25), Some(2.0)),
    ];
    assert_eq!(times.collect::<Vec<_>>(), expected);
}

#[test]
fn a_try_whose_end_is_not_told_does_not_count() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a"]);
    sim.start(MAIN, "t.py::a");
    sim.drop_test(MAIN, "t.py::a");
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.attempts(), [("t.py::a", 1, Outcome::Passed)]);
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
}

#[test]
fn a_process_that_continues_is_told_of_the_tests_with_parameters() {
    let mut sim = Sim::new(request());
    let ids = ["t.py::a[1]", "t.py::b", "t.py::a[2]"];
    sim.collect(MAIN, &ids);
    sim.test(MAIN, ids[0], Outcome::Passed);
    sim.start(MAIN, ids[1]);
    sim.exit(MAIN, SIGSEGV, "");
    let command = *sim.commands().last().unwrap();
    assert_eq!(command.skip, ids[..2]);
    assert_eq!(command.known, [ids[0], ids[2]]);
}

#[test]
fn the_tests_that_stalled_workers_leave_run_in_a_new_process() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.bye(MAIN, 2, Some(StopReason::Stalled));
    assert_eq!(sim.commands().last().unwrap().skip, ["t.py::a"]);
    assert_eq!(sim.notices(), ["xdist-stalled"]);
    sim.collect(MAIN, &["t.py::b"]);
    sim.test(MAIN, "t.py::b", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
    // Without progress, it is tried no more than three times.
    let mut sim = Sim::new(request());
    for _ in 0..3 {
        assert!(!sim.is_over());
        sim.collect(MAIN, &["t.py::a"]);
        sim.bye(MAIN, 2, Some(StopReason::Stalled));
    }
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn a_lost_test_makes_the_run_incomplete() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
    assert_eq!(sim.attempts()[1], ("t.py::b", 1, Outcome::NotRun));
}

#[test]
fn what_is_missing_weighs_more_than_what_failed() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &["t.py::a", "t.py::b"]);
    sim.test(MAIN, "t.py::a", Outcome::Failed);
    sim.bye(MAIN, 1, None);
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn a_test_that_is_made_while_others_run_counts() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &[]);
    sim.tell_tests(MAIN, &["t.py::late"]);
    sim.test(MAIN, "t.py::late", Outcome::Failed);
    sim.bye(MAIN, 1, None);
    assert_eq!(sim.outcome(), (RunOutcome::Failed, 1));
}

#[test]
fn nothing_collected_is_empty_but_nothing_heard_is_incomplete() {
    let mut sim = Sim::new(request());
    sim.collect(MAIN, &[]);
    sim.bye(MAIN, 5, None);
    assert_eq!(sim.outcome(), (RunOutcome::Empty, 5));

    let mut sim = Sim::new(request());
    sim.hello_with(MAIN, Some("8.0"));
    sim.bye(MAIN, 3, Some(StopReason::Internal));
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
}

#[test]
fn a_failing_test_that_passes_in_a_fresh_process_is_flaky() {
    let mut sim = Sim::new(RunRequest {
        reruns: 2,
        ..request()
    });
    sim.collect(MAIN, &["t.py::a", "u.py::b"]);
    sim.test(MAIN, "t.py::a", Outcome::Failed);
    sim.test(MAIN, "u.py::b", Outcome::Passed);
    sim.bye(MAIN, 1, None);
    let rerun = sim.commands()[1];
    assert_eq!(rerun.only, Some(vec!["t.py::a".to_owned()]));
    assert_eq!(
        rerun.argv,
        ["--rootdir", ".", "-c", "/p/pyproject.toml", "t.py"]
    );
    sim.collect(MAIN, &["t.py::a"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
    let last = sim.records().last().unwrap();
    assert_eq!((last.attempt, last.flaky), (2, true));
}

#[test]
fn a_test_that_fails_in_every_round_has_failed() {
    let mut sim = Sim::new(RunRequest {
        reruns: 1,
        ..request()
    });
    sim.collect(MAIN, &["t.py::a"]);
    sim.test(MAIN, "t.py::a", Outcome::Failed);
    sim.bye(MAIN, 1, None);
    sim.collect(MAIN, &["t.py::a"]);
    sim.test(MAIN, "t.py::a", Outcome::Error);
    sim.bye(MAIN, 1, None);
    assert_eq!(sim.outcome(), (RunOutcome::Failed, 1));
    assert_eq!(sim.attempts()[1], ("t.py::a", 2, Outcome::Error));
}

#[test]
fn a_rerun_that_does_not_report_leaves_the_earlier_verdict() {
    let mut sim = Sim::new(RunRequest {
        reruns: 1,
        ..request()
    });
    sim.collect(MAIN, &["t.py::a"]);
    sim.test(MAIN, "t.py::a", Outcome::Failed);
    sim.bye(MAIN, 1, None);
    sim.collect(MAIN, &[]);
    sim.bye(MAIN, 5, None);
    assert_eq!(sim.attempts(), [("t.py::a", 1, Outcome::Failed)]);
    assert_eq!(sim.outcome(), (RunOutcome::Failed, 1));
}

#[test]
fn enough_failures_stop_every_shard_and_are_no_gap() {
    let mut sim = Sim::new(RunRequest {
        max_fail: Some(1),
        ..two_paths(2)
    });
    sim.collect(MAIN, &["a/t.py::a", "a/t.py::b"]);
    sim.collect(OTHER, &["b/t.py::c", "b/t.py::d"]);
    sim.start(OTHER, "b/t.py::c");
    sim.test(MAIN, "a/t.py::a", Outcome::Failed);
    let stops = sim.log.iter().filter(|effect| {
        matches!(
            effect,
            Effect::Send {
                command: Command::Stop { .. },
                ..
            }
        )
    });
    assert_eq!(stops.count(), 2);
    sim.finish(OTHER, "b/t.py::c", Outcome::Passed);
    sim.bye(MAIN, 1, Some(StopReason::Stop));
    sim.bye(OTHER, 1, Some(StopReason::Stop));
    assert_eq!(sim.outcome(), (RunOutcome::Failed, 1));
    assert_eq!(
        sim.attempts()
            .iter()
            .filter(|(_, _, o)| *o == Outcome::NotRun)
            .count(),
        2
    );
}

#[test]
fn shards_wait_for_a_free_worker() {
    let mut sim = Sim::new(two_paths(1));
    assert_eq!(sim.commands().len(), 1);
    sim.collect(MAIN, &["a/t.py::a"]);
    sim.test(MAIN, "a/t.py::a", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    assert_eq!(sim.commands().len(), 2);
    sim.collect(OTHER, &[]);
    sim.bye(OTHER, 5, None);
    assert_eq!(sim.outcome(), (RunOutcome::Passed, 0));
    assert!(sim.notices().contains(&"empty-path"));
}

#[test]
fn a_file_that_cannot_be_collected_makes_the_run_incomplete() {
    let mut sim = Sim::new(request());
    sim.hello_with(MAIN, Some("8.0"));
    sim.line(
        MAIN,
        HarnessEvent::CollectReport(CollectReport {
            id: "t.py".to_owned(),
            file: Some("/p/t.py".to_owned()),
            outcome: Outcome::Error,
            message: Some("SyntaxError".to_owned()),
            longrepr: None,
        }),
    );
    sim.bye(MAIN, 2, Some(StopReason::CollectErrors));
    assert_eq!(sim.outcome(), (RunOutcome::Incomplete, 6));
    assert_eq!(sim.attempts(), [("t.py", 1, Outcome::Error)]);
}

#[test]
fn arguments_that_pytest_refuses_are_a_usage_error() {
    let mut sim = Sim::new(request());
    sim.hello_with(MAIN, Some("8.0"));
    sim.bye(MAIN, 4, Some(StopReason::Usage));
    assert_eq!(sim.outcome(), (RunOutcome::Error, 2));
}

#[test]
fn lines_and_branches_of_all_processes_are_united() {
    let mut sim = Sim::new(RunRequest {
        harness: HarnessOptions::default(),
        ..two_paths(2)
    });
    for (shard, executed, missing) in [
        (MAIN, "1-3", [(1, 4), (5, -1)]),
        (OTHER, "3-5", [(1, 2), (5, -1)]),
    ] {
        let test = format!("{shard}.py::a");
        sim.collect(shard, &[&test]);
        sim.test(shard, &test, Outcome::Passed);
        let files = vec![CoverageLines {
            file: "/p/m.py".to_owned(),
            statements: Some("1-10".to_owned()),
            executed: executed.to_owned(),
            branches: Some(Branches {
                total: 4,
                missing: missing.into(),
            }),
        }];
        sim.line(shard, HarnessEvent::Coverage { files });
        sim.bye(shard, 0, None);
    }
    let totals = sim.log.iter().rev().find_map(|effect| match effect {
        Effect::Write(Write::CoverageTotals(totals)) => Some(*totals),
        _ => None,
    });
    let united = CoverageTotals {
        statements: 10,
        covered: 5,
        branches: Some(4),
        covered_branches: Some(3),
    };
    assert_eq!(totals, Some(united));
}
