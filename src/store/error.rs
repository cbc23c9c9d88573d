//! The errors of the state file, one variant per thing that a user can act on.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::connect::WAIT_S;
use crate::diag::Hint;
use crate::model::{ExitCode, LeaseToken, RunId};

/// An error that keeps the state file from use.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The linked SQLite has a known defect that can corrupt files.
    #[error("SQLite {found} is too old, {needed} or later is needed")]
    OldSqlite {
        /// The version that is linked.
        found: String,
        /// The first version that will do.
        needed: String,
    },
    /// The path names a folder.
    #[error("the state file `{}` is a directory", path.display())]
    IsDirectory { path: PathBuf },
    /// The folder of the state file is not there and cannot be made.
    #[error("cannot create the folder `{}` of the state file", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    /// The state file, or something beside it, cannot be created or looked at.
    #[error("cannot prepare the state file `{}`", path.display())]
    File { path: PathBuf, source: io::Error },
    /// There is no state file yet, and the caller only wanted to read.
    #[error("there is no state file `{}`", path.display())]
    Missing { path: PathBuf },
    /// Permissions, or a flag of the file, forbid writing to it.
    #[error("the state file `{}` is read-only", path.display())]
    ReadOnlyFile { path: PathBuf },
    /// The folder is write-protected, and SQLite keeps its journal there.
    #[error("the folder `{}` of the state file is read-only", folder.display())]
    ReadOnlyFolder { folder: PathBuf },
    /// The file system is mounted read-only.
    #[error("the state file `{}` is on a file system that is mounted read-only", path.display())]
    ReadOnlyMount { path: PathBuf },
    /// The file is something else than a database.
    #[error("the state file `{}` is not an SQLite file: it starts with {found}", path.display())]
    NotADatabase {
        path: PathBuf,
        /// Its first bytes, in words.
        found: String,
    },
    /// The file is a database of another program.
    #[error("the SQLite file `{}` belongs to another application ({found})", path.display())]
    Foreign {
        path: PathBuf,
        /// Its application id or its tables, in words.
        found: String,
    },
    /// The file was written by a newer agent.
    #[error(
        "the state file `{}` was written by a newer agent: it has schema version {found}, this agent knows versions up to {ours}",
        path.display()
    )]
    Newer {
        path: PathBuf,
        /// The version in the file.
        found: i32,
        /// The latest version that this agent knows.
        ours: i32,
    },
    /// The file is from an older agent, and the caller only wanted to read.
    #[error(
        "the state file `{}` has schema version {found}, and this agent reads version {ours}",
        path.display()
    )]
    Older {
        path: PathBuf,
        /// The version in the file.
        found: i32,
        /// The version that this agent reads.
        ours: i32,
    },
    /// A migration that was applied is not the one that this agent knows: an agent that was never
    /// released made the file, or one of another line.
    #[error(
        "the state file `{}` was made by an agent of another line: its migration {version} (`{name}`) is not the one that this agent knows",
        path.display()
    )]
    OtherHistory {
        path: PathBuf,
        /// The number of the migration.
        version: i32,
        /// Its name in the file.
        name: String,
    },
    /// The file is shorter than its own header says.
    #[error(
        "the state file `{}` is truncated: its header counts {expected_bytes} bytes, the file has {found_bytes}",
        path.display()
    )]
    Truncated {
        path: PathBuf,
        /// The number of pages times the page size, both from the header.
        expected_bytes: u64,
        /// The size of the file.
        found_bytes: u64,
    },
    /// The structure of the file is damaged.
    #[error("the state file `{}` is damaged", path.display())]
    Corrupt {
        path: PathBuf,
        source: rusqlite::Error,
    },
    /// A check found pages that are damaged.
    #[error("the state file `{}` is damaged: {found}", path.display())]
    Damaged {
        path: PathBuf,
        /// The first damage, in the words of SQLite.
        found: String,
    },
    /// A row holds something that the agent never writes.
    #[error("the state file `{}` holds a bad value: {what}", path.display())]
    BadValue {
        path: PathBuf,
        /// The value, and what it should be.
        what: String,
    },
    /// There is no space left.
    #[error("no space is left for the state file `{}`", path.display())]
    Full { path: PathBuf },
    /// The file system has space, but takes no more files.
    #[error("no inode is left for the state file `{}`: its file system takes no more files", path.display())]
    NoInodes { path: PathBuf },
    /// The process may not make its files as large as this one would be.
    #[error(
        "the state file `{}` would be larger than this process may make a file: {limit_bytes} bytes",
        path.display()
    )]
    FileLimit {
        path: PathBuf,
        /// The soft limit of `RLIMIT_FSIZE`.
        limit_bytes: u64,
    },
    /// Another process holds a lock for too long.
    #[error("the state file `{}` was locked by another process for more than {WAIT_S} s", path.display())]
    Locked { path: PathBuf },
    /// The disk or the file system failed.
    #[error("cannot read or write the state file `{}`", path.display())]
    Io {
        path: PathBuf,
        /// The kind of access that failed.
        source: rusqlite::Error,
    },
    /// A setting of the connection did not take.
    #[error("the state file `{}` has `{pragma} = {found}` where {wanted} was set", path.display())]
    Pragma {
        path: PathBuf,
        /// The name of the setting that SQLite did not take.
        pragma: &'static str,
        wanted: String,
        found: String,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the state file `{}` to schema version {version}", path.display())]
    Migrate {
        path: PathBuf,
        /// The version that could not be reached.
        version: i32,
        source: Box<refinery_core::Error>,
    },
    /// The file has lost its name, and nobody can find what is written to it.
    #[error(
        "the state file `{}` was removed or replaced, and cannot be written back",
        path.display()
    )]
    LostName { path: PathBuf, source: io::Error },
    /// The file has another name now.
    #[error("the state file `{}` was moved to `{}`", path.display(), to.display())]
    Moved {
        path: PathBuf,
        /// Its present name.
        to: PathBuf,
    },
    /// No backup could be made, and so nothing was migrated.
    #[error("cannot back up the state file to `{}`", backup.display())]
    Backup {
        /// The path at which the backup was to be.
        backup: PathBuf,
        source: io::Error,
    },
    /// A run that the caller asked for is not there.
    #[error("the state file `{}` has no run {run}", path.display())]
    NoRun { path: PathBuf, run: RunId },
    /// Somebody else has the lease now, or nobody; nothing was written.
    #[error(
        "the lease {lease} was lost: its token {token} is not the one in the state file `{}`",
        path.display()
    )]
    LeaseLost {
        path: PathBuf,
        /// The name of the lease, or the run that had it.
        lease: String,
        /// The token that it was taken with.
        token: LeaseToken,
    },
    /// A statement failed for a reason that is a defect of the agent.
    #[error("cannot {action} in the state file `{}`", path.display())]
    Sql {
        path: PathBuf,
        /// The words of the action that failed, as after "cannot".
        action: &'static str,
        source: rusqlite::Error,
    },
    /// The writer stopped, because it could not write a batch.
    #[error("{results} results could not be stored")]
    NotStored {
        /// The number of verdicts that are lost.
        results: u64,
        /// The error at which the writer stopped.
        source: Box<StoreError>,
    },
    /// Somebody goes on after the writer gave up.
    #[error("nothing more is stored: writing has failed before")]
    GaveUp,
    /// The system refused a thread for the writer.
    #[error("cannot start the thread that writes the state file")]
    Thread { source: io::Error },
}

impl Hint for StoreError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::STATE_FILE
    }

    fn hint(&self) -> Option<String> {
        let another = "name another file with `--db FILE`";
        let hint = match self {
            Self::IsDirectory { path } => {
                format!(
                    "name a file in it: `--db {}`",
                    path.join("agent.db").display()
                )
            }
            Self::Folder { .. } | Self::File { .. } => {
                "name a file in a folder that you can write to with `--db FILE`".to_owned()
            }
            Self::Missing { .. } => {
                "`agent run` makes it, or name the right file with `--db FILE`".to_owned()
            }
            Self::ReadOnlyFile { path } => {
                format!(
                    "make it writable (`chmod u+w {}`), or {another}",
                    path.display()
                )
            }
            Self::ReadOnlyFolder { folder } => format!(
                "SQLite keeps its journal there: make it writable (`chmod u+w {}`), or {another}",
                folder.display()
            ),
            Self::ReadOnlyMount { .. } => {
                "SQLite keeps its journal beside the file: copy it to a place that can be written to, and name that with `--db FILE`".to_owned()
            }
            Self::NotADatabase { .. } | Self::Foreign { .. } => {
                format!("the file was left as it is; {another}")
            }
            Self::Newer { .. } => format!(
                "use the newer agent, or {another}; backups of older versions are beside the file as `.v*.bak`"
            ),
            Self::Older { .. } => "`agent run` brings it up to date".to_owned(),
            Self::OtherHistory { path, .. } => format!(
                "rename it (`mv {0} {0}.old`), and `agent run` makes a new one, or {another}; any SQLite client still reads the old one",
                path.display()
            ),
            Self::Truncated { path, .. } | Self::Corrupt { path, .. } => damage_hint(path),
            Self::Damaged { path, .. } => refused_hint(path),
            Self::BadValue { .. } | Self::Pragma { .. } | Self::NoRun { .. } | Self::Sql { .. } => {
                return None;
            }
            Self::OldSqlite { .. } | Self::GaveUp | Self::Thread { .. } => return None,
            Self::Full { .. } => format!(
                "free some space and run again, or {another}; what was stored before is kept"
            ),
            Self::NoInodes { .. } => format!(
                "remove files that you do not need (`df -i` counts them) and run again, or {another}; what was stored before is kept"
            ),
            Self::FileLimit { .. } => {
                "raise the limit (`ulimit -f`, or `LimitFSIZE=` of a service) and run again; what was stored before is kept".to_owned()
            }
            Self::Locked { path } => format!(
                "end the process that holds it (`fuser {}` names it), then try again",
                path.display()
            ),
            Self::Io { .. } => {
                "look at the disk and at the kernel's log (`dmesg`), then try again".to_owned()
            }
            Self::Migrate { .. } => {
                "the file is as it was before; a backup is beside it as `.v*.bak`".to_owned()
            }
            Self::Backup { .. } => {
                "free some space beside the state file; nothing was changed".to_owned()
            }
            Self::Moved { path, to } => moved_hint(path, to),
            Self::LostName { .. } => {
                "nothing else may touch the data folder while the agent runs; `agent run` makes a new file".to_owned()
            }
            Self::LeaseLost { .. } => {
                "another agent took over while this one was held up, or the lease was released: `agent lease list` shows it; `agent run` starts a new run".to_owned()
            }
            Self::NotStored { source, .. } => return source.hint(),
        };
        Some(hint)
    }
}

fn moved_hint(path: &Path, to: &Path) -> String {
    let (path, to) = (path.display(), to.display());
    format!("what was stored is there: move it back (`mv {to} {path}`), and run again")
}

fn refused_hint(path: &Path) -> String {
    let legible = "`agent history` and `agent show` read what is legible";
    format!("nothing is written to it; {legible}; {}", damage_hint(path))
}

fn damage_hint(path: &Path) -> String {
    let path = path.display();
    format!(
        "the file was left as it is: keep a copy, put a backup (`{path}.v*.bak`) in its place, or save what is readable: `sqlite3 {path} .dump | sed 's/^ROLLBACK.*/COMMIT;/' | sqlite3 new.db`"
    )
}
