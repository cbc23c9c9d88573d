//! The schema is what the snapshot says, and what `migrations/README.md` tells its readers.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::sample::{open, plain, two_runs};

const README: &str = include_str!("../../../migrations/README.md");

fn fresh() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    drop(open(&path));
    let connection = plain(&path);
    (folder, connection)
}

fn column(connection: &Connection, sql: &str) -> Vec<String> {
    let mut query = connection.prepare(sql).unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

/// The first cells of the tables under `heading`, without their backticks.
fn documented(heading: &str) -> Vec<String> {
    let (_, section) = README.split_once(heading).unwrap();
    let lines = section.lines().take_while(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_schema_is_the_one_of_the_snapshot() {
    let (_folder, connection) = fresh();
    let schema = column(
        &connection,
        "SELECT sql FROM sqlite_schema
         WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type, name",
    );
    insta::assert_snapshot!(schema.join(";\n\n"));
}

#[test]
fn every_column_of_every_view_is_described_and_no_other() {
    let (_folder, connection) = fresh();
    let views = column(
        &connection,
        "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name",
    );
    let described: BTreeSet<&str> = README
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .collect();
    assert_eq!(
        views.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        described
    );
    for view in views {
        let sql = format!("SELECT name FROM pragma_table_info('{view}') ORDER BY cid");
        let heading = format!("### `{view}`\n");
        assert_eq!(column(&connection, &sql), documented(&heading), "{view}");
    }
}

/// The tables are not STRICT, which SQLite before 3.37 cannot read.
#[test]
fn values_have_the_types_of_their_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    two_runs(&mut open(&path));
    let connection = plain(&path);
    let columns = column(
        &connection,
        "SELECT format('SELECT count(*) FROM \"%w\" WHERE \"%w\" IS NOT NULL AND typeof(\"%w\") <> %Q',
                       t.name, c.name, c.name, lower(c.type))
         FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'refinery_%'",
    );
    assert!(columns.len() > 100, "{columns:?}");
    for sql in columns {
        let others: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(others, 0, "{sql}");
    }
    let declared = column(
        &connection,
        "SELECT DISTINCT c.type FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'refinery_%'
         ORDER BY 1",
    );
    assert_eq!(declared, ["BLOB", "INTEGER", "TEXT"]);
}

#[test]
fn every_table_is_described_and_no_other() {
    let (_folder, connection) = fresh();
    // Statistics appear with the first run that ends.
    connection.execute_batch("ANALYZE").unwrap();
    let tables: BTreeSet<String> = column(
        &connection,
        "SELECT name FROM sqlite_schema WHERE type = 'table'",
    )
    .into_iter()
    .collect();
    let described: BTreeSet<String> = documented("## Tables\n").into_iter().collect();
    let optional: BTreeSet<String> = ["sqlite_stat1", "sqlite_stat4"].map(str::to_owned).into();
    assert_eq!(
        &tables | &optional,
        described,
        "the tables of the schema and of the page"
    );
}

#[test]
fn the_links_of_tables_are_checked() {
    let (_folder, connection) = fresh();
    let orphan = connection.execute(
        "INSERT INTO attempt (run_id, test_id, attempt, shard, outcome, is_last, flaky)
         VALUES (1, 1, 1, 0, 'passed', 1, 0)",
        [],
    );
    assert!(orphan.unwrap_err().to_string().contains("FOREIGN KEY"));
}

#[test]
fn migrations_hold_no_pragmas_which_would_be_ignored() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let sql = std::fs::read_to_string(&path).unwrap();
            assert!(!sql.to_lowercase().contains("pragma"), "{path:?}");
            assert!(!sql.contains('\r'), "{path:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, menace_agent::store::latest_version());
}
