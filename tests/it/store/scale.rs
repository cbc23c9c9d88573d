//! Large suites: nothing is lost, and no query reads more than it needs.

use menace_agent::model::{Outcome, RunId, RunOutcome, TestItem, Write};
use rusqlite::{Connection, params_from_iter};

use super::sample::{SHARD, attempt, new_run, open, plain, put, run_ended};

const FILES: u32 = 50;
const TESTS_A_FILE: u32 = 2_000;

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut query = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let parameters = params_from_iter(vec![1; query.parameter_count()]);
    let rows = query.query_map(parameters, |row| row.get(3)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn a_hundred_thousand_tests_are_found_through_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    for _ in 0..2 {
        let run = store.open_run(&new_run()).unwrap();
        for file in 0..FILES {
            let tests: Vec<TestItem> = (0..TESTS_A_FILE)
                .map(|n| super::sample::test(&format!("tests/test_{file}.py::test_{n}[a-b]")))
                .collect();
            let results: Vec<Write> = tests
                .iter()
                .map(|test| put(attempt(&test.nodeid, 1, Outcome::Passed)))
                .collect();
            let collected = Write::Collected {
                shard: SHARD,
                root: String::new(),
                tests,
            };
            store.write(run, &[collected]).unwrap();
            store.write(run, &results).unwrap();
        }
        store
            .write(run, &[run_ended(RunOutcome::Passed, 0)])
            .unwrap();
    }

    let connection = plain(&path);
    let rows: i64 = connection
        .query_row(
            "SELECT count(*) FROM test_outcome WHERE run_id = 2",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(rows, i64::from(FILES * TESTS_A_FILE));
    let reader = store.reader().unwrap();
    let compared = reader.differences(RunId(2), RunId(1)).unwrap();
    assert!(compared.tests.is_empty() && compared.added + compared.removed == 0);
    let baseline = store
        .baseline(&new_run().facts.selection_key)
        .unwrap()
        .unwrap();
    assert_eq!(baseline.durations.len(), (FILES * TESTS_A_FILE) as usize);

    for (question, step) in [
        (
            "SELECT * FROM test_outcome WHERE run_id = 2 AND outcome = 'failed'",
            "SEARCH a USING PRIMARY KEY (run_id=?)",
        ),
        (
            "SELECT * FROM test_attempt WHERE run_id = 2 AND nodeid = 'x'",
            "SEARCH a USING PRIMARY KEY (run_id=? AND test_id=?)",
        ),
        // The history of one test: the planner skips from run to run.
        (
            "SELECT run_id, outcome FROM test_outcome WHERE nodeid = 'x'",
            "SEARCH a USING PRIMARY KEY (ANY(run_id) AND test_id=?)",
        ),
        (
            "SELECT * FROM file_coverage WHERE run_id = 2",
            "SEARCH c USING PRIMARY KEY (run_id=?)",
        ),
        (
            "SELECT * FROM run_summary WHERE run_id = 2",
            "SEARCH run USING INTEGER PRIMARY KEY (rowid=?)",
        ),
        (
            "SELECT run_id FROM run WHERE selection_key = ?1 AND run_id < ?2 AND outcome IN ('passed', 'failed', 'incomplete') ORDER BY run_id DESC LIMIT 1",
            "SEARCH run USING INDEX run_by_selection (selection_key=? AND run_id<?)",
        ),
    ] {
        let plan = plan(&connection, question);
        assert!(
            plan.iter().any(|found| found == step),
            "{question}: {plan:#?}"
        );
        // The causes of a failure are an array in its row.
        let mut scans = plan
            .iter()
            .filter(|found| !found.starts_with("SCAN json_each"));
        let scans = scans.any(|found| found.starts_with("SCAN"));
        assert!(!scans, "{question}: {plan:#?}");
    }
    questions_about_all_tests_read_the_attempts_once(&connection);
}

/// They do not look for each test in each run.
fn questions_about_all_tests_read_the_attempts_once(connection: &Connection) {
    for question in [
        "SELECT nodeid, count(*) FROM test_outcome WHERE flaky GROUP BY nodeid ORDER BY 2 DESC",
        "SELECT nodeid, count(*) FROM test_outcome WHERE flaky = 1 GROUP BY nodeid",
        "SELECT nodeid, avg(duration_s) FROM test_attempt GROUP BY nodeid ORDER BY 2 DESC LIMIT 9",
    ] {
        let plan = plan(connection, question);
        assert_eq!(plan[0], "SCAN a", "{question}: {plan:#?}");
    }
}
