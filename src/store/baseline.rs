//! The figures of an earlier run for the one to come: the number of its tests, and their durations.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::db::Db;
use super::error::StoreError;
use super::open::Store;
use super::runs;
use crate::model::{RunId, RunRecord};

/// The latest run that selected the same tests in the same way.
#[derive(Debug, Clone)]
pub struct Baseline {
    pub run: RunRecord,
    /// The durations of its tests.
    pub durations: Durations,
}

/// Durations by test in 12 bytes each, so that a suite of 100,000 tests costs 1.2 MB.
///
/// Tests are known by a 64-bit hash. Should two share one, a guess is wrong, which does no harm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    hashes: Vec<u64>,
    millis: Vec<u32>,
}

impl Durations {
    /// Milliseconds that the test took, if they are known.
    pub fn get(&self, root: &str, nodeid: &str) -> Option<u32> {
        let position = self.hashes.binary_search(&hash(root, nodeid)).ok()?;
        self.millis.get(position).copied()
    }

    /// The number of tests with a duration.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    fn new(mut known: Vec<(u64, u32)>) -> Self {
        known.sort_unstable();
        known.dedup_by_key(|(hash, _)| *hash);
        let (hashes, millis) = known.into_iter().unzip();
        Self { hashes, millis }
    }
}

impl Store {
    /// The latest run that can say something about a run with this key, if there is one.
    ///
    /// Interrupted and broken runs say nothing.
    pub fn baseline(&self, selection_key: &str) -> Result<Option<Baseline>, StoreError> {
        let Some(run) = runs::latest_comparable(&self.db, selection_key)? else {
            return Ok(None);
        };
        let durations = durations(&self.db, run.run_id)?;
        Ok(Some(Baseline { run, durations }))
    }
}

fn durations(db: &Db, run: RunId) -> Result<Durations, StoreError> {
    let known = db.rows(
        "read the durations of an earlier run",
        "SELECT t.root, t.nodeid, a.duration_us / 1000
         FROM attempt AS a JOIN test AS t ON t.test_id = a.test_id
         WHERE a.run_id = ?1 AND a.is_last = 1 AND a.duration_us IS NOT NULL",
        [run.0],
        |row| {
            // By position: a large suite has 100,000 of these rows, and the run waits for them.
            let (root, nodeid) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
            let millis: i64 = row.get(2)?;
            Ok((
                hash(root, nodeid),
                u32::try_from(millis).unwrap_or(u32::MAX),
            ))
        },
    )?;
    Ok(Durations::new(known))
}

fn hash(root: &str, nodeid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (root, nodeid).hash(&mut hasher);
    hasher.finish()
}
