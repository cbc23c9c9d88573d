//! One connection and the file behind it, with errors that name that file.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Params, Row};

use super::diagnose::diagnose;
use super::error::StoreError;

/// A connection to the state file.
#[derive(Debug)]
pub(super) struct Db {
    pub(super) file: PathBuf,
    pub(super) connection: Connection,
}

impl Db {
    /// All rows of a query; `action` completes "cannot …" in an error.
    pub(super) fn rows<T>(
        &self,
        action: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = Vec::new();
        self.rows_into(&mut rows, action, sql, params, read)?;
        Ok(rows)
    }

    /// Adds all rows of a query to `rows`; after an error, those that came before it are there.
    pub(super) fn rows_into<T>(
        &self,
        rows: &mut Vec<T>,
        action: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<(), StoreError> {
        let query = self.connection.prepare_cached(sql);
        let added = query.and_then(|mut query| {
            for row in query.query_map(params, read)? {
                rows.push(row?);
            }
            Ok(())
        });
        self.in_words(action, added)
    }

    /// The first row of a query, if it has one.
    pub(super) fn first<T>(
        &self,
        action: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.rows(action, sql, params, read)?.into_iter().next())
    }

    pub(super) fn in_words<T>(
        &self,
        action: &'static str,
        result: rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        result.map_err(|error| diagnose(&self.file, action, error))
    }

    pub(super) fn bad_value(&self, what: impl Into<String>) -> StoreError {
        StoreError::BadValue {
            path: self.file.clone(),
            what: what.into(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.file
    }
}

/// A count as SQLite keeps it. Counts beyond 2^63 do not occur.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count as it was kept; a CHECK of the schema keeps it from being negative.
pub(super) fn count(int: i64) -> u64 {
    u64::try_from(int).unwrap_or(0)
}
