//! Carries out the tests of one plan: starts the shards, listens, decides, stores, tells.
//!
//! ```text
//!   harness threads ─┐                           ┌─► engine    start, signal, command
//!   signals ─────────┼─► Input ─► [`phase`] ─► Effect
//!   git, environment ┘        (pure, decides)    └─► recorder ──commit──► EventLine ──► everyone
//! ```
//!
//! A run has two phases: its tests, and then the trials of [`crate::modules`]. The phase of the
//! tests is the `dispatch::Dispatcher`: it has a state machine for each `shard`, and the `accounts`
//! of results. One loop, [`carry_out`], does what a phase says, and does no more. Nobody hears of a
//! result before the [`Recorder`] stored it.
//!
//! The agent can crash at three points of a run:
//!
//! | point of the crash | left behind | mended by |
//! |---|---|---|
//! | before the run is opened | nothing | – |
//! | while it runs | an open run with every result that was shown, test processes | [`recover()`] |
//! | after the last result, before the end is written | an open run with all results | [`recover()`] |
//!
//! Two runs in containers must not overlap. So such a run first takes a [`lease`], which is given
//! back when the [`Job`] that holds it is dropped.
//!
//! **Invariant:** no result is shown that was not stored, even if the store fails.

mod accounts;
mod cleanup;
mod dispatch;
pub mod effect;
mod event_loop;
mod hints;
mod job;
pub mod lease;
mod lock_file;
mod mailbox;
pub mod phase;
mod recorder;
mod recover;
mod report;
mod shard;
#[cfg(test)]
mod tests;
mod verdict;

pub use cleanup::{Swept, Thoroughness, sweep};
pub use effect::StopSignal;
pub use event_loop::carry_out;
pub use job::Job;
pub use lease::{LeaseError, LeaseKeeper, LeaseRequest, Terms, Waiting, try_take};
pub use mailbox::{Mailbox, StopHandle};
pub use recorder::{Recorder, RunError};
pub use recover::{recover, recovery};
pub use report::summary;
pub use verdict::{Troubles, Verdict};

use crate::model::RunOutcome;
use crate::store::StoreError;

/// Carries out the tests of a job. Blocks until every shard is over.
pub fn tests(job: &Job<'_>, recorder: &mut Recorder<'_>) -> Result<Verdict, StoreError> {
    job.mailbox.forget_the_past();
    let baseline = recorder.take_baseline();
    let mut dispatcher = dispatch::Dispatcher::new(&job.plan, &job.executor, baseline);
    carry_out(&mut dispatcher, job, recorder)?;
    let verdict = dispatcher.verdict();
    if [RunOutcome::Incomplete, RunOutcome::Failed].contains(&verdict.outcome) {
        hints::add(job, recorder)?;
    }
    Ok(verdict)
}
