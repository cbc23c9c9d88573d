//! Counters over all runs: each run counts once, and nothing takes a count back.

use std::path::Path;

use menace_agent::model::{Counts, CycleOutcome, ExitCode, Liveness, Outcome, RunOutcome, Write};
use menace_agent::store::{Counter, Reader};

use super::sample::{NOW_MS, attempt, new_run, open, plain, put, run_ended, two_runs};

fn read(path: &Path, counter: Counter) -> u64 {
    Reader::open(path).unwrap().counter(counter).unwrap()
}

/// `name value` of everything that was counted.
fn counted(path: &Path) -> Vec<String> {
    let connection = plain(path);
    let sql = "SELECT name || ' ' || value FROM counter ORDER BY name";
    let mut query = connection.prepare(sql).unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

/// The results of four tests, and the end of their run.
fn ended(outcome: RunOutcome) -> Vec<Write> {
    let tests = [
        ("a.py::test_a", Outcome::Passed),
        ("a.py::test_b", Outcome::Passed),
        ("a.py::test_c", Outcome::Passed),
        ("a.py::test_d", Outcome::TimedOut),
    ];
    let counts = Counts {
        passed: 3,
        timed_out: 1,
        ..Counts::default()
    };
    let results = tests.map(|(test, outcome)| put(attempt(test, 1, outcome)));
    let end = [Write::Counts(counts), run_ended(outcome, 10)];
    results.into_iter().chain(end).collect()
}

#[test]
fn counters_start_at_zero_and_only_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    assert_eq!(read(&path, Counter::ContainerFailures), 0);
    store.add_to_counter(Counter::ContainerFailures, 2).unwrap();
    store.add_to_counter(Counter::ContainerFailures, 0).unwrap();
    store.add_to_counter(Counter::ContainerFailures, 3).unwrap();
    let failures = read(&path, Counter::ContainerFailures);
    assert_eq!(failures, 5);
    assert_eq!(read(&path, Counter::ContainerTimeouts), 0);
}

#[test]
fn counters_have_names_of_their_own() {
    let runs = RunOutcome::ALL.map(Counter::Runs).into_iter();
    let tests = Outcome::ALL.map(Counter::Tests);
    let cycles = CycleOutcome::ALL.map(Counter::Cycles);
    let all = runs.chain(tests).chain(cycles).chain([
        Counter::ContainerFailures,
        Counter::ContainerTimeouts,
        Counter::ContainersReaped,
    ]);
    let mut names: Vec<String> = all.map(|counter| counter.to_string()).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_run_counts_once_although_its_end_is_written_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let run = store.open_run(&new_run()).unwrap();
    assert_eq!(counted(&path), [""; 0]);
    for _ in 0..2 {
        store.write(run, &ended(RunOutcome::Incomplete)).unwrap();
    }
    store
        .close_interrupted(run, NOW_MS + 20, ExitCode::SIGINT)
        .unwrap();
    assert_eq!(
        counted(&path),
        ["runs_incomplete 1", "tests_passed 3", "tests_timed_out 1"]
    );
}

#[test]
fn a_run_that_is_closed_for_a_gone_agent_counts_with_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let run = store.open_run(&new_run()).unwrap();
    let results = [
        put(attempt("a.py::test_a", 1, Outcome::Passed)),
        put(attempt("a.py::test_b", 1, Outcome::NotRun)),
    ];
    store.write(run, &results).unwrap();
    for _ in 0..2 {
        store
            .close_interrupted(run, NOW_MS, ExitCode::SIGINT)
            .unwrap();
    }
    assert_eq!(
        counted(&path),
        ["runs_interrupted 1", "tests_not_run 1", "tests_passed 1"]
    );
    // Nobody was gone: the agent had only been held up. The true end takes the place of the other.
    for _ in 0..2 {
        store.write(run, &ended(RunOutcome::Passed)).unwrap();
        assert_eq!(
            counted(&path),
            [
                "runs_interrupted 0",
                "runs_passed 1",
                "tests_not_run 0",
                "tests_passed 3",
                "tests_timed_out 1"
            ]
        );
    }
}

#[test]
fn runs_that_are_removed_stay_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    two_runs(&mut open(&path));
    let before = counted(&path);
    assert_eq!(before.len(), 5, "{before:?}");
    plain(&path)
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             DELETE FROM attempt; DELETE FROM process; DELETE FROM shard; DELETE FROM run;",
        )
        .unwrap();
    assert_eq!(counted(&path), before);
    let mut store = open(&path);
    let run = store.open_run(&new_run()).unwrap();
    assert_eq!(run.0, 3);
    store.write(run, &ended(RunOutcome::Failed)).unwrap();
    assert_eq!(read(&path, Counter::Runs(RunOutcome::Failed)), 2);
    let state = Reader::open(&path)
        .unwrap()
        .metrics_snapshot(NOW_MS, |_| Liveness::Unknown);
    assert_eq!(state.unwrap().tests.passed, 5);
}

#[test]
fn what_is_counted_at_the_end_of_a_run_is_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let run = store.open_run(&new_run()).unwrap();
    let told = Counts {
        passed: 2,
        ..Counts::default()
    };
    for _ in 0..2 {
        let writes = [
            put(attempt("a.py::test_a", 1, Outcome::Passed)),
            Write::Counts(told),
            run_ended(RunOutcome::Passed, 10),
        ];
        store.write(run, &writes).unwrap();
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.run(run).unwrap().unwrap().counts.total(), 1);
        let notices = reader.notices(run).unwrap();
        let said: Vec<&str> = notices.iter().map(|notice| &*notice.message).collect();
        assert_eq!(
            said,
            ["2 results were told, and the run has 1 different tests: some ran twice"]
        );
    }
    assert_eq!(counted(&path), ["runs_passed 1", "tests_passed 1"]);
}

#[test]
fn a_run_that_was_stopped_before_its_first_result_is_no_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let mut close = |results: &[Write]| {
        let run = store.open_run(&new_run()).unwrap();
        store.write(run, results).unwrap();
        store
            .close_interrupted(run, NOW_MS, ExitCode::SIGTERM)
            .unwrap();
        let shown = "SELECT count(*) FROM self_test_history";
        let shown: u32 = plain(&path).query_row(shown, [], |row| row.get(0)).unwrap();
        let record = Reader::open(&path).unwrap().run(run).unwrap().unwrap();
        (record.has_figures(), shown)
    };
    assert_eq!(close(&[]), (false, 0));
    let not_run = put(attempt("a.py::test_a", 1, Outcome::NotRun));
    assert_eq!(close(&[not_run]), (false, 0));
    let passed = put(attempt("a.py::test_a", 1, Outcome::Passed));
    assert_eq!(close(&[passed]), (true, 1));
}
