//! Whatever is written in whatever order, the views agree with what was said last.

use std::cell::RefCell;
use std::collections::BTreeMap;

use menace_agent::model::{AttemptRecord, Counts, ExitCode, Outcome, RunId, Write};
use menace_agent::store::Store;
use proptest::prelude::*;
use rusqlite::Connection;

use super::sample::{SHARD, attempt, new_run, open, plain, put, test};

/// One step of a run: tests are collected, or one of them reports.
#[derive(Debug, Clone)]
enum Step {
    Collect(Vec<u8>),
    Report {
        test: u8,
        attempt: u32,
        outcome: Outcome,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop::sample::select(Outcome::ALL.to_vec());
    prop_oneof![
        1 => prop::collection::vec(0u8..8, 0..8).prop_map(Step::Collect),
        4 => (0u8..8, 1u32..4, outcome)
            .prop_map(|(test, attempt, outcome)| Step::Report { test, attempt, outcome }),
    ]
}

fn nodeid(test: u8) -> String {
    format!("a.py::test_{test}")
}

/// The tallies that the state file should have, kept in the simplest way.
#[derive(Debug, Default)]
struct Model {
    attempts: BTreeMap<(u8, u32), (Outcome, bool)>,
}

impl Model {
    /// Returns what the store is asked to write.
    fn take(&mut self, step: &Step) -> Write {
        match step {
            Step::Collect(tests) => {
                for test in tests {
                    if !self.attempts.keys().any(|(known, _)| known == test) {
                        self.attempts.insert((*test, 1), (Outcome::NotRun, false));
                    }
                }
                Write::Collected {
                    shard: SHARD,
                    root: String::new(),
                    tests: tests.iter().map(|test_| test(&nodeid(*test_))).collect(),
                }
            }
            Step::Report {
                test,
                attempt: number,
                outcome,
            } => {
                let flaky = *outcome == Outcome::Passed && *number > 1;
                self.attempts.insert((*test, *number), (*outcome, flaky));
                put(AttemptRecord {
                    flaky,
                    ..attempt(&nodeid(*test), *number, *outcome)
                })
            }
        }
    }

    /// The last attempt of each test.
    fn last(&self) -> BTreeMap<String, (u32, Outcome, bool)> {
        let attempts = self.attempts.iter();
        attempts
            .map(|((test, number), (outcome, flaky))| (nodeid(*test), (*number, *outcome, *flaky)))
            .collect()
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, outcome, flaky) in self.last().into_values() {
            *counts.get_mut(outcome) += 1;
            counts.flaky += u64::from(flaky);
        }
        counts
    }
}

fn outcomes(connection: &Connection, run: RunId) -> BTreeMap<String, (u32, Outcome, bool)> {
    let sql = "SELECT nodeid, attempts, outcome, flaky FROM test_outcome WHERE run_id = ?1";
    let mut query = connection.prepare(sql).unwrap();
    let rows = query.query_map([run.0], |row| {
        let outcome: String = row.get(2)?;
        Ok((
            row.get(0)?,
            (row.get(1)?, outcome.parse().unwrap(), row.get(3)?),
        ))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn check(store: &mut Store, connection: &Connection, batches: &[Vec<Step>]) {
    let run = store.open_run(&new_run()).unwrap();
    let mut model = Model::default();
    for batch in batches {
        let mut writes: Vec<Write> = batch.iter().map(|step| model.take(step)).collect();
        writes.push(Write::Counts(model.counts()));
        store.write(run, &writes).unwrap();
        // A batch whose commit was in doubt is written again.
        store.write(run, &writes).unwrap();
    }
    assert_eq!(outcomes(connection, run), model.last());
    let row = store.reader().unwrap().run(run).unwrap().unwrap();
    assert_eq!(row.counts, model.counts());
    let attempts: i64 = connection
        .query_row(
            "SELECT count(*) FROM test_attempt WHERE run_id = ?1",
            [run.0],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(usize::try_from(attempts).unwrap(), model.attempts.len());
    // Counted from the rows, the tallies are the same.
    store.close_interrupted(run, 0, ExitCode::SIGINT).unwrap();
    let row = store.reader().unwrap().run(run).unwrap().unwrap();
    assert_eq!(row.counts, model.counts());
}

#[test]
fn the_views_agree_with_the_writes_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let store = RefCell::new(open(&path));
    let connection = plain(&path);
    let batches = prop::collection::vec(prop::collection::vec(step(), 0..8), 0..5);
    let config = ProptestConfig {
        failure_persistence: None,
        cases: 128,
        ..ProptestConfig::default()
    };
    proptest!(config, |(batches in batches)| {
        check(&mut store.borrow_mut(), &connection, &batches);
    });
}
