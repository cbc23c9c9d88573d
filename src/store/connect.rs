//! Connections to a file: the one place that makes them, and the time that they wait for locks.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::clock::Stopwatch;

/// Seconds to wait for a lock: longer than any transaction of an agent takes.
pub(super) const WAIT_S: u64 = 5;

/// More than there are statements in this folder, so that none is prepared twice.
const STATEMENTS: usize = 64;

/// The pause before another try for a lock that SQLite does not wait for itself.
const PAUSE: Duration = Duration::from_millis(20);

/// The rights of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Opens `file`, which must exist.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that opens the state file"
)]
pub(super) fn connect(file: &Path, access: Access) -> rusqlite::Result<Connection> {
    let mode = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    // Without a folder, SQLite would see more than a name in `file:x` or `:memory:`.
    let name = Path::new(".").join(file);
    // A connection has one owner at a time, so that SQLite need not guard it with a mutex.
    let connection = Connection::open_with_flags(name, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(Duration::from_secs(WAIT_S))?;
    // The bundled SQLite plans a statement again for each bound value once statistics exist, which
    // makes writing a run four times as slow; this keeps the plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// Tries again while the file is locked, for as long as SQLite would wait for a lock.
///
/// SQLite itself does not wait if that could be a deadlock, as when it changes the journal.
pub(super) fn patiently<T>(mut step: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let watch = Stopwatch::start();
    loop {
        let outcome = step();
        let busy = matches!(&outcome, Err(error)
            if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
        if !busy || watch.now().0 >= WAIT_S * 1000 {
            return outcome;
        }
        thread::park_timeout(PAUSE);
    }
}
