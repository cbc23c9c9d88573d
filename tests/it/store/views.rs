//! The answers of the views and the reader about runs that are known in every detail.

use menace_agent::insight::compare::ComparedTest;
use menace_agent::model::{Counts, ExitCode, Outcome, RunId, RunOutcome, Write};
use menace_agent::store::StoreError;

use super::sample::{NOW_MS, REPORT, answer, attempt, key, new_run, open, plain, put, two_runs};

#[test]
fn the_views_answer_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    two_runs(&mut open(&path));
    insta::assert_snapshot!(answer(&plain(&path)));
}

#[test]
fn the_reader_answers_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let [first, second] = two_runs(&mut store);
    let reader = store.reader().unwrap();

    let run = reader.run(first).unwrap().unwrap();
    assert_eq!(run.outcome(), Some(RunOutcome::Failed));
    assert_eq!(
        (run.exit_code(), run.duration_s()),
        (Some(ExitCode::TEST_FAILED), Some(2.5))
    );
    assert_eq!(
        (run.counts.total(), run.counts.flaky, run.warnings),
        (5, 1, 4)
    );
    assert_eq!(run.facts.paths, ["tests"]);
    assert_eq!(run.facts.pytest_args, ["-k", "not slow"]);
    assert_eq!(run.python.as_deref(), Some("3.11.7"));
    assert_eq!(run.coverage.unwrap().percent(), Some(62.5));
    assert_eq!(run.git_dirty, Some(true));
    let open_run = reader.latest_run().unwrap().unwrap();
    assert_eq!((open_run.run_id, open_run.outcome()), (second, None));
    assert_eq!(open_run.coverage, None);
    assert_eq!(reader.history(1).unwrap(), [open_run]);
    assert!(reader.run(RunId(99)).unwrap().is_none());

    let failures = reader.failures(first, 10).unwrap();
    let failures: Vec<_> = failures
        .iter()
        .map(|row| (row.nodeid.as_str(), row.outcome, row.message.as_deref()))
        .collect();
    assert_eq!(
        failures,
        [
            (
                "tests/test_add.py::test_add",
                Outcome::Failed,
                Some("assert 3 == 4")
            ),
            ("tests/test_net.py::test_last", Outcome::NotRun, None),
        ]
    );
    let attempts = |nodeid: &str| reader.attempts(first, &key(nodeid)).unwrap();
    let tries = attempts("tests/test_net.py::test_ping");
    let tries: Vec<_> = tries
        .iter()
        .map(|row| (row.attempt, row.outcome, row.flaky))
        .collect();
    assert_eq!(
        tries,
        [(1, Outcome::Failed, false), (2, Outcome::Passed, true)]
    );
    let failed = attempts("tests/test_add.py::test_add").remove(0);
    assert_eq!(failed.longrepr.as_deref(), Some(REPORT));
    assert_eq!(failed.sections[0].text, "adding 1 and 2\n");
    let passed = attempts("tests/test_add.py::test_zero").remove(0);
    assert_eq!((passed.longrepr, passed.sections), (None, Vec::new()));
    assert_eq!(attempts("tests/test_add.py::test_none"), []);
    assert_eq!(
        reader.slowest(first, 1).unwrap()[0].nodeid,
        "tests/test_net.py::test_ping"
    );
    assert_eq!(reader.notices(first).unwrap()[0].code, "xdist-missing");
    assert_eq!(reader.warnings(first).unwrap()[0].count, 4);
    let covered = reader.file_coverage(first).unwrap();
    assert_eq!(
        (covered[0].file.as_str(), covered[0].totals),
        ("src/add.py", run.coverage.unwrap())
    );
}

#[test]
fn two_runs_are_compared_by_what_differs_or_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let [first, second] = two_runs(&mut store);
    let writes = [
        put(attempt(
            "tests/test_add.py::test_zero",
            1,
            Outcome::TimedOut,
        )),
        put(attempt("tests/test_net.py::test_old", 1, Outcome::Skipped)),
        put(attempt("tests/test_net.py::test_ping", 1, Outcome::Passed)),
        put(attempt("tests/test_new.py::test_fine", 1, Outcome::Passed)),
        put(attempt("tests/test_new.py::test_bad", 1, Outcome::Error)),
    ];
    store.write(second, &writes).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.previous_comparable(second).unwrap(), Some(first));
    assert_eq!(reader.previous_comparable(first).unwrap(), None);

    let compared = reader.differences(second, first).unwrap();
    let test = |nodeid: &str, previous, present| ComparedTest {
        key: key(nodeid),
        previous,
        present,
        ..ComparedTest::default()
    };
    let (failed, passed) = (Some(Outcome::Failed), Some(Outcome::Passed));
    assert_eq!(
        compared.tests,
        [
            test("tests/test_add.py::test_add", failed, passed),
            test(
                "tests/test_add.py::test_zero",
                passed,
                Some(Outcome::TimedOut)
            ),
            test("tests/test_new.py::test_bad", None, Some(Outcome::Error)),
        ]
    );
    assert_eq!((compared.added, compared.removed), (2, 0));
    let back = reader.differences(first, second).unwrap();
    assert_eq!((back.added, back.removed), (0, 2));
    let gone = back
        .tests
        .iter()
        .find(|test| test.present.is_none())
        .unwrap();
    assert_eq!(gone.key.nodeid, "tests/test_new.py::test_bad");
    assert!(
        back.tests
            .iter()
            .any(|test| test.flaky && test.key.nodeid.ends_with("test_ping"))
    );
}

#[test]
fn the_baseline_is_the_latest_run_that_was_carried_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let key = new_run().facts.selection_key;
    assert!(store.baseline(&key).unwrap().is_none());
    let [first, second] = two_runs(&mut store);
    store
        .close_interrupted(second, NOW_MS, ExitCode::SIGINT)
        .unwrap();
    let baseline = store.baseline(&key).unwrap().unwrap();
    assert_eq!(
        (baseline.run.run_id, baseline.run.counts.total()),
        (first, 5)
    );
    assert_eq!(baseline.run.duration_s(), Some(2.5));
    let durations = &baseline.durations;
    assert_eq!(
        durations.get("", "tests/test_net.py::test_ping"),
        Some(1500)
    );
    assert_eq!(durations.get("", "tests/test_net.py::test_last"), None);
    assert_eq!(durations.get("sub", "tests/test_net.py::test_ping"), None);
    assert_eq!(durations.len(), 4);
    assert!(store.baseline("other").unwrap().is_none());
}

#[test]
fn an_unfinished_run_is_closed_as_interrupted_and_says_so_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let [_, second] = two_runs(&mut store);
    let unfinished = store.open_runs().unwrap();
    assert_eq!(unfinished.len(), 1);
    assert_eq!(
        (unfinished[0].record.run_id, unfinished[0].holder.pid),
        (second, 4242)
    );
    assert_eq!(unfinished[0].processes[0].pid, 4243);
    assert!(unfinished[0].active_ms >= NOW_MS);

    store
        .close_interrupted(second, NOW_MS + 9, ExitCode::SIGINT)
        .unwrap();
    store
        .close_interrupted(second, NOW_MS + 99, ExitCode::TEST_FAILED)
        .unwrap();
    assert!(store.open_runs().unwrap().is_empty());
    let reader = store.reader().unwrap();
    let run = reader.run(second).unwrap().unwrap();
    assert_eq!(
        (run.outcome(), run.exit_code()),
        (Some(RunOutcome::Interrupted), Some(ExitCode::SIGINT))
    );
    assert_eq!(run.end.unwrap().finished_ms, NOW_MS + 9);
    // Counted from what was stored, although no tally was written.
    let counts = Counts {
        passed: 1,
        not_run: 4,
        ..Counts::default()
    };
    assert_eq!(run.counts, counts);
    let notices = reader.notices(second).unwrap();
    assert_eq!(notices.len(), 1);
    assert_eq!(
        notices[0].message,
        "the agent ended before this run did; 1 of 5 tests had reported"
    );
}

#[test]
fn a_continuation_does_not_take_back_what_was_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let [first, _] = two_runs(&mut store);
    let before = answer(&plain(&path));
    let tests = vec![
        super::sample::test("tests/test_add.py::test_add"),
        super::sample::test("tests/test_net.py::test_ping"),
    ];
    let again = Write::Collected {
        shard: super::sample::SHARD,
        root: String::new(),
        tests,
    };
    store.write(first, &[again]).unwrap();
    assert_eq!(answer(&plain(&path)), before);
}

#[test]
fn an_output_that_comes_again_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let mut failing = attempt("a.py::test", 1, Outcome::Failed);
    failing.longrepr = Some("E   boom\n".repeat(10_000));
    for _ in 0..5 {
        let run = store.open_run(&new_run()).unwrap();
        store.write(run, &[put(failing.clone())]).unwrap();
    }
    let sizes: (i64, i64, i64) = plain(&path)
        .query_row(
            "SELECT count(*), max(size_bytes), max(length(body)) FROM content",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(sizes.0, 1);
    assert!(sizes.1 > 90_000 && sizes.2 < 1_000, "{sizes:?}");
}

#[test]
fn writing_to_a_run_that_is_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let error = store
        .write(RunId(7), &[put(attempt("a.py::test", 1, Outcome::Passed))])
        .unwrap_err();
    assert!(
        matches!(error, StoreError::NoRun { run: RunId(7), .. }),
        "{error}"
    );
}

#[test]
fn times_are_exact_to_the_millisecond() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    open(&path).open_run(&new_run()).unwrap();
    let connection = plain(&path);
    let edges = [0, 1, 999, 1_000, 951_782_399_999, 4_102_444_800_001];
    let spread = (0..1_000).map(|n| NOW_MS + n * 86_399_773 + n % 1_000);
    for started_ms in edges.into_iter().chain(spread) {
        connection
            .execute("UPDATE run SET started_ms = ?1", [started_ms])
            .unwrap();
        let text: String = connection
            .query_row("SELECT started_at FROM run_summary", [], |row| row.get(0))
            .unwrap();
        let expected = jiff::Timestamp::from_millisecond(started_ms).unwrap();
        assert_eq!(text, format!("{expected:.3}"), "{started_ms}");
    }
}
