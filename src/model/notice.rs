//! Notices: facts about a run that the user should know besides its results.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The weight of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know; nothing has to be done.
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

    /// The level that is called `name`; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = [Self::Info, Self::Warning].into_iter();
        all.find(|level| level.as_str() == name)
    }
}

/// Something that the user should know about a run besides its results. Said and stored once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// The weight of the notice.
    pub level: Level,
    /// A stable name for scripts, such as `coverage-missing`.
    pub code: String,
    /// The fact in words, for people.
    pub message: String,
    /// A next step for the user, if there is one.
    pub hint: Option<String>,
}

/// A Python warning that pytest recorded, counted over the run.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct WarningRecord {
    /// The class, such as `DeprecationWarning`.
    pub category: String,
    /// The text of the warning.
    pub message: String,
    /// The file it points at, relative to the project if it lies inside of it.
    pub file: String,
    /// The line in that file.
    pub line: u32,
    /// A test that caused it first, if one did.
    pub nodeid: Option<String>,
}
