//! Two runs side by side.

use super::db::Db;
use super::error::StoreError;
use super::reader::Reader;
use super::rows::{count, name_or_null};
use crate::insight::compare::{ComparedTest, Differences};
use crate::model::{RunId, TestKey};

impl Reader {
    /// The run to compare `run` with: the latest before it that selected the same tests in the
    /// same way and was carried out.
    pub fn previous_comparable(&self, run: RunId) -> Result<Option<RunId>, StoreError> {
        self.db.first(
            "look for a run to compare with",
            "SELECT run_id FROM run
             WHERE selection_key = (SELECT selection_key FROM run WHERE run_id = ?1)
                 AND run_id < ?1 AND outcome IN ('passed', 'failed', 'incomplete')
             ORDER BY run_id DESC LIMIT 1",
            [run.0],
            |row| row.get("run_id").map(RunId),
        )
    }

    /// Compares the tests of `run` with the tests of the earlier run `previous`.
    pub fn differences(&self, run: RunId, previous: RunId) -> Result<Differences, StoreError> {
        Ok(Differences {
            tests: compared_tests(&self.db, run, previous)?,
            added: count_missing(&self.db, run, previous)?,
            removed: count_missing(&self.db, previous, run)?,
        })
    }
}

fn compared_tests(db: &Db, run: RunId, previous: RunId) -> Result<Vec<ComparedTest>, StoreError> {
    db.rows(
        "compare two runs",
        "SELECT t.root AS root, t.nodeid AS nodeid, before.outcome AS previous,
             now.outcome AS present, now.flaky AS flaky
         FROM attempt AS now
         JOIN test AS t ON t.test_id = now.test_id
         LEFT JOIN attempt AS before
             ON before.run_id = ?2 AND before.test_id = now.test_id AND before.is_last = 1
         WHERE now.run_id = ?1 AND now.is_last = 1
             AND (now.outcome IN ('failed', 'error', 'crashed', 'timed_out')
                 OR now.flaky OR now.outcome <> before.outcome)
         UNION ALL
         SELECT t.root, t.nodeid, gone.outcome, NULL, 0
         FROM attempt AS gone JOIN test AS t ON t.test_id = gone.test_id
         WHERE gone.run_id = ?2 AND gone.is_last = 1
             AND gone.outcome IN ('failed', 'error', 'crashed', 'timed_out')
             AND NOT EXISTS (SELECT 1 FROM attempt AS a
                             WHERE a.run_id = ?1 AND a.test_id = gone.test_id)
         ORDER BY root, nodeid",
        (run.0, previous.0),
        |row| {
            Ok(ComparedTest {
                key: TestKey {
                    root: row.get("root")?,
                    nodeid: row.get("nodeid")?,
                },
                previous: name_or_null(row, "previous")?,
                present: name_or_null(row, "present")?,
                flaky: row.get("flaky")?,
            })
        },
    )
}

/// Counts the tests that `run` has and `other` has not.
fn count_missing(db: &Db, run: RunId, other: RunId) -> Result<u64, StoreError> {
    let missing = db.first(
        "compare two runs",
        "SELECT count(*) AS missing FROM attempt AS mine
         WHERE mine.run_id = ?1 AND mine.is_last = 1
             AND NOT EXISTS (SELECT 1 FROM attempt AS a
                             WHERE a.run_id = ?2 AND a.test_id = mine.test_id)",
        (run.0, other.0),
        |row| count(row, "missing"),
    )?;
    Ok(missing.unwrap_or(0))
}
