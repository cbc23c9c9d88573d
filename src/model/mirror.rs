//! The memory of a JSON file that mirrors a part of the state file.

use serde::Serialize;

use super::ids::RunId;
use super::orphan::{Touch, Trial, TrialOutcome};

/// The name of the file that lists orphans.
pub const ORPHANS_FILE: &str = "orphan_modules.json";

/// The name of the file that holds the module map.
pub const MODULE_MAP_FILE: &str = "module_map.json";

/// A file as it was last read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The size of its content, in bytes.
    pub size_bytes: u64,
    /// The time of its last change, in nanoseconds since the epoch.
    pub mtime_ns: i64,
    /// The XXH3 hash of its content, 128 bits.
    pub hash: [u8; 16],
    /// The fields of it that are no entries: a JSON object.
    pub extra: Option<String>,
}

/// One entry of the file [`ORPHANS_FILE`].
#[derive(Debug, Clone, PartialEq)]
pub struct OrphanEntry {
    /// The file, relative to the project.
    pub file: String,
    /// The fields that the entry has in the file and that are not the agent's: a JSON object.
    pub extra: Option<String>,
    /// True if the module repeats another one, or whoever wrote the file says so.
    pub redundant: bool,
    /// The figures of its last trial; not read back.
    pub trial: Option<TrialFigures>,
}

/// The figures of a trial, as [`ORPHANS_FILE`] has them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialFigures {
    /// The run that tried the module.
    pub run: RunId,
    /// The outcome of the trial.
    pub outcome: TrialOutcome,
    /// Seconds that it took, to the millisecond.
    pub duration_s: Option<f64>,
    /// The things that it tried to touch, and what it did that cannot be watched.
    pub touched: Vec<Touch>,
}

impl TrialFigures {
    /// The figures of the trial that this run made.
    pub fn of(run: RunId, trial: &Trial) -> Self {
        let to_ms = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        Self {
            run,
            outcome: trial.outcome,
            duration_s: trial.duration_s.map(to_ms),
            touched: trial.touched.clone(),
        }
    }
}
