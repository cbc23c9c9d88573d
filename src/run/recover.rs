//! Tidies up after an agent that was killed. Safe to repeat, and to die in the middle of.

use crate::engine::child::kill_leftover;
use crate::engine::identity::{self, Liveness};
use crate::model::{ExitCode, RunId};
use crate::plan::RecoveryPlan;
use crate::plan::recovery::OpenRun;
use crate::store::{Store, StoreError};

/// Kills what is left of runs whose agent is gone, and closes these runs as `interrupted`.
/// Returns the runs that were closed.
pub fn recover(store: &mut Store) -> Result<Vec<RunId>, StoreError> {
    let plan = recovery(store)?;
    plan.kill.iter().for_each(kill_leftover);
    for (run, ended_ms) in &plan.close {
        store.close_interrupted(*run, *ended_ms, ExitCode::SIGINT.0)?;
    }
    Ok(plan.close.iter().map(|(run, _)| *run).collect())
}

/// What [`recover`] would do.
pub fn recovery(store: &Store) -> Result<RecoveryPlan, StoreError> {
    let unfinished = store.unfinished_runs()?;
    let open = unfinished.iter().map(|run| {
        let alive = |process: &&_| identity::liveness(process) == Liveness::Alive;
        OpenRun {
            run: run.run,
            ended_ms: run.active_ms,
            holder_gone: identity::liveness(&run.holder) == Liveness::Gone,
            leftovers: run.processes.iter().filter(alive).cloned().collect(),
        }
    });
    Ok(RecoveryPlan::new(open.collect()))
}
