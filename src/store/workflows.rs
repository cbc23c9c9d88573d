//! Workflows: named lists of modules, their positions counted from 1 without gaps.

use rusqlite::{Row, Transaction, params};

use super::db::Db;
use super::error::StoreError;
use super::open::Store;
use super::reader::Reader;
use super::results::file_id;
use super::rows::{module, named};
use crate::model::{Module, RunId, Source, Step, Workflow};

impl Reader {
    /// Reads all workflows, sorted by name.
    pub fn workflows(&self) -> Result<Vec<Workflow>, StoreError> {
        let mut workflows: Vec<Workflow> = self.db.rows(
            "read the workflows",
            "SELECT name FROM workflow ORDER BY name",
            [],
            |row| {
                Ok(Workflow {
                    name: row.get("name")?,
                    steps: Vec::new(),
                })
            },
        )?;
        for workflow in &mut workflows {
            workflow.steps = steps(&self.db, &workflow.name)?;
        }
        Ok(workflows)
    }

    /// The workflow of that name.
    pub fn workflow(&self, name: &str) -> Result<Option<Workflow>, StoreError> {
        let found = self.workflows()?;
        Ok(found.into_iter().find(|workflow| workflow.name == name))
    }
}

impl Store {
    /// Makes a workflow of these modules. Returns false when there is one of that name.
    pub fn create_workflow(
        &mut self,
        name: &str,
        modules: &[Module],
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let created = self.create(name, modules, now_ms);
        self.db.in_words("create a workflow", created)
    }

    fn create(&mut self, name: &str, modules: &[Module], now_ms: i64) -> rusqlite::Result<bool> {
        let tx = self.db.connection.transaction()?;
        let sql = "INSERT INTO workflow (name, created_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        if tx.prepare_cached(sql)?.execute(params![name, now_ms])? == 0 {
            return Ok(false);
        }
        for module in modules {
            append(&tx, name, module, Source::Command, None, now_ms)?;
        }
        tx.commit()?;
        Ok(true)
    }

    /// Adds modules to a workflow, before the step at `at` (from 1), else at the end. A module that
    /// is in it already stays at its step. Returns the number of modules added; `None` if there is
    /// no workflow of that name.
    pub fn add_to_workflow(
        &mut self,
        name: &str,
        modules: &[Module],
        at: Option<usize>,
        now_ms: i64,
    ) -> Result<Option<usize>, StoreError> {
        let added = self.add_steps(name, modules, at, now_ms);
        self.db.in_words("add to a workflow", added)
    }

    fn add_steps(
        &mut self,
        name: &str,
        modules: &[Module],
        at: Option<usize>,
        now_ms: i64,
    ) -> rusqlite::Result<Option<usize>> {
        let tx = self.db.connection.transaction()?;
        let Some(workflow) = workflow_id(&tx, name)? else {
            return Ok(None);
        };
        let before = order(&tx, workflow)?;
        for module in modules {
            append(&tx, name, module, Source::Command, None, now_ms)?;
        }
        let mut order = order(&tx, workflow)?;
        let added = order.len() - before.len();
        let at = at.map_or(before.len(), |at| at.saturating_sub(1).min(before.len()));
        order[at..].rotate_right(added);
        renumber(&tx, workflow, &order)?;
        tx.commit()?;
        Ok(Some(added))
    }

    /// Removes modules from a workflow, by their files. Returns how many; `None` when there is no
    /// workflow of that name.
    pub fn remove_from_workflow(
        &mut self,
        name: &str,
        files: &[String],
    ) -> Result<Option<usize>, StoreError> {
        let removed = self.remove_steps(name, files);
        self.db.in_words("remove from a workflow", removed)
    }

    fn remove_steps(&mut self, name: &str, files: &[String]) -> rusqlite::Result<Option<usize>> {
        let tx = self.db.connection.transaction()?;
        let Some(workflow) = workflow_id(&tx, name)? else {
            return Ok(None);
        };
        let mut removed = 0;
        for file in files {
            removed += tx
                .prepare_cached(
                    "DELETE FROM workflow_step WHERE workflow_id = ?1
                         AND file_id = (SELECT file_id FROM file WHERE path = ?2)",
                )?
                .execute(params![workflow, file])?;
        }
        close_gaps(&tx, name)?;
        tx.commit()?;
        Ok(Some(removed))
    }

    /// Removes a workflow. Returns false when there is none of that name.
    pub fn remove_workflow(&mut self, name: &str) -> Result<bool, StoreError> {
        let removed = self.remove(name);
        self.db.in_words("remove a workflow", removed)
    }

    fn remove(&mut self, name: &str) -> rusqlite::Result<bool> {
        let tx = self.db.connection.transaction()?;
        let sql = "DELETE FROM workflow WHERE name = ?1";
        let removed = tx.prepare_cached(sql)?.execute([name])?;
        tx.commit()?;
        Ok(removed > 0)
    }
}

/// Adds a module at the end of a workflow, unless it is in it.
pub(super) fn append(
    tx: &Transaction<'_>,
    workflow: &str,
    module: &Module,
    source: Source,
    run: Option<RunId>,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let file = file_id(tx, &module.file)?;
    tx.prepare_cached(
        "INSERT INTO workflow_step (workflow_id, position, file_id, module, source, run_id,
             added_ms)
         SELECT workflow_id,
             (SELECT coalesce(max(position), 0) + 1 FROM workflow_step AS s
              WHERE s.workflow_id = w.workflow_id),
             ?2, ?3, ?4, ?5, ?6
         FROM workflow AS w WHERE name = ?1
         ON CONFLICT (workflow_id, file_id) DO NOTHING",
    )?
    .execute(params![
        workflow,
        file,
        module.name,
        source.as_str(),
        run.map(|run| run.0),
        now_ms
    ])
    .map(drop)
}

/// Makes a workflow for modules that fit none.
pub(super) fn found(tx: &Transaction<'_>, name: &str, now_ms: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO workflow (name, created_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    tx.prepare_cached(sql)?
        .execute(params![name, now_ms])
        .map(drop)
}

/// The workflows that a run made: they are as old as the steps that it added.
pub(super) fn founded_by(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<Vec<i64>> {
    tx.prepare_cached(
        "SELECT DISTINCT w.workflow_id FROM workflow AS w
         JOIN workflow_step AS s ON s.workflow_id = w.workflow_id
         WHERE s.run_id = ?1 AND s.added_ms = w.created_ms",
    )?
    .query_map([run.0], |row| row.get("workflow_id"))?
    .collect()
}

/// Removes those of these workflows that have no steps.
pub(super) fn remove_empty(tx: &Transaction<'_>, workflows: &[i64]) -> rusqlite::Result<()> {
    for id in workflows {
        tx.prepare_cached(
            "DELETE FROM workflow WHERE workflow_id = ?1
                 AND NOT EXISTS (SELECT 1 FROM workflow_step AS s WHERE s.workflow_id = ?1)",
        )?
        .execute([id])?;
    }
    Ok(())
}

/// Counts the positions of a workflow again.
pub(super) fn close_gaps(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    let Some(workflow) = workflow_id(tx, name)? else {
        return Ok(());
    };
    let order = order(tx, workflow)?;
    renumber(tx, workflow, &order)
}

/// Counts the positions of every workflow again.
pub(super) fn close_all_gaps(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let ids: Vec<i64> = tx
        .prepare_cached("SELECT workflow_id FROM workflow")?
        .query_map([], |row| row.get("workflow_id"))?
        .collect::<rusqlite::Result<_>>()?;
    for id in ids {
        let order = order(tx, id)?;
        renumber(tx, id, &order)?;
    }
    Ok(())
}

/// The steps that a run added, with their workflows.
pub(super) fn steps_of(db: &Db, run: RunId) -> Result<Vec<(String, Step)>, StoreError> {
    db.rows(
        "read what a run added",
        "SELECT f.path AS file, s.module, s.source, s.run_id, w.name
         FROM workflow_step AS s
         JOIN workflow AS w ON w.workflow_id = s.workflow_id
         JOIN file AS f ON f.file_id = s.file_id
         WHERE s.run_id = ?1 ORDER BY w.name, s.position",
        [run.0],
        |row| Ok((row.get("name")?, step(row)?)),
    )
}

fn steps(db: &Db, name: &str) -> Result<Vec<Step>, StoreError> {
    db.rows(
        "read a workflow",
        "SELECT f.path AS file, s.module, s.source, s.run_id
         FROM workflow_step AS s
         JOIN workflow AS w ON w.workflow_id = s.workflow_id
         JOIN file AS f ON f.file_id = s.file_id
         WHERE w.name = ?1 ORDER BY s.position",
        [name],
        step,
    )
}

fn step(row: &Row<'_>) -> rusqlite::Result<Step> {
    Ok(Step {
        module: module(row)?,
        source: named(row, "source", Source::from_name)?,
        run: row.get::<_, Option<i64>>("run_id")?.map(RunId),
    })
}

fn workflow_id(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut query = tx.prepare_cached("SELECT workflow_id FROM workflow WHERE name = ?1")?;
    let mut ids = query.query_map([name], |row| row.get("workflow_id"))?;
    ids.next().transpose()
}

/// The files of a workflow, in its order.
fn order(tx: &Transaction<'_>, workflow: i64) -> rusqlite::Result<Vec<i64>> {
    tx.prepare_cached("SELECT file_id FROM workflow_step WHERE workflow_id = ?1 ORDER BY position")?
        .query_map([workflow], |row| row.get("file_id"))?
        .collect()
}

/// Gives the steps the positions 1, 2, 3 …, by way of others that no step has: a position is
/// unique at every moment.
fn renumber(tx: &Transaction<'_>, workflow: i64, order: &[i64]) -> rusqlite::Result<()> {
    let beyond: i64 = tx
        .prepare_cached(
            "SELECT coalesce(max(position), 0) FROM workflow_step WHERE workflow_id = ?1",
        )?
        .query_row([workflow], |row| row.get(0))?;
    for offset in [
        beyond.max(order.len().try_into().unwrap_or(i64::MAX / 2)),
        0,
    ] {
        for (position, file) in (offset + 1..).zip(order) {
            tx.prepare_cached(
                "UPDATE workflow_step SET position = ?3 WHERE workflow_id = ?1 AND file_id = ?2",
            )?
            .execute(params![workflow, file, position])?;
        }
    }
    Ok(())
}
