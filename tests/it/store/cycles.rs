//! Cycles and the schedule: opened with an intent, closed with what their run says, counted once.

use std::time::Duration;

use menace_agent::model::{CycleId, CycleOutcome, CycleReason, Holder, LeaseClaim, RunOutcome};
use menace_agent::store::{
    Acquisition, Counter, CycleEnd, Leases, NewCycle, ScheduleRow, Store, StoreError,
};

use super::sample::{NOW_MS, new_run, open, process, run_ended};

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

/// A state file, and the claim of the agent that keeps its schedule.
struct Kept {
    _folder: tempfile::TempDir,
    store: Store,
    claim: LeaseClaim,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("agent.db"));
        let claim = claim(&store);
        Self {
            _folder: folder,
            store,
            claim,
        }
    }

    fn begin(&mut self) -> CycleId {
        let begun = self
            .store
            .open_cycle(&self.claim, &new_cycle(), &schedule());
        begun.unwrap()
    }

    fn close(&mut self, cycle: CycleId, end: &CycleEnd) -> CycleOutcome {
        let closed = self
            .store
            .close_cycle(&self.claim, cycle, end, |_| schedule());
        closed.unwrap()
    }

    fn row(&self, cycle: CycleId) -> menace_agent::store::CycleRow {
        self.store.reader().unwrap().cycle(cycle).unwrap().unwrap()
    }
}

fn claim(store: &Store) -> LeaseClaim {
    let holder = Holder {
        host: "lab".to_owned(),
        process: process(7),
    };
    let mut leases = Leases::open(store.path()).unwrap();
    let ttl = Duration::from_mins(1);
    let taken = leases.acquire("schedule", &holder, NOW_MS, ttl, None);
    let Acquisition::Taken(token) = taken.unwrap() else {
        panic!("somebody has it");
    };
    LeaseClaim {
        name: "schedule".to_owned(),
        token,
    }
}

/// A cycle whose run ended like this.
fn with_run(kept: &mut Kept, outcome: RunOutcome) -> CycleId {
    let cycle = kept.begin();
    let mut new = new_run();
    new.facts.uuid = format!("run of cycle {cycle}");
    new.cycle = Some(cycle);
    let run = kept.store.open_run(&new).unwrap();
    kept.store.write(run, &[run_ended(outcome, 1_000)]).unwrap();
    cycle
}

#[test]
fn a_cycle_is_kept_with_the_schedule_that_it_is_due_by() {
    let mut kept = Kept::new();
    let cycle = kept.begin();
    let reader = kept.store.reader().unwrap();
    assert_eq!(reader.schedule().unwrap(), Some(schedule()));
    let row = kept.row(cycle);
    assert_eq!(
        (row.reason, row.missed, row.run),
        (CycleReason::CatchUp, 3, None)
    );
    assert_eq!(reader.open_cycles().unwrap(), [row]);
    assert_eq!(reader.cycle(CycleId(9)).unwrap(), None);
}

#[test]
fn a_cycle_ends_as_its_run_did() {
    let mut kept = Kept::new();
    for outcome in RunOutcome::ALL {
        let cycle = with_run(&mut kept, outcome);
        // Whatever became of the process: the run was closed before.
        for end in [end(Some(0), false), end(None, true)] {
            assert_eq!(kept.close(cycle, &end), CycleOutcome::Run(outcome));
        }
        assert_eq!(kept.row(cycle).message, None, "the run says how it went");
        let reader = kept.store.reader().unwrap();
        let counted = reader.counter(Counter::Cycles(CycleOutcome::Run(outcome)));
        assert_eq!(counted.unwrap(), 1, "{outcome} is counted once");
    }
    assert_eq!(kept.store.reader().unwrap().open_cycles().unwrap(), []);
}

#[test]
fn a_run_that_could_not_be_stored_to_its_end_does_not_say_why_and_its_cycle_does() {
    let mut kept = Kept::new();
    let cycle = with_run(&mut kept, RunOutcome::Interrupted);
    kept.close(cycle, &end(Some(4), false));
    let row = kept.row(cycle);
    assert_eq!(row.message.as_deref(), Some("its log says why"));
}

#[test]
fn a_cycle_without_a_run_could_not_start_unless_it_was_ended() {
    let mut kept = Kept::new();
    let interrupted = CycleOutcome::Run(RunOutcome::Interrupted);
    let cases = [
        (end(Some(3), false), CycleOutcome::NotStarted),
        (end(None, false), CycleOutcome::NotStarted),
        (end(Some(143), false), interrupted),
        (end(None, true), interrupted),
    ];
    for (end, outcome) in cases {
        let cycle = kept.begin();
        assert_eq!(kept.close(cycle, &end), outcome, "{end:?}");
        let message = kept.row(cycle).message;
        assert_eq!(message.as_deref(), Some("its log says why"));
    }
}

#[test]
fn what_a_cycle_says_of_itself_comes_before_what_is_said_of_it() {
    let mut kept = Kept::new();
    let said = |kept: &mut Kept, end: &CycleEnd| {
        let cycle = kept.begin();
        kept.store.note_cycle(cycle, "there is no Python").unwrap();
        kept.store.note_cycle(cycle, "and no pytest").unwrap();
        kept.close(cycle, end);
        kept.row(cycle).message.unwrap()
    };
    let own = "there is no Python; and no pytest";
    assert_eq!(said(&mut kept, &end(Some(3), false)), own);
    // A cycle cannot tell of the signal that killed it, so that comes after its own words.
    let killed = said(&mut kept, &end(None, true));
    assert_eq!(killed, format!("{own}; its log says why"));
    let silent = CycleEnd {
        message: None,
        ..end(None, true)
    };
    assert_eq!(said(&mut kept, &silent), own);
}

#[test]
fn the_history_lacks_what_has_a_run_and_was_not_recorded() {
    let mut kept = Kept::new();
    let without_run = kept.begin();
    kept.close(without_run, &end(Some(3), false));
    let cycle = with_run(&mut kept, RunOutcome::Failed);
    assert_eq!(kept.store.unrecorded_cycles().unwrap(), [], "it goes on");
    kept.close(cycle, &end(Some(1), false));
    let lacking = kept.store.unrecorded_cycles().unwrap();
    assert_eq!(
        lacking.iter().map(|(cycle, _)| *cycle).collect::<Vec<_>>(),
        [cycle]
    );
    kept.store.set_recorded(cycle).unwrap();
    assert_eq!(kept.store.unrecorded_cycles().unwrap(), []);
}

#[test]
fn who_lost_the_schedule_writes_nothing_more() {
    let mut kept = Kept::new();
    let cycle = kept.begin();
    let leases = Leases::open(kept.store.path()).unwrap();
    assert!(leases.release(&kept.claim).unwrap());
    let later = ScheduleRow {
        due_ms: NOW_MS + 99,
        ..schedule()
    };
    let (store, lost) = (&mut kept.store, kept.claim.clone());
    // Also while somebody else keeps it.
    for successor in [false, true] {
        if successor {
            claim(store);
        }
        let end = end(Some(0), false);
        let errors = [
            store.save_schedule(&lost, &later).unwrap_err(),
            store.open_cycle(&lost, &new_cycle(), &later).unwrap_err(),
            store
                .close_cycle(&lost, cycle, &end, |_| later.clone())
                .unwrap_err(),
        ];
        for error in errors {
            let is_lost = matches!(error, StoreError::LeaseLost { .. });
            assert!(is_lost, "{error}");
        }
    }
    let reader = store.reader().unwrap();
    assert_eq!(reader.schedule().unwrap(), Some(schedule()));
    let open = reader.open_cycles().unwrap();
    assert_eq!(
        open.iter().map(|row| row.cycle).collect::<Vec<_>>(),
        [cycle]
    );
}

#[test]
fn a_file_that_is_gone_is_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone/agent.db");
    let error = Store::open_existing(&path).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert!(!folder.path().join("gone").exists());
}
