//! Several agents with one state file.

use std::path::Path;
use std::sync::Barrier;
use std::thread;

use menace_agent::model::Outcome;
use menace_agent::store::{Store, latest_version};

use super::child;
use super::sample::{attempt, file_of_version, new_run, open, plain, put};

const AGENTS: i64 = 6;
const BATCHES: i64 = 20;

/// Opens the file, and writes a run in many small transactions.
fn be_an_agent(path: &Path) {
    let mut store: Store = open(path);
    let run = store.open_run(&new_run()).unwrap();
    for n in 0..BATCHES {
        let record = attempt(&format!("a.py::test_{n}"), 1, Outcome::Passed);
        store.write(run, &[put(record)]).unwrap();
    }
}

fn check(path: &Path, runs_before: i64) {
    let connection = plain(path);
    let look = |sql: &str| -> i64 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(look("SELECT count(*) FROM run"), AGENTS + runs_before);
    let written = "SELECT count(*) FROM test_attempt WHERE nodeid LIKE 'a.py%'";
    assert_eq!(look(written), AGENTS * BATCHES);
    assert_eq!(
        look("SELECT count(*) FROM refinery_schema_history"),
        i64::from(latest_version())
    );
    let sound: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
}

fn at_once(path: &Path, agent: fn(&Path)) {
    let start = Barrier::new(usize::try_from(AGENTS).unwrap());
    thread::scope(|scope| {
        for _ in 0..AGENTS {
            scope.spawn(|| {
                start.wait();
                agent(path);
            });
        }
    });
}

#[test]
fn threads_can_make_and_write_one_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/agent.db");
    at_once(&path, be_an_agent);
    check(&path, 0);
}

#[test]
fn threads_can_bring_one_old_file_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    file_of_version(&path, 1);
    at_once(&path, be_an_agent);
    check(&path, 0);
    // A process that comes while another one is between two versions backs up the version that it
    // finds.
    let sql = "SELECT max(version) FROM refinery_schema_history";
    let backed_up = (1..latest_version()).filter(|version| {
        let backup = folder.path().join(format!("agent.db.v{version}.bak"));
        backup.exists() && {
            let found: i32 = plain(&backup).query_row(sql, [], |row| row.get(0)).unwrap();
            assert_eq!(found, *version);
            true
        }
    });
    assert_eq!(backed_up.min(), Some(1));
}

#[test]
fn processes_can_make_and_write_one_new_file() {
    if let Some(path) = child::role() {
        return be_an_agent(&path);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/agent.db");
    at_once(&path, |path| {
        let name = "store::together::processes_can_make_and_write_one_new_file";
        child::run(name, path);
    });
    check(&path, 0);
}
