//! The summary of a run: what `agent run --json` prints and the library's callback receives last.
//!
//! A published contract; `agent schema summary` prints its JSON Schema. Within one version keys
//! are only added.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::exit::ExitCode;
use super::notice::Notice;
use super::orphan::Trial;
use super::outcome::RunOutcome;
use super::run::RunRecord;
use super::test::AttemptRecord;

/// The version of the summary.
pub const SUMMARY_VERSION: u32 = 1;

/// How one run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent run --json")]
pub struct RunSummary {
    /// The version of this format, 1.
    pub v: u32,
    /// The run.
    #[serde(flatten)]
    pub run: RunRecord,
    /// Wall time in seconds.
    pub runtime: f64,
    /// All tests.
    pub total: u64,
    /// Covered statements in percent, united over all processes; null when it was not measured.
    pub coverage: Option<f64>,
    /// Tests that failed, crashed, ran out of time or were lost, in the order of their reports.
    /// At most 1,000; `total` and the counts are always whole.
    pub failures: Vec<FailedTest>,
    /// Tests that passed after failing in the same run; at most 1,000.
    pub flaky_tests: Vec<String>,
    /// The tests that took longest, at most five.
    pub slowest: Vec<SlowTest>,
    /// Orphans that failed, without their reports; at most 1,000.
    #[serde(default)]
    pub orphan_failures: Vec<Trial>,
    /// The difference to the previous comparable run, where there is one.
    pub comparison: Option<Comparison>,
    /// What the user should know besides.
    pub notices: Vec<Notice>,
}

impl RunSummary {
    /// The verdict. A run without an end counts as interrupted.
    pub fn outcome(&self) -> RunOutcome {
        self.run.outcome().unwrap_or(RunOutcome::Interrupted)
    }

    /// What the command returned.
    pub fn exit_code(&self) -> ExitCode {
        let known = self.run.exit_code();
        known.unwrap_or_else(|| ExitCode::of_outcome(self.outcome()))
    }
}

/// A test that needs attention.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailedTest {
    /// Its last attempt, without its report.
    #[serde(flatten)]
    pub last: AttemptRecord,
    /// How often it was tried.
    pub attempts: u32,
}

/// A test and its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlowTest {
    /// The test: its node id, below its rootdir if that is not the project.
    pub nodeid: String,
    /// Seconds, with setup and teardown.
    pub duration_s: f64,
}

/// How a run differs from the previous one that selected the same tests in the same way. Tests are
/// named by their node ids, below their rootdir if that is not the project.
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
