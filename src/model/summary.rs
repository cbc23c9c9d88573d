//! The summary of a run, which `agent run --json` prints and the library's callback receives last.
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

/// One run that has ended, and the tests that need a look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent run --json")]
pub struct RunSummary {
    /// The version of this format, 1.
    pub v: u32,
    /// The facts, the counts and the end of the run.
    #[serde(flatten)]
    pub run: RunRecord,
    /// The wall time of the run, in seconds.
    pub runtime: f64,
    /// The number of all tests, whatever their outcome.
    pub total: u64,
    /// Covered statements, and branches if they were measured, in percent, united over all
    /// processes; null if coverage was not measured.
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
    /// The difference to the previous comparable run, if there is one.
    pub comparison: Option<Comparison>,
    /// The notices of the run for the user.
    pub notices: Vec<Notice>,
}

impl RunSummary {
    /// The verdict. A run without an end counts as interrupted.
    pub fn outcome(&self) -> RunOutcome {
        self.run.outcome().unwrap_or(RunOutcome::Interrupted)
    }

    /// The exit code that the command returned, or else the one of the verdict.
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
    /// The number of times that it was tried.
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

/// The differences between a run and the previous one that selected the same tests in the same way.
/// Tests are named by their node ids, below their rootdir if that is not the project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The run that it is compared with.
    pub previous_run: i64,
    /// Tests that fail now and did not fail then, new ones among them.
    pub newly_failing: Vec<String>,
    /// Tests that failed then and are fine now.
    pub fixed: Vec<String>,
    /// Tests that failed then and fail now.
    pub still_failing: Vec<String>,
    /// The number of tests that were not there then.
    pub added: u64,
    /// The number of tests that are not there now.
    pub removed: u64,
    /// Change of the coverage in percentage points, if both runs measured it in the same way, with
    /// branches or without, and neither is partial.
    pub coverage_change: Option<f64>,
    /// Seconds that the previous run took.
    pub previous_runtime: f64,
}
