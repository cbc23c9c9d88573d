//! What readers of the state file get: plain rows, free of SQL.

use serde::Deserialize;

use crate::model::record::Section;
use crate::model::write::ProcessIdentity;
use crate::model::{Counts, CoverageTotals, Integration, Outcome, RunId, RunOutcome};

/// A run without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedRun {
    /// Its number.
    pub run: RunId,
    /// The agent that opened it.
    pub holder: ProcessIdentity,
    /// When it was opened, UTC milliseconds since the epoch.
    pub started_ms: i64,
    /// When it was last written to, likewise: the best guess at when it ended.
    pub active_ms: i64,
    /// Processes whose end nobody saw, in the order of their starts.
    pub processes: Vec<ProcessIdentity>,
}

/// A run and its tallies.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its number.
    pub run: RunId,
    /// Its name beyond this file.
    pub uuid: String,
    /// `manual`, `schedule` or `library`.
    pub trigger: String,
    /// The project folder, absolute.
    pub project: String,
    /// The paths, one a shard; an empty one is pytest's own choice.
    pub paths: Vec<String>,
    /// The arguments handed to pytest.
    pub pytest_args: Vec<String>,
    /// Runs with the same key can be compared.
    pub selection_key: String,
    /// The version of the agent that ran it.
    pub agent_version: String,
    /// `host`, `docker` or `podman`.
    pub executor: String,
    /// The id of the container image; `None` on the host.
    pub image: Option<String>,
    /// The total of workers.
    pub workers: u32,
    /// The Python version of the first shard that answered.
    pub python: Option<String>,
    /// The pytest version of the first shard that answered.
    pub pytest: Option<String>,
    /// UTC milliseconds since the epoch.
    pub started_ms: i64,
    /// The same; `None` while it has no end.
    pub finished_ms: Option<i64>,
    /// The verdict; `None` while it has no end.
    pub outcome: Option<RunOutcome>,
    /// What the command returned; `None` while it has no end.
    pub exit_code: Option<u8>,
    /// How its tests ended.
    pub counts: Counts,
    /// What was executed; `None` when it was not measured.
    pub coverage: Option<CoverageTotals>,
    /// The commit of the project's repository.
    pub git_commit: Option<String>,
    /// Whether tracked files differed from it.
    pub git_dirty: Option<bool>,
    /// How many Python warnings pytest recorded, repetitions included.
    pub warnings: u64,
    /// Its orphans; `None` when none were looked for.
    pub orphans: Option<OrphanCounts>,
    /// What the passing ones were made part of; `None` when nothing was merged.
    pub integration: Option<Integration>,
}

/// How the orphans of a run ended; those that are missing were not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrphanCounts {
    /// All of them.
    pub total: u64,
    /// Those that passed.
    pub passed: u64,
    /// Those that failed, crashed or ran out of time.
    pub failed: u64,
}

impl RunRow {
    /// Wall time in seconds, once the run has its end; 0 when the clock was set back meanwhile.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of a run are far below 2^52"
    )]
    pub fn duration_s(&self) -> Option<f64> {
        let end = self.finished_ms?;
        Some((end - self.started_ms).max(0) as f64 / 1000.0)
    }
}

/// A test that needs attention.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureRow {
    /// pytest's rootdir relative to the project.
    pub root: String,
    /// The node id.
    pub nodeid: String,
    /// The file, relative to the project.
    pub file: String,
    /// The line of the test in it, where it is known.
    pub line: Option<u32>,
    /// The verdict of the last attempt.
    pub outcome: Outcome,
    /// The number of the last attempt.
    pub attempts: u32,
    /// Seconds of the last attempt.
    pub duration_s: Option<f64>,
    /// One line that says what went wrong.
    pub message: Option<String>,
}

/// One attempt of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptRow {
    /// 1 for the first one in its run.
    pub attempt: u32,
    /// The verdict.
    pub outcome: Outcome,
    /// It passed after an attempt that had failed.
    pub flaky: bool,
    /// UTC milliseconds since the epoch.
    pub started_ms: Option<i64>,
    /// Seconds, with setup and teardown.
    pub duration_s: Option<f64>,
    /// The process that ran it.
    pub worker: Option<String>,
    /// The peak resident memory of that process.
    pub peak_rss_bytes: Option<u64>,
    /// One line that says what went wrong.
    pub message: Option<String>,
}

/// The long texts of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Details {
    /// The full report of a failure.
    pub longrepr: Option<String>,
    /// Captured output.
    pub sections: Vec<Section>,
}

/// A Python warning of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningRow {
    /// What was warned about.
    pub warning: crate::model::record::WarningRecord,
    /// How often in the run.
    pub count: u64,
}

/// Coverage of one source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageRow {
    /// The file, relative to the project where it lies inside of it.
    pub file: String,
    /// Lines that hold statements, and those of them that were executed.
    pub totals: CoverageTotals,
}

/// What differs between two runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComparedRuns {
    /// Tests that fail now, passed only after failing, or ended in another way than then; and
    /// failures of then that are gone. By root and node id.
    pub tests: Vec<ComparedTest>,
    /// Tests that were not there then.
    pub added: u64,
    /// Tests that are not there now.
    pub removed: u64,
}

/// A test in two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedTest {
    /// pytest's rootdir relative to the project.
    pub root: String,
    /// The node id.
    pub nodeid: String,
    /// Its outcome then; `None` when it was not there.
    pub previous: Option<Outcome>,
    /// Its outcome now; `None` when it is not there.
    pub present: Option<Outcome>,
    /// It passed now, after an attempt that had failed.
    pub flaky: bool,
}
