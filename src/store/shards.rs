//! The shards of a run and its processes.

use rusqlite::{Transaction, params};

use super::db::{Db, int};
use super::error::StoreError;
use super::reader::Reader;
use super::rows::{count, process};
use crate::model::{ProcessIdentity, RunId, ShardFacts, ShardIndex};

/// The status of a process whose end nobody saw, until somebody tells it after all.
const WITH_ITS_AGENT: &str = "ended with its agent";

/// Lists the shards of a new run by their paths.
pub(super) fn add_shards(
    tx: &Transaction<'_>,
    run: RunId,
    paths: &[String],
) -> rusqlite::Result<()> {
    let mut insert =
        tx.prepare_cached("INSERT INTO shard (run_id, shard, path) VALUES (?1, ?2, ?3)")?;
    for (shard, path) in paths.iter().enumerate() {
        insert.execute(params![run.0, int(shard as u64), path])?;
    }
    Ok(())
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

pub(super) fn add_process(
    tx: &Transaction<'_>,
    run: RunId,
    (serial, shard): (u32, Option<ShardIndex>),
    process: &ProcessIdentity,
    started_ms: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO process (run_id, serial, shard, pid, boot_id, pid_space, start_time,
             started_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        run.0,
        serial,
        shard.map(|shard| shard.0),
        process.pid,
        process.boot_id,
        process.pid_space,
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
         WHERE run_id = ?1 AND serial = ?2 AND (ended_ms IS NULL OR status = ?5)",
    )?
    .execute(params![run.0, serial, ended_ms, status, WITH_ITS_AGENT])
    .map(drop)
}

/// Gives all processes of a run an end that have none.
pub(super) fn end_processes(
    tx: &Transaction<'_>,
    run: RunId,
    ended_ms: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE process SET ended_ms = ?2, status = ?3 WHERE run_id = ?1 AND ended_ms IS NULL",
    )?
    .execute(params![run.0, ended_ms, WITH_ITS_AGENT])
    .map(drop)
}

/// The processes of a run whose end nobody saw, in the order of their starts.
pub(super) fn open_processes(db: &Db, run: RunId) -> Result<Vec<ProcessIdentity>, StoreError> {
    db.rows(
        "read the processes of a run",
        "SELECT pid, boot_id, pid_space, start_time
         FROM process WHERE run_id = ?1 AND ended_ms IS NULL ORDER BY serial",
        [run.0],
        |row| process(row, ""),
    )
}

impl Reader {
    /// Reads the milliseconds that each path of a run took, from the start of its first process.
    /// Paths whose first process or end is not known are left out.
    pub(super) fn path_durations_ms(&self, run: RunId) -> Result<Vec<u64>, StoreError> {
        self.db.rows(
            "read how long the paths of a run took",
            "SELECT max(coalesce(s.finished_ms, max(p.ended_ms)) - min(p.started_ms), 0) AS taken
             FROM shard AS s
             JOIN process AS p ON p.run_id = s.run_id AND p.shard = s.shard
             WHERE s.run_id = ?1
             GROUP BY s.shard HAVING coalesce(s.finished_ms, max(p.ended_ms)) IS NOT NULL
             ORDER BY s.shard",
            [run.0],
            |row| count(row, "taken"),
        )
    }
}
