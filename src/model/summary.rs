//! The summary of a run: what `agent run --json` prints and the library's callback receives last.
//!
//! A published contract; `agent schema summary` prints its JSON Schema. Within one version keys
//! are only added.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::RunId;
use super::module::{Integration, Module, TrialOutcome};
use super::outcome::{Counts, Outcome, RunOutcome};
use super::record::Notice;

/// The version of the summary.
pub const SUMMARY_VERSION: u32 = 1;

/// How one run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent run --json")]
pub struct RunSummary {
    /// The version of this format, 1.
    pub v: u32,
    /// The run's number in the state file.
    pub run_id: RunId,
    /// The run's UUID.
    pub uuid: String,
    /// What started it: `manual`, `schedule` or `library`.
    pub trigger: String,
    /// The project folder, absolute.
    pub project: String,
    /// The paths, one a shard; an empty one is pytest's own choice.
    pub paths: Vec<String>,
    /// When it started, RFC 3339 in UTC.
    pub started_at: String,
    /// When it ended, RFC 3339 in UTC.
    pub finished_at: String,
    /// Wall time in seconds.
    pub runtime: f64,
    /// The verdict.
    pub outcome: RunOutcome,
    /// What the command returns.
    pub exit_code: u8,
    /// `host`, `docker` or `podman`.
    pub executor: String,
    /// The total of workers.
    pub workers: u32,
    /// The Python version of the first shard that answered.
    pub python: Option<String>,
    /// The pytest version of the first shard that answered.
    pub pytest: Option<String>,
    /// All tests.
    pub total: u64,
    /// How they ended.
    #[serde(flatten)]
    pub counts: Counts,
    /// Covered statements in percent, united over all processes; null when it was not measured.
    pub coverage: Option<f64>,
    /// The commit of the project's repository.
    pub git_commit: Option<String>,
    /// Whether tracked files differed from that commit.
    pub git_dirty: Option<bool>,
    /// Tests that failed, crashed, ran out of time or were lost, in the order of their reports.
    /// At most 1,000; `total` and the counts are always whole.
    pub failures: Vec<FailedTest>,
    /// Tests that passed after failing in the same run; at most 1,000.
    pub flaky_tests: Vec<String>,
    /// The tests that took longest, at most five.
    pub slowest: Vec<SlowTest>,
    /// Modules that no test reaches and that were to be tried; null when none were looked for.
    pub orphan_total: Option<u64>,
    /// Those of them that import, and whose own tests pass.
    pub orphan_passed: Option<u64>,
    /// Those of them that failed, crashed or ran out of time.
    pub orphan_failed: Option<u64>,
    /// The failing ones; at most 1,000.
    #[serde(default)]
    pub orphan_failures: Vec<FailedOrphan>,
    /// What the passing ones were made part of; null when nothing was merged.
    pub integration: Option<Integration>,
    /// The difference to the previous comparable run, where there is one.
    pub comparison: Option<Comparison>,
    /// What the user should know besides.
    pub notices: Vec<Notice>,
    /// How many Python warnings pytest recorded.
    pub warnings: u64,
}

/// A test that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedTest {
    /// The node id.
    pub nodeid: String,
    /// The file, relative to the project.
    pub file: String,
    /// The verdict of its last attempt.
    pub outcome: Outcome,
    /// How often it was tried.
    pub attempts: u32,
    /// One line that says what went wrong.
    pub message: Option<String>,
}

/// A module that no test reaches and that does not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedOrphan {
    /// The module.
    #[serde(flatten)]
    pub module: Module,
    /// How its trial ended.
    pub outcome: TrialOutcome,
    /// One line that says what went wrong.
    pub message: Option<String>,
}

/// A test and its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlowTest {
    /// The node id.
    pub nodeid: String,
    /// Seconds, with setup and teardown.
    pub duration_s: f64,
}

/// How a run differs from the previous one that selected the same tests in the same way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The run that it is compared with.
    pub previous_run: i64,
    /// Failing now, and not failing then: new tests among them.
    pub newly_failing: Vec<String>,
    /// Failing then, and fine now.
    pub fixed: Vec<String>,
    /// Failing then and now.
    pub still_failing: Vec<String>,
    /// Tests that were not there then.
    pub added: u64,
    /// Tests that are not there now.
    pub removed: u64,
    /// Change of the coverage in percentage points, where both runs measured it.
    pub coverage_change: Option<f64>,
    /// Seconds that the previous run took.
    pub previous_runtime: f64,
}
