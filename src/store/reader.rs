//! The reading end: a connection that cannot write, and what is asked of one run.

use std::path::Path;

use rusqlite::Row;

use super::content::unpack;
use super::db::{Db, count};
use super::error::StoreError;
use super::open::{Access, open_existing};
use super::rows::{AttemptRow, CoverageRow, Details, FailureRow, WarningRow};
use crate::model::record::{Level, Notice, WarningRecord};
use crate::model::{CoverageTotals, Outcome, RunId, SlowTest};

/// A connection that only reads.
#[derive(Debug)]
pub struct Reader {
    pub(super) db: Db,
}

impl Reader {
    /// Opens an existing state file; it is neither made nor changed.
    ///
    /// A file of an older agent is [`StoreError::Older`]: [`super::Store::open`] brings it up to
    /// date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = open_existing(path, Access::Read)?;
        Ok(Self { db })
    }

    /// The state file.
    pub fn path(&self) -> &Path {
        self.db.path()
    }

    /// Tests of a run that need attention, by file and line: `not_run` comes last.
    pub fn failures(&self, run: RunId, limit: u32) -> Result<Vec<FailureRow>, StoreError> {
        self.db.rows(
            "read the failures of a run",
            "SELECT t.root, t.nodeid, f.path, t.line, a.outcome, a.attempt,
                 a.duration_us / 1e6, a.message
             FROM attempt AS a
             JOIN test AS t ON t.test_id = a.test_id
             JOIN file AS f ON f.file_id = t.file_id
             WHERE a.run_id = ?1 AND a.is_last = 1
                 AND a.outcome IN ('failed', 'error', 'crashed', 'timed_out', 'not_run')
             ORDER BY a.outcome = 'not_run', f.path, t.line, t.nodeid LIMIT ?2",
            (run.0, limit),
            |row| {
                Ok(FailureRow {
                    root: row.get(0)?,
                    nodeid: row.get(1)?,
                    file: row.get(2)?,
                    line: row.get(3)?,
                    outcome: outcome(row, 4)?,
                    attempts: row.get(5)?,
                    duration_s: row.get(6)?,
                    message: row.get(7)?,
                })
            },
        )
    }

    /// The attempts of one test in a run, in their order.
    pub fn attempts(
        &self,
        run: RunId,
        root: &str,
        nodeid: &str,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        self.db.rows(
            "read the attempts of a test",
            "SELECT a.attempt, a.outcome, a.flaky, a.started_ms, a.duration_us / 1e6, a.worker,
                 a.peak_rss_bytes, a.message
             FROM attempt AS a JOIN test AS t ON t.test_id = a.test_id
             WHERE a.run_id = ?1 AND t.root = ?2 AND t.nodeid = ?3 ORDER BY a.attempt",
            (run.0, root, nodeid),
            |row| {
                Ok(AttemptRow {
                    attempt: row.get(0)?,
                    outcome: outcome(row, 1)?,
                    flaky: row.get(2)?,
                    started_ms: row.get(3)?,
                    duration_s: row.get(4)?,
                    worker: row.get(5)?,
                    peak_rss_bytes: row.get::<_, Option<i64>>(6)?.map(count),
                    message: row.get(7)?,
                })
            },
        )
    }

    /// Report and output of an attempt; `None` when it has none, or is not there.
    pub fn details(
        &self,
        run: RunId,
        root: &str,
        nodeid: &str,
        attempt: u32,
    ) -> Result<Option<Details>, StoreError> {
        let packed = self.db.first(
            "read the output of a test",
            "SELECT c.body, c.size_bytes
             FROM attempt AS a
             JOIN test AS t ON t.test_id = a.test_id
             JOIN content AS c ON c.content_id = a.details_id
             WHERE a.run_id = ?1 AND t.root = ?2 AND t.nodeid = ?3 AND a.attempt = ?4",
            (run.0, root, nodeid, attempt),
            |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)),
        )?;
        let Some((body, size_bytes)) = packed else {
            return Ok(None);
        };
        let details = unpack(&body, size_bytes).and_then(|text| serde_json::from_str(&text).ok());
        details.map(Some).ok_or_else(|| {
            self.db.bad_value(format!(
                "the output of `{nodeid}` in run {run} cannot be unpacked"
            ))
        })
    }

    /// The notices of a run, in the order in which they came.
    pub fn notices(&self, run: RunId) -> Result<Vec<Notice>, StoreError> {
        self.db.rows(
            "read the notices of a run",
            "SELECT level, code, message, hint FROM notice WHERE run_id = ?1 ORDER BY position",
            [run.0],
            |row| {
                Ok(Notice {
                    level: match row.get_ref(0)?.as_str()? {
                        "warning" => Level::Warning,
                        _ => Level::Info,
                    },
                    code: row.get(1)?,
                    message: row.get(2)?,
                    hint: row.get(3)?,
                })
            },
        )
    }

    /// The Python warnings of a run, the most frequent first.
    pub fn warnings(&self, run: RunId) -> Result<Vec<WarningRow>, StoreError> {
        self.db.rows(
            "read the warnings of a run",
            "SELECT w.category, w.message, f.path, w.line, r.nodeid, r.times_seen
             FROM run_warning AS r
             JOIN warning AS w ON w.warning_id = r.warning_id
             JOIN file AS f ON f.file_id = w.file_id
             WHERE r.run_id = ?1 ORDER BY r.times_seen DESC, f.path, w.line, w.warning_id",
            [run.0],
            |row| {
                Ok(WarningRow {
                    warning: WarningRecord {
                        category: row.get(0)?,
                        message: row.get(1)?,
                        file: row.get(2)?,
                        line: row.get(3)?,
                        nodeid: row.get(4)?,
                    },
                    count: count(row.get(5)?),
                })
            },
        )
    }

    /// Node ids of the tests of a run that passed after failing in it, by file and line.
    pub fn flaky(&self, run: RunId, limit: u32) -> Result<Vec<String>, StoreError> {
        self.db.rows(
            "read the flaky tests of a run",
            "SELECT t.nodeid
             FROM attempt AS a
             JOIN test AS t ON t.test_id = a.test_id
             JOIN file AS f ON f.file_id = t.file_id
             WHERE a.run_id = ?1 AND a.is_last = 1 AND a.flaky = 1
             ORDER BY f.path, t.line, t.nodeid LIMIT ?2",
            (run.0, limit),
            |row| row.get(0),
        )
    }

    /// The tests of a run that took longest.
    pub fn slowest(&self, run: RunId, limit: u32) -> Result<Vec<SlowTest>, StoreError> {
        self.db.rows(
            "read the slowest tests of a run",
            "SELECT t.nodeid, a.duration_us / 1e6
             FROM attempt AS a JOIN test AS t ON t.test_id = a.test_id
             WHERE a.run_id = ?1 AND a.is_last = 1 AND a.duration_us IS NOT NULL
             ORDER BY a.duration_us DESC, a.test_id LIMIT ?2",
            (run.0, limit),
            |row| {
                Ok(SlowTest {
                    nodeid: row.get(0)?,
                    duration_s: row.get(1)?,
                })
            },
        )
    }

    /// Coverage of a run, by file.
    pub fn file_coverage(&self, run: RunId) -> Result<Vec<CoverageRow>, StoreError> {
        self.db.rows(
            "read the coverage of a run",
            "SELECT file, statements, covered FROM file_coverage WHERE run_id = ?1 ORDER BY file",
            [run.0],
            |row| {
                Ok(CoverageRow {
                    file: row.get(0)?,
                    totals: CoverageTotals {
                        statements: count(row.get(1)?),
                        covered: count(row.get(2)?),
                    },
                })
            },
        )
    }
}

pub(super) fn outcome(row: &Row<'_>, column: usize) -> rusqlite::Result<Outcome> {
    parse_name(row, column)
}

/// A name that a CHECK of the schema allows.
pub(super) fn parse_name<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get_ref(column)?
        .as_str()?
        .parse()
        .map_err(|error: T::Err| {
            let kind = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
        })
}

/// The same for a name that `from_name` knows.
pub(super) fn named<T>(
    row: &Row<'_>,
    column: usize,
    from_name: fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let name = row.get_ref(column)?.as_str()?;
    from_name(name).ok_or_else(|| {
        let kind = rusqlite::types::Type::Text;
        let problem = format!("`{name}` is not known");
        rusqlite::Error::FromSqlConversionFailure(column, kind, problem.into())
    })
}

/// A list of texts that is kept as JSON.
pub(super) fn json_list(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
    })
}
