//! Copies of the state file: each is made under a name of its own, and gets its true name when it is
//! whole.
//!
//! Crash point: an agent that is killed while it copies leaves a file with the unfinished name. Its
//! UUID says when it was made, and a later start removes it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use uuid::Uuid;

use super::connect::{Access, connect, patiently};
use super::db::Db;
use super::error::StoreError;
use super::place::{beside, create_private, folder_of};
use crate::clock::uuid_at;

/// The age at which an unfinished copy is nobody's: longer than any disk takes to copy.
const ABANDONED_MS: i64 = 24 * 60 * 60 * 1000;

/// The mark of an unfinished name; a UUID follows.
const MARK: &str = ".unfinished-";

/// What SQLite keeps beside a file while somebody writes to it.
const COMPANIONS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// A copy that has no name of its own yet. Dropped, it is removed.
#[derive(Debug)]
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    /// One beside `path`; nothing is made yet.
    pub(super) fn beside(path: &Path, now_ms: i64) -> Self {
        Self(beside(path, &format!("{MARK}{}", uuid_at(now_ms))))
    }

    /// Copies the database page by page, and returns what `look` finds in the copy.
    pub(super) fn copy<T>(
        &self,
        db: &Db,
        look: impl FnOnce(&mut Db) -> Result<T, StoreError>,
    ) -> io::Result<T> {
        create_private(&self.0)?;
        let mut copy = Db {
            connection: connect(&self.0, Access::Write).map_err(io::Error::other)?,
            file: self.0.clone(),
        };
        let copied = patiently(|| {
            let backup = Backup::new(&db.connection, &mut copy.connection)?;
            match backup.step(-1)? {
                StepResult::Done => Ok(()),
                _ => Err(busy()),
            }
        });
        copied.map_err(io::Error::other)?;
        let found = look(&mut copy).map_err(io::Error::other)?;
        let closed = copy.connection.close();
        closed.map_err(|(_, error)| io::Error::other(error))?;
        Ok(found)
    }

    /// Gives it its name, in place of what has that now.
    pub(super) fn rename(&self, name: &Path) -> io::Result<()> {
        fs::rename(&self.0, name)?;
        File::open(folder_of(name))?.sync_all()
    }

    /// Gives it its name, unless that is taken: returns false then.
    pub(super) fn rename_to_new(&self, name: &Path) -> io::Result<bool> {
        // Unlike a renaming, this never replaces a file.
        if fs::hard_link(&self.0, name).is_ok() {
            return File::open(folder_of(name))?.sync_all().map(|()| true);
        }
        // Not every file system has hard links.
        if name.try_exists()? {
            return Ok(false);
        }
        self.rename(name).map(|()| true)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Removes copies of the state file `file` that agents left when they were killed.
pub(super) fn remove_leftovers(file: &Path, now_ms: i64) {
    // It is for tidiness alone: what cannot be listed or removed stays.
    let Ok(entries) = fs::read_dir(folder_of(file)) else {
        return;
    };
    let name = file.file_name().unwrap_or_default();
    for entry in entries.flatten() {
        let made_ms = made_ms(name, &entry.file_name());
        if made_ms.is_some_and(|made_ms| now_ms.saturating_sub(made_ms) > ABANDONED_MS) {
            remove(&entry.path());
        }
    }
}

/// The time in the name of an unfinished copy of `file`, or of its backup: `.v3.bak` may be between.
fn made_ms(file: &OsStr, name: &OsStr) -> Option<i64> {
    let rest = name.as_bytes().strip_prefix(file.as_bytes())?;
    let rest = std::str::from_utf8(rest).ok()?;
    let (between, uuid) = match rest.split_once(MARK) {
        Some(parts) => parts,
        // So earlier agents named theirs.
        None => rest
            .rsplit_once('.')
            .filter(|(between, _)| !between.is_empty())?,
    };
    let version = between
        .strip_prefix(".v")
        .and_then(|rest| rest.strip_suffix(".bak"));
    let is_ours =
        between.is_empty() || version.is_some_and(|version| version.parse::<u32>().is_ok());
    let stamp = Uuid::try_parse(uuid)
        .ok()
        .filter(|_| is_ours)?
        .get_timestamp()?;
    let (seconds, nanoseconds) = stamp.to_unix();
    i64::try_from(seconds * 1000 + u64::from(nanoseconds / 1_000_000)).ok()
}

fn remove(copy: &Path) {
    for suffix in COMPANIONS {
        // Usually it is not there, and otherwise a later start tries again.
        let _ = fs::remove_file(beside(copy, suffix));
    }
}

fn busy() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    rusqlite::Error::SqliteFailure(code, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_copies_tell_their_age_and_other_files_have_none() {
        let uuid = "01936f2a-0000-7000-8000-000000000000";
        let stamp = Some(0x0193_6f2a_0000);
        let cases = [
            (format!("agent.db.v3.bak.unfinished-{uuid}"), stamp),
            (format!("agent.db.v3.bak.{uuid}"), stamp),
            (format!("agent.db.unfinished-{uuid}"), stamp),
            (format!("agent.db.saved-{uuid}"), None),
            (format!("agent.db.{uuid}"), None),
            (format!("agent.db.mine.{uuid}"), None),
            (format!("other.db.v3.bak.{uuid}"), None),
            ("agent.db.v3.bak".to_owned(), None),
            ("agent.db".to_owned(), None),
        ];
        for (name, made) in cases {
            let found = made_ms(OsStr::new("agent.db"), OsStr::new(&name));
            assert_eq!(found, made, "{name}");
        }
    }
}
