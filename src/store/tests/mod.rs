//! Tests that need the inside of the store: migrations that this agent does not have yet.

use std::path::Path;

use refinery_core::{Migration, Runner, load_sql_migrations};
use rusqlite::Connection;

use super::StoreError;
use super::connect::{Access, connect};
use super::db::Db;
use super::open::Store;
use super::schema::{APPLICATION_ID, latest_version, migrate_by, runner};

const NOW_MS: i64 = 1_735_689_600_000;

/// A row in every table, each with a link wherever one can be.
const ROWS: &str = "
    INSERT INTO run (run_id, uuid, trigger, project, executor, workers, pytest_args, selection_key,
        agent_version, holder_pid, holder_boot_id, holder_pid_space, started_ms, active_ms)
    VALUES (1, 'u', 'manual', '/p', 'host', 1, '[]', 'k', '0', 2, 'b', 's', 1, 1);
    INSERT INTO shard (run_id, shard, path) VALUES (1, 0, 'tests');
    INSERT INTO process (run_id, serial, shard, pid, boot_id, pid_space, started_ms)
    VALUES (1, 1, 0, 3, 'b', 's', 1);
    INSERT INTO notice (run_id, position, level, code, message) VALUES (1, 1, 'info', 'c', 'm');
    INSERT INTO counter (name, value) VALUES ('runs_passed', 1);
    INSERT INTO file (file_id, path) VALUES (1, 'a.py'), (2, 'b.py');
    INSERT INTO test (test_id, root, nodeid, file_id) VALUES (1, '', 'a.py::t', 1);
    INSERT INTO content (content_id, sha256, size_bytes, body) VALUES (1, zeroblob(32), 0, x'');
    INSERT INTO attempt (run_id, test_id, attempt, shard, outcome, is_last, flaky, details_id)
    VALUES (1, 1, 1, 0, 'failed', 1, 0, 1);
    INSERT INTO coverage (run_id, file_id, statements, covered, statement_lines_id, executed_lines_id)
    VALUES (1, 2, 1, 1, 1, 1);
    INSERT INTO load (run_id, serial, tests_id, files_id) VALUES (1, 1, 1, 1);
    INSERT INTO warning (warning_id, category, message, file_id, line) VALUES (1, 'W', 'm', 1, 1);
    INSERT INTO run_warning (run_id, warning_id, times_seen) VALUES (1, 1, 1);
    INSERT INTO lease (name, token, run_id, holder_host, holder_pid, holder_boot_id, holder_pid_space,
        acquired_ms, heartbeat_ms, expires_ms)
    VALUES ('containers', 1, 1, 'h', 2, 'b', 's', 1, 1, 1);
    INSERT INTO image_archive (path, size_bytes, mtime_ns, sha256, format, image_id, architecture, os,
        tags, verified_ms)
    VALUES ('/i', 1, 1, hex(zeroblob(32)), 'oci', 'sha256:1', 'amd64', 'linux', '[]', 1);
    INSERT INTO source_file (path, size_bytes, content_hash, reading)
    VALUES ('a.py', 1, zeroblob(16), x'');
    INSERT INTO scan (scan_id, project, scanned_ms, files, analysed, discoveries)
    VALUES (1, '/p', 1, 1, 1, '');
    INSERT INTO orphan (file_id, module, kind, isolated, reason, source, status, first_seen_ms,
        first_seen_run, last_tested_run)
    VALUES (1, 'a', 'island', 0, 'r', 'scan', 'passed', 1, 1, 1);
    INSERT INTO held_back (file_id) VALUES (2);
    INSERT INTO taken_off (file_id) VALUES (2);
    INSERT INTO orphan_lead (file_id, by_file_id) VALUES (1, 2);
    INSERT INTO trial (run_id, file_id, module, outcome, doctests, tests, touched, details_id)
    VALUES (1, 1, 'a', 'passed', 0, 0, 0, 1);
    INSERT INTO module_map (file_id, module, group_id, source, run_id, added_ms)
    VALUES (1, 'a', 0, 'run', 1, 1);
    INSERT INTO workflow (workflow_id, name, created_ms) VALUES (1, 'w', 1);
    INSERT INTO workflow_step (workflow_id, position, file_id, module, source, run_id, added_ms)
    VALUES (1, 1, 1, 'a', 'run', 1, 1);
    INSERT INTO mirror (name, size_bytes, mtime_ns, content_hash) VALUES ('m', 1, 1, zeroblob(16));
    INSERT INTO schedule (schedule_id, spec, seed, next_ms, due_ms, failures, started_ms, agent_version)
    VALUES (1, 's', 1, 1, 1, 0, 1, '0');
    INSERT INTO cycle (cycle_id, reason, due_ms, missed, started_ms, run_id)
    VALUES (1, 'due', 1, 0, 1, 1);";

/// An open connection to a file of this agent with [`ROWS`] in it.
fn full(path: &Path) -> Db {
    drop(Store::open(path, NOW_MS).unwrap());
    let connection = connect(path, Access::Write).unwrap();
    let file = path.to_owned();
    connection.execute_batch(ROWS).unwrap();
    Db { file, connection }
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut query = connection.prepare(sql).unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

/// Every table with its rows, but the history of migrations, which grows.
fn contents(connection: &Connection) -> Vec<(String, Vec<String>)> {
    let tables = texts(
        connection,
        "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'refinery%'
         ORDER BY name",
    );
    let rows = |table: String| {
        let mut query = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .unwrap();
        let columns = query.column_count();
        let rows = query.query_map([], |row| {
            let cells = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
            Ok(cells.collect::<Vec<_>>().join(" "))
        });
        let rows = rows.unwrap().collect::<rusqlite::Result<_>>().unwrap();
        (table, rows)
    };
    tables.into_iter().map(rows).collect()
}

/// The SQL that rebuilds a table with `from` replaced by `to` in its definition.
fn rebuild(connection: &Connection, table: &str, from: &str, to: &str) -> String {
    let of = |kind: &str| {
        texts(
            connection,
            &format!("SELECT sql FROM sqlite_schema WHERE type = '{kind}' AND sql IS NOT NULL"),
        )
    };
    let head = format!("CREATE TABLE {table} (");
    let tables = of("table");
    let definition = tables.iter().find(|sql| sql.starts_with(&head)).unwrap();
    assert!(definition.contains(from), "{definition}");
    let definition = definition
        .replace(&head, &format!("CREATE TABLE new_{table} ("))
        .replace(from, to);
    let indexes: Vec<String> = of("index")
        .into_iter()
        .filter(|sql| sql.contains(&format!(" ON {table} (")))
        .collect();
    let views = of("view");
    let names = texts(
        connection,
        "SELECT name FROM sqlite_schema WHERE type = 'view'",
    );
    let drops: Vec<String> = names
        .iter()
        .map(|name| format!("DROP VIEW {name};"))
        .collect();
    format!(
        "{}\n{definition};\nINSERT INTO new_{table} SELECT * FROM {table};
         DROP TABLE {table};\nALTER TABLE new_{table} RENAME TO {table};\n{};\n{};",
        drops.join("\n"),
        indexes.join(";\n"),
        views.join(";\n"),
    )
}

/// The migrations of this agent and those that follow.
fn extended(following: &[(&str, String)]) -> Runner {
    let mut all = runner().get_migrations().clone();
    for (at, (name, sql)) in (1..).zip(following) {
        let name = format!("V{}__{name}", latest_version() + at);
        all.push(Migration::unapplied(&name, sql).unwrap());
    }
    Runner::new(&all)
}

fn switch_foreign_keys(db: &Db, on: bool) {
    db.connection
        .pragma_update(None, "foreign_keys", on)
        .unwrap();
}

#[test]
fn every_migration_of_the_folder_is_one_of_this_agent() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut files = load_sql_migrations(folder).unwrap();
    files.sort_by_key(Migration::version);
    assert_eq!(runner().get_migrations(), &files);
    assert_eq!(usize::try_from(latest_version()).unwrap(), files.len());
}

#[test]
fn a_check_can_be_widened_and_no_row_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = full(&folder.path().join("agent.db"));
    let before = contents(&db.connection);
    for (table, rows) in &before {
        assert!(!rows.is_empty(), "ROWS has none for {table}");
    }
    let steps = [
        ("widen_trigger", "run", "'library')", "'library', 'api')"),
        (
            "widen_kind",
            "orphan",
            "'isolated')",
            "'isolated', 'example')",
        ),
    ];
    let steps =
        steps.map(|(name, table, from, to)| (name, rebuild(&db.connection, table, from, to)));
    switch_foreign_keys(&db, false);
    migrate_by(extended(&steps), &mut db, NOW_MS).unwrap();
    switch_foreign_keys(&db, true);
    assert_eq!(contents(&db.connection), before);
    db.connection
        .execute_batch("UPDATE run SET trigger = 'api'; UPDATE orphan SET kind = 'example'")
        .unwrap();
    let dangling = db.connection.execute("DELETE FROM run", []);
    assert!(dangling.unwrap_err().to_string().contains("FOREIGN KEY"));
}

#[test]
fn a_migration_that_breaks_a_link_leaves_the_file_at_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut db = full(&path);
    let before = contents(&db.connection);
    switch_foreign_keys(&db, false);
    let step = [("lose_runs", "DELETE FROM run".to_owned())];
    let error = migrate_by(extended(&step), &mut db, NOW_MS).unwrap_err();
    let version = latest_version() + 1;
    assert!(
        matches!(&error, StoreError::Migrate { version: at, .. } if *at == version),
        "{error:?}"
    );
    let causes = crate::diag::in_one_line(&error);
    let broken = "1 rows of `coverage` refer to rows of `run` that are not there";
    assert!(causes.ends_with(broken), "{causes}");
    assert_eq!(contents(&db.connection), before);
}

#[test]
fn a_new_file_whose_making_was_cut_short_is_still_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    std::fs::write(&path, "").unwrap();
    let mut db = Db {
        connection: connect(&path, Access::Write).unwrap(),
        file: path.clone(),
    };
    db.connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    // As a kill between two migrations would.
    let step = [("fail", "INSERT INTO nothing VALUES (1)".to_owned())];
    migrate_by(extended(&step), &mut db, NOW_MS).unwrap_err();
    drop(db);
    drop(Store::open(&path, NOW_MS).unwrap());
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    let name = names.pop().unwrap().unwrap().file_name();
    assert_eq!((name.to_str(), names.len()), (Some("agent.db"), 0));
}

#[test]
fn copies_that_killed_agents_left_are_removed_after_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    // Both were made at `NOW_MS`.
    let left = [
        "agent.db.v3.bak.01941f29-7c00-7000-8000-000000000000",
        "agent.db.unfinished-01941f29-7c00-7000-8000-000000000000",
    ];
    let kept = ["agent.db.v3.bak", "agent.db.v3.bak.mine"];
    for name in left.iter().chain(&kept) {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    std::fs::write(folder.path().join(left[0].to_owned() + "-journal"), "").unwrap();
    let hour_ms = 60 * 60 * 1000;
    drop(Store::open(&path, NOW_MS + hour_ms).unwrap());
    let is_there = |name: &str| folder.path().join(name).exists();
    assert!(left.iter().chain(&kept).all(|name| is_there(name)));
    drop(Store::open(&path, NOW_MS + 25 * hour_ms).unwrap());
    assert!(!left.iter().any(|name| is_there(name)));
    assert!(!is_there(&(left[0].to_owned() + "-journal")));
    assert!(kept.iter().all(|name| is_there(name)));
}
