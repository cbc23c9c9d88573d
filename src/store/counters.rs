//! Counters over all runs of a state file. They only grow, also when runs are removed; but if
//! another agent closed a run that went on, the true end takes the place of the false one.

use std::fmt;

use rusqlite::{Transaction, params};

use super::db::{count, int};
use super::error::StoreError;
use super::open::Store;
use super::reader::Reader;
use crate::model::{CycleOutcome, Outcome, RunOutcome};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Containers that could not be listed or removed.
    ContainerFailures,
    /// Containers that were ended because their time was over.
    ContainerTimeouts,
    /// Containers of agents that were gone, removed by others.
    ContainersReaped,
    /// Runs that ended like this.
    Runs(RunOutcome),
    /// Tests of runs that ended, by their last attempt.
    Tests(Outcome),
    /// Cycles that ended like this.
    Cycles(CycleOutcome),
}

impl fmt::Display for Counter {
    /// The name of its row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContainerFailures => f.write_str("container_failures"),
            Self::ContainerTimeouts => f.write_str("container_timeouts"),
            Self::ContainersReaped => f.write_str("containers_reaped"),
            Self::Runs(outcome) => write!(f, "runs_{outcome}"),
            Self::Tests(outcome) => write!(f, "tests_{outcome}"),
            Self::Cycles(outcome) => write!(f, "cycles_{outcome}"),
        }
    }
}

impl Store {
    /// Adds to a counter. Unlike what a run writes this must not be repeated when its success is
    /// in doubt.
    pub fn add_to_counter(&mut self, counter: Counter, times: u64) -> Result<(), StoreError> {
        if times == 0 {
            return Ok(());
        }
        let mut add = || {
            let tx = self.db.connection.transaction()?;
            add(&tx, counter, times)?;
            tx.commit()
        };
        let added = add();
        self.db.in_words("count", added)
    }
}

/// Adds to a counter in the transaction that makes what is counted; nothing is no row.
pub(super) fn add(tx: &Transaction<'_>, counter: Counter, times: u64) -> rusqlite::Result<()> {
    if times == 0 {
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT INTO counter (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value",
    )?
    .execute(params![counter.to_string(), int(times)])
    .map(drop)
}

/// Takes back what was counted for a false end.
pub(super) fn take_back(
    tx: &Transaction<'_>,
    counter: Counter,
    times: u64,
) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE counter SET value = max(value - ?2, 0) WHERE name = ?1")?
        .execute(params![counter.to_string(), int(times)])
        .map(drop)
}

impl Reader {
    /// The value of a counter; 0 when nothing was counted yet.
    pub fn counter(&self, counter: Counter) -> Result<u64, StoreError> {
        let found = self.db.first(
            "read a counter",
            "SELECT value FROM counter WHERE name = ?1",
            [counter.to_string()],
            |row| row.get(0).map(count),
        )?;
        Ok(found.unwrap_or(0))
    }
}
