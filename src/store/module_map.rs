//! The module map and what a run did to it and to workflows: written together, taken back together.

use rusqlite::{Row, Transaction, params};

use super::db::Db;
use super::error::StoreError;
use super::leases::{self, Standing};
use super::open::Store;
use super::reader::Reader;
use super::results::file_id;
use super::rows::{count, module, named};
use super::workflows;
use crate::graph::IntegrationPlan;
use crate::graph::integration::Content;
use crate::model::{GroupId, Integration, MapEntry, Module, RunId, Source, Step};

/// The columns that [`map_entry`] reads.
macro_rules! map_query {
    ($rest:literal) => {
        concat!(
            "SELECT f.path AS file, m.module, m.group_id, m.source, m.run_id
             FROM module_map AS m JOIN file AS f ON f.file_id = m.file_id ",
            $rest
        )
    };
}

/// The additions of a run, which are removed if the run is taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// Modules on the map, by file.
    pub modules: Vec<MapEntry>,
    /// Steps, each with the name of its workflow.
    pub steps: Vec<(String, Step)>,
}

impl Reader {
    /// The module map, by file.
    pub fn module_map(&self) -> Result<Vec<MapEntry>, StoreError> {
        let sql = map_query!("ORDER BY f.path");
        self.db.rows("read the module map", sql, [], map_entry)
    }

    /// Reads the additions of a run that are still there.
    pub fn added_by(&self, run: RunId) -> Result<Added, StoreError> {
        added_by(&self.db, run)
    }

    /// The files of all orphans on the list.
    pub fn orphan_files(&self) -> Result<Vec<String>, StoreError> {
        self.db.rows(
            "read the list of orphans",
            "SELECT f.path FROM orphan AS o JOIN file AS f ON f.file_id = o.file_id
             ORDER BY f.path",
            [],
            |row| row.get("path"),
        )
    }

    /// Size and hash of every file of the last scan, with its path.
    pub fn contents(&self) -> Result<Vec<(String, Content)>, StoreError> {
        self.db.rows(
            "read what is known of the project's files",
            "SELECT path, size_bytes, content_hash FROM source_file ORDER BY path",
            [],
            |row| {
                let size_bytes = count(row, "size_bytes")?;
                let hash = row.get("content_hash")?;
                Ok((row.get("path")?, Content { size_bytes, hash }))
            },
        )
    }
}

impl Store {
    /// Puts a whole map in the place of the present one. A module that stays on it keeps what put
    /// it there, so that a run can still be taken back; a new one gets `source`.
    pub fn replace_module_map(
        &mut self,
        map: &[(Module, GroupId)],
        source: Source,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let replaced = self.replace_map(map, source, now_ms);
        self.db.in_words("write the module map", replaced)
    }

    fn replace_map(
        &mut self,
        map: &[(Module, GroupId)],
        source: Source,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        let tx = self.db.connection.transaction()?;
        tx.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS on_map (file_id INTEGER NOT NULL PRIMARY KEY);
             DELETE FROM temp.on_map;",
        )?;
        for (module, group) in map {
            let file = put(&tx, module, *group, source, None, now_ms)?;
            tx.prepare_cached("INSERT OR IGNORE INTO temp.on_map (file_id) VALUES (?1)")?
                .execute([file])?;
        }
        tx.prepare_cached(
            "DELETE FROM module_map
             WHERE NOT EXISTS (SELECT 1 FROM temp.on_map AS o WHERE o.file_id = module_map.file_id)",
        )?
        .execute([])?;
        tx.execute_batch("DELETE FROM temp.on_map")?;
        hold_back(&tx)?;
        tx.commit()
    }

    /// Carries out an integration: for a run, which remembers it, or by hand. A run whose lease
    /// was lost is [`StoreError::LeaseLost`], and nothing is written.
    pub fn integrate(
        &mut self,
        plan: &IntegrationPlan,
        run: Option<RunId>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let written = self.carry_out(plan, run, now_ms);
        let standing = self.db.in_words("integrate orphans", written)?;
        leases::in_good_standing(&self.db, run, standing)
    }

    fn carry_out(
        &mut self,
        plan: &IntegrationPlan,
        run: Option<RunId>,
        now_ms: i64,
    ) -> rusqlite::Result<Standing> {
        let tx = self.db.connection.transaction()?;
        if let Some(run) = run {
            let standing = leases::standing(&tx, run)?;
            if standing != Standing::Good {
                return Ok(standing);
            }
        }
        let source = if run.is_some() {
            Source::Run
        } else {
            Source::Command
        };
        for (module, group) in &plan.built {
            put(&tx, module, *group, Source::Build, None, now_ms)?;
        }
        for addition in &plan.additions {
            let file = put(&tx, &addition.module, addition.group, source, run, now_ms)?;
            // One that was there from the start came to be tested now, and is taken back with that.
            tx.prepare_cached(
                "UPDATE module_map SET source = ?2, run_id = ?3, added_ms = ?4 WHERE file_id = ?1",
            )?
            .execute(params![file, source.as_str(), run.map(|run| run.0), now_ms])?;
            settle(&tx, &addition.module, "integrated")?;
        }
        for workflow in &plan.founded {
            workflows::found(&tx, workflow, now_ms)?;
        }
        for step in &plan.steps {
            workflows::append(&tx, &step.workflow, &step.module, source, run, now_ms)?;
        }
        for redundant in &plan.redundant {
            settle(&tx, &redundant.module, "redundant")?;
        }
        if let Some(run) = run {
            let Integration {
                integrated,
                redundant,
            } = plan.outcome();
            let [integrated, redundant] =
                [integrated, redundant].map(|files| serde_json::Value::from(files).to_string());
            tx.prepare_cached("UPDATE run SET integrated = ?2, redundant = ?3 WHERE run_id = ?1")?
                .execute(params![run.0, integrated, redundant])?;
        }
        tx.commit()?;
        Ok(Standing::Good)
    }

    /// Takes back what a run added to the map and to workflows, and the workflows that it made. Its
    /// modules are passing orphans again, and are held back: no run adds them by itself. Returns what
    /// was removed.
    pub fn undo_integration(&mut self, run: RunId) -> Result<Added, StoreError> {
        let added = added_by(&self.db, run)?;
        let undone = self.take_back(run, &added);
        self.db.in_words("take back what a run added", undone)?;
        Ok(added)
    }

    fn take_back(&mut self, run: RunId, added: &Added) -> rusqlite::Result<()> {
        let tx = self.db.connection.transaction()?;
        tx.prepare_cached("DELETE FROM module_map WHERE run_id = ?1")?
            .execute([run.0])?;
        let founded = workflows::founded_by(&tx, run)?;
        tx.prepare_cached("DELETE FROM workflow_step WHERE run_id = ?1")?
            .execute([run.0])?;
        workflows::remove_empty(&tx, &founded)?;
        hold_back(&tx)?;
        for (workflow, _) in &added.steps {
            workflows::close_gaps(&tx, workflow)?;
        }
        tx.commit()
    }
}

/// Puts a module on the map and returns the id of its file. One that is there keeps its source.
pub(super) fn put(
    tx: &Transaction<'_>,
    module: &Module,
    group: GroupId,
    source: Source,
    run: Option<RunId>,
    now_ms: i64,
) -> rusqlite::Result<i64> {
    let file = file_id(tx, &module.file)?;
    tx.prepare_cached(
        "INSERT INTO module_map (file_id, module, group_id, source, run_id, added_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (file_id) DO UPDATE SET
             module = excluded.module, group_id = excluded.group_id",
    )?
    .execute(params![
        file,
        module.name,
        group.0,
        source.as_str(),
        run.map(|run| run.0),
        now_ms
    ])?;
    Ok(file)
}

/// Orphans that had joined the map and are not on it any more were taken back by somebody: they are
/// passing orphans again, and no run adds them by itself.
pub(super) fn hold_back(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO held_back (file_id)
         SELECT file_id FROM orphan AS o WHERE status = 'integrated'
             AND NOT EXISTS (SELECT 1 FROM module_map AS m WHERE m.file_id = o.file_id)",
    )?
    .execute([])?;
    tx.prepare_cached(
        "UPDATE orphan SET status = 'passed'
         WHERE status = 'integrated'
             AND NOT EXISTS (SELECT 1 FROM module_map AS m WHERE m.file_id = orphan.file_id)",
    )?
    .execute([])
    .map(drop)
}

fn settle(tx: &Transaction<'_>, module: &Module, status: &str) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "DELETE FROM held_back WHERE file_id = (SELECT file_id FROM file WHERE path = ?1)",
    )?
    .execute([&module.file])?;
    tx.prepare_cached(
        "UPDATE orphan SET status = ?2
         WHERE file_id = (SELECT file_id FROM file WHERE path = ?1)",
    )?
    .execute([&module.file, status])
    .map(drop)
}

fn added_by(db: &Db, run: RunId) -> Result<Added, StoreError> {
    let sql = map_query!("WHERE m.run_id = ?1 ORDER BY f.path");
    let modules = db.rows("read what a run added", sql, [run.0], map_entry)?;
    let steps = workflows::steps_of(db, run)?;
    Ok(Added { modules, steps })
}

fn map_entry(row: &Row<'_>) -> rusqlite::Result<MapEntry> {
    Ok(MapEntry {
        module: module(row)?,
        group: GroupId(row.get("group_id")?),
        source: named(row, "source", Source::from_name)?,
        run: row.get::<_, Option<i64>>("run_id")?.map(RunId),
    })
}
