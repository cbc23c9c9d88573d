//! Verdicts: of one attempt, of a run, and their tallies.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The outcome of one attempt of one test.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The test ran and passed.
    Passed,
    /// The test ran and failed; an unexpected pass of a strict xfail counts here.
    Failed,
    /// Setup or teardown failed, or the file could not be collected.
    Error,
    /// A mark or a call skipped the test.
    Skipped,
    /// The test failed as it was marked to.
    Xfailed,
    /// The test passed although it was marked to fail.
    Xpassed,
    /// The interpreter ended while the test ran.
    Crashed,
    /// The test ran out of its time.
    TimedOut,
    /// The test was collected and never ran to its end.
    NotRun,
}

impl Outcome {
    /// Every outcome, in the order in which they are listed to users.
    pub const ALL: [Self; 9] = [
        Self::Passed,
        Self::Failed,
        Self::Error,
        Self::Skipped,
        Self::Xfailed,
        Self::Xpassed,
        Self::Crashed,
        Self::TimedOut,
        Self::NotRun,
    ];

    /// The name in the state file, in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Xfailed => "xfailed",
            Self::Xpassed => "xpassed",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed_out",
            Self::NotRun => "not_run",
        }
    }

    /// True if the test itself says that something is wrong (`not_run` says nothing).
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Error | Self::Crashed | Self::TimedOut
        )
    }

    /// True if the outcome says that the test is fine.
    pub fn is_success(self) -> bool {
        matches!(
            self,
            Self::Passed | Self::Skipped | Self::Xfailed | Self::Xpassed
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an outcome")]
pub struct UnknownOutcome(pub String);

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == name)
            .ok_or_else(|| UnknownOutcome(name.to_owned()))
    }
}

/// The outcome of a whole run.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every collected test reported, and none of them a failure.
    Passed,
    /// Every collected test reported (or was left out on request), and at least one failed.
    Failed,
    /// A test was lost, crashed its interpreter, ran out of time, or could not be collected.
    Incomplete,
    /// A signal ended the run, or the agent itself was killed.
    Interrupted,
    /// The run could not be carried out: interpreter, environment, arguments or state file.
    Error,
    /// No test was collected at all.
    Empty,
}

impl RunOutcome {
    /// Every run outcome, in the order of the declaration.
    pub const ALL: [Self; 6] = [
        Self::Passed,
        Self::Failed,
        Self::Incomplete,
        Self::Interrupted,
        Self::Error,
        Self::Empty,
    ];

    /// The name in the state file, in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Interrupted => "interrupted",
            Self::Error => "error",
            Self::Empty => "empty",
        }
    }
}

impl fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RunOutcome {
    type Err = UnknownOutcome;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == name)
            .ok_or_else(|| UnknownOutcome(name.to_owned()))
    }
}

/// The number of tests in each outcome; every test counts once, by its last attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// The number of tests that passed.
    pub passed: u64,
    /// The number of tests that failed.
    pub failed: u64,
    /// Tests whose setup or teardown failed, and files that could not be collected.
    pub error: u64,
    /// The number of tests that were skipped.
    pub skipped: u64,
    /// Tests that failed as they were marked to.
    pub xfailed: u64,
    /// Tests that passed although they were marked to fail.
    pub xpassed: u64,
    /// Tests that ended their interpreter.
    pub crashed: u64,
    /// Tests that ran out of time.
    pub timed_out: u64,
    /// Tests that were collected and did not run to their end.
    pub not_run: u64,
    /// Tests among the passed ones that failed in an earlier attempt of the same run.
    pub flaky: u64,
}

impl Counts {
    /// The number of all tests, whatever their outcome.
    pub fn total(&self) -> u64 {
        Outcome::ALL.iter().map(|outcome| self.get(*outcome)).sum()
    }

    /// Tests that need attention: failed, error, crashed or timed out.
    pub fn failures(&self) -> u64 {
        self.failed + self.error + self.crashed + self.timed_out
    }

    /// The tally of one outcome.
    pub fn get(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Passed => self.passed,
            Outcome::Failed => self.failed,
            Outcome::Error => self.error,
            Outcome::Skipped => self.skipped,
            Outcome::Xfailed => self.xfailed,
            Outcome::Xpassed => self.xpassed,
            Outcome::Crashed => self.crashed,
            Outcome::TimedOut => self.timed_out,
            Outcome::NotRun => self.not_run,
        }
    }

    /// The tally of one outcome, to be changed.
    pub fn get_mut(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Passed => &mut self.passed,
            Outcome::Failed => &mut self.failed,
            Outcome::Error => &mut self.error,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Xfailed => &mut self.xfailed,
            Outcome::Xpassed => &mut self.xpassed,
            Outcome::Crashed => &mut self.crashed,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::NotRun => &mut self.not_run,
        }
    }
}
