//! Counters over all runs of a state file. They only grow.

use rusqlite::{Transaction, params};

use super::db::{count, int};
use super::error::StoreError;
use super::open::Store;
use super::reader::Reader;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Containers that could not be listed or removed.
    ContainerFailures,
    /// Containers that were ended because their time was over.
    ContainerTimeouts,
}

impl Counter {
    /// The name of its row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContainerFailures => "container_failures",
            Self::ContainerTimeouts => "container_timeouts",
        }
    }
}

impl Store {
    /// Adds to a counter. Unlike what a run writes this must not be repeated when its success is
    /// in doubt.
    pub fn add_to_counter(&mut self, counter: Counter, times: u64) -> Result<(), StoreError> {
        let added = self.add(counter, times);
        self.db.in_words("count", added)
    }

    fn add(&mut self, counter: Counter, times: u64) -> rusqlite::Result<()> {
        let tx = self.db.connection.transaction()?;
        add(&tx, counter.as_str(), times)?;
        tx.commit()
    }
}

impl Reader {
    /// The value of a counter; 0 when nothing was counted yet.
    pub fn counter(&self, counter: Counter) -> Result<u64, StoreError> {
        let found = self.db.first(
            "read a counter",
            "SELECT value FROM counter WHERE name = ?1",
            [counter.as_str()],
            |row| row.get(0).map(count),
        )?;
        Ok(found.unwrap_or(0))
    }
}

/// Adds to the counter `name`, in the transaction of what is counted.
pub(super) fn add(tx: &Transaction<'_>, name: &str, times: u64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO counter (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value",
    )?
    .execute(params![name, int(times)])
    .map(drop)
}
