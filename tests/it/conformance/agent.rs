//! The results of a suite from the agent: its events, its summary, its state file and its exit
//! code.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use super::Variant;
use super::packages::{Ready, command};
use super::reference::Figures;

/// The verdicts of the agent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: i32,
    /// `test_finished` of the event stream by node id; every one has reported once.
    pub(super) events: BTreeMap<String, String>,
    /// Tests that reported more than once.
    pub(super) repeated: Vec<String>,
    /// The outcome of each test by node id, from the view `test_outcome`.
    pub(super) stored: BTreeMap<String, String>,
    /// Columns of the view `run_summary` by name.
    pub(super) run_summary: BTreeMap<String, i64>,
    /// The summary that `--json` printed.
    pub(super) summary: Value,
    /// The view `file_coverage`, by file.
    pub(super) coverage: BTreeMap<String, Figures>,
}

pub(super) fn run(ready: &Ready, args: &[&str], variant: Variant, out: &Path) -> Answer {
    let (db, events) = (out.join("agent.db"), out.join("events.jsonl"));
    let mut agent = command(ready, Path::new(env!("CARGO_BIN_EXE_agent")), out);
    agent
        .args(["run", "--json", "--timeout", "3600", "--project", "."])
        // Modules that join the module map would be tests that pytest does not have.
        .arg("--no-include-orphans")
        .arg("--python")
        .arg(&ready.python)
        .arg("--db")
        .arg(&db)
        .arg("--events")
        .arg(&events)
        .args(["--workers", &variant.workers().to_string()])
        .args(["--isolate", variant.isolation()]);
    if variant.coverage().is_none() {
        agent.arg("--no-cov");
    }
    let output = agent.arg("--").args(args).output().expect("agent starts");
    let summary = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("agent printed no summary: {error}\n{said}")
    });
    let text = fs::read_to_string(&events).expect("agent wrote its events");
    let (events, repeated) = finished(&text);
    let connection = Connection::open(&db).expect("the state file opens");
    Answer {
        status: output.status.code().expect("no signal ended agent"),
        events,
        repeated,
        stored: stored(&connection),
        run_summary: run_summary(&connection),
        summary,
        coverage: coverage(&connection),
    }
}

fn finished(stream: &str) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut outcomes, mut repeated) = (BTreeMap::new(), Vec::new());
    for line in stream.lines() {
        let event: Value = serde_json::from_str(line).expect("a line of the events");
        if event["t"] == "test_finished" {
            let text = |key: &str| event[key].as_str().expect("a text").to_owned();
            if outcomes.insert(text("nodeid"), text("outcome")).is_some() {
                repeated.push(text("nodeid"));
            }
        }
    }
    (outcomes, repeated)
}

fn stored(connection: &Connection) -> BTreeMap<String, String> {
    let mut query = connection
        .prepare("SELECT nodeid, outcome FROM test_outcome WHERE run_id = 1")
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn run_summary(connection: &Connection) -> BTreeMap<String, i64> {
    const COLUMNS: [&str; 8] = [
        "exit_code",
        "total",
        "passed",
        "failed",
        "error",
        "skipped",
        "xfailed",
        "xpassed",
    ];
    let sql = format!(
        "SELECT {} FROM run_summary WHERE run_id = 1",
        COLUMNS.join(", ")
    );
    let values = connection.query_row(&sql, [], |row| {
        (0..COLUMNS.len()).map(|column| row.get(column)).collect()
    });
    let values: Vec<i64> = values.unwrap();
    COLUMNS.map(str::to_owned).into_iter().zip(values).collect()
}

fn coverage(connection: &Connection) -> BTreeMap<String, Figures> {
    let mut query = connection
        .prepare(
            "SELECT file, statements, covered, coalesce(branches, 0), coalesce(covered_branches, 0)
             FROM file_coverage WHERE run_id = 1",
        )
        .unwrap();
    let rows = query.query_map([], |row| {
        let figures = Figures {
            statements: row.get(1)?,
            covered: row.get(2)?,
            branches: row.get(3)?,
            covered_branches: row.get(4)?,
        };
        Ok((row.get(0)?, figures))
    });
    rows.unwrap().map(Result::unwrap).collect()
}
