//! Options of the harness that the user sets.

use serde::{Deserialize, Serialize};

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
}

impl Default for HarnessOptions {
    /// Captured texts of 64 KiB are enough to read, and too little to fill a disk.
    fn default() -> Self {
        Self {
            coverage: true,
            cap_bytes: 64 * 1024,
            terminal: false,
        }
    }
}
