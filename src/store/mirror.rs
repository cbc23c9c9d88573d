//! The memory of the JSON files of the data folder: their size, time and hash, and their content.

use rusqlite::{Transaction, params};

use super::db::int;
use super::error::StoreError;
use super::leases::{self, Standing};
use super::module_map::{hold_back, put};
use super::open::Store;
use super::reader::Reader;
use super::results::file_id;
use super::rows::count;
use crate::model::mirror::{MODULE_MAP_FILE, ORPHANS_FILE, Remembered};
use crate::model::{Module, RunId, Source};
use crate::plan::{MapMerge, OrphanMerge};

impl Reader {
    /// Reads the size, time and hash that are remembered of a file, by its name.
    pub fn mirror(&self, name: &str) -> Result<Option<Remembered>, StoreError> {
        self.db.first(
            "read what is remembered of a file",
            "SELECT size_bytes, mtime_ns, content_hash, extra FROM mirror WHERE name = ?1",
            [name],
            |row| {
                Ok(Remembered {
                    size_bytes: count(row, "size_bytes")?,
                    mtime_ns: row.get("mtime_ns")?,
                    hash: row.get("content_hash")?,
                    extra: row.get("extra")?,
                })
            },
        )
    }
}

impl Store {
    /// Remembers a file as it was read or written.
    pub fn remember_mirror(&mut self, name: &str, file: &Remembered) -> Result<(), StoreError> {
        self.write_for("remember a file", None, |tx| remember(tx, name, file))
    }

    /// Writes what `orphan_modules.json` says, and remembers the file; `run` is the one that reads
    /// it. One whose lease was lost is [`StoreError::LeaseLost`], and nothing is written.
    pub fn merge_orphans(
        &mut self,
        merge: &OrphanMerge,
        file: &Remembered,
        run: Option<RunId>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write_for("read the list of orphans in", run, |tx| {
            for (module, extra) in &merge.added {
                list_orphan(tx, module, extra.as_deref(), run, now_ms)?;
            }
            for orphan in &merge.changed {
                tx.prepare_cached(
                    "UPDATE orphan SET extra = ?2
                     WHERE file_id = (SELECT file_id FROM file WHERE path = ?1)",
                )?
                .execute(params![orphan.file, orphan.extra])?;
            }
            for path in &merge.redundant {
                tx.prepare_cached(
                    "UPDATE orphan SET status = 'redundant'
                     WHERE file_id = (SELECT file_id FROM file WHERE path = ?1)",
                )?
                .execute([path])?;
            }
            for path in &merge.removed {
                take_off(tx, path)?;
            }
            remember(tx, ORPHANS_FILE, file)
        })
    }

    /// Writes what `module_map.json` says, and remembers the file, like [`Store::merge_orphans`].
    pub fn merge_module_map(
        &mut self,
        merge: &MapMerge,
        file: &Remembered,
        run: Option<RunId>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write_for("read the module map in", run, |tx| {
            for (module, group) in &merge.put {
                put(tx, module, *group, Source::File, None, now_ms)?;
            }
            for path in &merge.removed {
                tx.prepare_cached(
                    "DELETE FROM module_map
                     WHERE file_id = (SELECT file_id FROM file WHERE path = ?1)",
                )?
                .execute([path])?;
            }
            hold_back(tx)?;
            remember(tx, MODULE_MAP_FILE, file)
        })
    }

    /// Writes in one transaction. For a run, it writes only if the run is in good standing.
    fn write_for(
        &mut self,
        action: &'static str,
        run: Option<RunId>,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let carry_out = || {
            let tx = self.db.connection.transaction()?;
            let standing = match run {
                Some(run) => leases::standing(&tx, run)?,
                None => Standing::Good,
            };
            if standing == Standing::Good {
                write(&tx)?;
                tx.commit()?;
            }
            Ok(standing)
        };
        let written = carry_out();
        let standing = self.db.in_words(action, written)?;
        leases::in_good_standing(&self.db, run, standing)
    }
}

/// Puts an orphan on the list that the file names. Of its kind nothing is known before a scan: it
/// counts as the kind that says least.
fn list_orphan(
    tx: &Transaction<'_>,
    module: &Module,
    extra: Option<&str>,
    run: Option<RunId>,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let file = file_id(tx, &module.file)?;
    tx.prepare_cached("DELETE FROM taken_off WHERE file_id = ?1")?
        .execute([file])?;
    tx.prepare_cached(
        "INSERT INTO orphan (file_id, module, kind, isolated, reason, source, status,
             first_seen_ms, first_seen_run, extra)
         VALUES (?1, ?2, 'unreferenced', 0, ?3, 'file', 'untried', ?4, ?5, ?6)
         ON CONFLICT (file_id) DO UPDATE SET extra = excluded.extra",
    )?
    .execute(params![
        file,
        module.name,
        format!("`{ORPHANS_FILE}` lists it"),
        now_ms,
        run.map(|run| run.0),
        extra
    ])
    .map(drop)
}

/// Takes an orphan off the list for somebody who does not want it there.
fn take_off(tx: &Transaction<'_>, path: &str) -> rusqlite::Result<()> {
    let file = file_id(tx, path)?;
    tx.prepare_cached("DELETE FROM orphan WHERE file_id = ?1")?
        .execute([file])?;
    tx.prepare_cached("INSERT OR IGNORE INTO taken_off (file_id) VALUES (?1)")?
        .execute([file])
        .map(drop)
}

fn remember(tx: &Transaction<'_>, name: &str, file: &Remembered) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO mirror (name, size_bytes, mtime_ns, content_hash, extra)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        name,
        int(file.size_bytes),
        file.mtime_ns,
        file.hash,
        file.extra
    ])
    .map(drop)
}
