//! Runs: opened, read back as [`RunRecord`]s, closed - also for an agent that could not.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::counters::{self, Counter};
use super::db::{Db, int};
use super::error::StoreError;
use super::open::Store;
use super::reader::Reader;
use super::rows::{count, count_or_null, counts, coverage, json, json_or_null, name, process};
use super::{leases, results, shards};
use crate::clock::rfc3339;
use crate::model::{
    Counts, CoverageTotals, ExitCode, Integration, LeaseClaim, Level, NewRun, Notice, OpenRun,
    Outcome, RunEnd, RunFacts, RunId, RunOutcome, RunRecord,
};

/// The code of the notice that the agent of a run is gone.
const INTERRUPTED: &str = "interrupted";

/// The columns that [`run_record`] and [`open_run`] read.
macro_rules! run_query {
    ($rest:literal) => {
        concat!(
            "SELECT run_id, uuid, trigger, project, executor, image, workers, pytest_args,
                 coalesce(narrowed_by, '[]') AS narrowed_by,
                 selection_key, agent_version, started_ms, finished_ms, outcome, exit_code,
                 failure, git_commit, git_dirty, statements, covered, branches, covered_branches,
                 coverage_partial,
                 passed, failed, error, skipped, xfailed, xpassed, crashed, timed_out, not_run,
                 flaky, orphan_total, orphan_passed, orphan_failed, integrated, redundant,
                 holder_pid, holder_boot_id, holder_pid_space, holder_start_time, active_ms,
                 (SELECT json_group_array(path ORDER BY shard)
                  FROM shard WHERE shard.run_id = run.run_id) AS paths,
                 (SELECT python FROM shard WHERE shard.run_id = run.run_id AND python IS NOT NULL
                  ORDER BY shard LIMIT 1) AS python,
                 (SELECT pytest FROM shard WHERE shard.run_id = run.run_id AND python IS NOT NULL
                  ORDER BY shard LIMIT 1) AS pytest,
                 (SELECT coalesce(sum(times_seen), 0)
                  FROM run_warning WHERE run_warning.run_id = run.run_id) AS warnings
             FROM run ",
            $rest
        )
    };
}

/// The runs that figures are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    Scheduled,
    Whole,
    Any,
}

impl Watched {
    /// The name in queries.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Whole => "whole",
            Self::Any => "any",
        }
    }
}

fn run_record(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    Ok(RunRecord {
        run_id: RunId(row.get("run_id")?),
        facts: RunFacts {
            uuid: row.get("uuid")?,
            trigger: row.get("trigger")?,
            project: row.get("project")?,
            paths: json(row, "paths")?,
            pytest_args: json(row, "pytest_args")?,
            narrowed_by: json(row, "narrowed_by")?,
            selection_key: row.get("selection_key")?,
            started_ms: row.get("started_ms")?,
            executor: row.get("executor")?,
            image: row.get("image")?,
            workers: row.get("workers")?,
            agent_version: row.get("agent_version")?,
        },
        end: run_end(row)?,
        python: row.get("python")?,
        pytest: row.get("pytest")?,
        counts: counts(row)?,
        coverage: coverage(row)?,
        coverage_partial: row.get("coverage_partial")?,
        git_commit: row.get("git_commit")?,
        git_dirty: row.get("git_dirty")?,
        orphan_total: count_or_null(row, "orphan_total")?,
        orphan_passed: count_or_null(row, "orphan_passed")?,
        orphan_failed: count_or_null(row, "orphan_failed")?,
        integration: json_or_null(row, "integrated")?
            .zip(json_or_null(row, "redundant")?)
            .map(|(integrated, redundant)| Integration {
                integrated,
                redundant,
            }),
        warnings: count(row, "warnings")?,
    })
}

fn run_end(row: &Row<'_>) -> rusqlite::Result<Option<RunEnd>> {
    let Some(finished_ms) = row.get("finished_ms")? else {
        return Ok(None);
    };
    Ok(Some(RunEnd {
        finished_ms,
        outcome: name(row, "outcome")?,
        exit_code: ExitCode(row.get("exit_code")?),
        failure: json_or_null(row, "failure")?,
    }))
}

impl Store {
    /// Opens a run; it is on disk when this returns. If it needs a lease, that must be held.
    pub fn open_run(&mut self, new: &NewRun) -> Result<RunId, StoreError> {
        let opened = self.insert_run(new);
        let opened = self.db.in_words("open a run", opened)?;
        opened.map_err(|claim| leases::lost(&self.db, &claim))
    }

    /// Returns the claim that does not hold, if there is one.
    fn insert_run(&mut self, new: &NewRun) -> rusqlite::Result<Result<RunId, LeaseClaim>> {
        let facts = &new.facts;
        let tx = self.db.connection.transaction()?;
        let run = tx
            .prepare_cached(
                "INSERT INTO run (uuid, trigger, project, executor, image, workers, pytest_args,
                     selection_key, agent_version, holder_pid, holder_boot_id, holder_pid_space,
                     holder_start_time, lease_token, started_ms, active_ms, narrowed_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15,
                     nullif(?16, '[]'))",
            )?
            .insert(params![
                facts.uuid,
                facts.trigger,
                facts.project,
                facts.executor,
                facts.image,
                facts.workers,
                in_json(&facts.pytest_args)?,
                facts.selection_key,
                facts.agent_version,
                new.holder.pid,
                new.holder.boot_id,
                new.holder.pid_space,
                new.holder.start_time.map(int),
                new.lease.as_ref().map(|claim| claim.token.0),
                facts.started_ms,
                in_json(&facts.narrowed_by)?,
            ])?;
        let run = RunId(run);
        if let Some(claim) = &new.lease
            && !leases::attach(&tx, claim, run)?
        {
            return Ok(Err(claim.clone()));
        }
        if let Some(cycle) = new.cycle {
            tx.prepare_cached(
                "UPDATE cycle SET run_id = ?2 WHERE cycle_id = ?1 AND finished_ms IS NULL",
            )?
            .execute([cycle.0, run.0])?;
        }
        shards::add_shards(&tx, run, &facts.paths)?;
        tx.commit()?;
        Ok(Ok(run))
    }

    /// The runs without an end, the oldest first: running now, or left behind by an agent that was
    /// killed.
    pub fn open_runs(&self) -> Result<Vec<OpenRun>, StoreError> {
        open_runs(&self.db)
    }

    /// Ends a run whose agent is gone, whoever has its lease. A run that has an end stays as it is.
    ///
    /// The tallies are counted again from what was stored.
    pub fn close_interrupted(
        &mut self,
        run: RunId,
        finished_ms: i64,
        exit_code: ExitCode,
    ) -> Result<(), StoreError> {
        let closed = self.end_interrupted(run, finished_ms, exit_code);
        self.db.in_words("close an interrupted run", closed)
    }

    fn end_interrupted(
        &mut self,
        run: RunId,
        finished_ms: i64,
        exit_code: ExitCode,
    ) -> rusqlite::Result<()> {
        let tx = self.db.connection.transaction()?;
        if !is_open(&tx, run)? {
            return Ok(());
        }
        let counts = results::count_last(&tx, run)?;
        set_counts(&tx, run, &counts)?;
        shards::end_processes(&tx, run, finished_ms)?;
        let notice = Notice {
            level: Level::Warning,
            code: INTERRUPTED.to_owned(),
            message: format!(
                "the agent ended before this run did; {} of {} tests had reported",
                counts.total() - counts.not_run,
                counts.total()
            ),
            hint: Some("run again for a complete result".to_owned()),
        };
        results::add_notice(&tx, run, &notice)?;
        let end = RunEnd {
            finished_ms,
            outcome: RunOutcome::Interrupted,
            exit_code,
            failure: None,
        };
        end_run(&tx, run, &end)?;
        tx.commit()
    }
}

impl Reader {
    /// The latest runs, the newest first.
    pub fn history(&self, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        let (runs, damage) = self.legible_history(limit);
        damage.map_or(Ok(runs), Err)
    }

    /// The same of a file that may be damaged: the runs before the damage, and the error there.
    pub fn legible_history(&self, limit: u32) -> (Vec<RunRecord>, Option<StoreError>) {
        let mut runs = Vec::new();
        let sql = run_query!("ORDER BY run_id DESC LIMIT ?1");
        let action = "read the runs";
        let read = self
            .db
            .rows_into(&mut runs, action, sql, [limit], run_record);
        (runs, read.err())
    }

    /// One run; `None` when the file has no such run.
    pub fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        let sql = run_query!("WHERE run_id = ?1");
        self.db.first("read a run", sql, [run.0], run_record)
    }

    /// The run that was opened last.
    pub fn latest_run(&self) -> Result<Option<RunRecord>, StoreError> {
        Ok(self.history(1)?.into_iter().next())
    }

    /// The runs that figures are made of: those of the schedule, if one is kept; else those of all
    /// the configured tests; before the first of them, any.
    pub(super) fn watched(&self, is_scheduled: bool) -> Result<Watched, StoreError> {
        if is_scheduled {
            return Ok(Watched::Scheduled);
        }
        let sql = "SELECT 1 FROM run WHERE narrowed_by IS NULL AND outcome IS NOT NULL LIMIT 1";
        let found = self.db.first("look for a whole run", sql, [], |_| Ok(()))?;
        Ok(found.map_or(Watched::Any, |()| Watched::Whole))
    }

    /// The latest run that has ended, of those that figures are made of.
    pub(super) fn last_ended(&self, watched: Watched) -> Result<Option<RunRecord>, StoreError> {
        let sql = run_query!(
            "WHERE outcome IS NOT NULL AND (?1 = 'any' OR narrowed_by IS NULL)
                 AND (?1 <> 'scheduled' OR trigger = 'schedule')
             ORDER BY run_id DESC LIMIT 1"
        );
        let words = [watched.as_str()];
        self.db.first("read the last run", sql, words, run_record)
    }

    pub fn open_runs(&self) -> Result<Vec<OpenRun>, StoreError> {
        open_runs(&self.db)
    }
}

/// The latest run with this key that was carried out: interrupted and broken ones say nothing.
pub(super) fn latest_comparable(
    db: &Db,
    selection_key: &str,
) -> Result<Option<RunRecord>, StoreError> {
    let sql = run_query!(
        "WHERE selection_key = ?1 AND outcome IN ('passed', 'failed', 'incomplete')
         ORDER BY run_id DESC LIMIT 1"
    );
    db.first("look for an earlier run", sql, [selection_key], run_record)
}

fn open_runs(db: &Db) -> Result<Vec<OpenRun>, StoreError> {
    let sql = run_query!("WHERE finished_ms IS NULL ORDER BY run_id");
    let mut runs = db.rows("read the runs that go on", sql, [], open_run)?;
    for run in &mut runs {
        run.processes = shards::open_processes(db, run.record.run_id)?;
    }
    Ok(runs)
}

fn open_run(row: &Row<'_>) -> rusqlite::Result<OpenRun> {
    Ok(OpenRun {
        record: run_record(row)?,
        holder: process(row, "holder_")?,
        active_ms: row.get("active_ms")?,
        processes: Vec::new(),
    })
}

pub(super) fn set_git(
    tx: &Transaction<'_>,
    run: RunId,
    commit: &str,
    dirty: bool,
) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE run SET git_commit = ?2, git_dirty = ?3 WHERE run_id = ?1")?
        .execute(params![run.0, commit, dirty])
        .map(drop)
}

pub(super) fn set_coverage(
    tx: &Transaction<'_>,
    run: RunId,
    totals: &CoverageTotals,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE run SET statements = ?2, covered = ?3, branches = ?4, covered_branches = ?5
         WHERE run_id = ?1",
    )?
    .execute(params![
        run.0,
        int(totals.statements),
        int(totals.covered),
        totals.branches.map(int),
        totals.covered_branches.map(int),
    ])
    .map(drop)
}

/// Notes that a process ended before it could report all lines that it executed.
pub(super) fn set_coverage_partial(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE run SET coverage_partial = 1 WHERE run_id = ?1")?
        .execute([run.0])
        .map(drop)
}

/// Sets the tallies of a run. If the run has an end already, what was counted for it follows.
pub(super) fn set_counts(
    tx: &Transaction<'_>,
    run: RunId,
    counts: &Counts,
) -> rusqlite::Result<()> {
    let has_end = !is_open(tx, run)?;
    if has_end {
        let counted = stored_counts(tx, run)?;
        for outcome in Outcome::ALL {
            counters::take_back(tx, Counter::Tests(outcome), counted.get(outcome))?;
        }
    }
    tx.prepare_cached(
        "UPDATE run SET passed = ?2, failed = ?3, error = ?4, skipped = ?5, xfailed = ?6,
             xpassed = ?7, crashed = ?8, timed_out = ?9, not_run = ?10, flaky = ?11
         WHERE run_id = ?1",
    )?
    .execute(params![
        run.0,
        int(counts.passed),
        int(counts.failed),
        int(counts.error),
        int(counts.skipped),
        int(counts.xfailed),
        int(counts.xpassed),
        int(counts.crashed),
        int(counts.timed_out),
        int(counts.not_run),
        int(counts.flaky),
    ])?;
    if has_end {
        count_tests(tx, counts)?;
    }
    Ok(())
}

/// Gives a run its end, and counts it unless it had one: a batch can be written again.
///
/// If another agent has closed the run, because it took it for abandoned, this end takes the place
/// of that one, and the run says so.
pub(super) fn end_run(tx: &Transaction<'_>, run: RunId, end: &RunEnd) -> rusqlite::Result<()> {
    check_counts(tx, run)?;
    match former_end(tx, run)? {
        None => {
            counters::add(tx, Counter::Runs(end.outcome), 1)?;
            count_tests(tx, &stored_counts(tx, run)?)?;
        }
        Some(former) if former == (end.finished_ms, end.outcome) => {}
        Some((closed_ms, outcome)) => {
            counters::take_back(tx, Counter::Runs(outcome), 1)?;
            counters::add(tx, Counter::Runs(end.outcome), 1)?;
            correct_notices(tx, run, closed_ms)?;
        }
    }
    tx.prepare_cached(
        "UPDATE run SET finished_ms = ?2, outcome = ?3, exit_code = ?4, failure = ?5
         WHERE run_id = ?1",
    )?
    .execute(params![
        run.0,
        end.finished_ms,
        end.outcome.as_str(),
        end.exit_code.0,
        end.failure.as_ref().map(in_json).transpose()?,
    ])
    .map(drop)
}

/// Makes the tallies of a run those of its rows, and says so if they differed: a test that two
/// processes reported was counted twice.
fn check_counts(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<()> {
    let (told, rows) = (stored_counts(tx, run)?, results::count_last(tx, run)?);
    if told == rows {
        return Ok(());
    }
    set_counts(tx, run, &rows)?;
    let notice = Notice {
        level: Level::Warning,
        code: "counted-twice".to_owned(),
        message: format!(
            "{} results were told, and the run has {} different tests: some ran twice",
            told.total(),
            rows.total()
        ),
        hint: Some("name each test by one path only".to_owned()),
    };
    results::add_notice(tx, run, &notice)
}

/// The end that a run has, by its time and outcome.
fn former_end(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<Option<(i64, RunOutcome)>> {
    tx.prepare_cached(
        "SELECT finished_ms, outcome FROM run WHERE run_id = ?1 AND finished_ms IS NOT NULL",
    )?
    .query_row([run.0], |row| {
        Ok((row.get("finished_ms")?, name(row, "outcome")?))
    })
    .optional()
}

/// Takes back that the agent of this run ended before the run did.
fn correct_notices(tx: &Transaction<'_>, run: RunId, closed_ms: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM notice WHERE run_id = ?1 AND code = ?2")?
        .execute(params![run.0, INTERRUPTED])?;
    let notice = Notice {
        level: Level::Warning,
        code: "closed-by-another".to_owned(),
        message: format!(
            "another agent closed this run as of {}, because it could not see that the agent of \
             the run was at work; the run went on, and this is its own end",
            rfc3339(closed_ms)
        ),
        hint: Some(
            "agents that share a state file need clocks that agree, and a disk that can be \
             written to"
                .to_owned(),
        ),
    };
    results::add_notice(tx, run, &notice)
}

fn is_open(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM run WHERE run_id = ?1 AND finished_ms IS NULL")?
        .exists([run.0])
}

fn stored_counts(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<Counts> {
    tx.prepare_cached(
        "SELECT passed, failed, error, skipped, xfailed, xpassed, crashed, timed_out, not_run, flaky
         FROM run WHERE run_id = ?1",
    )?
    .query_row([run.0], counts)
}

fn count_tests(tx: &Transaction<'_>, counts: &Counts) -> rusqlite::Result<()> {
    for outcome in Outcome::ALL {
        counters::add(tx, Counter::Tests(outcome), counts.get(outcome))?;
    }
    Ok(())
}

fn in_json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
