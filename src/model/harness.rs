//! Options of the harness that the user sets.

use serde::{Deserialize, Serialize};

/// How much tests have their process for themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Each test file, unless a fixture that files share takes its time.
    Auto,
    /// Each test file.
    File,
    /// The files that a worker takes one after the other.
    Worker,
    /// None: pytest, or pytest-xdist, runs all of them as it would without the agent.
    #[default]
    None,
}

impl Isolation {
    /// The words for it in settings.
    pub const NAMES: [(&str, Self); 4] = [
        ("auto", Self::Auto),
        ("file", Self::File),
        ("worker", Self::Worker),
        ("none", Self::None),
    ];
}

/// The user's options for the harness itself. A new option is a field here, and most often a row of
/// the table of settings, which sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarnessOptions {
    /// True to measure coverage if coverage.py can be imported.
    pub coverage: bool,
    /// The longest text of one captured section or traceback, in bytes; longer ones lose their
    /// middle.
    pub cap_bytes: u32,
    /// True to give the terminal to the tests, for a debugger and for what they print.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
    /// The tests that share a process.
    #[serde(default)]
    pub isolate: Isolation,
}

impl Default for HarnessOptions {
    /// Captured texts of 64 KiB are enough to read, and too little to fill a disk.
    fn default() -> Self {
        Self {
            coverage: true,
            cap_bytes: 64 * 1024,
            terminal: false,
            isolate: Isolation::None,
        }
    }
}
