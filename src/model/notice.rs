//! What the user should know about a run besides its results.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

    /// The level that is called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = [Self::Info, Self::Warning].into_iter();
        all.find(|level| level.as_str() == name)
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
