//! Exit codes of the `agent` command. README repeats this list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::outcome::RunOutcome;

/// The number that the process returns to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ExitCode(pub u8);

impl ExitCode {
    /// Every test passed, or the command did what it was asked.
    pub const SUCCESS: Self = Self(0);
    /// A test failed, or in a strict run a module that no test reaches.
    pub const TEST_FAILED: Self = Self(1);
    /// The command line, a variable or a settings file is wrong.
    pub const USAGE: Self = Self(2);
    /// The environment is wrong: engine, image or interpreter.
    pub const ENVIRONMENT: Self = Self(3);
    /// The state file cannot be used.
    pub const STATE_FILE: Self = Self(4);
    /// No test was collected at all.
    pub const NO_TESTS: Self = Self(5);
    /// A test was lost, crashed its interpreter, ran out of time or could not be collected, or
    /// pytest did not end as its tests would have it.
    pub const INCOMPLETE: Self = Self(6);
    /// A bug in the agent (`EX_SOFTWARE` of sysexits.h).
    pub const BUG: Self = Self(70);
    /// Stopped by SIGINT (128 + 2, as shells report it).
    pub const SIGINT: Self = Self(130);
    /// Stopped by SIGTERM (128 + 15).
    pub const SIGTERM: Self = Self(143);

    /// The code of a run that was carried out; errors and signals have codes of their own.
    pub fn of_outcome(outcome: RunOutcome) -> Self {
        match outcome {
            RunOutcome::Passed => Self::SUCCESS,
            RunOutcome::Failed => Self::TEST_FAILED,
            RunOutcome::Incomplete => Self::INCOMPLETE,
            RunOutcome::Interrupted => Self::SIGINT,
            RunOutcome::Error => Self::ENVIRONMENT,
            RunOutcome::Empty => Self::NO_TESTS,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.0)
    }
}
