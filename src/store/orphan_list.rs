//! The list of orphans: the modules that the last scan found, the modules that a file added, and
//! the status of each.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Row, Transaction, params};

use super::db::int;
use super::error::StoreError;
use super::leases::{self, Standing};
use super::open::Store;
use super::reader::Reader;
use super::results::file_id;
use super::rows::{count, module, named};
use super::workflows;
use crate::model::{Orphan, OrphanKind, OrphanRecord, OrphanSource, OrphanStatus, RunId};

/// The scan that the list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanRow {
    /// The absolute path of the project.
    pub project: String,
    /// The time of the scan, UTC milliseconds since the epoch.
    pub scanned_ms: i64,
    /// Python files that were found.
    pub files: u64,
    /// Those of them that could be analysed.
    pub analysed: u64,
    /// The discoveries that the scan was made with.
    pub discoveries: Vec<String>,
}

impl Store {
    /// Replaces the findings of an earlier scan. Modules that a file put on the list stay on it,
    /// and a module that is on it already keeps its status and its source. One that joined the
    /// module map before it was an orphan again has its place there still.
    ///
    /// `off` are the orphans that somebody took off the list, and that stay off it. `run` is the run
    /// that scanned; `None` if a command did. If the run has lost its lease, that
    /// is [`StoreError::LeaseLost`], and nothing is written.
    pub fn put_scan(
        &mut self,
        scan: &ScanRow,
        found: &[Orphan],
        off: &[String],
        run: Option<RunId>,
    ) -> Result<(), StoreError> {
        let written = self.write_scan(scan, found, off, run);
        let standing = self.db.in_words("write the list of orphans", written)?;
        leases::in_good_standing(&self.db, run, standing)
    }

    fn write_scan(
        &mut self,
        scan: &ScanRow,
        found: &[Orphan],
        off: &[String],
        run: Option<RunId>,
    ) -> rusqlite::Result<Standing> {
        let tx = self.db.connection.transaction()?;
        if let Some(run) = run {
            let standing = leases::standing(&tx, run)?;
            if standing != Standing::Good {
                return Ok(standing);
            }
        }
        tx.prepare_cached(
            "INSERT OR REPLACE INTO scan (scan_id, project, scanned_ms, files, analysed,
                 discoveries)
             VALUES (1, ?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            scan.project,
            scan.scanned_ms,
            int(scan.files),
            int(scan.analysed),
            scan.discoveries.join(" "),
        ])?;
        let kept: HashSet<&str> = found
            .iter()
            .map(|orphan| orphan.module.file.as_str())
            .collect();
        for (id, file) in files_of_scans(&tx)? {
            if !kept.contains(file.as_str()) {
                tx.prepare_cached("DELETE FROM orphan WHERE file_id = ?1")?
                    .execute([id])?;
            }
        }
        for orphan in found {
            put(&tx, orphan, OrphanSource::Scan, scan.scanned_ms, run)?;
        }
        tx.prepare_cached("DELETE FROM taken_off")?.execute([])?;
        for file in off {
            let id = file_id(&tx, file)?;
            tx.prepare_cached("INSERT OR IGNORE INTO taken_off (file_id) VALUES (?1)")?
                .execute([id])?;
        }
        tx.commit()?;
        Ok(Standing::Good)
    }

    /// Takes the modules of `files`, which are not looked at any more, off the list.
    pub fn forget_orphans(&mut self, files: &[String]) -> Result<(), StoreError> {
        let mut forget = || {
            let tx = self.db.connection.transaction()?;
            for file in files {
                tx.prepare_cached(
                    "DELETE FROM orphan
                     WHERE file_id = (SELECT file_id FROM file WHERE path = ?1)",
                )?
                .execute([file])?;
            }
            tx.commit()
        };
        let forgotten = forget();
        self.db.in_words("shorten the list of orphans", forgotten)
    }

    /// Takes the modules of `files`, which are gone from the project, off the list of orphans, off
    /// the module map and out of all workflows.
    pub fn forget_modules(&mut self, files: &[String]) -> Result<(), StoreError> {
        let forgotten = self.forget(files);
        self.db.in_words("forget modules that are gone", forgotten)
    }

    fn forget(&mut self, files: &[String]) -> rusqlite::Result<()> {
        let tx = self.db.connection.transaction()?;
        for file in files {
            let id = file_id(&tx, file)?;
            for sql in [
                "DELETE FROM orphan WHERE file_id = ?1",
                "DELETE FROM module_map WHERE file_id = ?1",
                "DELETE FROM workflow_step WHERE file_id = ?1",
            ] {
                tx.prepare_cached(sql)?.execute([id])?;
            }
        }
        workflows::close_all_gaps(&tx)?;
        tx.commit()
    }
}

fn files_of_scans(tx: &Transaction<'_>) -> rusqlite::Result<Vec<(i64, String)>> {
    tx.prepare_cached(
        "SELECT o.file_id, f.path FROM orphan AS o JOIN file AS f ON f.file_id = o.file_id
         WHERE o.source = 'scan'",
    )?
    .query_map([], |row| Ok((row.get("file_id")?, row.get("path")?)))?
    .collect()
}

/// Puts a module on the list. If it is there already, its evidence is replaced; its status and its
/// source stay.
pub(super) fn put(
    tx: &Transaction<'_>,
    orphan: &Orphan,
    source: OrphanSource,
    now_ms: i64,
    run: Option<RunId>,
) -> rusqlite::Result<()> {
    let id = file_id(tx, &orphan.module.file)?;
    tx.prepare_cached(
        "INSERT INTO orphan (file_id, module, kind, isolated, reason, source, status,
             first_seen_ms, first_seen_run)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6,
             CASE WHEN EXISTS (SELECT 1 FROM module_map AS m
                               WHERE m.file_id = ?1 AND m.source IN ('run', 'command'))
                 THEN 'integrated' ELSE 'untried' END,
             ?7, ?8)
         ON CONFLICT (file_id) DO UPDATE SET module = excluded.module, kind = excluded.kind,
             isolated = excluded.isolated, reason = excluded.reason",
    )?
    .execute(params![
        id,
        orphan.module.name,
        orphan.kind.as_str(),
        orphan.isolated,
        orphan.reason,
        source.as_str(),
        now_ms,
        run.map(|run| run.0),
    ])?;
    tx.prepare_cached("DELETE FROM orphan_lead WHERE file_id = ?1")?
        .execute([id])?;
    for leader in &orphan.led_by {
        let by = file_id(tx, leader)?;
        tx.prepare_cached(
            "INSERT OR IGNORE INTO orphan_lead (file_id, by_file_id) VALUES (?1, ?2)",
        )?
        .execute([id, by])?;
    }
    Ok(())
}

impl Reader {
    /// Reads the list, sorted by file.
    pub fn orphans(&self) -> Result<Vec<OrphanRecord>, StoreError> {
        let action = "read the list of orphans";
        let leads = self.db.rows(
            action,
            "SELECT l.file_id, f.path FROM orphan_lead AS l
             JOIN file AS f ON f.file_id = l.by_file_id ORDER BY f.path",
            [],
            |row| Ok((row.get("file_id")?, row.get("path")?)),
        )?;
        let mut led_by: HashMap<i64, Vec<String>> = HashMap::new();
        for (id, leader) in leads {
            led_by.entry(id).or_default().push(leader);
        }
        let records = self.db.rows(
            action,
            "SELECT o.file_id, f.path AS file, o.module, o.kind, o.isolated, o.reason, o.source,
                 o.status, o.first_seen_run, o.last_tested_run, o.message, o.extra,
                 EXISTS (SELECT 1 FROM held_back AS h WHERE h.file_id = o.file_id) AS held_back,
                 coalesce(t.touched, 0) AS touched
             FROM orphan AS o
             JOIN file AS f ON f.file_id = o.file_id
             LEFT JOIN trial AS t ON t.run_id = o.last_tested_run AND t.file_id = o.file_id
             ORDER BY f.path",
            [],
            |row| Ok((row.get::<_, i64>("file_id")?, record(row)?)),
        )?;
        let with_leads = |(id, mut record): (i64, OrphanRecord)| {
            record.orphan.led_by = led_by.remove(&id).unwrap_or_default();
            record
        };
        Ok(records.into_iter().map(with_leads).collect())
    }

    /// The files of orphans that somebody took off the list.
    pub fn taken_off(&self) -> Result<Vec<String>, StoreError> {
        self.db.rows(
            "read what was taken off the list of orphans",
            "SELECT f.path FROM taken_off AS t JOIN file AS f ON f.file_id = t.file_id
             ORDER BY f.path",
            [],
            |row| row.get("path"),
        )
    }

    /// The files of all modules that are on the list of orphans, on the module map or in a
    /// workflow.
    pub fn kept_files(&self) -> Result<Vec<String>, StoreError> {
        self.db.rows(
            "read which modules are kept",
            "SELECT path FROM file
             WHERE file_id IN (SELECT file_id FROM orphan)
                 OR file_id IN (SELECT file_id FROM module_map)
                 OR file_id IN (SELECT file_id FROM workflow_step)
             ORDER BY path",
            [],
            |row| row.get("path"),
        )
    }

    /// The scan that the list comes from; `None` if there was no scan yet.
    pub fn last_scan(&self) -> Result<Option<ScanRow>, StoreError> {
        self.db.first(
            "read the last scan",
            "SELECT project, scanned_ms, files, analysed, discoveries FROM scan",
            [],
            |row| {
                let discoveries: String = row.get("discoveries")?;
                Ok(ScanRow {
                    project: row.get("project")?,
                    scanned_ms: row.get("scanned_ms")?,
                    files: count(row, "files")?,
                    analysed: count(row, "analysed")?,
                    discoveries: discoveries.split_whitespace().map(str::to_owned).collect(),
                })
            },
        )
    }

    /// The files of which a line was executed by one of the latest runs that measured coverage, as
    /// many as `runs`, back to a whole run that passed: it shows all that runs before it could. Each
    /// comes with the newest run that executed it.
    pub fn executed_files(&self, runs: u32) -> Result<BTreeMap<String, RunId>, StoreError> {
        let rows = self.db.rows(
            "read which files were executed",
            "SELECT f.path, max(c.run_id) AS run_id
             FROM coverage AS c JOIN file AS f ON f.file_id = c.file_id
             WHERE c.covered > 0 AND c.run_id IN
                 (SELECT run_id FROM run WHERE statements IS NOT NULL
                      AND run_id >= coalesce((SELECT max(run_id) FROM run
                          WHERE outcome = 'passed' AND narrowed_by IS NULL
                              AND statements IS NOT NULL), 0)
                  ORDER BY run_id DESC LIMIT ?1)
             GROUP BY c.file_id",
            [runs],
            |row| Ok((row.get("path")?, RunId(row.get("run_id")?))),
        )?;
        Ok(rows.into_iter().collect())
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<OrphanRecord> {
    let run = |column| -> rusqlite::Result<Option<RunId>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(RunId))
    };
    Ok(OrphanRecord {
        orphan: Orphan {
            module: module(row)?,
            kind: named(row, "kind", OrphanKind::from_name)?,
            isolated: row.get("isolated")?,
            reason: row.get("reason")?,
            led_by: Vec::new(),
        },
        source: named(row, "source", OrphanSource::from_name)?,
        status: named(row, "status", OrphanStatus::from_name)?,
        first_seen_run: run("first_seen_run")?,
        last_tested_run: run("last_tested_run")?,
        message: row.get("message")?,
        held_back: row.get("held_back")?,
        touched: count(row, "touched")?,
        extra: row.get("extra")?,
    })
}
