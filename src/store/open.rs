//! Opening the state file: its owner, its settings and its version.
//!
//! The order matters: nothing is written before the file is known to be the agent's own.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, MAIN_DB, TransactionBehavior};

use super::check::{check, check_daily};
use super::connect::{Access, WAIT_S, connect, patiently};
use super::copy::remove_leftovers;
use super::db::Db;
use super::diagnose::{check_one_byte, diagnose, read_only};
use super::error::StoreError;
use super::place::{self, FileId};
use super::schema::{self, APPLICATION_ID, Identity};
use crate::model::Notice;

/// Earlier SQLite can corrupt a write-ahead log that several processes checkpoint.
const OLDEST_SQLITE: i32 = 3_051_003;

/// The state file, opened for writing. A process has at most one for a file.
#[derive(Debug)]
pub struct Store {
    pub(super) db: Db,
    /// The file itself, whatever its name.
    pub(super) id: Option<FileId>,
    /// The notice that the file lost its name, until it is told.
    pub(super) to_tell: Option<Notice>,
}

impl Store {
    /// Opens the state file at `path`, makes it if it is not there, and brings it up to date.
    ///
    /// The folder is made too, private and with a `.gitignore` of its own. A file of an older
    /// agent is backed up to `{path}.v{n}.bak` before it is changed.
    pub fn open(path: &Path, now_ms: i64) -> Result<Self, StoreError> {
        check_sqlite(rusqlite::version_number())?;
        let file = place::resolve(path)?;
        place::prepare_folder(&file)?;
        let connection = create_and_connect(&file)?;
        let mut db = Db { file, connection };
        let identity = Identity::read(&mut db)?;
        identity.check(&db.file)?;
        check_writable(&db)?;
        let checked = check_daily(&db, now_ms)?;
        configure(&db)?;
        if identity.is_blank() || identity.is_restored() {
            set_application_id(&db)?;
        }
        db.connection
            .set_transaction_behavior(TransactionBehavior::Immediate);
        // It changes nothing inside of a transaction, and a migration is one.
        set_pragma(&db, "foreign_keys", 0)?;
        schema::migrate(&mut db, now_ms)?;
        set_pragma(&db, "foreign_keys", 1)?;
        if let Some(due) = checked {
            due.done(&db);
        }
        place::make_private(&db.file)?;
        remove_leftovers(&db.file, now_ms);
        Ok(Self::of(db))
    }

    pub(super) fn of(db: Db) -> Self {
        Self {
            id: FileId::of(&db.file),
            db,
            to_tell: None,
        }
    }

    /// Refuses a file with damaged pages. Takes two seconds at most.
    pub fn check(&self) -> Result<(), StoreError> {
        check(&self.db)
    }

    /// The path of the state file; if a link was given, of the file that it leads to.
    pub fn path(&self) -> &Path {
        self.db.path()
    }
}

/// Opens a state file that is there and up to date; it is neither made nor brought up to date.
pub(super) fn open_existing(path: &Path, access: Access) -> Result<Db, StoreError> {
    let file = place::resolve(path)?;
    if !file.exists() {
        return Err(StoreError::Missing { path: file });
    }
    let (mut db, identity) = identify(&file, access).or_else(|error| match access {
        Access::Read if place::has_no_log(&file) && needs_room(&error) => {
            identify(&file, Access::ReadAlone)
        }
        _ => Err(error),
    })?;
    identity.check(&db.file)?;
    let path = db.file.clone();
    if identity.is_blank() {
        return Err(StoreError::Missing { path });
    }
    let (found, ours) = (identity.version(), schema::latest_version());
    if found < ours {
        return Err(StoreError::Older { path, found, ours });
    }
    if access == Access::Write {
        check_writable(&db)?;
        configure(&db)?;
        db.connection
            .set_transaction_behavior(TransactionBehavior::Immediate);
    }
    Ok(db)
}

fn identify(file: &Path, access: Access) -> Result<(Db, Identity), StoreError> {
    let connection =
        connect(file, access).map_err(|error| diagnose(file, "open a connection", error))?;
    let file = file.to_owned();
    let mut db = Db { file, connection };
    let identity = Identity::read(&mut db)?;
    Ok((db, identity))
}

/// True if a file can be read once SQLite makes nothing beside it.
fn needs_room(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Full { .. }
            | StoreError::NoInodes { .. }
            | StoreError::FileLimit { .. }
            | StoreError::ReadOnlyMount { .. }
            | StoreError::ReadOnlyFolder { .. }
    )
}

/// Opens a state file that this process has just made, for writing.
pub(super) fn connect_to_write(file: &Path) -> Result<Db, StoreError> {
    let connection =
        connect(file, Access::Write).map_err(|error| diagnose(file, "open a connection", error))?;
    let mut db = Db {
        file: file.to_owned(),
        connection,
    };
    configure(&db)?;
    db.connection
        .set_transaction_behavior(TransactionBehavior::Immediate);
    Ok(db)
}

fn create_and_connect(file: &Path) -> Result<Connection, StoreError> {
    // Closing the descriptor of the new file must not fall between another thread's opening of
    // that file and its locks, which the close would drop.
    static CREATION: Mutex<()> = Mutex::new(());
    let _guard = CREATION.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(source) = place::create_private(file) {
        let failed = place::file_error(file, source);
        return Err(read_only(file).unwrap_or(failed));
    }
    check_one_byte(file)?;
    connect(file, Access::Write).map_err(|error| diagnose(file, "open a connection", error))
}

fn check_sqlite(found: i32) -> Result<(), StoreError> {
    if found >= OLDEST_SQLITE {
        return Ok(());
    }
    let in_words = |n: i32| format!("{}.{}.{}", n / 1_000_000, n / 1000 % 1000, n % 1000);
    Err(StoreError::OldSqlite {
        found: in_words(found),
        needed: in_words(OLDEST_SQLITE),
    })
}

/// SQLite opens what it cannot write to for reading, and says nothing.
fn check_writable(db: &Db) -> Result<(), StoreError> {
    if let Some(error) = read_only(&db.file) {
        return Err(error);
    }
    let read_only = db.connection.is_readonly(MAIN_DB);
    if db.in_words("ask for write access", read_only)? {
        return Err(StoreError::ReadOnlyFile {
            path: db.file.clone(),
        });
    }
    Ok(())
}

fn configure(db: &Db) -> Result<(), StoreError> {
    let journal = if place::is_on_network(&db.file) {
        "delete"
    } else {
        "wal"
    };
    // A change of the journal needs the file for itself; nothing is asked for when it is right.
    if read_pragma(db, "journal_mode")? != journal {
        let change = || {
            let sql = format!("PRAGMA journal_mode = {journal}");
            db.connection.query_row(&sql, [], |_| Ok(()))
        };
        db.in_words("set the journal mode", patiently(change))?;
    }
    check_pragma(db, "journal_mode", journal)?;
    set_pragma(db, "synchronous", 2)?;
    set_pragma(db, "foreign_keys", 1)?;
    check_pragma(db, "busy_timeout", &(WAIT_S * 1000).to_string())
}

fn set_application_id(db: &Db) -> Result<(), StoreError> {
    let set = patiently(|| {
        db.connection
            .pragma_update(None, "application_id", APPLICATION_ID)
    });
    db.in_words("mark the file", set)?;
    check_pragma(db, "application_id", &APPLICATION_ID.to_string())
}

/// Sets a pragma of the connection, and reads back that it took.
fn set_pragma(db: &Db, pragma: &'static str, value: i32) -> Result<(), StoreError> {
    let set = db.connection.pragma_update(None, pragma, value);
    db.in_words("set up the connection", set)?;
    check_pragma(db, pragma, &value.to_string())
}

fn read_pragma(db: &Db, pragma: &str) -> Result<String, StoreError> {
    let value = patiently(|| {
        db.connection.pragma_query_value(None, pragma, |row| {
            row.get_ref(0).map(|value| match value {
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            })
        })
    });
    db.in_words("read a setting", value)
}

fn check_pragma(db: &Db, pragma: &'static str, wanted: &str) -> Result<(), StoreError> {
    let found = read_pragma(db, pragma)?;
    if found == wanted {
        return Ok(());
    }
    Err(StoreError::Pragma {
        path: db.file.clone(),
        pragma,
        wanted: wanted.to_owned(),
        found,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_with_the_known_defect_is_refused() {
        let error = check_sqlite(3_051_002).unwrap_err();
        assert_eq!(
            error.to_string(),
            "SQLite 3.51.2 is too old, 3.51.3 or later is needed"
        );
        check_sqlite(OLDEST_SQLITE).unwrap();
        check_sqlite(rusqlite::version_number()).unwrap();
    }
}
