//! Runs, their shards and processes: opened, closed, and closed for those that could not.

use rusqlite::{Transaction, params};

use super::counters::{self, Counter};
use super::db::int;
use super::error::StoreError;
use super::history;
use super::leases;
use super::open::Store;
use super::results;
use super::rows::UnfinishedRun;
use crate::model::record::{Level, Notice};
use crate::model::write::{NewRun, ProcessIdentity, RunEnd, ShardFacts};
use crate::model::{Counts, LeaseClaim, Outcome, RunId, RunOutcome, ShardIndex};

impl Store {
    /// Opens a run; it is on disk when this returns. Its lease, where it needs one, must be held.
    pub fn open_run(&mut self, new: &NewRun) -> Result<RunId, StoreError> {
        let opened = self.insert_run(new);
        let opened = self.db.in_words("open a run", opened)?;
        opened.map_err(|claim| leases::lost(&self.db, &claim))
    }

    /// Returns the claim that does not hold, where there is one.
    fn insert_run(&mut self, new: &NewRun) -> rusqlite::Result<Result<RunId, LeaseClaim>> {
        let pytest_args = serde_json::Value::from(new.pytest_args.clone()).to_string();
        let tx = self.db.connection.transaction()?;
        let run = tx
            .prepare_cached(
                "INSERT INTO run (uuid, trigger, project, executor, workers, pytest_args,
                     selection_key, agent_version, holder_pid, holder_boot_id,
                     holder_start_time, started_ms, active_ms, image, lease_token)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14)",
            )?
            .insert(params![
                new.uuid,
                new.trigger,
                new.project,
                new.executor,
                new.workers,
                pytest_args,
                new.selection_key,
                new.agent_version,
                new.holder.pid,
                new.holder.boot_id,
                new.holder.start_time.map(int),
                new.started_ms,
                new.image,
                new.lease.as_ref().map(|claim| claim.token.0),
            ])?;
        if let Some(claim) = &new.lease
            && !leases::attach(&tx, claim, RunId(run))?
        {
            return Ok(Err(claim.clone()));
        }
        if let Some(cycle) = new.cycle {
            tx.prepare_cached(
                "UPDATE cycle SET run_id = ?2 WHERE cycle_id = ?1 AND finished_ms IS NULL",
            )?
            .execute([cycle.0, run])?;
        }
        for (shard, path) in new.shards.iter().enumerate() {
            tx.prepare_cached("INSERT INTO shard (run_id, shard, path) VALUES (?1, ?2, ?3)")?
                .execute(params![run, int(shard as u64), path])?;
        }
        tx.commit()?;
        Ok(Ok(RunId(run)))
    }

    /// The runs without an end: running now, or left behind by an agent that was killed.
    pub fn unfinished_runs(&self) -> Result<Vec<UnfinishedRun>, StoreError> {
        let action = "read the unfinished runs";
        let mut runs = self.db.rows(
            action,
            "SELECT run_id, holder_pid, holder_boot_id, holder_start_time, started_ms, active_ms
             FROM run WHERE finished_ms IS NULL ORDER BY run_id",
            [],
            |row| {
                Ok(UnfinishedRun {
                    run: RunId(row.get(0)?),
                    holder: identity(row, 1)?,
                    started_ms: row.get(4)?,
                    active_ms: row.get(5)?,
                    processes: Vec::new(),
                })
            },
        )?;
        for run in &mut runs {
            run.processes = self.db.rows(
                action,
                "SELECT pid, boot_id, start_time
                 FROM process WHERE run_id = ?1 AND ended_ms IS NULL ORDER BY serial",
                [run.run.0],
                |row| identity(row, 0),
            )?;
        }
        Ok(runs)
    }

    /// Ends a run whose agent is gone, whoever has its lease. A run that has an end stays as it is.
    ///
    /// The tallies are counted anew from what was stored.
    pub fn close_interrupted(
        &mut self,
        run: RunId,
        finished_ms: i64,
        exit_code: u8,
    ) -> Result<(), StoreError> {
        let closed = self.end_interrupted(run, finished_ms, exit_code);
        self.db.in_words("close an interrupted run", closed)
    }

    fn end_interrupted(
        &mut self,
        run: RunId,
        finished_ms: i64,
        exit_code: u8,
    ) -> rusqlite::Result<()> {
        let tx = self.db.connection.transaction()?;
        let open = tx
            .prepare_cached("SELECT 1 FROM run WHERE run_id = ?1 AND finished_ms IS NULL")?
            .exists([run.0])?;
        if !open {
            return Ok(());
        }
        let counts = results::count(&tx, run)?;
        set_counts(&tx, run, &counts)?;
        tx.prepare_cached(
            "UPDATE process SET ended_ms = ?2, status = 'ended with its agent'
             WHERE run_id = ?1 AND ended_ms IS NULL",
        )?
        .execute(params![run.0, finished_ms])?;
        let notice = Notice {
            level: Level::Warning,
            code: "interrupted".to_owned(),
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
        };
        end_run(&tx, run, &end)?;
        tx.commit()
    }
}

pub(super) fn identity(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<ProcessIdentity> {
    Ok(ProcessIdentity {
        pid: row.get(first)?,
        boot_id: row.get(first + 1)?,
        start_time: row.get::<_, Option<i64>>(first + 2)?.map(super::db::count),
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

pub(super) fn add_process(
    tx: &Transaction<'_>,
    run: RunId,
    (serial, shard): (u32, Option<ShardIndex>),
    process: &ProcessIdentity,
    started_ms: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO process (run_id, serial, shard, pid, boot_id, start_time, started_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        run.0,
        serial,
        shard.map(|shard| shard.0),
        process.pid,
        process.boot_id,
        process.start_time.map(int),
        started_ms,
    ])
    .map(drop)
}

pub(super) fn end_process(
    tx: &Transaction<'_>,
    run: RunId,
    serial: u32,
    ended_ms: i64,
    status: &str,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE process SET ended_ms = ?3, status = ?4
         WHERE run_id = ?1 AND serial = ?2 AND ended_ms IS NULL",
    )?
    .execute(params![run.0, serial, ended_ms, status])
    .map(drop)
}

pub(super) fn set_facts(
    tx: &Transaction<'_>,
    run: RunId,
    shard: ShardIndex,
    facts: &ShardFacts,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE shard SET python = ?3, pytest = ?4, executable = ?5
         WHERE run_id = ?1 AND shard = ?2",
    )?
    .execute(params![
        run.0,
        shard.0,
        facts.python,
        facts.pytest,
        facts.executable
    ])
    .map(drop)
}

pub(super) fn set_counts(
    tx: &Transaction<'_>,
    run: RunId,
    counts: &Counts,
) -> rusqlite::Result<()> {
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
    ])
    .map(drop)
}

pub(super) fn end_shard(
    tx: &Transaction<'_>,
    run: RunId,
    shard: ShardIndex,
    finished_ms: i64,
    exit_status: Option<i32>,
    deaths: u32,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE shard SET finished_ms = ?3, exit_status = ?4, deaths = ?5
         WHERE run_id = ?1 AND shard = ?2",
    )?
    .execute(params![run.0, shard.0, finished_ms, exit_status, deaths])
    .map(drop)
}

/// Gives a run its end, and counts it unless it had one: a batch can be written again.
pub(super) fn end_run(tx: &Transaction<'_>, run: RunId, end: &RunEnd) -> rusqlite::Result<()> {
    let sql = "SELECT 1 FROM run WHERE run_id = ?1 AND outcome IS NULL";
    if tx.prepare_cached(sql)?.exists([run.0])? {
        count_run(tx, run, end.outcome)?;
    }
    tx.prepare_cached(
        "UPDATE run SET finished_ms = ?2, outcome = ?3, exit_code = ?4 WHERE run_id = ?1",
    )?
    .execute(params![
        run.0,
        end.finished_ms,
        end.outcome.as_str(),
        end.exit_code
    ])
    .map(drop)
}

fn count_run(tx: &Transaction<'_>, run: RunId, outcome: RunOutcome) -> rusqlite::Result<()> {
    let counts = tx
        .prepare_cached(
            "SELECT passed, failed, error, skipped, xfailed, xpassed, crashed, timed_out, not_run,
                 flaky
             FROM run WHERE run_id = ?1",
        )?
        .query_row([run.0], |row| history::counts(row, 0))?;
    counters::add(tx, Counter::Runs(outcome), 1)?;
    for outcome in Outcome::ALL {
        counters::add(tx, Counter::Tests(outcome), counts.get(outcome))?;
    }
    Ok(())
}
