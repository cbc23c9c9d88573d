//! Files of older agents: brought up to date, with nothing lost and a backup beside them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use menace_agent::diag::Hint;
use menace_agent::store::{Reader, Store, StoreError, latest_version};
use rusqlite::Connection;

use super::sample::{NOW_MS, answer, file_of_version, open, plain, two_runs};

/// The migrations up to this one were released together.
const FIRST_RELEASED: i32 = 5;

/// A dump of [`two_runs`] in every schema version that was released, except the present one.
const DUMPS: [(i32, &str); 0] = [];

fn old(folder: &Path, version: i32) -> PathBuf {
    let path = folder.join("agent.db");
    file_of_version(&path, version);
    path
}

fn version(connection: &Connection) -> i32 {
    let sql = "SELECT max(version) FROM refinery_schema_history";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn schema(connection: &Connection) -> Vec<String> {
    let sql = "SELECT sql FROM sqlite_schema
               WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'refinery%' AND name NOT LIKE 'sqlite%'
               ORDER BY type, name";
    let mut query = connection.prepare(sql).unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

/// A file that was made by this agent, with the rows of the dumps.
fn present(folder: &Path) -> Connection {
    let path = folder.join("present.db");
    two_runs(&mut open(&path));
    plain(&path)
}

#[test]
fn every_released_version_has_a_dump_that_answers_like_a_new_file() {
    let dumped: Vec<i32> = DUMPS.iter().map(|(version, _)| *version).collect();
    let earlier: Vec<i32> = (FIRST_RELEASED..latest_version()).collect();
    assert_eq!(dumped, earlier);
    for (from, dump) in DUMPS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.db");
        plain(&path).execute_batch(dump).unwrap();
        let present = present(folder.path());
        let store = open(&path);
        assert_eq!(store.open_runs().unwrap().len(), 1, "from {from}");
        let upgraded = plain(&path);
        assert_eq!(answer(&upgraded), answer(&present), "from {from}");
    }
}

#[test]
fn a_file_between_two_versions_is_brought_up_to_date_after_a_private_backup() {
    for from in 1..latest_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = old(folder.path(), from);
        plain(&path)
            .execute("INSERT INTO counter VALUES ('runs_passed', 7)", [])
            .unwrap();
        two_runs(&mut open(&path));
        drop(open(&path));
        let backup = folder.path().join(format!("agent.db.v{from}.bak"));
        assert_eq!(fs::metadata(&backup).unwrap().mode() & 0o777, 0o600);
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 2, "the file and its backup, from {from}");
        assert_eq!(version(&plain(&backup)), from);
        let present = present(folder.path());
        let upgraded = plain(&path);
        assert_eq!(version(&upgraded), latest_version(), "from {from}");
        let sql = "SELECT value FROM counter WHERE name = 'runs_passed'";
        let kept: i64 = upgraded.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 7, "from {from}");
        assert_eq!(schema(&upgraded), schema(&present), "from {from}");
        assert_eq!(answer(&upgraded), answer(&present), "from {from}");
    }
}

#[test]
fn reading_an_old_file_asks_for_the_upgrade_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path(), 1);
    let error = Reader::open(&path).unwrap_err();
    assert!(
        matches!(error, StoreError::Older { found: 1, .. }),
        "{error}"
    );
    assert_eq!(version(&plain(&path)), 1);
}

#[test]
fn an_upgrade_that_fails_leaves_the_file_at_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path(), 1);
    plain(&path)
        .execute_batch("CREATE TABLE warning (mine TEXT)")
        .unwrap();
    let error = Store::open(&path, NOW_MS).unwrap_err();
    assert!(
        matches!(error, StoreError::Migrate { version: 2, .. }),
        "{error}"
    );
    let connection = plain(&path);
    assert_eq!(version(&connection), 1);
    let added: i64 = connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'file'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(added, 0, "the first table of the failed migration");
    assert!(folder.path().join("agent.db.v1.bak").is_file());
}

#[test]
fn links_are_checked_again_after_an_upgrade() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path(), 1);
    let mut store = open(&path);
    let run = two_runs(&mut store)[0];
    let connection = plain(&path);
    connection.pragma_update(None, "foreign_keys", 0).unwrap();
    connection.execute("DELETE FROM shard", []).unwrap();
    let write = menace_agent::model::Write::Attempt(Box::new(super::sample::attempt(
        "a.py::t",
        1,
        menace_agent::model::Outcome::Passed,
    )));
    let error = store.write(run, &[write]).unwrap_err();
    assert!(
        menace_agent::diag::in_one_line(&error).contains("FOREIGN KEY"),
        "{error:?}"
    );
}

#[test]
fn a_file_of_an_agent_that_was_never_released_is_refused_with_a_way_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(folder.path(), 5);
    // As the first of its six migrations was.
    plain(&path)
        .execute_batch("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 1")
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = Store::open(&path, NOW_MS).unwrap_err();
    let text = format!("{error}\nhint: {}", error.hint().unwrap());
    let text = text.replace(folder.path().to_str().unwrap(), "DIR");
    insta::assert_snapshot!(text, @"
    the state file `DIR/agent.db` was made by an agent of another line: its migration 1 (`create_runs`) is not the one that this agent knows
    hint: rename it (`mv DIR/agent.db DIR/agent.db.old`), and `agent run` makes a new one, or name another file with `--db FILE`; any SQLite client still reads the old one
    ");
    assert_eq!(fs::read(&path).unwrap(), before);
}
