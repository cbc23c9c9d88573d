//! The scheduler's side of the state file.
//!
//! The file is opened again for each operation, and never created: so if the project was moved away,
//! or another file was put in its place, the next operation notices it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::clock::{new_uuid, now_ms, rfc3339_ms};
use crate::engine::{identity, kill_leftover};
use crate::mirror::{HistoryError, HistoryRecord, append_to_history};
use crate::model::{
    CycleId, CycleOutcome, LeaseClaim, Liveness, Notice, ProcessIdentity, RunId, RunRecord,
};
use crate::run::recover;
use crate::schedule::{Due, Schedule, State};
use crate::store::{CycleEnd, CycleRow, NewCycle, Reader, ScheduleRow, Store, StoreError};

/// The place of the state file, and the facts that are written with the state of the schedule.
#[derive(Debug, Clone)]
pub(super) struct StateFile {
    db: PathBuf,
    /// The claim on the lease of the schedule. If it was lost, the store refuses to save the
    /// schedule, and to open or close a cycle.
    claim: LeaseClaim,
    /// The time when this scheduler began to work.
    started_ms: i64,
    pub(super) listen: Option<SocketAddr>,
}

/// A cycle that was closed, as its row has it.
#[derive(Debug, Clone)]
pub(super) struct Closed {
    pub(super) outcome: CycleOutcome,
    /// The schedule after this cycle.
    pub(super) state: State,
    pub(super) run: Option<RunId>,
    pub(super) message: Option<String>,
}

impl StateFile {
    pub(super) fn new(db: &Path, claim: LeaseClaim, listen: Option<SocketAddr>) -> Self {
        Self {
            db: db.to_owned(),
            claim,
            started_ms: now_ms(),
            listen,
        }
    }

    /// The state that was saved, if it belongs to the same schedule; else the state of a new one. A
    /// seed that was saved is used again in both cases.
    pub(super) fn state(&self, schedule: &Schedule) -> Result<State, StoreError> {
        let row = Reader::open(&self.db)?.schedule()?;
        let seed = row.as_ref().map_or_else(seed, |row| row.seed);
        let spec = schedule.spec.to_string();
        Ok(match row.filter(|row| row.spec == spec) {
            Some(row) => State {
                seed,
                last_ms: row.last_ms,
                next_ms: row.next_ms,
                due_ms: row.due_ms,
                failures: row.failures,
            },
            None => schedule.begin(seed, now_ms()),
        })
    }

    pub(super) fn save(&self, schedule: &Schedule, state: &State) -> Result<(), StoreError> {
        let row = self.row(schedule, state, None);
        Store::open_existing(&self.db)?.save_schedule(&self.claim, &row)
    }

    /// Saves the state for the last time, with the time at which the scheduler stopped.
    pub(super) fn save_stopped(
        &self,
        schedule: &Schedule,
        state: &State,
    ) -> Result<(), StoreError> {
        let row = self.row(schedule, state, Some(now_ms()));
        Store::open_existing(&self.db)?.save_schedule(&self.claim, &row)
    }

    fn row(&self, schedule: &Schedule, state: &State, stopped_ms: Option<i64>) -> ScheduleRow {
        ScheduleRow {
            spec: schedule.spec.to_string(),
            period_ms: schedule.period_ms(state),
            seed: state.seed,
            last_ms: state.last_ms,
            next_ms: state.next_ms,
            due_ms: state.due_ms,
            failures: state.failures,
            listen: self.listen.map(|addr| addr.to_string()),
            started_ms: self.started_ms,
            stopped_ms,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Opens a cycle that is `due` and starts at `started_ms`. The schedule moves on when the cycle
    /// is closed.
    pub(super) fn open_cycle(
        &self,
        (schedule, state): (&Schedule, &State),
        (due, started_ms): (&Due, i64),
        in_history: bool,
        message: Option<String>,
    ) -> Result<CycleId, StoreError> {
        let new = NewCycle {
            reason: due.reason,
            due_ms: due.due_ms,
            missed: due.missed,
            started_ms,
            in_history,
            message,
        };
        let row = self.row(schedule, state, None);
        Store::open_existing(&self.db)?.open_cycle(&self.claim, &new, &row)
    }

    pub(super) fn set_process(
        &self,
        cycle: CycleId,
        process: &ProcessIdentity,
    ) -> Result<(), StoreError> {
        Store::open_existing(&self.db)?.set_cycle_process(cycle, process)
    }

    /// Closes the runs whose agents are gone, so also the one that the cycle left open, and then
    /// the cycle. `after` gives the state of the schedule after an outcome.
    pub(super) fn close_cycle(
        &self,
        cycle: CycleId,
        end: &CycleEnd,
        schedule: &Schedule,
        after: impl Fn(CycleOutcome) -> State,
    ) -> Result<Closed, StoreError> {
        let mut store = Store::open_existing(&self.db)?;
        recover(&mut store)?;
        let row = |outcome| self.row(schedule, &after(outcome), None);
        let outcome = store.close_cycle(&self.claim, cycle, end, row)?;
        let row = store.reader()?.cycle(cycle)?;
        Ok(Closed {
            state: after(outcome),
            outcome,
            run: row.as_ref().and_then(|row| row.run),
            message: row.and_then(|row| row.message),
        })
    }

    /// True if a cycle has begun its run; false also if the state file cannot be read.
    pub(super) fn has_run(&self, cycle: CycleId) -> bool {
        let row = Reader::open(&self.db).and_then(|reader| reader.cycle(cycle));
        row.is_ok_and(|row| row.is_some_and(|row| row.run.is_some()))
    }

    /// The cycles without an end. A scheduler that begins finds here those that an earlier one
    /// left; their processes may still run.
    pub(super) fn left_open(&self) -> Result<Vec<CycleRow>, StoreError> {
        Reader::open(&self.db)?.open_cycles()
    }

    /// Appends to the history what it lacks: most often the record of one cycle.
    pub(super) fn write_history(&self, path: &Path) -> Result<Vec<Notice>, HistoryProblem> {
        let mut store = Store::open_existing(&self.db)?;
        let reader = store.reader()?;
        let mut notices = Vec::new();
        for (cycle, run) in store.unrecorded_cycles()? {
            if let Some(run) = reader.run(run)?.filter(RunRecord::has_figures) {
                notices.extend(append_to_history(path, &record(&run))?);
            }
            store.set_recorded(cycle)?;
        }
        Ok(notices)
    }
}

/// The reason why the history could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub(super) enum HistoryProblem {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] HistoryError),
}

/// True if the process of a cycle still runs.
pub(super) fn is_alive(cycle: &CycleRow) -> bool {
    let process = cycle.process.as_ref();
    process.is_some_and(|process| identity::liveness(process) == Liveness::Alive)
}

/// Kills the process of a cycle, and its group, if it still runs.
pub(super) fn kill(cycle: &CycleRow) {
    if let Some(process) = &cycle.process {
        kill_leftover(process, cycle.started_ms);
    }
}

fn record(run: &RunRecord) -> HistoryRecord {
    let end = run.end.as_ref();
    let finished_ms = end.map_or(run.facts.started_ms, |end| end.finished_ms);
    HistoryRecord {
        passed: run.counts.passed,
        failed: run.counts.failures(),
        coverage: run.coverage_percent(),
        runtime: run.duration_s().unwrap_or_default(),
        ts: rfc3339_ms(finished_ms),
    }
}

/// A random number.
fn seed() -> u64 {
    let (_, random) = new_uuid().as_u64_pair();
    random
}
