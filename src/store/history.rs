//! Runs as a list, and two of them side by side.

use rusqlite::Row;

use super::db::{Db, count};
use super::error::StoreError;
use super::reader::{Reader, json_list, parse_name};
use super::rows::{ComparedRuns, ComparedTest, OrphanCounts, RunRow};
use crate::model::{Counts, CoverageTotals, Integration, Outcome, RunId};

/// The columns of [`RunRow`], in the order that [`run_row`] reads them.
macro_rules! run_query {
    ($rest:literal) => {
        concat!(
            "SELECT run_id, uuid, trigger, project,
                 (SELECT json_group_array(path ORDER BY shard) FROM shard WHERE shard.run_id = run.run_id),
                 pytest_args, selection_key, agent_version, executor, workers,
                 (SELECT python FROM shard WHERE shard.run_id = run.run_id AND python IS NOT NULL ORDER BY shard LIMIT 1),
                 (SELECT pytest FROM shard WHERE shard.run_id = run.run_id AND python IS NOT NULL ORDER BY shard LIMIT 1),
                 started_ms, finished_ms, outcome, exit_code,
                 passed, failed, error, skipped, xfailed, xpassed, crashed, timed_out, not_run, flaky,
                 statements, covered, git_commit, git_dirty,
                 (SELECT coalesce(sum(times_seen), 0) FROM run_warning WHERE run_warning.run_id = run.run_id),
                 image, orphan_total, orphan_passed, orphan_failed, integrated, redundant
             FROM run ",
            $rest
        )
    };
}

impl Reader {
    /// The latest runs, the newest first.
    pub fn history(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let sql = run_query!("ORDER BY run_id DESC LIMIT ?1");
        self.db.rows("read the runs", sql, [limit], run_row)
    }

    /// One run; `None` when the file has no such run.
    pub fn run(&self, run: RunId) -> Result<Option<RunRow>, StoreError> {
        let sql = run_query!("WHERE run_id = ?1");
        self.db.first("read a run", sql, [run.0], run_row)
    }

    /// The run that was opened last.
    pub fn latest_run(&self) -> Result<Option<RunRow>, StoreError> {
        Ok(self.history(1)?.into_iter().next())
    }

    /// The run to compare `run` with: the latest before it that selected the same tests in the
    /// same way and was carried out.
    pub fn previous_comparable(&self, run: RunId) -> Result<Option<RunId>, StoreError> {
        self.db.first(
            "look for a run to compare with",
            "SELECT run_id FROM run
             WHERE selection_key = (SELECT selection_key FROM run WHERE run_id = ?1)
                 AND run_id < ?1 AND outcome IN ('passed', 'failed', 'incomplete')
             ORDER BY run_id DESC LIMIT 1",
            [run.0],
            |row| row.get(0).map(RunId),
        )
    }

    /// What differs between `run` and the earlier run `previous`.
    pub fn compare(&self, run: RunId, previous: RunId) -> Result<ComparedRuns, StoreError> {
        Ok(ComparedRuns {
            tests: compared_tests(&self.db, run, previous)?,
            added: count_missing(&self.db, run, previous)?,
            removed: count_missing(&self.db, previous, run)?,
        })
    }
}

fn compared_tests(db: &Db, run: RunId, previous: RunId) -> Result<Vec<ComparedTest>, StoreError> {
    db.rows(
        "compare two runs",
        "SELECT t.root AS root, t.nodeid AS nodeid, before.outcome, now.outcome, now.flaky
         FROM attempt AS now
         JOIN test AS t ON t.test_id = now.test_id
         LEFT JOIN attempt AS before
             ON before.run_id = ?2 AND before.test_id = now.test_id AND before.is_last = 1
         WHERE now.run_id = ?1 AND now.is_last = 1
             AND (now.outcome IN ('failed', 'error', 'crashed', 'timed_out')
                 OR now.flaky OR now.outcome <> before.outcome)
         UNION ALL
         SELECT t.root, t.nodeid, gone.outcome, NULL, 0
         FROM attempt AS gone JOIN test AS t ON t.test_id = gone.test_id
         WHERE gone.run_id = ?2 AND gone.is_last = 1
             AND gone.outcome IN ('failed', 'error', 'crashed', 'timed_out')
             AND NOT EXISTS (SELECT 1 FROM attempt AS a
                             WHERE a.run_id = ?1 AND a.test_id = gone.test_id)
         ORDER BY root, nodeid",
        (run.0, previous.0),
        |row| {
            Ok(ComparedTest {
                root: row.get(0)?,
                nodeid: row.get(1)?,
                previous: optional_outcome(row, 2)?,
                present: optional_outcome(row, 3)?,
                flaky: row.get(4)?,
            })
        },
    )
}

/// How many tests `run` has that `other` has not.
fn count_missing(db: &Db, run: RunId, other: RunId) -> Result<u64, StoreError> {
    let missing = db.first(
        "compare two runs",
        "SELECT count(*) FROM attempt AS mine
         WHERE mine.run_id = ?1 AND mine.is_last = 1
             AND NOT EXISTS (SELECT 1 FROM attempt AS a
                             WHERE a.run_id = ?2 AND a.test_id = mine.test_id)",
        (run.0, other.0),
        |row| row.get(0).map(count),
    )?;
    Ok(missing.unwrap_or(0))
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let statements: Option<i64> = row.get(26)?;
    let covered: Option<i64> = row.get(27)?;
    Ok(RunRow {
        run: RunId(row.get(0)?),
        uuid: row.get(1)?,
        trigger: row.get(2)?,
        project: row.get(3)?,
        paths: json_list(row, 4)?,
        pytest_args: json_list(row, 5)?,
        selection_key: row.get(6)?,
        agent_version: row.get(7)?,
        executor: row.get(8)?,
        workers: row.get(9)?,
        python: row.get(10)?,
        pytest: row.get(11)?,
        started_ms: row.get(12)?,
        finished_ms: row.get(13)?,
        outcome: match row.get_ref(14)? {
            rusqlite::types::ValueRef::Null => None,
            _ => Some(parse_name(row, 14)?),
        },
        exit_code: row.get(15)?,
        counts: counts(row, 16)?,
        coverage: statements
            .zip(covered)
            .map(|(statements, covered)| CoverageTotals {
                statements: count(statements),
                covered: count(covered),
            }),
        git_commit: row.get(28)?,
        git_dirty: row.get(29)?,
        warnings: count(row.get(30)?),
        image: row.get(31)?,
        orphans: orphans(row, 32)?,
        integration: integration(row, 35)?,
    })
}

fn orphans(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<OrphanCounts>> {
    let [total, passed, failed]: [Option<i64>; 3] =
        [row.get(first)?, row.get(first + 1)?, row.get(first + 2)?];
    Ok(total.map(|total| OrphanCounts {
        total: count(total),
        passed: count(passed.unwrap_or(0)),
        failed: count(failed.unwrap_or(0)),
    }))
}

fn integration(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Integration>> {
    for column in [first, first + 1] {
        if row.get_ref(column)? == rusqlite::types::ValueRef::Null {
            return Ok(None);
        }
    }
    Ok(Some(Integration {
        integrated: json_list(row, first)?,
        redundant: json_list(row, first + 1)?,
    }))
}

/// The nine outcomes and the flaky ones, in ten columns.
pub(super) fn counts(row: &Row<'_>, first: usize) -> rusqlite::Result<Counts> {
    let mut counts = Counts::default();
    for (position, outcome) in Outcome::ALL.into_iter().enumerate() {
        *counts.get_mut(outcome) = count(row.get(first + position)?);
    }
    counts.flaky = count(row.get(first + Outcome::ALL.len())?);
    Ok(counts)
}

fn optional_outcome(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Outcome>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => parse_name(row, column).map(Some),
    }
}
