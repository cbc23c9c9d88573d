//! Cycles of the schedule: opened before anything is started, closed when their process is gone,
//! and the schedule itself, which moves on in the same transactions.

use std::path::Path;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::connect::Access;
use super::counters::{self, Counter};
use super::db::int;
use super::error::StoreError;
use super::leases;
use super::open::{Store, open_existing};
use super::reader::Reader;
use super::rows::{count, named, process};
use crate::model::{
    CycleId, CycleOutcome, CycleReason, ExitCode, LeaseClaim, ProcessIdentity, RunId, RunOutcome,
};

/// The schedule as the state file keeps it; times are UTC milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRow {
    /// The rule that due times follow, in words.
    pub spec: String,
    /// The longest time from one due time to the next, if it is known.
    pub period_ms: Option<i64>,
    /// The number that jitter is computed from.
    pub seed: u64,
    /// The last due time that was dealt with.
    pub last_ms: Option<i64>,
    /// The next due time, without jitter.
    pub next_ms: i64,
    /// The time at which the next cycle begins.
    pub due_ms: i64,
    /// Cycles in a row that could not be carried out.
    pub failures: u32,
    /// The address that the exporter listens on, if it does.
    pub listen: Option<String>,
    /// The start of the agent that keeps it.
    pub started_ms: i64,
    /// The end of that agent; `None` while it is at work, and after it was killed.
    pub stopped_ms: Option<i64>,
    /// The version of that agent.
    pub agent_version: String,
}

/// A cycle as it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCycle {
    /// The cause, such as a due time or a request.
    pub reason: CycleReason,
    pub due_ms: i64,
    /// Due times before it at which nothing began.
    pub missed: u64,
    pub started_ms: i64,
    /// True if its record goes into the history file.
    pub in_history: bool,
    /// When and why the state file could not be used before, if it could not.
    pub message: Option<String>,
}

/// The end of the process of a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleEnd {
    pub finished_ms: i64,
    /// The exit code of the process; `None` if it never ran, or a signal ended it.
    pub exit_code: Option<u8>,
    /// True if the agent ended the process, or a signal did.
    pub was_ended: bool,
    /// The text to keep if the cycle has no message yet. Without an exit code it follows that
    /// message.
    pub message: Option<String>,
}

/// A cycle as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleRow {
    pub cycle: CycleId,
    pub reason: CycleReason,
    pub due_ms: i64,
    /// Due times before it at which nothing began.
    pub missed: u64,
    pub started_ms: i64,
    /// The process that carries it out.
    pub process: Option<ProcessIdentity>,
    pub run: Option<RunId>,
    /// The time of its end; `None` while it is open.
    pub finished_ms: Option<i64>,
    /// Its result; `None` while it is open.
    pub outcome: Option<CycleOutcome>,
    /// The exit code of its process; `None` if it never ran, or a signal ended it.
    pub exit_code: Option<u8>,
    /// The reason if it could not start, and any other remark about it.
    pub message: Option<String>,
}

/// The columns that [`cycle_row`] reads.
macro_rules! cycle_query {
    ($rest:literal) => {
        concat!(
            "SELECT cycle_id, process_pid, process_boot_id, process_pid_space,
                 process_start_time, reason, due_ms, missed, started_ms, run_id, finished_ms, outcome, exit_code, message
             FROM cycle ",
            $rest
        )
    };
}

impl Store {
    /// Opens the state file at `path`, which is there and up to date. If somebody removed its
    /// folder, it is not made again.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        let db = open_existing(path, Access::Write)?;
        Ok(Self::of(db))
    }

    /// Writes the one row of the schedule over the row before it.
    pub fn save_schedule(
        &mut self,
        claim: &LeaseClaim,
        row: &ScheduleRow,
    ) -> Result<(), StoreError> {
        self.write_under(claim, "keep the schedule", |tx| put_schedule(tx, row))
    }

    /// Opens a cycle, and keeps the schedule that it is due by.
    pub fn open_cycle(
        &mut self,
        claim: &LeaseClaim,
        new: &NewCycle,
        schedule: &ScheduleRow,
    ) -> Result<CycleId, StoreError> {
        self.write_under(claim, "open a cycle", |tx| {
            let cycle = insert_cycle(tx, new)?;
            put_schedule(tx, schedule)?;
            Ok(cycle)
        })
    }

    /// Writes in one transaction, and only while the claim of who keeps the schedule holds; else
    /// it is [`StoreError::LeaseLost`], for good.
    fn write_under<T>(
        &mut self,
        claim: &LeaseClaim,
        action: &'static str,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let carry_out = || {
            let tx = self.db.connection.transaction()?;
            if !leases::holds(&tx, claim)? {
                return Ok(None);
            }
            let written = write(&tx)?;
            tx.commit()?;
            Ok(Some(written))
        };
        let written = carry_out();
        let written = self.db.in_words(action, written)?;
        written.ok_or_else(|| leases::lost(&self.db, claim))
    }

    /// Notes which process carries out a cycle.
    pub fn set_cycle_process(
        &mut self,
        cycle: CycleId,
        process: &ProcessIdentity,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE cycle SET process_pid = ?2, process_boot_id = ?3, process_pid_space = ?4,
                       process_start_time = ?5
                   WHERE cycle_id = ?1";
        let row = params![
            cycle.0,
            process.pid,
            process.boot_id,
            process.pid_space,
            process.start_time.map(int)
        ];
        let set = self.db.connection.execute(sql, row).map(drop);
        self.db.in_words("note the process of a cycle", set)
    }

    /// Notes what is to be known of a cycle, after what it says already.
    pub fn note_cycle(&mut self, cycle: CycleId, message: &str) -> Result<(), StoreError> {
        let sql = "UPDATE cycle SET message = coalesce(message || '; ', '') || ?2
                   WHERE cycle_id = ?1";
        let noted = self.db.connection.execute(sql, params![cycle.0, message]);
        self.db.in_words("note what a cycle says", noted.map(drop))
    }

    /// Ends a cycle whose process is gone and whose run, if it had one, was closed, and keeps the
    /// schedule as `schedule` says it is after that outcome. A cycle that has an end stays as it
    /// is; it is counted once.
    pub fn close_cycle(
        &mut self,
        claim: &LeaseClaim,
        cycle: CycleId,
        end: &CycleEnd,
        schedule: impl FnOnce(CycleOutcome) -> ScheduleRow,
    ) -> Result<CycleOutcome, StoreError> {
        self.write_under(claim, "close a cycle", |tx| {
            let outcome = end_cycle(tx, cycle, end)?;
            put_schedule(tx, &schedule(outcome))?;
            Ok(outcome)
        })
    }

    /// Cycles whose records still have to go into the history file, with their runs.
    pub fn unrecorded_cycles(&self) -> Result<Vec<(CycleId, RunId)>, StoreError> {
        let sql = "SELECT cycle_id, run_id FROM cycle
                   WHERE unrecorded = 1 AND finished_ms IS NOT NULL AND run_id IS NOT NULL
                   ORDER BY cycle_id";
        self.db.rows("read what the history lacks", sql, [], |row| {
            Ok((CycleId(row.get("cycle_id")?), RunId(row.get("run_id")?)))
        })
    }

    /// The history file has the record of a cycle.
    pub fn set_recorded(&mut self, cycle: CycleId) -> Result<(), StoreError> {
        let sql = "UPDATE cycle SET unrecorded = 0 WHERE cycle_id = ?1";
        let set = self.db.connection.execute(sql, [cycle.0]).map(drop);
        self.db.in_words("note that a cycle is recorded", set)
    }
}

impl Reader {
    /// Reads the schedule, if there is one.
    pub fn schedule(&self) -> Result<Option<ScheduleRow>, StoreError> {
        let sql = "SELECT spec, period_ms, seed, last_ms, next_ms, due_ms, failures, listen,
                       started_ms, stopped_ms, agent_version
                   FROM schedule";
        self.db.first("read the schedule", sql, [], |row| {
            Ok(ScheduleRow {
                spec: row.get("spec")?,
                period_ms: row.get("period_ms")?,
                seed: row.get::<_, i64>("seed")?.cast_unsigned(),
                last_ms: row.get("last_ms")?,
                next_ms: row.get("next_ms")?,
                due_ms: row.get("due_ms")?,
                failures: row.get("failures")?,
                listen: row.get("listen")?,
                started_ms: row.get("started_ms")?,
                stopped_ms: row.get("stopped_ms")?,
                agent_version: row.get("agent_version")?,
            })
        })
    }

    /// The cycles without an end.
    pub fn open_cycles(&self) -> Result<Vec<CycleRow>, StoreError> {
        let sql = cycle_query!("WHERE finished_ms IS NULL ORDER BY cycle_id");
        self.db.rows("read the open cycles", sql, [], cycle_row)
    }

    /// One cycle; `None` when the file has no such cycle.
    pub fn cycle(&self, cycle: CycleId) -> Result<Option<CycleRow>, StoreError> {
        let sql = cycle_query!("WHERE cycle_id = ?1");
        self.db.first("read a cycle", sql, [cycle.0], cycle_row)
    }

    /// The latest cycles, the newest first.
    pub fn cycles(&self, limit: u32) -> Result<Vec<CycleRow>, StoreError> {
        let sql = cycle_query!("ORDER BY cycle_id DESC LIMIT ?1");
        self.db.rows("read the cycles", sql, [limit], cycle_row)
    }
}

fn insert_cycle(tx: &Transaction<'_>, new: &NewCycle) -> rusqlite::Result<CycleId> {
    tx.prepare_cached(
        "INSERT INTO cycle (reason, due_ms, missed, started_ms, unrecorded, message)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .insert(params![
        new.reason.as_str(),
        new.due_ms,
        int(new.missed),
        new.started_ms,
        new.in_history,
        new.message,
    ])
    .map(CycleId)
}

/// The exit codes of what keeps a run from its end, or from being stored.
const TROUBLES: [ExitCode; 4] = [
    ExitCode::USAGE,
    ExitCode::ENVIRONMENT,
    ExitCode::STATE_FILE,
    ExitCode::BUG,
];

fn end_cycle(
    tx: &Transaction<'_>,
    cycle: CycleId,
    end: &CycleEnd,
) -> rusqlite::Result<CycleOutcome> {
    let (outcome, has_run) = outcome_of(tx, cycle, end)?;
    // If a run says how it went, an exit code that says the same adds nothing.
    let is_trouble = |code| TROUBLES.contains(&ExitCode(code));
    let needs_words = !has_run || end.exit_code.is_none_or(is_trouble);
    let message = end.message.as_ref().filter(|_| needs_words);
    let changed = tx
        .prepare_cached(
            "UPDATE cycle SET finished_ms = ?2, outcome = ?3, exit_code = ?4,
                 message = coalesce(iif(?4 IS NULL, message || '; ' || ?5, NULL), message, ?5),
                 unrecorded = unrecorded AND run_id IS NOT NULL
             WHERE cycle_id = ?1 AND finished_ms IS NULL",
        )?
        .execute(params![
            cycle.0,
            end.finished_ms,
            outcome.as_str(),
            end.exit_code,
            message,
        ])?;
    if changed > 0 {
        counters::add(tx, Counter::Cycles(outcome), 1)?;
    }
    Ok(outcome)
}

/// The outcome of a cycle, from its run if that has an end; and true if there is a run.
fn outcome_of(
    tx: &Transaction<'_>,
    cycle: CycleId,
    end: &CycleEnd,
) -> rusqlite::Result<(CycleOutcome, bool)> {
    let sql = "SELECT run.run_id, run.outcome
               FROM cycle LEFT JOIN run ON run.run_id = cycle.run_id WHERE cycle_id = ?1";
    let run: Option<(Option<i64>, Option<String>)> = tx
        .query_row(sql, [cycle.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let of_run = run.as_ref().and_then(|(_, outcome)| outcome.as_deref());
    if let Some(outcome) = of_run.and_then(CycleOutcome::from_name) {
        return Ok((outcome, true));
    }
    let has_run = run.is_some_and(|(run, _)| run.is_some());
    let stopped = [ExitCode::SIGINT, ExitCode::SIGTERM];
    let stopped = end.was_ended
        || end
            .exit_code
            .is_some_and(|c| stopped.contains(&ExitCode(c)));
    let outcome = if has_run || stopped {
        CycleOutcome::Run(RunOutcome::Interrupted)
    } else {
        CycleOutcome::NotStarted
    };
    Ok((outcome, has_run))
}

fn put_schedule(tx: &Transaction<'_>, row: &ScheduleRow) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO schedule (schedule_id, spec, period_ms, seed, last_ms, next_ms, due_ms,
                 failures, listen, started_ms, stopped_ms, agent_version)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (schedule_id) DO UPDATE SET
                 spec = excluded.spec, period_ms = excluded.period_ms, seed = excluded.seed,
                 last_ms = excluded.last_ms, next_ms = excluded.next_ms,
                 due_ms = excluded.due_ms, failures = excluded.failures,
                 listen = excluded.listen, started_ms = excluded.started_ms,
                 stopped_ms = excluded.stopped_ms, agent_version = excluded.agent_version",
    )?
    .execute(params![
        row.spec,
        row.period_ms,
        row.seed.cast_signed(),
        row.last_ms,
        row.next_ms,
        row.due_ms,
        row.failures,
        row.listen,
        row.started_ms,
        row.stopped_ms,
        row.agent_version,
    ])
    .map(drop)
}

fn cycle_row(row: &Row<'_>) -> rusqlite::Result<CycleRow> {
    let pid: Option<u32> = row.get("process_pid")?;
    let outcome: Option<String> = row.get("outcome")?;
    Ok(CycleRow {
        cycle: CycleId(row.get("cycle_id")?),
        reason: named(row, "reason", CycleReason::from_name)?,
        due_ms: row.get("due_ms")?,
        missed: count(row, "missed")?,
        started_ms: row.get("started_ms")?,
        process: pid.map(|_| process(row, "process_")).transpose()?,
        run: row.get::<_, Option<i64>>("run_id")?.map(RunId),
        finished_ms: row.get("finished_ms")?,
        outcome: outcome
            .map(|_| named(row, "outcome", CycleOutcome::from_name))
            .transpose()?,
        exit_code: row.get("exit_code")?,
        message: row.get("message")?,
    })
}
