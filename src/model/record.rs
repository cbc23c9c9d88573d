//! What one stage of a run hands to the next: tests, attempts, files, coverage, notices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::ShardIndex;
use super::lines::LineSet;
use super::outcome::{Counts, Outcome};

/// A test as pytest collected it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestItem {
    /// The node id, relative to pytest's rootdir.
    pub nodeid: String,
    /// The file that holds the test, relative to the project where it lies inside of it.
    pub file: String,
    /// The line of the test in its file, from 1, where pytest knows it.
    pub line: Option<u32>,
}

/// A piece of captured output: pytest's title for it (`Captured stdout call`) and the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Section {
    /// The title that pytest gave it.
    pub title: String,
    /// The text, shortened in the middle when it exceeded the cap.
    pub text: String,
}

/// One attempt of one test, with its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptRecord {
    /// The shard that ran the test.
    pub shard: ShardIndex,
    /// pytest's rootdir relative to the project; empty when it is the project.
    pub root: String,
    /// The node id, relative to `root`.
    pub nodeid: String,
    /// The file that holds the test, relative to the project.
    pub file: String,
    /// The line of the test in its file, from 1.
    pub line: Option<u32>,
    /// 1 for the first try of the test in this run, 2 for the second …
    pub attempt: u32,
    /// The verdict of this attempt.
    pub outcome: Outcome,
    /// It passed, and an earlier attempt of this run had failed.
    pub flaky: bool,
    /// When the attempt began, UTC milliseconds since the epoch.
    pub started_ms: Option<i64>,
    /// Seconds from the begin of setup to the end of teardown.
    pub duration_s: Option<f64>,
    /// Seconds in setup.
    pub setup_s: Option<f64>,
    /// Seconds in the test itself.
    pub call_s: Option<f64>,
    /// Seconds in teardown.
    pub teardown_s: Option<f64>,
    /// The process that ran it: `main`, or the name of an xdist worker.
    pub worker: Option<String>,
    /// The peak resident memory of that process up to the end of the test.
    pub peak_rss_bytes: Option<u64>,
    /// User and system CPU seconds that the process spent in the test.
    pub cpu_s: Option<f64>,
    /// One line that says what went wrong, or why it was skipped.
    pub message: Option<String>,
    /// The full report of a failure: traceback, stacks of a time-out, exit of a crash.
    pub longrepr: Option<String>,
    /// Captured output, for tests that did not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
}

/// The tally of one test file, handed out when its last test has reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileRecord {
    /// The file, relative to the project.
    pub file: String,
    /// Sum of the durations of its tests, in seconds.
    pub duration_s: f64,
    /// How its tests ended.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What was executed of one source file, united over every process of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCoverage {
    /// The file, relative to the project where it lies inside of it.
    pub file: String,
    /// The lines that hold statements.
    pub statements: LineSet,
    /// The lines that were executed.
    pub executed: LineSet,
}

impl FileCoverage {
    /// Executed statements.
    pub fn covered(&self) -> u64 {
        self.statements.count_common(&self.executed)
    }
}

/// Statements and executed statements over all files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoverageTotals {
    /// Lines that hold statements.
    pub statements: u64,
    /// Those of them that were executed.
    pub covered: u64,
}

impl CoverageTotals {
    /// Covered statements in percent; `None` where there are no statements.
    #[expect(clippy::cast_precision_loss, reason = "line counts are far below 2^52")]
    pub fn percent(&self) -> Option<f64> {
        (self.statements > 0).then(|| self.covered as f64 * 100.0 / self.statements as f64)
    }
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Something is not as the user would expect.
    Warning,
}

impl Level {
    /// The name in the state file and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
        }
    }
}

/// Something that the user should know about a run besides its results. Said and stored once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// A stable name for scripts, such as `coverage-missing`.
    pub code: String,
    /// What is the case.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// A Python warning that pytest recorded, counted over the run.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct WarningRecord {
    /// The class, such as `DeprecationWarning`.
    pub category: String,
    /// The text.
    pub message: String,
    /// The file it points at, relative to the project where it lies inside of it.
    pub file: String,
    /// The line in that file.
    pub line: u32,
    /// A test that caused it first, where one did.
    pub nodeid: Option<String>,
}
