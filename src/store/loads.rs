//! The files that test processes loaded: written by runs, read by analyses.

use std::collections::BTreeSet;

use rusqlite::{Transaction, params};

use super::content;
use super::error::StoreError;
use super::reader::Reader;
use crate::model::{Loaded, RunId};

/// What a process of a run loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The run of the process.
    pub run: RunId,
    /// The start of that run, in UTC milliseconds since the epoch.
    pub started_ms: i64,
    /// The files.
    pub loaded: Loaded,
}

/// Writes what a process loaded. Most runs load the same as the one before, so that the names are
/// in the file once.
pub(super) fn put(
    tx: &Transaction<'_>,
    run: RunId,
    serial: u32,
    loaded: &Loaded,
) -> rusqlite::Result<()> {
    let text = |names: &BTreeSet<String>| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.join("\n")
    };
    tx.prepare_cached(
        "INSERT INTO load (run_id, serial, tests_id, files_id) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (run_id, serial) DO UPDATE SET
             tests_id = excluded.tests_id, files_id = excluded.files_id",
    )?
    .execute(params![
        run.0,
        serial,
        content::keep(tx, text(&loaded.tests).as_bytes())?,
        content::keep(tx, text(&loaded.files).as_bytes())?,
    ])
    .map(drop)
}

impl Reader {
    /// What the processes of the latest runs loaded, the newest first; what several of them loaded
    /// alike is there once. A text that is damaged counts as empty.
    pub fn loads(&self, runs: u32) -> Result<Vec<Load>, StoreError> {
        self.db.rows(
            "read which files were loaded",
            "SELECT l.run_id, r.started_ms, t.body, t.size_bytes, f.body, f.size_bytes
             FROM (SELECT max(run_id) AS run_id, tests_id, files_id FROM load
                   WHERE run_id IN (SELECT DISTINCT run_id FROM load
                                    ORDER BY run_id DESC LIMIT ?1)
                   GROUP BY tests_id, files_id) AS l
             JOIN run AS r ON r.run_id = l.run_id
             JOIN content AS t ON t.content_id = l.tests_id
             JOIN content AS f ON f.content_id = l.files_id
             ORDER BY l.run_id DESC, l.tests_id, l.files_id",
            [runs],
            |row| {
                let names = |body: usize| -> rusqlite::Result<_> {
                    let bytes: Vec<u8> = row.get(body)?;
                    let text = content::unpack(&bytes, row.get(body + 1)?).unwrap_or_default();
                    let names = text.lines().filter(|name| !name.is_empty());
                    Ok(names.map(str::to_owned).collect())
                };
                Ok(Load {
                    run: RunId(row.get(0)?),
                    started_ms: row.get(1)?,
                    loaded: Loaded {
                        tests: names(2)?,
                        files: names(4)?,
                    },
                })
            },
        )
    }
}
