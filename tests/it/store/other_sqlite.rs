//! State files in the hands of other builds of SQLite, which are older than ours: `sqlite3` of the
//! system, and SQLite 3.34, the oldest one for which schema and views are made.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use menace_agent::store::Reader;

use super::sample::{open, two_runs};
use crate::envs::{available, interpreters, venv};
use crate::lab::{rows, skipped};

/// The outcomes of all tests by run.
const OUTCOMES: &str = "SELECT run_id, nodeid, outcome FROM test_outcome ORDER BY 1, 2";

/// `sqlite3 FILE SCRIPT`, and what it printed; says `SKIPPED` where there is no such program.
fn sqlite3(file: &Path, script: &str) -> Option<String> {
    let mut command = Command::new("sqlite3");
    let output = command
        .args(["-bail", "-batch"])
        .arg(file)
        .arg(script)
        .output();
    let Ok(output) = output else {
        skipped("there is no `sqlite3`");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {errors}");
    assert_eq!(errors, "", "{script}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Makes the file `new` of the SQL in `dump`.
fn restore(dump: &Path, new: &Path) {
    let mut command = Command::new("sqlite3");
    command.args(["-bail", "-batch"]).arg(new);
    command
        .stdin(File::open(dump).unwrap())
        .stdout(Stdio::null());
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors, "");
}

#[test]
fn another_sqlite_finds_nothing_wrong_and_every_view_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    two_runs(&mut open(&path));
    let check = "PRAGMA integrity_check; PRAGMA foreign_key_check;";
    let Some(found) = sqlite3(&path, check) else {
        return;
    };
    assert_eq!(found, "ok\n");
    let views = rows(&path, "SELECT name FROM sqlite_schema WHERE type = 'view'");
    assert!(views.len() > 5, "{views:?}");
    for view in views {
        sqlite3(
            &path,
            &format!("SELECT count(*) FROM \"{view}\"; SELECT * FROM \"{view}\""),
        );
    }
}

/// Checks a file, reads every view and all objects of the schema, dumps the file and restores it.
const IN_PYTHON: &str = "\
import sys
from sqlite3.dump import _iterdump
from pysqlite3 import dbapi2 as sqlite
assert sqlite.sqlite_version_info[:2] == (3, 34), sqlite.sqlite_version
base = sqlite.connect(sys.argv[1])
def texts(connection, sql):
    return [row[0] for row in connection.execute(sql)]
def views(connection):
    names = texts(connection, \"SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY 1\")
    return {name: connection.execute('SELECT * FROM ' + name).fetchall() for name in names}
assert texts(base, 'PRAGMA integrity_check') == ['ok']
assert texts(base, 'PRAGMA foreign_key_check') == []
before = views(base)
assert len(before) > 5 and len(before['test_outcome']) > 3, before
restored = sqlite.connect(sys.argv[2])
restored.executescript('\\n'.join(_iterdump(base)))
assert views(restored) == before
";

#[test]
fn the_oldest_sqlite_checks_reads_dumps_and_restores_a_file() {
    // The last Python that the packages with this SQLite are made for.
    let Some(python) = interpreters().into_iter().find(|it| it.minor == 8) else {
        skipped("there is no Python 3.8");
        return;
    };
    let packages = ["pysqlite3-binary==0.4.5"];
    let Some(python) = available(venv(python.path.to_str().unwrap(), &packages)) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    two_runs(&mut open(&path));
    let mut command = Command::new(python);
    command.args(["-c", IN_PYTHON]).arg(&path);
    let output = command.arg(folder.path().join("new.db")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

#[test]
fn a_file_that_was_restored_from_a_dump_is_read_and_written_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    two_runs(&mut open(&path));
    let before = rows(&path, OUTCOMES);
    assert!(before.len() > 3, "{before:?}");
    let Some(dump) = sqlite3(&path, ".dump") else {
        return;
    };
    let script = folder.path().join("dump.sql");
    fs::write(&script, dump).unwrap();
    let restored = folder.path().join("restored.db");
    restore(&script, &restored);
    assert_eq!(rows(&restored, OUTCOMES), before);

    let reader = Reader::open(&restored).unwrap();
    assert_eq!(reader.history(9).unwrap().len(), 2);
    two_runs(&mut open(&restored));
    assert_eq!(rows(&restored, "SELECT count(*) FROM run_summary"), ["4"]);
    let mark = rows(&restored, "PRAGMA application_id");
    assert_eq!(mark, rows(&path, "PRAGMA application_id"));
}

#[test]
fn what_is_readable_of_a_damaged_file_is_saved_as_the_hint_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    two_runs(&mut open(&path));
    if sqlite3(&path, "PRAGMA wal_checkpoint(TRUNCATE)").is_none() {
        return;
    }
    // The root page of an index: the tables can still be read.
    let root = rows(
        &path,
        "SELECT rootpage FROM sqlite_schema WHERE name = 'cycle_unrecorded'",
    );
    let root: usize = root[0].parse().unwrap();
    let size: usize = rows(&path, "PRAGMA page_size")[0].parse().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[(root - 1) * size..root * size].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let new = folder.path().join("new.db");
    let pipe = format!(
        "sqlite3 {} .dump | sed 's/^ROLLBACK.*/COMMIT;/' | sqlite3 {}",
        path.display(),
        new.display()
    );
    let done = Command::new("sh").args(["-c", &pipe]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(Reader::open(&new).unwrap().history(9).unwrap().len(), 2);
    drop(open(&new));
    assert_eq!(rows(&new, "PRAGMA integrity_check"), ["ok"]);
}
