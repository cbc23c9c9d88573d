//! Leases: rows that say who may run now, across processes and machines.
//!
//! ```text
//!            acquire, token + 1
//!    free ──────────────────────► held ◄─┐ renew
//!     ▲                           │ │ │ └┘
//!     └────────── release ────────┘ │ └─ acquire by another, token + 1:
//!                                   │    its time is over, or its holder is known to be gone
//!                                   └─ every write of its run: the token must still be there
//! ```
//!
//! A row is never removed, so that its token never comes again. The caller finds out if a holder is
//! gone, outside of any transaction; it names the token of the holder it means, so that nobody who
//! came in between is thrown out.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, params};

use super::connect::Access;
use super::db::{Db, int};
use super::error::StoreError;
use super::open::open_existing;
use super::reader::Reader;
use super::rows::process;
use crate::model::{Hold, Holder, Lease, LeaseClaim, LeaseToken, RunId};

/// The columns that [`lease`] reads.
macro_rules! lease_query {
    ($rest:literal) => {
        concat!(
            "SELECT name, token, run_id, holder_host, holder_pid, holder_boot_id,
                 holder_pid_space, holder_start_time, acquired_ms, heartbeat_ms, expires_ms
             FROM lease ",
            $rest
        )
    };
}

/// A connection for leases alone, so that they can be renewed while the writer is busy.
#[derive(Debug)]
pub struct Leases {
    db: Db,
}

/// The answer to a request for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquisition {
    /// It is ours, with this token.
    Taken(LeaseToken),
    /// Another holder has it.
    Held(Lease),
}

impl Leases {
    /// Opens an existing state file that is up to date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = open_existing(path, Access::Write)?;
        Ok(Self { db })
    }

    /// True if somebody has removed, moved or replaced the file since it was opened.
    pub fn has_lost_name(&self) -> bool {
        self.db.has_lost_name()
    }

    /// Takes the lease `name` for `holder` until `ttl` after `now_ms`, if it is free, expired, or
    /// held under the token `gone`, whose holder the caller knows to be gone.
    pub fn acquire(
        &mut self,
        name: &str,
        holder: &Holder,
        now_ms: i64,
        ttl: Duration,
        gone: Option<LeaseToken>,
    ) -> Result<Acquisition, StoreError> {
        let taken = self.take(name, holder, now_ms, ttl, gone);
        self.db.in_words("take a lease", taken)
    }

    /// Prolongs a lease until `ttl` after `now_ms`, also one that has expired and that nobody
    /// took. Returns false when it was lost.
    pub fn renew(
        &self,
        claim: &LeaseClaim,
        now_ms: i64,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        self.update(
            "renew a lease",
            "UPDATE lease SET heartbeat_ms = ?3, expires_ms = ?4
             WHERE name = ?1 AND token = ?2 AND holder_host IS NOT NULL",
            params![claim.name, claim.token.0, now_ms, after(now_ms, ttl)],
        )
    }

    /// Gives a lease back: one's own, or the lease of somebody who is stuck. Returns false if it
    /// was given back or lost before. A run that still uses it writes nothing more.
    pub fn release(&self, claim: &LeaseClaim) -> Result<bool, StoreError> {
        self.update(
            "release a lease",
            "UPDATE lease SET run_id = NULL, holder_host = NULL, holder_pid = NULL,
                 holder_boot_id = NULL, holder_pid_space = NULL, holder_start_time = NULL,
                 acquired_ms = NULL, heartbeat_ms = NULL, expires_ms = NULL
             WHERE name = ?1 AND token = ?2 AND holder_host IS NOT NULL",
            params![claim.name, claim.token.0],
        )
    }

    /// The lease of that name; `None` when nobody ever took it.
    pub fn find(&self, name: &str) -> Result<Option<Lease>, StoreError> {
        let found = find(&self.db.connection, name);
        self.db.in_words("read a lease", found)
    }

    fn take(
        &mut self,
        name: &str,
        holder: &Holder,
        now_ms: i64,
        ttl: Duration,
        gone: Option<LeaseToken>,
    ) -> rusqlite::Result<Acquisition> {
        let tx = self.db.connection.transaction()?;
        if let Some(lease) = find(&tx, name)?
            && let Some(hold) = &lease.hold
            && !hold.is_expired(now_ms)
            && gone != Some(lease.token)
        {
            return Ok(Acquisition::Held(lease));
        }
        let token = tx
            .prepare_cached(
                "INSERT INTO lease (name, token, holder_host, holder_pid, holder_boot_id,
                     holder_pid_space, holder_start_time, acquired_ms, heartbeat_ms, expires_ms)
                 VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)
                 ON CONFLICT (name) DO UPDATE SET
                     token = lease.token + 1,
                     run_id = NULL,
                     holder_host = excluded.holder_host,
                     holder_pid = excluded.holder_pid,
                     holder_boot_id = excluded.holder_boot_id,
                     holder_pid_space = excluded.holder_pid_space,
                     holder_start_time = excluded.holder_start_time,
                     acquired_ms = excluded.acquired_ms,
                     heartbeat_ms = excluded.heartbeat_ms,
                     expires_ms = excluded.expires_ms
                 RETURNING token",
            )?
            .query_row(
                params![
                    name,
                    holder.host,
                    holder.process.pid,
                    holder.process.boot_id,
                    holder.process.pid_space,
                    holder.process.start_time.map(int),
                    now_ms,
                    after(now_ms, ttl),
                ],
                |row| row.get(0).map(LeaseToken),
            )?;
        tx.commit()?;
        Ok(Acquisition::Taken(token))
    }

    /// Returns true if there was such a row.
    fn update(
        &self,
        action: &'static str,
        sql: &str,
        params: impl Params,
    ) -> Result<bool, StoreError> {
        let query = self.db.connection.prepare_cached(sql);
        let changed = query.and_then(|mut query| query.execute(params));
        Ok(self.db.in_words(action, changed)? > 0)
    }
}

impl Reader {
    /// Reads all leases, sorted by name.
    pub fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        let sql = lease_query!("ORDER BY name");
        self.db.rows("read the leases", sql, [], lease)
    }
}

/// The right of a run to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may: it needs no lease, or has it.
    Good,
    /// There is no such run.
    NoRun,
    /// The lease does not have the token of the run any more, which is this one.
    LeaseLost(LeaseToken),
}

/// Asks for the standing of a run, in the transaction that is to write for it.
pub(super) fn standing(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<Standing> {
    let sql = "SELECT lease_token, EXISTS (
                   SELECT 1 FROM lease
                   WHERE lease.run_id = run.run_id AND lease.token = run.lease_token)
               FROM run WHERE run_id = ?1";
    let found: Option<(Option<i64>, bool)> = tx
        .prepare_cached(sql)?
        .query_row([run.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        None => Standing::NoRun,
        Some((Some(token), false)) => Standing::LeaseLost(LeaseToken(token)),
        Some(_) => Standing::Good,
    })
}

/// Turns a bad standing of `run` into its error.
pub(super) fn in_good_standing(
    db: &Db,
    run: Option<RunId>,
    standing: Standing,
) -> Result<(), StoreError> {
    let path = || db.file.clone();
    match (standing, run) {
        (Standing::NoRun, Some(run)) => Err(StoreError::NoRun { path: path(), run }),
        (Standing::LeaseLost(token), Some(run)) => Err(StoreError::LeaseLost {
            path: path(),
            lease: format!("of run {run}"),
            token,
        }),
        (Standing::Good, _) | (_, None) => Ok(()),
    }
}

/// Asks whether a claim holds, in the transaction that is to write under it.
pub(super) fn holds(tx: &Transaction<'_>, claim: &LeaseClaim) -> rusqlite::Result<bool> {
    tx.prepare_cached(
        "SELECT 1 FROM lease WHERE name = ?1 AND token = ?2 AND holder_host IS NOT NULL",
    )?
    .exists(params![claim.name, claim.token.0])
}

/// Notes which run a lease is for. Returns false when the claim does not hold.
pub(super) fn attach(
    tx: &Transaction<'_>,
    claim: &LeaseClaim,
    run: RunId,
) -> rusqlite::Result<bool> {
    let changed = tx
        .prepare_cached(
            "UPDATE lease SET run_id = ?3
             WHERE name = ?1 AND token = ?2 AND holder_host IS NOT NULL",
        )?
        .execute(params![claim.name, claim.token.0, run.0])?;
    Ok(changed > 0)
}

/// The error of a claim that does not hold.
pub(super) fn lost(db: &Db, claim: &LeaseClaim) -> StoreError {
    StoreError::LeaseLost {
        path: db.file.clone(),
        lease: format!("`{}`", claim.name),
        token: claim.token,
    }
}

fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Lease>> {
    let sql = lease_query!("WHERE name = ?1");
    let mut query = connection.prepare_cached(sql)?;
    query.query_row([name], lease).optional()
}

fn lease(row: &Row<'_>) -> rusqlite::Result<Lease> {
    let host: Option<String> = row.get("holder_host")?;
    let hold = match host {
        None => None,
        Some(host) => Some(Hold {
            holder: Holder {
                host,
                process: process(row, "holder_")?,
            },
            run: row.get::<_, Option<i64>>("run_id")?.map(RunId),
            acquired_ms: row.get("acquired_ms")?,
            heartbeat_ms: row.get("heartbeat_ms")?,
            expires_ms: row.get("expires_ms")?,
        }),
    };
    Ok(Lease {
        name: row.get("name")?,
        token: LeaseToken(row.get("token")?),
        hold,
    })
}

fn after(now_ms: i64, ttl: Duration) -> i64 {
    let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    now_ms.saturating_add(ttl_ms)
}
