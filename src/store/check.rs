//! The check for damaged pages, at moments at which it can be afforded: before the first write of a
//! day, and after an agent that did not end in order.
//!
//! SQLite notices a damaged page only if a query reads it, and writes to the others all the same.
//!
//! The day of the last check is the `user_version` of the file, in days since 1970. A file that
//! was found damaged keeps its earlier day, so that each start looks again and refuses it again.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rusqlite::ErrorCode;

use super::connect::patiently;
use super::db::Db;
use super::diagnose::diagnose;
use super::error::StoreError;

/// The longest time for a check. What a larger file has beyond it is not looked at.
const LIMIT: Duration = Duration::from_secs(2);

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The note of today's check, which is still to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    today: i64,
}

/// Checks a file that was not checked today. Writes nothing; [`Due::done`] does.
pub(super) fn check_daily(db: &Db, now_ms: i64) -> Result<Option<Due>, StoreError> {
    let today = now_ms.div_euclid(DAY_MS);
    let sql = "PRAGMA user_version";
    let last = patiently(|| db.connection.query_row(sql, [], |row| row.get::<_, i64>(0)));
    if db.in_words("read the day of the last check", last)? == today {
        return Ok(None);
    }
    check(db)?;
    Ok(Some(Due { today }))
}

impl Due {
    /// Notes that the file was checked.
    pub(super) fn done(self, db: &Db) {
        // If it cannot be noted, the next start checks again.
        let _ = db
            .connection
            .pragma_update(None, "user_version", self.today);
    }
}

/// Refuses a file with damaged pages.
pub(super) fn check(db: &Db) -> Result<(), StoreError> {
    let interrupt = db.connection.get_interrupt_handle();
    let (done, until_done) = channel::<()>();
    let found: rusqlite::Result<String> = thread::scope(|scope| {
        scope.spawn(move || {
            if until_done.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let sql = "PRAGMA quick_check(1)";
        let found = db.connection.query_row(sql, [], |row| row.get(0));
        drop(done);
        found
    });
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(StoreError::Damaged {
            path: db.file.clone(),
            found: found
                .lines()
                .find(|line| !line.starts_with("***"))
                .unwrap_or_default()
                .to_owned(),
        }),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(()),
        Err(error) => Err(diagnose(&db.file, "check the file", error)),
    }
}
