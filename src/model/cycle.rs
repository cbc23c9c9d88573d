//! Cycles: the attempts that a schedule makes at its due times.
//!
//! A cycle is one attempt to run the suites because they were due. Most have a run; one that could
//! not start has none, and says why.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::outcome::RunOutcome;

/// The number of a cycle in one state file: 1, 2, 3 …
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct CycleId(pub i64);

impl fmt::Display for CycleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The reason for which a cycle began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CycleReason {
    /// A due time of the schedule had come.
    Due,
    /// Its time had come while nobody could begin it: the agent was not there, the machine slept,
    /// or an earlier cycle took too long.
    CatchUp,
    /// The one before it could not be carried out.
    Retry,
    /// Somebody asked for it, as with `--run-now`.
    Asked,
}

impl CycleReason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Due, Self::CatchUp, Self::Retry, Self::Asked];

    /// The name in the state file and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::CatchUp => "catch_up",
            Self::Retry => "retry",
            Self::Asked => "asked",
        }
    }

    /// The reason that is called `name`; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// The end of a cycle, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CycleOutcome {
    /// It had a run, which ended like this.
    Run(RunOutcome),
    /// No run could be opened.
    NotStarted,
}

impl CycleOutcome {
    /// All outcomes: one for each outcome of a run, and `NotStarted`.
    pub const ALL: [Self; 7] = [
        Self::Run(RunOutcome::Passed),
        Self::Run(RunOutcome::Failed),
        Self::Run(RunOutcome::Incomplete),
        Self::Run(RunOutcome::Interrupted),
        Self::Run(RunOutcome::Error),
        Self::Run(RunOutcome::Empty),
        Self::NotStarted,
    ];

    /// The name in the state file and in JSON: the name of the run's outcome, or `not_started`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run(outcome) => outcome.as_str(),
            Self::NotStarted => "not_started",
        }
    }

    /// The outcome that is called `name`; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == Self::NotStarted.as_str() {
            return Some(Self::NotStarted);
        }
        RunOutcome::from_str(name).ok().map(Self::Run)
    }
}

impl fmt::Display for CycleOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
