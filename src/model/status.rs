//! The present activity of agents, as far as the state file knows it.
//!
//! [`StatusReport`] is a published contract; `agent schema status` prints its JSON Schema. Within
//! one version keys are only added.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cycle::{CycleId, CycleReason};
use super::ids::RunId;
use super::lease::LeaseEntry;

/// The version of the format of [`StatusReport`].
pub const STATUS_VERSION: u32 = 1;

/// The present activity of agents. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent status --json")]
pub struct StatusReport {
    /// The version of this format, 1.
    pub v: u32,
    /// The schedule; null if no agent ever kept one.
    pub schedule: Option<ScheduleStatus>,
    /// The cycle that is being carried out, or was when its agent was killed.
    pub cycle: Option<CycleStatus>,
    /// The last cycle that ended.
    pub last_cycle: Option<CycleStatus>,
    /// The runs that go on, of the schedule and of anybody else, oldest first.
    pub runs: Vec<RunStatus>,
    /// The leases, in the order of their names.
    pub leases: Vec<LeaseEntry>,
}

/// The state of the agent that keeps the schedule.
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

/// The schedule, and the agent that keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleStatus {
    /// The state of the agent that keeps it.
    pub state: ScheduleState,
    /// The rule that due times follow: `every 3600 s`, `cron 30 2 * * *`.
    pub spec: String,
    /// The time when the next cycle begins, or was to begin.
    pub due_at: String,
    /// The number of cycles in a row that could not be carried out.
    pub failures: u32,
    /// The machine of the agent that keeps it; null if none does.
    pub host: Option<String>,
    /// The process id of that agent; null if none keeps it.
    pub pid: Option<u32>,
    /// The time when the agent that keeps it, or kept it last, started.
    pub started_at: String,
    /// The time when it stopped; null if nobody stopped it.
    pub stopped_at: Option<String>,
    /// The address on which its exporter listens; null without one.
    pub listen: Option<String>,
    /// The version of that agent.
    pub agent_version: String,
}

/// A cycle, and its run if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CycleStatus {
    /// Its number in the state file.
    pub cycle_id: CycleId,
    /// The reason for which it began.
    pub reason: CycleReason,
    /// The time when it was due.
    pub due_at: String,
    /// The number of due times before it at which nothing began.
    pub missed: u64,
    /// The time when it began.
    pub started_at: String,
    /// The time when it ended; null while it goes on.
    pub finished_at: Option<String>,
    /// The outcome of its run, or `not_started`; null while it goes on.
    pub outcome: Option<String>,
    /// The exit code that its process returned.
    pub exit_code: Option<u8>,
    /// Its run; null if it has none, or none yet.
    pub run_id: Option<RunId>,
    /// True if its process is known to have ended while its end is not stored yet.
    #[serde(default)]
    pub gone: bool,
    /// The reason for which it could not start, or another remark about it.
    pub message: Option<String>,
}

/// A run that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunStatus {
    /// Its number in the state file.
    pub run_id: RunId,
    /// The cause of the run: `manual`, `schedule` or `library`.
    pub trigger: String,
    /// The executor: `host`, `docker` or `podman`.
    pub executor: String,
    /// The id of the process that holds it.
    pub pid: u32,
    /// True if that process is known to be gone: the next start closes the run.
    pub gone: bool,
    /// The time when it started.
    pub started_at: String,
    /// The number of tests that were collected so far.
    pub tests: u64,
    /// The number of these tests that have reported.
    pub reported: u64,
    /// The number of these tests that failed, crashed or ran out of time.
    pub failed: u64,
}
