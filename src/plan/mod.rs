//! Decisions as values: a snapshot and a time go in, a plan comes out that can be printed, tested
//! and refused. Nothing here does anything.
//!
//! [`PytestWords`] tells words for pytest apart, and [`RunPlan`] says which shards a run has and what
//! each of them gets; [`RecoveryPlan`] says what
//! is left of runs whose agent was killed; [`CleanupPlan`] which containers and leases may go;
//! [`portions`] which tests share a process; [`TrialPlan`] which modules that no test reaches are
//! tried; [`OrphanMerge`] and [`MapMerge`] what somebody changed in the JSON files of the data folder.

pub mod cleanup;
pub mod mirror;
pub mod orphans;
pub mod portions;
pub mod recovery;
pub mod run;
pub mod selection;

pub use cleanup::CleanupPlan;
pub use mirror::{MapMerge, OrphanMerge};
pub use orphans::{OrphanWishes, TrialPlan};
pub use recovery::RecoveryPlan;
pub use run::{RunPlan, RunRequest, ShardLimit, ShardPlan, TestPath};
pub use selection::PytestWords;
