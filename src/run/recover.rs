//! Tidies up after an agent that was killed. Safe to repeat, and to die in the middle of.

use super::event_loop::names_of;
use crate::clock::now_ms;
use crate::engine::{identity, kill_leftover, remove_left};
use crate::model::{ExitCode, OpenRun, RunId};
use crate::plan::RecoveryPlan;
use crate::store::{Store, StoreError};

/// Kills what is left of runs whose agent is gone, and closes these runs as `interrupted`.
/// Returns the runs that were closed.
pub fn recover(store: &mut Store) -> Result<Vec<RunId>, StoreError> {
    let plan = recovery(store.open_runs()?);
    if !plan.close.is_empty() {
        // What ended an agent may have ended a write to the disk.
        store.check()?;
    }
    for (process, until_ms) in &plan.kill {
        kill_leftover(process, *until_ms);
    }
    if !plan.close.is_empty() {
        let reader = store.reader()?;
        for (run, ended_ms) in &plan.close {
            if let Some(record) = reader.run(*run)? {
                remove_left(&names_of(&record.facts.uuid));
            }
            store.close_interrupted(*run, *ended_ms, ExitCode::SIGINT)?;
        }
    }
    Ok(plan.close.iter().map(|(run, _)| *run).collect())
}

/// Plans what [`recover`] does with these runs, and changes nothing.
pub fn recovery(open: Vec<OpenRun>) -> RecoveryPlan {
    RecoveryPlan::new(open, now_ms(), identity::liveness)
}
