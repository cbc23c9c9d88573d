//! What goes on now.

use super::error::StoreError;
use super::history::counts;
use super::reader::Reader;
use super::runs::identity;
use crate::model::write::ProcessIdentity;
use crate::model::{Counts, RunId};

/// A run without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRunRow {
    /// Its number.
    pub run: RunId,
    /// `manual`, `schedule` or `library`.
    pub trigger: String,
    /// `host`, `docker` or `podman`.
    pub executor: String,
    /// The process that holds it.
    pub holder: ProcessIdentity,
    /// UTC milliseconds since the epoch.
    pub started_ms: i64,
    /// How its tests ended so far; the rest is `not_run`.
    pub counts: Counts,
}

impl Reader {
    /// The runs without an end, the oldest first: going on now, or left behind.
    pub fn open_runs(&self) -> Result<Vec<OpenRunRow>, StoreError> {
        self.db.rows(
            "read the runs that go on",
            "SELECT run_id, trigger, executor, holder_pid, holder_boot_id, holder_start_time,
                 started_ms, passed, failed, error, skipped, xfailed, xpassed, crashed, timed_out,
                 not_run, flaky
             FROM run WHERE finished_ms IS NULL ORDER BY run_id",
            [],
            |row| {
                Ok(OpenRunRow {
                    run: RunId(row.get(0)?),
                    trigger: row.get(1)?,
                    executor: row.get(2)?,
                    holder: identity(row, 3)?,
                    started_ms: row.get(6)?,
                    counts: counts(row, 7)?,
                })
            },
        )
    }
}
