//! The log of a service, which `agent run-scheduled --log-format json` writes to standard error.
//!
//! A published contract; `agent schema log` prints its JSON Schema. Within one version keys are
//! only added, and so are events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cycle::CycleId;
use super::ids::RunId;
use super::outcome::Counts;

/// The version of the log.
pub const LOG_VERSION: u32 = 1;

/// The attention that a line wants; the most urgent level comes first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something could not be done at all.
    Error,
    /// Something failed or is not as it should be, and the service goes on.
    Warning,
    /// Something that happens in a service that is well.
    Info,
    /// Every test; only if somebody asked for it.
    Debug,
}

impl LogLevel {
    /// The name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent run-scheduled --log-format json, one line")]
pub struct LogLine {
    /// The version of this format, 1.
    pub v: u32,
    /// The time when it was written, RFC 3339 in UTC, to the millisecond.
    pub ts: String,
    /// The attention that the line wants.
    pub level: LogLevel,
    /// The event, as a stable name: `run-finished`, `test-failed` …
    pub event: String,
    /// The same for people, in one line.
    pub message: String,
    /// The facts that the line is about.
    #[serde(flatten)]
    pub fields: LogFields,
}

/// The facts that a line of the log is about; a field without a value is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogFields {
    /// The cycle of the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<CycleId>,
    /// The number of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The node id of a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodeid: Option<String>,
    /// The file of a module that no test reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The outcome of the test, the module, the run or the cycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The exit code that a command returned, or would have returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// The time that it took, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// The tests of a run, counted by outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<Counts>,
    /// The covered statements of a run, and branches if they were measured, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// The run that this one is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_run: Option<i64>,
    /// Tests that fail now and did not then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newly_failing: Option<u64>,
    /// Tests that failed then and are fine now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<u64>,
    /// The time when something is due, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// The id of a process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// A next step for the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
