//! The results of the tests of a run: attempts, coverage, notices, warnings.
//!
//! Tests and files are dictionaries that grow; a run's rows only refer to them.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::content;
use super::db::int;
use crate::model::{
    AttemptRecord, Counts, FileCoverage, Notice, Outcome, RunId, Section, ShardIndex, TestItem,
    WarningRecord,
};

/// The long texts of an attempt, as they are packed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Details {
    /// The full report of a failure.
    pub(super) longrepr: Option<String>,
    /// The captured output, one section for each title that pytest gave.
    pub(super) sections: Vec<Section>,
}

/// The same fields as [`Details`], borrowed so that nothing is copied to write them.
#[derive(Serialize)]
struct DetailsRef<'a> {
    longrepr: Option<&'a str>,
    sections: &'a [Section],
}

/// Lists `tests` as `not_run`, except those that the run already knows.
pub(super) fn add_collected(
    tx: &Transaction<'_>,
    run: RunId,
    shard: ShardIndex,
    root: &str,
    tests: &[TestItem],
) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO attempt (run_id, test_id, attempt, shard, outcome, is_last, flaky)
         SELECT ?1, ?2, 1, ?3, 'not_run', 1, 0
         WHERE NOT EXISTS (SELECT 1 FROM attempt WHERE run_id = ?1 AND test_id = ?2)",
    )?;
    for test in tests {
        let id = test_id(tx, root, &test.nodeid, &test.file, test.line)?;
        insert.execute(params![run.0, id, shard.0])?;
    }
    Ok(())
}

/// Writes an attempt, in place of what was known of it. The highest one is the test's outcome.
pub(super) fn put_attempt(
    tx: &Transaction<'_>,
    run: RunId,
    record: &AttemptRecord,
) -> rusqlite::Result<()> {
    let row = params![
        run.0,
        record.nodeid,
        record.attempt,
        record.shard.0,
        record.outcome.as_str(),
        record.flaky,
        record.started_ms,
        record.duration_s.map(micros),
        record.setup_s.map(micros),
        record.call_s.map(micros),
        record.teardown_s.map(micros),
        record.cpu_s.map(micros),
        record.peak_rss_bytes.map(int),
        record.worker,
        record.message,
        details_id(tx, record)?,
        record.root,
    ];
    // The first attempt has its row since the test was collected, so that this is all it costs.
    let updated = tx
        .prepare_cached(
            "UPDATE attempt SET
                 shard = ?4, outcome = ?5, flaky = ?6, started_ms = ?7, duration_us = ?8,
                 setup_us = ?9, call_us = ?10, teardown_us = ?11, cpu_us = ?12,
                 peak_rss_bytes = ?13, worker = ?14, message = ?15, details_id = ?16
             WHERE run_id = ?1 AND attempt = ?3
                 AND test_id = (SELECT test_id FROM test WHERE nodeid = ?2 AND root = ?17)",
        )?
        .execute(row)?;
    if updated > 0 && record.attempt == 1 {
        return Ok(());
    }
    let test = test_id(tx, &record.root, &record.nodeid, &record.file, record.line)?;
    if updated == 0 {
        tx.prepare_cached(
            "INSERT INTO attempt (run_id, test_id, attempt, is_last, shard, outcome, flaky,
                 started_ms, duration_us, setup_us, call_us, teardown_us, cpu_us,
                 peak_rss_bytes, worker, message, details_id)
             SELECT ?1, test_id, ?3,
                 NOT EXISTS (SELECT 1 FROM attempt AS later
                     WHERE run_id = ?1 AND later.test_id = test.test_id AND attempt > ?3),
                 ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16
             FROM test WHERE nodeid = ?2 AND root = ?17",
        )?
        .execute(row)?;
    }
    if record.attempt > 1 {
        tx.prepare_cached(
            "UPDATE attempt SET is_last = 0
             WHERE run_id = ?1 AND test_id = ?2 AND attempt < ?3 AND is_last = 1",
        )?
        .execute(params![run.0, test, record.attempt])?;
    }
    Ok(())
}

fn details_id(tx: &Transaction<'_>, record: &AttemptRecord) -> rusqlite::Result<Option<i64>> {
    if record.longrepr.is_none() && record.sections.is_empty() {
        return Ok(None);
    }
    let details = DetailsRef {
        longrepr: record.longrepr.as_deref(),
        sections: &record.sections,
    };
    let text = serde_json::to_vec(&details)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    content::keep(tx, &text).map(Some)
}

/// Seconds as whole microseconds, never negative: a clock that went back is no duration.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and no test takes 292,000 years"
)]
pub(super) fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round().max(0.0) as i64
}

/// The id of a test; its file and line are those that were heard last.
fn test_id(
    tx: &Transaction<'_>,
    root: &str,
    nodeid: &str,
    file: &str,
    line: Option<u32>,
) -> rusqlite::Result<i64> {
    let file = file_id(tx, file)?;
    let known = tx
        .prepare_cached("SELECT test_id, file_id, line FROM test WHERE nodeid = ?1 AND root = ?2")?
        .query_row([nodeid, root], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((id, known_file, known_line)) = known else {
        let sql = "INSERT INTO test (root, nodeid, file_id, line) VALUES (?1, ?2, ?3, ?4)";
        return tx
            .prepare_cached(sql)?
            .insert(params![root, nodeid, file, line]);
    };
    let line = line.or(known_line);
    if (known_file, known_line) != (file, line) {
        tx.prepare_cached("UPDATE test SET file_id = ?2, line = ?3 WHERE test_id = ?1")?
            .execute(params![id, file, line])?;
    }
    Ok(id)
}

/// The id of a file, which is noted if it was not.
pub(super) fn file_id(tx: &Transaction<'_>, path: &str) -> rusqlite::Result<i64> {
    let known = tx
        .prepare_cached("SELECT file_id FROM file WHERE path = ?1")?
        .query_row([path], |row| row.get(0))
        .optional()?;
    match known {
        Some(id) => Ok(id),
        None => tx
            .prepare_cached("INSERT INTO file (path) VALUES (?1)")?
            .insert([path]),
    }
}

/// Counts the tests of a run by their last attempts.
pub(super) fn count_last(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<Counts> {
    let mut counts = Counts::default();
    let mut query = tx.prepare_cached(
        "SELECT outcome, count(*), sum(flaky) FROM attempt
         WHERE run_id = ?1 AND is_last = 1 GROUP BY outcome",
    )?;
    let mut rows = query.query([run.0])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        // A CHECK keeps other names out.
        if let Ok(outcome) = name.parse::<Outcome>() {
            *counts.get_mut(outcome) = super::db::count(row.get(1)?);
            counts.flaky += super::db::count(row.get(2)?);
        }
    }
    Ok(counts)
}

/// Writes the lines and branches of `files`, in place of what was known of these files.
pub(super) fn put_coverage(
    tx: &Transaction<'_>,
    run: RunId,
    files: &[FileCoverage],
) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO coverage (run_id, file_id, statements, covered,
             statement_lines_id, executed_lines_id, branches, covered_branches,
             missing_branches_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (run_id, file_id) DO UPDATE SET
             statements = excluded.statements, covered = excluded.covered,
             statement_lines_id = excluded.statement_lines_id,
             executed_lines_id = excluded.executed_lines_id,
             branches = excluded.branches, covered_branches = excluded.covered_branches,
             missing_branches_id = excluded.missing_branches_id",
    )?;
    for file in files {
        let totals = file.totals();
        insert.execute(params![
            run.0,
            file_id(tx, &file.file)?,
            int(totals.statements),
            int(totals.covered),
            content::keep(tx, file.statements.to_string().as_bytes())?,
            content::keep(tx, file.executed.to_string().as_bytes())?,
            totals.branches.map(int),
            totals.covered_branches.map(int),
            missing_branches_id(tx, file)?,
        ])?;
    }
    Ok(())
}

fn missing_branches_id(tx: &Transaction<'_>, file: &FileCoverage) -> rusqlite::Result<Option<i64>> {
    let Some(branches) = &file.branches else {
        return Ok(None);
    };
    let ways = branches.missing.iter();
    let ways: Vec<String> = ways.map(|(line, to)| format!("{line}>{to}")).collect();
    content::keep(tx, ways.join(",").as_bytes()).map(Some)
}

/// Adds a notice behind those that the run has; one that it has already is not said twice.
pub(super) fn add_notice(
    tx: &Transaction<'_>,
    run: RunId,
    notice: &Notice,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO notice (run_id, position, level, code, message, hint)
         SELECT ?1, 1 + coalesce(max(position), 0), ?2, ?3, ?4, ?5 FROM notice WHERE run_id = ?1
         ON CONFLICT (run_id, code, message) DO NOTHING",
    )?
    .execute(params![
        run.0,
        notice.level.as_str(),
        notice.code,
        notice.message,
        notice.hint
    ])
    .map(drop)
}

/// Notes a Python warning and how often it was seen so far.
pub(super) fn put_warning(
    tx: &Transaction<'_>,
    run: RunId,
    warning: &WarningRecord,
    count: u64,
) -> rusqlite::Result<()> {
    let file = file_id(tx, &warning.file)?;
    let key = params![file, warning.line, warning.category, warning.message];
    let known = tx
        .prepare_cached(
            "SELECT warning_id FROM warning
             WHERE file_id = ?1 AND line = ?2 AND category = ?3 AND message = ?4",
        )?
        .query_row(key, |row| row.get(0))
        .optional()?;
    let id: i64 = match known {
        Some(id) => id,
        None => tx
            .prepare_cached(
                "INSERT INTO warning (file_id, line, category, message) VALUES (?1, ?2, ?3, ?4)",
            )?
            .insert(key)?,
    };
    tx.prepare_cached(
        "INSERT INTO run_warning (run_id, warning_id, nodeid, times_seen) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (run_id, warning_id) DO UPDATE SET times_seen = excluded.times_seen",
    )?
    .execute(params![run.0, id, warning.nodeid, int(count)])
    .map(drop)
}
