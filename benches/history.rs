//! The speed of questions about the history: the queries of `migrations/README.md` over many runs.
//!
//! ```text
//! cargo bench --bench history                          300 runs of 2,000 tests
//! cargo bench --bench history -- --runs 3000 --tests 3000
//! ```
//!
//! The state file is written by the agent's own store: one test in fifty fails, and one in three
//! hundred is flaky. Each query is asked five times, as a new connection each; the median counts.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a program of its own, which opens files, prints figures and stops at a surprise"
)]

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../src/model/sample.rs"]
mod sample;

use std::path::Path;
use std::time::Instant;

use menace_agent::model::{
    self, AttemptRecord, ExitCode, NewRun, Outcome, ProcessIdentity, RunEnd, RunFacts, RunOutcome,
    ShardIndex, TestItem, Write,
};
use menace_agent::store::Store;
use rusqlite::Connection;

/// The question about one test is asked about this one.
const TEST: &str = "tests/test_a.py::test_sum";
const ROUNDS: usize = 5;
const README: &str = include_str!("../migrations/README.md");

fn main() {
    let (runs, tests) = sizes();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("agent.db");
    let began = Instant::now();
    fill(&path, runs, tests);
    let bytes = std::fs::metadata(&path).expect("the state file").len();
    println!(
        "{} results of {runs} runs, {} MB, written in {:.1} s",
        runs * tests,
        bytes / 1_000_000,
        began.elapsed().as_secs_f64()
    );
    let questions = questions();
    assert!(questions.len() >= 2, "{questions:?}");
    for (question, sql) in questions {
        let mut times: Vec<f64> = (0..ROUNDS).map(|_| ask(&path, &sql)).collect();
        times.sort_by(f64::total_cmp);
        println!("{:>8.1} ms  {question}", times[ROUNDS / 2] * 1e3);
    }
}

fn sizes() -> (usize, usize) {
    let (mut runs, mut tests) = (300, 2_000);
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let number = words.next().and_then(|text| text.parse().ok());
        match (word.as_str(), number) {
            ("--runs", Some(number)) => runs = number,
            ("--tests", Some(number)) => tests = number,
            _ => panic!("`{word}`: `--runs N` and `--tests N` were expected"),
        }
    }
    (runs, tests)
}

/// The questions of the README with their queries.
fn questions() -> Vec<(String, String)> {
    let (_, section) = README.split_once("## Questions\n").expect("the questions");
    let (section, _) = section.split_once("\n## ").expect("the end of them");
    let mut found = Vec::new();
    let mut question = "";
    for part in section.split("\n\n") {
        let Some((_, query)) = part.split_once('"') else {
            question = part.trim();
            continue;
        };
        let query = query.trim_end().trim_end_matches('"');
        found.push((question.to_owned(), query.to_owned()));
    }
    found
}

/// Asks in a new connection; seconds.
fn ask(path: &Path, sql: &str) -> f64 {
    let began = Instant::now();
    let connection = Connection::open(path).expect("the state file opens");
    let mut query = connection.prepare(sql).expect("a query of the README");
    let mut rows = query.query([]).expect("an answer");
    let mut count = 0;
    while rows.next().expect("a row").is_some() {
        count += 1;
    }
    assert!(count > 0, "no row: {sql}");
    began.elapsed().as_secs_f64()
}

fn fill(path: &Path, runs: usize, tests: usize) {
    let names: Vec<String> = (1..tests)
        .map(|n| format!("tests/test_{}.py::test_{n}", n % 40))
        .chain([TEST.to_owned()])
        .collect();
    let shard = ShardIndex(0);
    for run in 0..runs {
        let started_ms =
            1_735_689_600_000 + i64::try_from(run).expect("a small number") * 3_600_000;
        let mut store = Store::open(path, started_ms).expect("the state file opens");
        let facts = RunFacts {
            uuid: run.to_string(),
            started_ms,
            ..sample::run(0).facts
        };
        let new = NewRun {
            facts,
            holder: ProcessIdentity {
                pid: 1,
                boot_id: String::new(),
                pid_space: String::new(),
                start_time: None,
            },
            lease: None,
            cycle: None,
        };
        let id = store.open_run(&new).expect("a run");
        let items = names.iter().map(|nodeid| TestItem {
            nodeid: nodeid.clone(),
            file: file_of(nodeid),
            line: Some(1),
        });
        let mut writes = vec![Write::Collected {
            shard,
            root: String::new(),
            tests: items.collect(),
        }];
        writes.extend((0..names.len()).flat_map(|n| results(&names[n], run + n, started_ms)));
        writes.push(Write::RunEnded(Box::new(RunEnd {
            finished_ms: started_ms + 60_000,
            outcome: RunOutcome::Failed,
            exit_code: ExitCode::of_outcome(RunOutcome::Failed),
            failure: None,
        })));
        store.write(id, &writes).expect("the results are stored");
    }
}

/// The attempts of a test in a run.
fn results(nodeid: &str, chance: usize, started_ms: i64) -> Vec<Write> {
    let attempt = |number, outcome, flaky| {
        Write::Attempt(Box::new(AttemptRecord {
            attempt: number,
            flaky,
            started_ms: Some(started_ms),
            duration_s: Some(0.01),
            worker: Some("main".to_owned()),
            ..sample::attempt(nodeid, outcome)
        }))
    };
    match chance {
        n if n % 300 == 0 => vec![
            attempt(1, Outcome::Failed, false),
            attempt(2, Outcome::Passed, true),
        ],
        n if n % 50 == 0 => vec![attempt(1, Outcome::Failed, false)],
        _ => vec![attempt(1, Outcome::Passed, false)],
    }
}

fn file_of(nodeid: &str) -> String {
    let file = nodeid.split("::").next().unwrap_or(nodeid);
    file.to_owned()
}
