//! The figures of the exporter agree with the state file, and are found without reading its
//! history.

use std::path::Path;
use std::time::Duration;

use menace_agent::metrics::{ScheduleFacts, Snapshot};
use menace_agent::model::{
    CoverageTotals, CycleOutcome, ExitCode, Holder, Liveness, OrphanKind, ProcessIdentity,
    RunOutcome, RunRecord, ShardIndex, Write,
};
use menace_agent::run::lease::CONTAINERS;
use menace_agent::store::{Leases, Reader};

use super::sample::{NOW_MS, new_run, open, plain, process, run_ended, two_runs};

/// The process of a cycle that has ended.
const GONE: u32 = 4711;

fn snapshot(path: &Path) -> Snapshot {
    let reader = Reader::open(path).unwrap();
    let liveness = |process: &ProcessIdentity| match process.pid {
        GONE => Liveness::Gone,
        _ => Liveness::Unknown,
    };
    reader.metrics_snapshot(NOW_MS, liveness).unwrap()
}

fn finished_ms(run: &RunRecord) -> Option<i64> {
    run.end.as_ref().map(|end| end.finished_ms)
}

fn execute(path: &Path, sql: &str) {
    plain(path).execute_batch(sql).unwrap();
}

#[test]
fn a_new_file_has_nothing_but_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let _store = open(&path);
    let found = snapshot(&path);
    assert!(found.state_file_bytes > 0 && found.wal_bytes > 0);
    let mut expected = Snapshot {
        state_file_bytes: found.state_file_bytes,
        wal_bytes: found.wal_bytes,
        ..Snapshot::default()
    };
    expected.runs = RunOutcome::ALL.map(|outcome| (outcome, 0)).into();
    expected.cycles = CycleOutcome::ALL.map(|outcome| (outcome, 0)).into();
    assert_eq!(found, expected);
}

#[test]
fn the_last_run_is_the_latest_that_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    two_runs(&mut open(&path));
    let found = snapshot(&path);
    let last = found.last_run.unwrap();
    assert_eq!(finished_ms(&last), Some(NOW_MS + 2500));
    assert_eq!(last.duration_ms(), Some(2500));
    assert_eq!(last.outcome(), Some(RunOutcome::Failed));
    assert_eq!((last.counts.passed, last.counts.flaky), (2, 1));
    let covered = CoverageTotals {
        statements: 4,
        covered: 3,
        branches: Some(4),
        covered_branches: Some(2),
    };
    assert_eq!(last.coverage, Some(covered));
    // From its first process to its own end.
    assert_eq!(found.path_durations_ms, [2449]);
    assert_eq!(found.last_success_ms, None);
    assert_eq!(found.tests.not_run, 1);
    assert!(found.runs.contains(&(RunOutcome::Failed, 1)));
}

#[test]
fn figures_are_of_whole_runs_and_of_those_of_the_schedule_if_one_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let mut end = |trigger: &str, narrowed_by: &[&str], outcome, after_ms| {
        let mut new = new_run();
        new.facts.trigger = trigger.to_owned();
        new.facts.narrowed_by = narrowed_by.iter().map(ToString::to_string).collect();
        let run = store.open_run(&new).unwrap();
        store.write(run, &[run_ended(outcome, after_ms)]).unwrap();
    };
    let figures = || {
        let found = snapshot(&path);
        let last = found.last_run.as_ref().and_then(finished_ms);
        [last, found.last_success_ms].map(|ms| ms.map(|ms| ms - NOW_MS))
    };
    end("manual", &["-k x"], RunOutcome::Passed, 10);
    assert_eq!(figures(), [Some(10), Some(10)], "there is no whole run yet");
    end("schedule", &[], RunOutcome::Failed, 20);
    assert_eq!(figures(), [Some(20), None]);
    end("manual", &[], RunOutcome::Passed, 30);
    end("manual", &["tests/a.py"], RunOutcome::Failed, 40);
    assert_eq!(figures(), [Some(30), Some(30)]);
    execute(
        &path,
        "INSERT INTO schedule (schedule_id, spec, seed, next_ms, due_ms, failures, started_ms,
                               agent_version)
         VALUES (1, 'every 60 s', 0, 1, 1, 0, 0, '1')",
    );
    assert_eq!(figures(), [Some(20), None]);
    execute(&path, "UPDATE schedule SET stopped_ms = 1");
    assert_eq!(figures(), [Some(30), Some(30)]);
}

#[test]
fn paths_that_were_cut_off_count_until_their_last_process_and_others_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let mut new = new_run();
    new.facts.paths = ["a", "b", "c", "d"].map(str::to_owned).into();
    let run = store.open_run(&new).unwrap();
    let started = |shard, serial, after_ms| Write::ProcessStarted {
        serial,
        shard: Some(ShardIndex(shard)),
        process: process(100 + serial),
        started_ms: NOW_MS + after_ms,
    };
    let ended = |shard, finished_ms| Write::ShardEnded {
        shard: ShardIndex(shard),
        finished_ms,
        exit_status: None,
        deaths: 0,
    };
    let writes = [
        // Two processes, one after the other.
        started(0, 1, 100),
        started(0, 2, 300),
        ended(0, NOW_MS + 900),
        // The clock was set back.
        started(1, 3, 200),
        ended(1, NOW_MS - 9_000),
        // Never begun.
        ended(2, NOW_MS),
        // Still at work when the agent was killed.
        started(3, 4, 1_000),
    ];
    store.write(run, &writes).unwrap();
    store
        .close_interrupted(run, NOW_MS + 1_400, ExitCode::SIGINT)
        .unwrap();
    assert_eq!(snapshot(&path).path_durations_ms, [800, 0, 400]);
}

#[test]
fn the_last_success_is_kept_apart_from_the_last_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    for (outcome, after_ms) in [
        (RunOutcome::Passed, 1),
        (RunOutcome::Passed, 2),
        (RunOutcome::Empty, 3),
    ] {
        let run = store.open_run(&new_run()).unwrap();
        store.write(run, &[run_ended(outcome, after_ms)]).unwrap();
    }
    let found = snapshot(&path);
    assert_eq!(found.last_success_ms, Some(NOW_MS + 2));
    assert_eq!(finished_ms(&found.last_run.unwrap()), Some(NOW_MS + 3));
}

#[test]
fn leases_orphans_and_the_schedule_are_shown_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let _store = open(&path);
    let mut leases = Leases::open(&path).unwrap();
    let holder = Holder {
        host: "lab".to_owned(),
        process: process(1),
    };
    for (name, ttl) in [(CONTAINERS, 30), ("schedule", 0)] {
        let ttl = Duration::from_secs(ttl);
        leases.acquire(name, &holder, NOW_MS, ttl, None).unwrap();
    }
    execute(
        &path,
        "INSERT INTO file (file_id, path) VALUES (1, 'a.py'), (2, 'b.py'), (3, 'c.py');
         INSERT INTO orphan (file_id, module, kind, isolated, reason, source, status, first_seen_ms)
         VALUES (1, 'a', 'island', 0, 'x', 'scan', 'passed', 0),
                (2, 'b', 'island', 0, 'x', 'scan', 'integrated', 0),
                (3, 'c', 'untested', 0, 'x', 'scan', 'untried', 0);
         INSERT INTO cycle (reason, due_ms, missed, started_ms)
         VALUES ('due', 0, 0, 0);
         INSERT INTO counter (name, value) VALUES ('cycles_not_started', 7), ('from_tomorrow', 1);
         INSERT INTO schedule (schedule_id, spec, seed, next_ms, due_ms, failures, started_ms,
                               agent_version)
         VALUES (1, 'cron', 0, 4000, 5000, 2, 0, '1')",
    );
    let found = snapshot(&path);
    assert_eq!(found.held_leases, [CONTAINERS]);
    let (island, untested) = (OrphanKind::Island, OrphanKind::Untested);
    assert_eq!(found.orphans, [(island, 1), (untested, 1)]);
    assert!(found.cycle_in_progress);
    assert!(found.cycles.contains(&(CycleOutcome::NotStarted, 7)));
    let mut schedule = ScheduleFacts {
        due_ms: 5000,
        period_ms: None,
        failures: 2,
    };
    assert_eq!(found.schedule, Some(schedule));

    execute(
        &path,
        "UPDATE cycle SET process_pid = 4711, process_boot_id = 'boot', process_pid_space = 'pid:[1]'",
    );
    assert!(!snapshot(&path).cycle_in_progress, "its process is gone");

    execute(
        &path,
        "UPDATE schedule SET period_ms = 90000; UPDATE cycle SET finished_ms = 1, outcome = 'empty'",
    );
    let found = snapshot(&path);
    schedule.period_ms = Some(90_000);
    assert_eq!(found.schedule, Some(schedule));
    assert!(!found.cycle_in_progress);

    execute(&path, "UPDATE schedule SET stopped_ms = 1");
    assert_eq!(snapshot(&path).schedule, None, "nothing more is due");
}

#[test]
fn cycles_and_missed_due_times_since_a_success_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    assert_eq!(snapshot(&path).cycles_since_success, 0);
    execute(
        &path,
        "INSERT INTO cycle (reason, due_ms, missed, started_ms, finished_ms, outcome)
         VALUES ('due', 0, 5, 0, 1, 'not_started'), ('retry', 0, 0, 2, 3, 'not_started')",
    );
    assert_eq!(
        snapshot(&path).cycles_since_success,
        7,
        "nothing ever passed"
    );
    let run = store.open_run(&new_run()).unwrap();
    store
        .write(run, &[run_ended(RunOutcome::Passed, 10)])
        .unwrap();
    assert_eq!(snapshot(&path).cycles_since_success, 0);
    let insert = format!(
        "INSERT INTO cycle (reason, due_ms, missed, started_ms, finished_ms, outcome)
         VALUES ('catch_up', 0, 2, {began}, {began} + 1, 'not_started');
         INSERT INTO cycle (reason, due_ms, missed, started_ms) VALUES ('due', 0, 0, {began} + 2)",
        began = NOW_MS + 10
    );
    execute(&path, &insert);
    assert_eq!(
        snapshot(&path).cycles_since_success,
        3,
        "the open one says nothing"
    );
}

#[test]
fn years_of_runs_that_fail_are_not_read_for_the_last_success() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    drop(open(&path));
    let connection = plain(&path);
    for (sql, step) in [
        (
            "SELECT finished_ms FROM run WHERE outcome = 'passed' ORDER BY run_id DESC LIMIT 1",
            "SCAN run USING INDEX run_passed",
        ),
        (
            "SELECT kind, count(*) FROM orphan WHERE status <> 'integrated' GROUP BY kind",
            "SCAN orphan USING COVERING INDEX orphan_by_kind",
        ),
        (
            "SELECT reason FROM cycle WHERE finished_ms IS NULL ORDER BY cycle_id",
            "SCAN cycle USING INDEX cycle_open",
        ),
    ] {
        let mut query = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let rows = query.query_map([], |row| row.get::<_, String>(3)).unwrap();
        let plan: Vec<String> = rows.map(Result::unwrap).collect();
        assert_eq!(plan, [step], "{sql}");
    }
}
