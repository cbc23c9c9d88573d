//! What the user says of the harness.

use serde::{Deserialize, Serialize};

/// What the user says of the harness itself. A new option is a field here and a row of the table
/// of settings, which sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarnessOptions {
    /// Whether to measure coverage where coverage.py can be imported.
    pub coverage: bool,
    /// Longest text of one captured section or traceback; longer ones lose their middle.
    pub cap_bytes: u32,
}

impl Default for HarnessOptions {
    /// Captured texts of 64 KiB are enough to read, and too little to fill a disk.
    fn default() -> Self {
        Self {
            coverage: true,
            cap_bytes: 64 * 1024,
        }
    }
}
