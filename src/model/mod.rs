//! The vocabulary of the project: plain values that every other layer speaks in.
//!
//! Nothing here reads a clock, a file or the environment, and nothing here decides anything
//! beyond what a value means. Six groups:
//!
//! - *identity*: [`RunId`], [`ShardIndex`], [`TestKey`];
//! - *cycles*: a [`CycleId`], its [`CycleReason`] and [`CycleOutcome`];
//! - *turns*: [`Lease`], its [`Holder`] and [`LeaseToken`];
//! - *verdicts*: [`Outcome`] of an attempt, [`RunOutcome`] of a run, [`Counts`], [`ExitCode`];
//! - *modules*: a [`Module`] of the project, an [`Orphan`], the [`Trial`] of one, an
//!   [`Integration`]; a [`MapEntry`] of the module map, a [`Workflow`];
//! - *records*: what a stage hands to the next one ([`record`]), what the store is asked to write
//!   ([`mod@write`]), and the published JSON contracts: the event stream ([`event`]), the summary
//!   of a run ([`summary`]), the list of leases ([`lease`]) and the log of a service ([`log`]).

pub mod cycle;
pub mod digest;
pub mod event;
pub mod exit;
pub mod ids;
pub mod lease;
pub mod lines;
pub mod log;
pub mod mirror;
pub mod module;
pub mod module_map;
pub mod outcome;
pub mod record;
pub mod scan;
pub mod status;
pub mod summary;
pub mod write;

pub use cycle::{CycleId, CycleOutcome, CycleReason};
pub use event::{Event, EventLine};
pub use exit::ExitCode;
pub use ids::{GroupId, RunId, ShardIndex, TestKey};
pub use lease::{Hold, Holder, Lease, LeaseClaim, LeaseState, LeaseToken, Liveness};
pub use lines::LineSet;
pub use module::{
    Integration, Module, Orphan, OrphanKind, OrphanSource, OrphanStatus, Touch, Trial, TrialOutcome,
};
pub use module_map::{Groups, MapEntry, Source, Step, Workflow};
pub use outcome::{Counts, Outcome, RunOutcome};
pub use record::{AttemptRecord, CoverageTotals, FileCoverage, FileRecord, Notice, TestItem};
pub use summary::{Comparison, RunSummary, SlowTest};
