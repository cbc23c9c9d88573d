//! The vocabulary of the project: plain values that every other layer speaks in.
//!
//! Nothing here reads a clock, a file or the environment, and nothing here decides anything
//! beyond what a value means. Six groups:
//!
//! - *identity*: [`RunId`], [`ShardIndex`], [`TestKey`], [`ProcessIdentity`];
//! - *cycles*: a [`CycleId`], its [`CycleReason`] and [`CycleOutcome`];
//! - *turns*: [`Lease`], its [`Holder`] and [`LeaseToken`];
//! - *verdicts*: [`Outcome`] of an attempt, [`RunOutcome`] of a run, [`Counts`], [`ExitCode`];
//! - *modules*: a [`Module`] of the project, a [`MapEntry`] of the module map, a [`Workflow`];
//! - *records*: one each of a run ([`RunRecord`]), of a test's attempt ([`AttemptRecord`]) and of an
//!   orphan ([`OrphanRecord`], with its [`Trial`]). The store returns them, JSON is made of them,
//!   the terminal shows them. [`mod@write`] is what the store is asked to write of a run.
//!
//! The published JSON contracts are made of these: the event stream ([`event`]), the summary of a
//! run ([`summary`]), the lists of leases ([`lease`]) and modules ([`scan`]), the state of a service
//! ([`status`]) and its log ([`log`]).

pub mod coverage;
pub mod cycle;
pub mod digest;
pub mod event;
pub mod exit;
pub mod harness;
pub mod ids;
pub mod lease;
pub mod lines;
pub mod loaded;
pub mod log;
pub mod mirror;
pub mod module;
pub mod module_map;
pub mod notice;
pub mod orphan;
pub mod outcome;
pub mod process;
pub mod run;
#[cfg(test)]
pub(crate) mod sample;
pub mod scan;
pub mod status;
pub mod summary;
pub mod test;
pub mod write;

pub use coverage::{Branches, CoverageTotals, FileCoverage, percent_in_words};
pub use cycle::{CycleId, CycleOutcome, CycleReason};
pub use event::{Event, EventLine};
pub use exit::ExitCode;
pub use harness::{HarnessOptions, Isolation};
pub use ids::{GroupId, RunId, ShardIndex};
pub use lease::{Hold, Holder, Lease, LeaseClaim, LeaseState, LeaseToken, SCHEDULE_LEASE};
pub use lines::LineSet;
pub use loaded::Loaded;
pub use module::Module;
pub use module_map::{Groups, MapEntry, Source, Step, Workflow};
pub use notice::{Level, Notice, WarningRecord};
pub use orphan::{
    Integration, Orphan, OrphanKind, OrphanRecord, OrphanSource, OrphanStatus, Touch, Trial,
    TrialOutcome,
};
pub use outcome::{Counts, Outcome, RunOutcome};
pub use process::{HEARTBEAT, Liveness, ProcessIdentity};
pub use run::{Failure, NewRun, OpenRun, RunEnd, RunFacts, RunRecord};
pub use summary::{Comparison, FailedTest, RunSummary, SlowTest};
pub use test::{AttemptRecord, FileRecord, Section, TestItem, TestKey};
pub use write::{ShardFacts, Write};
