//! Carries out one plan: starts the shards, listens, decides, stores, tells.
//!
//! ```text
//!   harness threads ─┐                       ┌─► engine   start, signal, command
//!   signals ─────────┼─► Input ─► Dispatcher ─┤
//!   git, environment ┘      (pure)           └─► store ──commit──► EventLine ──► sinks
//! ```
//!
//! The `dispatch::Dispatcher` is where a run is decided; it holds a state machine for each `shard`
//! and the `books` of results. The loop around it, `drive`, only carries out what it says. Nobody hears of a result before it is stored.
//! After the tests [`orphans`] are looked for, tried (`trials`) and integrated.
//!
//! What can end a run early, and what it leaves:
//!
//! | point of a crash | left behind | mended by |
//! |---|---|---|
//! | before the run is opened | nothing | – |
//! | while it runs | an open run with every result that was shown, test processes | [`recover`] |
//! | after the last result, before the end is written | an open run with all results | [`recover`] |
//!
//! Runs that must not meet - those in containers - first take a [`lease`], which is given back
//! when the [`Job`] that holds it is dropped.
//!
//! **Invariant:** after a failure of the store nothing is shown that could be mistaken for stored.

pub mod analysis;
mod books;
mod cleanup;
mod dispatch;
mod drive;
pub mod effect;
mod integration;
mod job;
pub mod lease;
mod lock_file;
mod mailbox;
mod mirrors;
pub mod orphans;
mod recover;
mod report;
mod shard;
#[cfg(test)]
mod tests;
mod trials;

pub use cleanup::{Swept, Thoroughness, sweep};
pub use effect::{Failure, StopSignal};
pub use integration::plan_integration;
pub use job::{ContainerJob, Job, RunError, RunReport, carry_out};
pub use lease::{LeaseError, LeaseKeeper, LeaseRequest, Terms, Waiting, try_take};
pub use mailbox::{Mailbox, StopHandle};
pub use mirrors::{read_mirrors, write_mirrors};
pub use orphans::{IntegrationCallback, OrphanJob};
pub use recover::{recover, recovery};
pub use report::summary;
pub use shard::ContainerPolicy;
