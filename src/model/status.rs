//! What goes on now, as far as the state file knows.
//!
//! [`StatusReport`] is a published contract; `agent schema status` prints its JSON Schema. Within
//! one version keys are only added.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cycle::{CycleId, CycleReason};
use super::ids::RunId;
use super::lease::LeaseEntry;

/// The version of [`StatusReport`].
pub const STATUS_VERSION: u32 = 1;

/// What goes on now. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent status --json")]
pub struct StatusReport {
    /// The version of this format, 1.
    pub v: u32,
    /// The schedule; null when no agent ever kept one.
    pub schedule: Option<ScheduleStatus>,
    /// The cycle that is being carried out, or was when its agent was killed.
    pub cycle: Option<CycleStatus>,
    /// The last cycle that ended.
    pub last_cycle: Option<CycleStatus>,
    /// The runs that go on, of the schedule and of anybody else, oldest first.
    pub runs: Vec<RunStatus>,
    /// The leases, by name.
    pub leases: Vec<LeaseEntry>,
}

/// Whether somebody keeps the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// An agent is at work.
    Live,
    /// The last one was stopped.
    Stopped,
    /// The last one is gone and did not say goodbye: killed, or its machine went down.
    Gone,
}

/// The schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleStatus {
    /// Whether somebody keeps it.
    pub state: ScheduleState,
    /// How due times follow each other: `every 3600 s`, `cron 30 2 * * *`.
    pub spec: String,
    /// When the next cycle begins, or was to begin.
    pub due_at: String,
    /// Cycles in a row that could not be carried out.
    pub failures: u32,
    /// The machine of the agent that keeps it; null when none does.
    pub host: Option<String>,
    /// Its process.
    pub pid: Option<u32>,
    /// When the agent that keeps it, or kept it last, started.
    pub started_at: String,
    /// When it stopped.
    pub stopped_at: Option<String>,
    /// Where its exporter listens; null without one.
    pub listen: Option<String>,
    /// Its version.
    pub agent_version: String,
}

/// A cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CycleStatus {
    /// Its number.
    pub cycle_id: CycleId,
    /// Why it began.
    pub reason: CycleReason,
    /// When it was due.
    pub due_at: String,
    /// Due times before it at which nothing began.
    pub missed: u64,
    /// When it began.
    pub started_at: String,
    /// When it ended; null while it goes on.
    pub finished_at: Option<String>,
    /// The outcome of its run, or `not_started`; null while it goes on.
    pub outcome: Option<String>,
    /// What its process returned.
    pub exit_code: Option<u8>,
    /// Its run; null when it has none, or none yet.
    pub run_id: Option<RunId>,
    /// Whether its process is known to have ended while its end is not stored yet.
    #[serde(default)]
    pub gone: bool,
    /// Why it could not start, or what else is to be known of it.
    pub message: Option<String>,
}

/// A run that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunStatus {
    /// Its number.
    pub run_id: RunId,
    /// What started it: `manual`, `schedule` or `library`.
    pub trigger: String,
    /// `host`, `docker` or `podman`.
    pub executor: String,
    /// Its process.
    pub pid: u32,
    /// Whether that is known to be gone: the next start closes the run.
    pub gone: bool,
    /// When it started.
    pub started_at: String,
    /// Tests that were collected so far.
    pub tests: u64,
    /// Those of them that have reported.
    pub reported: u64,
    /// Those of them that failed, crashed or ran out of time.
    pub failed: u64,
}
