//! Cycles of the schedule.

use rusqlite::params;

use super::error::StoreError;
use super::open::Store;
use crate::model::CycleId;

impl Store {
    /// Notes what is to be known of a cycle, such as why it could not start; replaces what was
    /// noted before.
    pub fn note_cycle(&mut self, cycle: CycleId, message: &str) -> Result<(), StoreError> {
        let noted = self
            .db
            .connection
            .prepare_cached("UPDATE cycle SET message = ?2 WHERE cycle_id = ?1")
            .and_then(|mut update| update.execute(params![cycle.0, message]));
        self.db.in_words("note a cycle", noted).map(drop)
    }
}
