//! Files of older agents: brought up to date, with nothing lost and a backup beside them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use menace_agent::store::{Reader, Store, StoreError, latest_version};
use rusqlite::Connection;

use super::sample::{NOW_MS, answer, open, plain, two_runs};

/// A dump of every schema version that was released, except the present one.
const DUMPS: [(i32, &str); 5] = [
    (1, include_str!("schema_v1.sql")),
    (2, include_str!("schema_v2.sql")),
    (3, include_str!("schema_v3.sql")),
    (4, include_str!("schema_v4.sql")),
    (5, include_str!("schema_v5.sql")),
];

fn restore(folder: &Path, dump: &str) -> PathBuf {
    let path = folder.join("agent.db");
    plain(&path).execute_batch(dump).unwrap();
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
fn there_is_a_dump_of_every_earlier_version() {
    let dumped: Vec<i32> = DUMPS.iter().map(|(version, _)| *version).collect();
    let earlier: Vec<i32> = (1..latest_version()).collect();
    assert_eq!(dumped, earlier);
}

#[test]
fn files_of_every_earlier_version_answer_like_new_ones() {
    for (from, dump) in DUMPS {
        let folder = tempfile::tempdir().unwrap();
        let path = restore(folder.path(), dump);
        let present = present(folder.path());
        if from < 2 {
            // Coverage came with version 2.
            present
                .execute_batch(
                    "DELETE FROM coverage; UPDATE run SET statements = NULL, covered = NULL",
                )
                .unwrap();
        }
        let store = open(&path);
        assert_eq!(store.unfinished_runs().unwrap().len(), 1, "from {from}");
        let upgraded = plain(&path);
        assert_eq!(version(&upgraded), latest_version(), "from {from}");
        assert_eq!(schema(&upgraded), schema(&present), "from {from}");
        assert_eq!(answer(&upgraded), answer(&present), "from {from}");
    }
}

#[test]
fn a_private_backup_is_made_before_an_old_file_is_changed() {
    for (from, dump) in DUMPS {
        let folder = tempfile::tempdir().unwrap();
        let path = restore(folder.path(), dump);
        drop(open(&path));
        drop(open(&path));
        let backup = folder.path().join(format!("agent.db.v{from}.bak"));
        assert_eq!(fs::metadata(&backup).unwrap().mode() & 0o777, 0o600);
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 2, "the file and its backup, from {from}");
        let backup = plain(&backup);
        assert_eq!(version(&backup), from);
        let runs: i64 = backup
            .query_row("SELECT count(*) FROM run", [], |row| row.get(0))
            .unwrap();
        assert_eq!(runs, 2);
    }
}

#[test]
fn reading_an_old_file_asks_for_the_upgrade_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = restore(folder.path(), DUMPS[0].1);
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
    let path = restore(folder.path(), DUMPS[0].1);
    plain(&path)
        .execute_batch("CREATE TABLE coverage (mine TEXT)")
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
            "SELECT count(*) FROM pragma_table_info('run') WHERE name = 'statements'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(added, 0, "the first statement of the failed migration");
    assert!(folder.path().join("agent.db.v1.bak").is_file());
}
