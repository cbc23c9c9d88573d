//! Runs, tests and attempts to write, and a plain connection to look at what was written.

use std::fmt::Write as _;
use std::path::Path;

use menace_agent::model::{
    AttemptRecord, Branches, Counts, CoverageTotals, ExitCode, FileCoverage, Level, NewRun, Notice,
    Outcome, ProcessIdentity, RunEnd, RunFacts, RunId, RunOutcome, Section, ShardFacts, ShardIndex,
    TestItem, TestKey, WarningRecord, Write,
};
use menace_agent::store::{APPLICATION_ID, Store};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::sample;

/// A point in time that all samples are near: 2025-01-01T00:00:00Z.
pub(crate) const NOW_MS: i64 = 1_735_689_600_000;

pub(crate) const SHARD: ShardIndex = ShardIndex(0);

pub(crate) fn open(path: &Path) -> Store {
    Store::open(path, NOW_MS).unwrap()
}

pub(crate) fn new_run() -> NewRun {
    NewRun {
        facts: RunFacts {
            uuid: menace_agent::clock::new_uuid().to_string(),
            trigger: "manual".to_owned(),
            project: "/home/lab/project".to_owned(),
            paths: vec!["tests".to_owned()],
            pytest_args: vec!["-k".to_owned(), "not slow".to_owned()],
            selection_key: "tests -k 'not slow'".to_owned(),
            started_ms: NOW_MS,
            executor: "host".to_owned(),
            workers: 2,
            agent_version: "0.1.0".to_owned(),
            ..RunFacts::default()
        },
        holder: process(4242),
        lease: None,
        cycle: None,
    }
}

pub(crate) fn process(pid: u32) -> ProcessIdentity {
    ProcessIdentity {
        pid,
        boot_id: "6f3a".to_owned(),
        pid_space: "pid:[1]".to_owned(),
        start_time: Some(1_234_567),
    }
}

pub(crate) fn test(nodeid: &str) -> TestItem {
    TestItem {
        nodeid: nodeid.to_owned(),
        file: nodeid.split("::").next().unwrap_or_default().to_owned(),
        line: Some(7),
    }
}

pub(crate) fn attempt(nodeid: &str, number: u32, outcome: Outcome) -> AttemptRecord {
    AttemptRecord {
        line: test(nodeid).line,
        attempt: number,
        started_ms: Some(NOW_MS + 5),
        duration_s: Some(0.25),
        setup_s: Some(0.05),
        call_s: Some(0.15),
        teardown_s: Some(0.05),
        worker: Some("main".to_owned()),
        peak_rss_bytes: Some(50_000_000),
        cpu_s: Some(0.2),
        ..sample::attempt(nodeid, outcome)
    }
}

pub(crate) fn key(nodeid: &str) -> TestKey {
    sample::attempt(nodeid, Outcome::Passed).key()
}

/// The end of a run, so long after its begin.
pub(crate) fn run_ended(outcome: RunOutcome, after_ms: i64) -> Write {
    Write::RunEnded(Box::new(RunEnd {
        finished_ms: NOW_MS + after_ms,
        outcome,
        exit_code: ExitCode::of_outcome(outcome),
        failure: None,
    }))
}

/// A state file as an agent leaves it that was killed after migration `version` of the present
/// ones. Once a version is released, files of it are restored from its dump instead.
pub(crate) fn file_of_version(path: &Path, version: i32) {
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut connection = plain(path);
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    refinery_core::Runner::new(&refinery_core::load_sql_migrations(migrations).unwrap())
        .set_target(refinery_core::Target::Version(version))
        .run(&mut connection)
        .unwrap();
}

/// A connection of a user with another program.
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the file from outside of the store"
)]
pub(crate) fn plain(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

/// The texts of [`two_runs`]' failure.
pub(crate) const REPORT: &str =
    "    def test_add():\n>       assert add(1, 2) == 4\nE       assert 3 == 4";

/// Run 1, which ended `failed`, and run 2, which has no end.
///
/// Run 1 has one test for each of: passed, failed, flaky (attempt 2 passed), skipped, not run.
/// Run 2 has the same tests, with the failure mended, and one of them new.
pub(crate) fn two_runs(store: &mut Store) -> [RunId; 2] {
    let failing = AttemptRecord {
        message: Some("assert 3 == 4".to_owned()),
        longrepr: Some(REPORT.to_owned()),
        sections: vec![Section {
            title: "Captured stdout call".to_owned(),
            text: "adding 1 and 2\n".to_owned(),
        }],
        ..attempt("tests/test_add.py::test_add", 1, Outcome::Failed)
    };
    let first_try = AttemptRecord {
        message: Some("connection refused".to_owned()),
        ..attempt("tests/test_net.py::test_ping", 1, Outcome::Failed)
    };
    let second_try = AttemptRecord {
        flaky: true,
        duration_s: Some(1.5),
        ..attempt("tests/test_net.py::test_ping", 2, Outcome::Passed)
    };
    let first = store.open_run(&new_run()).unwrap();
    let mut writes = beginning();
    writes.extend([
        put(attempt("tests/test_add.py::test_zero", 1, Outcome::Passed)),
        put(failing),
        put(first_try),
        put(second_try),
        put(attempt("tests/test_net.py::test_old", 1, Outcome::Skipped)),
        Write::Counts(Counts {
            passed: 2,
            failed: 1,
            skipped: 1,
            not_run: 1,
            flaky: 1,
            ..Counts::default()
        }),
        Write::Warning {
            warning: WarningRecord {
                category: "DeprecationWarning".to_owned(),
                message: "old".to_owned(),
                file: "src/add.py".to_owned(),
                line: 3,
                nodeid: None,
            },
            count: 4,
        },
    ]);
    writes.extend(ending(RunOutcome::Failed));
    store.write(first, &writes).unwrap();

    let second = store.open_run(&new_run()).unwrap();
    let mut writes = beginning();
    writes.push(put(attempt(
        "tests/test_add.py::test_add",
        1,
        Outcome::Passed,
    )));
    store.write(second, &writes).unwrap();
    [first, second]
}

fn beginning() -> Vec<Write> {
    let nodeids = [
        "tests/test_add.py::test_zero",
        "tests/test_add.py::test_add",
        "tests/test_net.py::test_ping",
        "tests/test_net.py::test_old",
        "tests/test_net.py::test_last",
    ];
    vec![
        Write::Git {
            commit: "5f2b1c".to_owned(),
            dirty: true,
        },
        Write::ProcessStarted {
            serial: 1,
            shard: Some(SHARD),
            process: process(4243),
            started_ms: NOW_MS + 1,
        },
        Write::ShardFacts {
            shard: SHARD,
            facts: ShardFacts {
                python: "3.11.7".to_owned(),
                pytest: "8.3.4".to_owned(),
                executable: "/usr/bin/python3".to_owned(),
            },
        },
        Write::Collected {
            shard: SHARD,
            root: String::new(),
            tests: nodeids.map(test).into(),
        },
    ]
}

fn ending(outcome: RunOutcome) -> Vec<Write> {
    let covered = |file: &str, statements: &str, executed: &str, branches| FileCoverage {
        file: file.to_owned(),
        statements: statements.parse().unwrap(),
        executed: executed.parse().unwrap(),
        branches,
    };
    let branches = Branches {
        total: 4,
        missing: [(2, 4), (3, -1)].into(),
    };
    vec![
        Write::Coverage(vec![
            covered("src/add.py", "1-4", "1-3", Some(branches)),
            covered("src/empty.py", "", "", None),
        ]),
        Write::CoverageTotals(CoverageTotals {
            statements: 4,
            covered: 3,
            branches: Some(4),
            covered_branches: Some(2),
        }),
        Write::Notice(Notice {
            level: Level::Info,
            code: "xdist-missing".to_owned(),
            message: "pytest-xdist is not there".to_owned(),
            hint: None,
        }),
        Write::ProcessEnded {
            serial: 1,
            ended_ms: NOW_MS + 2400,
            status: "exit status 1".to_owned(),
        },
        Write::ShardEnded {
            shard: SHARD,
            finished_ms: NOW_MS + 2450,
            exit_status: Some(1),
            deaths: 0,
        },
        run_ended(outcome, 2500),
    ]
}

pub(crate) fn put(record: AttemptRecord) -> Write {
    Write::Attempt(Box::new(record))
}

/// The answers of all views, as text. The uuids are left out.
pub(crate) fn answer(connection: &Connection) -> String {
    let mut text = String::new();
    for view in [
        "run_summary",
        "test_outcome",
        "test_attempt",
        "file_coverage",
        "self_test_history",
    ] {
        let mut query = connection
            .prepare(&format!("SELECT * FROM {view}"))
            .unwrap();
        let names: Vec<String> = query.column_names().map(str::to_owned).collect();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let _ = writeln!(text, "{view}");
            for (column, name) in names.iter().enumerate().filter(|(_, name)| *name != "uuid") {
                let value = match row.get_ref(column).unwrap() {
                    ValueRef::Null => "NULL".to_owned(),
                    ValueRef::Integer(number) => number.to_string(),
                    ValueRef::Real(number) => format!("{number:?}"),
                    other => format!("{:?}", other.as_str().unwrap()),
                };
                let _ = writeln!(text, "  {name}: {value}");
            }
        }
    }
    text
}
