//! Cycles and the schedule: opened with an intent, closed with what their run says, counted once.

use menace_agent::model::write::{ProcessIdentity, RunEnd, Write};
use menace_agent::model::{CycleId, CycleOutcome, CycleReason, RunOutcome};
use menace_agent::store::{Counter, CycleEnd, NewCycle, ScheduleRow, Store, StoreError};

use super::sample::{NOW_MS, new_run, open};

fn schedule() -> ScheduleRow {
    ScheduleRow {
        spec: "every 3600 s".to_owned(),
        period_ms: Some(3_600_000),
        seed: u64::MAX,
        last_ms: None,
        next_ms: NOW_MS,
        due_ms: NOW_MS + 5,
        failures: 0,
        listen: Some("127.0.0.1:8004".to_owned()),
        started_ms: NOW_MS,
        stopped_ms: None,
        agent_version: "1.2.3".to_owned(),
    }
}

fn new_cycle() -> NewCycle {
    NewCycle {
        reason: CycleReason::CatchUp,
        due_ms: NOW_MS,
        missed: 3,
        holder: ProcessIdentity {
            pid: 7,
            boot_id: "boot".to_owned(),
            start_time: Some(9),
        },
        started_ms: NOW_MS,
        in_history: true,
        message: None,
    }
}

fn end(exit_code: Option<u8>, was_ended: bool) -> CycleEnd {
    CycleEnd {
        finished_ms: NOW_MS + 2_000,
        exit_code,
        was_ended,
        message: Some("its log says why".to_owned()),
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("agent.db"));
    (folder, store)
}

fn begin(store: &mut Store) -> CycleId {
    store.open_cycle(&new_cycle(), &schedule()).unwrap()
}

/// A cycle whose run ended like this.
fn with_run(store: &mut Store, outcome: RunOutcome) -> CycleId {
    let cycle = begin(store);
    let mut new = new_run();
    new.uuid = format!("run of cycle {cycle}");
    new.cycle = Some(cycle);
    let run = store.open_run(&new).unwrap();
    let ended = Write::RunEnded(RunEnd {
        finished_ms: NOW_MS + 1_000,
        outcome,
        exit_code: 0,
    });
    store.write(run, &[ended]).unwrap();
    cycle
}

#[test]
fn a_cycle_is_kept_with_the_schedule_as_it_will_be() {
    let (_folder, mut store) = store();
    let cycle = begin(&mut store);
    let reader = store.reader().unwrap();
    assert_eq!(reader.schedule().unwrap(), Some(schedule()));
    let row = reader.cycle(cycle).unwrap().unwrap();
    assert_eq!(
        (row.reason, row.missed, row.run),
        (CycleReason::CatchUp, 3, None)
    );
    assert_eq!(store.open_cycles().unwrap(), [row]);
    assert_eq!(reader.cycle(CycleId(9)).unwrap(), None);
}

#[test]
fn a_cycle_ends_as_its_run_did() {
    let (_folder, mut store) = store();
    for outcome in RunOutcome::ALL {
        let cycle = with_run(&mut store, outcome);
        // Whatever became of the process: the run was closed before.
        for end in [end(Some(0), false), end(None, true)] {
            let closed = store.close_cycle(cycle, &end, |_| schedule()).unwrap();
            assert_eq!(closed, CycleOutcome::Run(outcome));
        }
        let reader = store.reader().unwrap();
        let counted = reader.counter(Counter::Cycles(CycleOutcome::Run(outcome)));
        assert_eq!(counted.unwrap(), 1, "{outcome} is counted once");
    }
    assert_eq!(store.open_cycles().unwrap(), []);
}

#[test]
fn a_cycle_without_a_run_could_not_start_unless_it_was_ended() {
    let (_folder, mut store) = store();
    let cases = [
        (end(Some(3), false), CycleOutcome::NotStarted),
        (end(None, false), CycleOutcome::NotStarted),
        (
            end(Some(143), false),
            CycleOutcome::Run(RunOutcome::Interrupted),
        ),
        (end(None, true), CycleOutcome::Run(RunOutcome::Interrupted)),
    ];
    for (end, outcome) in cases {
        let cycle = begin(&mut store);
        assert_eq!(
            store.close_cycle(cycle, &end, |_| schedule()).unwrap(),
            outcome,
            "{end:?}"
        );
        let row = store.reader().unwrap().cycle(cycle).unwrap().unwrap();
        assert_eq!(row.message.as_deref(), Some("its log says why"));
    }
}

#[test]
fn what_a_cycle_says_of_itself_comes_before_what_is_said_of_it() {
    let (_folder, mut store) = store();
    let cycle = begin(&mut store);
    store.note_cycle(cycle, "there is no Python").unwrap();
    store.note_cycle(cycle, "and no pytest").unwrap();
    store
        .close_cycle(cycle, &end(Some(3), false), |_| schedule())
        .unwrap();
    let row = store.reader().unwrap().cycle(cycle).unwrap().unwrap();
    assert_eq!(
        row.message.as_deref(),
        Some("there is no Python; and no pytest")
    );
    assert_eq!(row.exit_code, Some(3));
}

#[test]
fn the_history_lacks_what_has_a_run_and_was_not_recorded() {
    let (_folder, mut store) = store();
    let without_run = begin(&mut store);
    store
        .close_cycle(without_run, &end(Some(3), false), |_| schedule())
        .unwrap();
    let cycle = with_run(&mut store, RunOutcome::Failed);
    assert_eq!(store.unrecorded_cycles().unwrap(), [], "it goes on");
    store
        .close_cycle(cycle, &end(Some(1), false), |_| schedule())
        .unwrap();
    let lacking = store.unrecorded_cycles().unwrap();
    assert_eq!(
        lacking.iter().map(|(cycle, _)| *cycle).collect::<Vec<_>>(),
        [cycle]
    );
    store.set_recorded(cycle).unwrap();
    assert_eq!(store.unrecorded_cycles().unwrap(), []);
}

#[test]
fn a_file_that_is_gone_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone/agent.db");
    let error = Store::open_existing(&path).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert!(!folder.path().join("gone").exists());
}
