//! Connections to a file: the one place that makes them, and the time that they wait for locks.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
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
    /// Reads a file that has no log, makes nothing beside it, and locks nothing: for a full disk,
    /// on which nobody writes.
    ReadAlone,
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
        Access::ReadAlone => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    // Without a folder, SQLite would see more than a name in `file:x` or `:memory:`.
    let mut name = Path::new(".").join(file);
    if access == Access::ReadAlone {
        name = immutable(&name);
    }
    // A connection has one owner at a time, so that SQLite need not guard it with a mutex.
    let connection = Connection::open_with_flags(name, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(Duration::from_secs(WAIT_S))?;
    // The bundled SQLite plans a statement again for each bound value once statistics exist, which
    // makes writing a run four times as slow; this keeps the plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A file can come with a project of others: its views and triggers call nothing but harmless
    // functions, and nobody writes to its schema as to a table.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(connection)
}

/// The URI by which SQLite opens `file` as one that nobody changes.
fn immutable(file: &Path) -> PathBuf {
    let mut uri = OsString::from("file:");
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                uri.push(OsStr::from_bytes(&[*byte]));
            }
            other => uri.push(format!("%{other:02X}")),
        }
    }
    uri.push("?immutable=1");
    PathBuf::from(uri)
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
