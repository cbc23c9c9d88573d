//! The results of the trials of a run, and the changes that they make to the list of orphans.

use rusqlite::{Params, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::content::{self, unpack};
use super::db::int;
use super::error::StoreError;
use super::reader::Reader;
use super::results::{file_id, micros};
use super::rows::{count, module, named};
use crate::model::{Integration, RunId, Touch, Trial, TrialOutcome};

/// The long parts of a trial.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Details {
    report: Option<String>,
    output: String,
    touched: Vec<Touch>,
}

/// The columns that [`trial`] reads, and more if `$more` names some.
macro_rules! trial_query {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT f.path AS file, t.module, t.outcome, t.duration_us / 1e6 AS duration_s,
                 t.doctests, t.tests, t.message",
            $more,
            " FROM trial AS t JOIN file AS f ON f.file_id = t.file_id ",
            $rest
        )
    };
}

impl Reader {
    /// The trials of a run by file.
    pub fn trials(&self, run: RunId) -> Result<Vec<Trial>, StoreError> {
        let sql = trial_query!(
            ", c.body, c.size_bytes",
            "LEFT JOIN content AS c ON c.content_id = t.details_id
             WHERE t.run_id = ?1 ORDER BY f.path"
        );
        self.whole_trials(run, sql, [run.0])
    }

    /// The last trial of each module on the list of orphans.
    pub fn last_trials(&self) -> Result<Vec<(RunId, Trial)>, StoreError> {
        let runs = self.db.rows(
            "read the last trials",
            "SELECT DISTINCT last_tested_run FROM orphan
             WHERE last_tested_run IS NOT NULL ORDER BY 1",
            [],
            |row| Ok(RunId(row.get("last_tested_run")?)),
        )?;
        let mut last = Vec::new();
        for run in runs {
            let sql = trial_query!(
                ", c.body, c.size_bytes",
                "JOIN orphan AS o ON o.file_id = t.file_id AND o.last_tested_run = t.run_id
                 LEFT JOIN content AS c ON c.content_id = t.details_id
                 WHERE t.run_id = ?1 ORDER BY f.path"
            );
            let trials = self.whole_trials(run, sql, [run.0])?;
            last.extend(trials.into_iter().map(|trial| (run, trial)));
        }
        Ok(last)
    }

    /// The trials of a run that failed, crashed or ran out of time, and all trials of modules that
    /// were kept from something, by file.
    pub fn notable_trials(&self, run: RunId, limit: u32) -> Result<Vec<Trial>, StoreError> {
        let sql = trial_query!(
            ", c.body, c.size_bytes",
            "LEFT JOIN content AS c ON c.content_id = t.details_id
             WHERE t.run_id = ?1
                 AND (t.outcome IN ('failed', 'crashed', 'timed_out') OR t.touched > 0)
             ORDER BY f.path LIMIT ?2"
        );
        self.whole_trials(run, sql, (run.0, limit))
    }

    /// Those that failed, crashed or ran out of time, without their reports.
    pub fn failed_trials(&self, run: RunId, limit: u32) -> Result<Vec<Trial>, StoreError> {
        let sql = trial_query!(
            "",
            "WHERE t.run_id = ?1 AND t.outcome IN ('failed', 'crashed', 'timed_out')
             ORDER BY f.path LIMIT ?2"
        );
        let action = "read the failed orphans of a run";
        self.db.rows(action, sql, (run.0, limit), trial)
    }

    fn whole_trials(
        &self,
        run: RunId,
        sql: &str,
        params: impl Params,
    ) -> Result<Vec<Trial>, StoreError> {
        let found = self
            .db
            .rows("read the trials of a run", sql, params, |row| {
                let body: Option<Vec<u8>> = row.get("body")?;
                Ok((trial(row)?, body.zip(row.get("size_bytes")?)))
            })?;
        let unpacked = found.into_iter().map(|(mut trial, packed)| {
            let Some((body, size_bytes)) = packed else {
                return Ok(trial);
            };
            let text = unpack(&body, size_bytes);
            let details: Option<Details> = text.and_then(|text| serde_json::from_str(&text).ok());
            let Some(details) = details else {
                let name = &trial.module.file;
                let what = format!("the report of `{name}` in run {run} cannot be unpacked");
                return Err(self.db.bad_value(what));
            };
            trial.report = details.report;
            trial.output = details.output;
            trial.touched = details.touched;
            Ok(trial)
        });
        unpacked.collect()
    }
}

fn trial(row: &Row<'_>) -> rusqlite::Result<Trial> {
    Ok(Trial {
        module: module(row)?,
        outcome: named(row, "outcome", TrialOutcome::from_name)?,
        duration_s: row.get("duration_s")?,
        doctests: count(row, "doctests")?,
        tests: count(row, "tests")?,
        message: row.get("message")?,
        report: None,
        output: String::new(),
        touched: Vec::new(),
    })
}

/// Notes how many orphans a run is going to try.
pub(super) fn begin(tx: &Transaction<'_>, run: RunId, total: u64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE run SET orphan_total = ?2, orphan_passed = 0, orphan_failed = 0 WHERE run_id = ?1",
    )?
    .execute(params![run.0, int(total)])?;
    tally(tx, run)
}

/// Writes a trial in place of what was known of it. A module that was not tried stays in the list
/// of orphans as it was; one that has its place keeps it while it passes.
pub(super) fn put(tx: &Transaction<'_>, run: RunId, trial: &Trial) -> rusqlite::Result<()> {
    let file = file_id(tx, &trial.module.file)?;
    tx.prepare_cached(
        "INSERT INTO trial (run_id, file_id, module, outcome, duration_us, doctests, tests,
             touched, message, details_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (run_id, file_id) DO UPDATE SET
             module = excluded.module, outcome = excluded.outcome,
             duration_us = excluded.duration_us, doctests = excluded.doctests,
             tests = excluded.tests, touched = excluded.touched, message = excluded.message,
             details_id = excluded.details_id",
    )?
    .execute(params![
        run.0,
        file,
        trial.module.name,
        trial.outcome.as_str(),
        trial.duration_s.map(micros),
        int(trial.doctests),
        int(trial.tests),
        int(trial.touched.len() as u64),
        trial.message,
        details_id(tx, trial)?,
    ])?;
    if trial.outcome != TrialOutcome::NotRun {
        tx.prepare_cached(
            "UPDATE orphan SET last_tested_run = ?2, message = ?4,
                 status = CASE WHEN ?3 = 'passed' AND status IN ('integrated', 'redundant')
                     THEN status ELSE ?3 END
             WHERE file_id = ?1",
        )?
        .execute(params![file, run.0, trial.outcome.as_str(), trial.message])?;
    }
    tally(tx, run)
}

fn details_id(tx: &Transaction<'_>, trial: &Trial) -> rusqlite::Result<Option<i64>> {
    if trial.report.is_none() && trial.output.is_empty() && trial.touched.is_empty() {
        return Ok(None);
    }
    let details = Details {
        report: trial.report.clone(),
        output: trial.output.clone(),
        touched: trial.touched.clone(),
    };
    let text = serde_json::to_vec(&details)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    content::keep(tx, &text).map(Some)
}

/// Counts the trials of a run again.
fn tally(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE run SET
             orphan_total = max(coalesce(run.orphan_total, 0), t.total),
             orphan_passed = t.passed, orphan_failed = t.failed
         FROM (SELECT count(*) AS total,
                   count(*) FILTER (WHERE outcome = 'passed') AS passed,
                   count(*) FILTER (WHERE outcome IN ('failed', 'crashed', 'timed_out')) AS failed
               FROM trial WHERE run_id = ?1) AS t
         WHERE run.run_id = ?1",
    )?
    .execute([run.0])
    .map(drop)
}

/// Notes what the passing orphans were made part of.
pub(super) fn set_integration(
    tx: &Transaction<'_>,
    run: RunId,
    integration: &Integration,
) -> rusqlite::Result<()> {
    let list = |files: &[String]| serde_json::Value::from(files).to_string();
    tx.prepare_cached("UPDATE run SET integrated = ?2, redundant = ?3 WHERE run_id = ?1")?
        .execute(params![
            run.0,
            list(&integration.integrated),
            list(&integration.redundant)
        ])
        .map(drop)
}
