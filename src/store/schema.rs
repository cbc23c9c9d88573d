//! The schema's versions: the owner of a file, its age, and the steps that bring it up to date.
//!
//! Crash points: a migration and its line in the history are one transaction, so that a file is
//! always at one version or the next. Two agents may migrate at once: the loser's transaction
//! fails as a whole, sees that the version has grown, and goes on from there.
//!
//! A migration may have to rebuild a table, because SQLite cannot change a CHECK in place. While
//! the rows move, links point to a table that is not there, and dropping the old table would
//! delete the rows that cascade from it. So foreign keys are off while migrations run, and each
//! migration checks all links before it commits.

use std::path::Path;

use refinery_core::error::Kind;
use refinery_core::traits::sync::{Query, Transaction};
use refinery_core::{Migrate, Migration, Runner, Target};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::copy::Unfinished;
use super::db::{Db, count};
use super::diagnose::diagnose;
use super::error::StoreError;
use super::place::beside;

/// The files of `migrations/`, by name and text.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../migrations/", $name, ".sql")))),+]
    };
}

/// Every migration, in order. A test holds the list against the folder.
const MIGRATIONS: [(&str, &str); 5] = files![
    "V1__create_runs",
    "V2__create_tests",
    "V3__create_leases",
    "V4__create_modules",
    "V5__create_cycles",
];

/// The mark in the header of a state file, by which `file` and other programs know it: `MAGT`.
pub const APPLICATION_ID: i32 = 0x4D41_4754;

/// The program that a file belongs to, and the migrations that it has seen.
#[derive(Debug)]
pub(super) struct Identity {
    application_id: i32,
    tables: Vec<String>,
    applied: Vec<Applied>,
}

#[derive(Debug)]
struct Applied {
    version: i32,
    name: String,
    checksum: String,
}

impl Identity {
    /// Reads it in one transaction, so that another agent's first steps are not seen in half.
    pub(super) fn read(db: &mut Db) -> Result<Self, StoreError> {
        let identity = read_identity(&mut db.connection);
        db.in_words("read the schema version", identity)
    }

    /// True if nobody has written anything yet.
    pub(super) fn is_blank(&self) -> bool {
        self.application_id == 0 && self.tables.is_empty()
    }

    /// The latest migration of the file; 0 before the first one.
    pub(super) fn version(&self) -> i32 {
        self.applied.last().map_or(0, |applied| applied.version)
    }

    /// Refuses files of other programs, of newer agents and of other histories.
    pub(super) fn check(&self, path: &Path) -> Result<(), StoreError> {
        let path = path.to_owned();
        if self.application_id != APPLICATION_ID && !self.is_blank() && !self.is_restored() {
            let found = self.in_words();
            return Err(StoreError::Foreign { path, found });
        }
        let ours = latest_version();
        let found = self.version();
        if found > ours {
            return Err(StoreError::Newer { path, found, ours });
        }
        match self.strangers().next() {
            None => Ok(()),
            Some(applied) => Err(StoreError::OtherHistory {
                path,
                version: applied.version,
                name: applied.name.clone(),
            }),
        }
    }

    /// True for a state file that was made of a dump, which leaves the mark of the file out.
    pub(super) fn is_restored(&self) -> bool {
        let is_ours = !self.applied.is_empty() && self.strangers().next().is_none();
        self.application_id == 0 && is_ours
    }

    /// The migrations of the file that this agent does not have.
    fn strangers(&self) -> impl Iterator<Item = &Applied> {
        let runner = runner();
        self.applied.iter().filter(move |applied| {
            !runner.get_migrations().iter().any(|known| {
                known.version() == applied.version
                    && known.name() == applied.name
                    && known.checksum().to_string() == applied.checksum
            })
        })
    }

    fn in_words(&self) -> String {
        if self.application_id != 0 {
            return format!("its application id is {:#010x}", self.application_id);
        }
        let tables: Vec<String> = self
            .tables
            .iter()
            .take(3)
            .map(|table| format!("`{table}`"))
            .collect();
        format!("it holds {}", tables.join(", "))
    }
}

/// The schema version that this agent writes.
pub fn latest_version() -> i32 {
    let runner = runner();
    let versions = runner.get_migrations().iter();
    versions.map(Migration::version).max().unwrap_or(0)
}

/// Brings the file up to date, one version after the other; a backup comes first. The caller has
/// switched foreign keys off.
pub(super) fn migrate(db: &mut Db, now_ms: i64) -> Result<(), StoreError> {
    migrate_by(runner(), db, now_ms)
}

/// The migrations of this agent. A test says so if refinery cannot read the name of one.
pub(super) fn runner() -> Runner {
    let migrations = MIGRATIONS.iter();
    let migrations = migrations.map(|(name, sql)| Migration::unapplied(name, sql));
    let migrations: Vec<Migration> = migrations.filter_map(Result::ok).collect();
    Runner::new(&migrations)
}

/// The same with the migrations of `runner`.
pub(super) fn migrate_by(runner: Runner, db: &mut Db, now_ms: i64) -> Result<(), StoreError> {
    let versions = runner.get_migrations().iter();
    let latest = versions.map(Migration::version).max().unwrap_or(0);
    let mut runner = runner.set_grouped(true);
    let mut version = Identity::read(db)?.version();
    if version > 0 && version < latest {
        back_up(db, version, now_ms)?;
    }
    while version < latest {
        // A new file has all of it at once, so that nobody takes it for one of an older agent.
        let next = if version == 0 { latest } else { version + 1 };
        runner = runner.set_target(Target::Version(next));
        let outcome = runner.run(&mut Checked(&mut db.connection));
        version = Identity::read(db)?.version();
        // Another agent may have done it in the meantime, which is as good.
        if let Err(error) = outcome
            && version < next
        {
            return Err(failed(db, next, error));
        }
    }
    Ok(())
}

fn failed(db: &Db, version: i32, error: refinery_core::Error) -> StoreError {
    if let Kind::Connection(_, source) = error.kind()
        && let Some(MigrationError::Sql(rusqlite::Error::SqliteFailure(code, message))) =
            source.downcast_ref()
        && code.code != ErrorCode::Unknown
        && code.code != ErrorCode::ConstraintViolation
    {
        let source = rusqlite::Error::SqliteFailure(*code, message.clone());
        return diagnose(db.path(), "bring the schema up to date", source);
    }
    StoreError::Migrate {
        path: db.file.clone(),
        version,
        source: Box::new(error),
    }
}

/// A connection on which a migration commits only if every foreign key leads to a row.
struct Checked<'a>(&'a mut Connection);

#[derive(Debug, thiserror::Error)]
enum MigrationError {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error("{rows} rows of `{table}` refer to rows of `{parent}` that are not there")]
    BrokenLinks {
        table: String,
        parent: String,
        rows: u64,
    },
}

impl Transaction for Checked<'_> {
    type Error = MigrationError;

    fn execute<'a, T: Iterator<Item = &'a str>>(
        &mut self,
        queries: T,
    ) -> Result<usize, MigrationError> {
        let tx = self.0.transaction()?;
        let mut count = 0;
        for query in queries {
            tx.execute_batch(query)?;
            count += 1;
        }
        check_links(&tx)?;
        tx.commit()?;
        Ok(count)
    }
}

impl Query<Vec<Migration>> for Checked<'_> {
    fn query(&mut self, query: &str) -> Result<Vec<Migration>, MigrationError> {
        Ok(self.0.query(query)?)
    }
}

impl Migrate for Checked<'_> {}

fn check_links(connection: &Connection) -> Result<(), MigrationError> {
    let sql = r#"SELECT "table", parent, count(*) FROM pragma_foreign_key_check
                 GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 1"#;
    let mut query = connection.prepare(sql)?;
    let mut broken = query.query([])?;
    match broken.next()? {
        None => Ok(()),
        Some(row) => Err(MigrationError::BrokenLinks {
            table: row.get("table")?,
            parent: row.get("parent")?,
            rows: count(row.get(2)?),
        }),
    }
}

fn read_identity(connection: &mut Connection) -> rusqlite::Result<Identity> {
    let whole = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let application_id = whole.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: Vec<String> = whole
        .prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let has_history = tables.iter().any(|name| name == "refinery_schema_history");
    let applied = match application_id {
        APPLICATION_ID if has_history => read_history(&whole)?,
        // Another application may use refinery in another way.
        0 if has_history => read_history(&whole).unwrap_or_default(),
        _ => Vec::new(),
    };
    whole.commit()?;
    Ok(Identity {
        application_id,
        tables,
        applied,
    })
}

fn read_history(connection: &Connection) -> rusqlite::Result<Vec<Applied>> {
    let sql = "SELECT version, name, checksum FROM refinery_schema_history ORDER BY version";
    connection
        .prepare(sql)?
        .query_map([], |row| {
            Ok(Applied {
                version: row.get(0)?,
                name: row.get(1)?,
                checksum: row.get(2)?,
            })
        })?
        .collect()
}

/// Copies the file to `{file}.v{version}.bak`, which appears whole or not at all.
fn back_up(db: &Db, version: i32, now_ms: i64) -> Result<(), StoreError> {
    let backup = beside(&db.file, &format!(".v{version}.bak"));
    let unfinished = Unfinished::beside(&backup, now_ms);
    let read_version = |copy: &mut Db| Ok(Identity::read(copy)?.version());
    let done = unfinished.copy(db, read_version).and_then(|copied| {
        if copied == version {
            return unfinished.rename(&backup);
        }
        // Another agent migrated first, and made the backup before it did.
        Ok(())
    });
    done.map_err(|source| StoreError::Backup { backup, source })
}
