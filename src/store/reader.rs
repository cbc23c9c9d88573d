//! The reading end: a connection that cannot write, and the queries about one run.

use std::path::Path;

use rusqlite::Row;

use super::connect::Access;
use super::content::unpack;
use super::db::Db;
use super::error::StoreError;
use super::open::{Store, open_existing};
use super::results::Details;
use super::rows::{count, count_or_null, name, named};
use crate::model::{
    AttemptRecord, CoverageTotals, Level, Notice, RunId, ShardIndex, SlowTest, TestKey,
    WarningRecord,
};

/// The columns that [`attempt`] reads, and more if `$more` names some.
macro_rules! attempt_query {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT a.shard, t.root, t.nodeid, f.path AS file, t.line, a.attempt, a.outcome,
                 a.flaky, a.started_ms, a.duration_us / 1e6 AS duration_s,
                 a.setup_us / 1e6 AS setup_s, a.call_us / 1e6 AS call_s,
                 a.teardown_us / 1e6 AS teardown_s, a.worker, a.peak_rss_bytes,
                 a.cpu_us / 1e6 AS cpu_s, a.message",
            $more,
            " FROM attempt AS a
             JOIN test AS t ON t.test_id = a.test_id
             JOIN file AS f ON f.file_id = t.file_id ",
            $rest
        )
    };
}

/// A Python warning of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningRow {
    pub warning: WarningRecord,
    /// The number of times that it came in the run.
    pub count: u64,
}

/// Coverage of one source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageRow {
    /// The file, relative to the project if it lies inside of it.
    pub file: String,
    /// Lines that hold statements, and branches, with the numbers of those that were executed.
    pub totals: CoverageTotals,
}

/// A connection that only reads.
#[derive(Debug)]
pub struct Reader {
    pub(super) db: Db,
}

impl Store {
    /// Another connection to the same file that only reads.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(self.path())
    }
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

    /// The path of the state file; if a link was given, of the file that it leads to.
    pub fn path(&self) -> &Path {
        self.db.path()
    }

    /// Tests of a run that need attention, by file and line: `not_run` comes last. Each is its last
    /// attempt, without report and output.
    pub fn failures(&self, run: RunId, limit: u32) -> Result<Vec<AttemptRecord>, StoreError> {
        let sql = attempt_query!(
            "",
            "WHERE a.run_id = ?1 AND a.is_last = 1
                 AND a.outcome IN ('failed', 'error', 'crashed', 'timed_out', 'not_run')
             ORDER BY a.outcome = 'not_run', f.path, t.line, t.nodeid LIMIT ?2"
        );
        let action = "read the failures of a run";
        self.db.rows(action, sql, (run.0, limit), attempt)
    }

    /// The tests of a run whose node id has `text` in it, in their order; if it is a whole one, that
    /// test alone.
    pub fn tests_like(
        &self,
        run: RunId,
        text: &str,
        limit: u32,
    ) -> Result<Vec<TestKey>, StoreError> {
        let sql =
            "SELECT t.root, t.nodeid FROM attempt AS a JOIN test AS t ON t.test_id = a.test_id
                   WHERE a.run_id = ?1 AND a.is_last = 1 AND instr(t.nodeid, ?2) > 0
                   ORDER BY t.nodeid <> ?2, t.root, t.nodeid LIMIT ?3";
        let action = "look for tests of a run";
        let mut found = self.db.rows(action, sql, (run.0, text, limit), |row| {
            Ok(TestKey {
                root: row.get("root")?,
                nodeid: row.get("nodeid")?,
            })
        })?;
        if found.iter().any(|test| test.nodeid == text) {
            found.retain(|test| test.nodeid == text);
        }
        Ok(found)
    }

    /// The attempts of one test in a run, in their order, with reports and output.
    pub fn attempts(&self, run: RunId, test: &TestKey) -> Result<Vec<AttemptRecord>, StoreError> {
        let sql = attempt_query!(
            ", c.body, c.size_bytes",
            "LEFT JOIN content AS c ON c.content_id = a.details_id
             WHERE a.run_id = ?1 AND t.root = ?2 AND t.nodeid = ?3 ORDER BY a.attempt"
        );
        let found = self.db.rows(
            "read the attempts of a test",
            sql,
            (run.0, &test.root, &test.nodeid),
            |row| {
                let body: Option<Vec<u8>> = row.get("body")?;
                Ok((attempt(row)?, body.zip(row.get("size_bytes")?)))
            },
        )?;
        let unpacked = found.into_iter().map(|(mut record, packed)| {
            let Some((body, size_bytes)) = packed else {
                return Ok(record);
            };
            let text = unpack(&body, size_bytes);
            let details: Option<Details> = text.and_then(|text| serde_json::from_str(&text).ok());
            let Some(details) = details else {
                let what = format!("the output of `{test}` in run {run} cannot be unpacked");
                return Err(self.db.bad_value(what));
            };
            record.longrepr = details.longrepr;
            record.sections = details.sections;
            Ok(record)
        });
        unpacked.collect()
    }

    /// The notices of a run, in the order in which they came.
    pub fn notices(&self, run: RunId) -> Result<Vec<Notice>, StoreError> {
        self.db.rows(
            "read the notices of a run",
            "SELECT level, code, message, hint FROM notice WHERE run_id = ?1 ORDER BY position",
            [run.0],
            |row| {
                Ok(Notice {
                    level: named(row, "level", Level::from_name)?,
                    code: row.get("code")?,
                    message: row.get("message")?,
                    hint: row.get("hint")?,
                })
            },
        )
    }

    /// The Python warnings of a run, the most frequent first.
    pub fn warnings(&self, run: RunId) -> Result<Vec<WarningRow>, StoreError> {
        self.db.rows(
            "read the warnings of a run",
            "SELECT w.category, w.message, f.path AS file, w.line, r.nodeid, r.times_seen
             FROM run_warning AS r
             JOIN warning AS w ON w.warning_id = r.warning_id
             JOIN file AS f ON f.file_id = w.file_id
             WHERE r.run_id = ?1 ORDER BY r.times_seen DESC, f.path, w.line, w.warning_id",
            [run.0],
            |row| {
                Ok(WarningRow {
                    warning: WarningRecord {
                        category: row.get("category")?,
                        message: row.get("message")?,
                        file: row.get("file")?,
                        line: row.get("line")?,
                        nodeid: row.get("nodeid")?,
                    },
                    count: count(row, "times_seen")?,
                })
            },
        )
    }

    /// The tests of a run that passed after failing in it, by file and line.
    pub fn flaky(&self, run: RunId, limit: u32) -> Result<Vec<TestKey>, StoreError> {
        self.db.rows(
            "read the flaky tests of a run",
            "SELECT t.root, t.nodeid
             FROM attempt AS a
             JOIN test AS t ON t.test_id = a.test_id
             JOIN file AS f ON f.file_id = t.file_id
             WHERE a.run_id = ?1 AND a.is_last = 1 AND a.flaky = 1
             ORDER BY f.path, t.line, t.nodeid LIMIT ?2",
            (run.0, limit),
            key,
        )
    }

    /// The tests of a run that took longest.
    pub fn slowest(&self, run: RunId, limit: u32) -> Result<Vec<SlowTest>, StoreError> {
        self.db.rows(
            "read the slowest tests of a run",
            "SELECT t.root, t.nodeid, a.duration_us / 1e6 AS duration_s
             FROM attempt AS a JOIN test AS t ON t.test_id = a.test_id
             WHERE a.run_id = ?1 AND a.is_last = 1 AND a.duration_us IS NOT NULL
             ORDER BY a.duration_us DESC, a.test_id LIMIT ?2",
            (run.0, limit),
            |row| {
                Ok(SlowTest {
                    nodeid: key(row)?.to_string(),
                    duration_s: row.get("duration_s")?,
                })
            },
        )
    }

    /// Coverage of a run, by file.
    pub fn file_coverage(&self, run: RunId) -> Result<Vec<CoverageRow>, StoreError> {
        self.db.rows(
            "read the coverage of a run",
            "SELECT file, statements, covered, branches, covered_branches FROM file_coverage
             WHERE run_id = ?1 ORDER BY file",
            [run.0],
            |row| {
                Ok(CoverageRow {
                    file: row.get("file")?,
                    totals: CoverageTotals {
                        statements: count(row, "statements")?,
                        covered: count(row, "covered")?,
                        branches: count_or_null(row, "branches")?,
                        covered_branches: count_or_null(row, "covered_branches")?,
                    },
                })
            },
        )
    }
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<AttemptRecord> {
    Ok(AttemptRecord {
        shard: ShardIndex(row.get("shard")?),
        root: row.get("root")?,
        nodeid: row.get("nodeid")?,
        file: row.get("file")?,
        line: row.get("line")?,
        attempt: row.get("attempt")?,
        outcome: name(row, "outcome")?,
        flaky: row.get("flaky")?,
        started_ms: row.get("started_ms")?,
        duration_s: row.get("duration_s")?,
        setup_s: row.get("setup_s")?,
        call_s: row.get("call_s")?,
        teardown_s: row.get("teardown_s")?,
        worker: row.get("worker")?,
        peak_rss_bytes: count_or_null(row, "peak_rss_bytes")?,
        cpu_s: row.get("cpu_s")?,
        message: row.get("message")?,
        longrepr: None,
        sections: Vec::new(),
    })
}

fn key(row: &Row<'_>) -> rusqlite::Result<TestKey> {
    Ok(TestKey {
        root: row.get("root")?,
        nodeid: row.get("nodeid")?,
    })
}
