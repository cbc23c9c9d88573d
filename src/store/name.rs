//! A state file that loses its name while it is open: somebody removes, moves or replaces it.
//!
//! The system keeps such a file as long as a connection has it, and SQLite goes on to write to it;
//! but nobody else would ever see what is written. So the agent looks for its name before a result
//! is told. A file that was moved is waited for, as a disk that is full; any other is written back
//! from the connection that still has it.
//!
//! SQLite neither copies a write-ahead log into a file that lost its name nor removes one of that
//! name when the connection ends.

use std::ffi::c_int;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::{FileControl, MAIN_DB};

use super::copy::Unfinished;
use super::db::Db;
use super::error::StoreError;
use super::open::{Store, connect_to_write};
use super::place::{FileId, beside, no_room, prepare_folder};
use crate::clock::{new_uuid, now_ms};
use crate::model::{Level, Notice, RunId, Write};

impl Store {
    /// Writes as [`Store::write`] does, and then makes sure that the file still has its name. If it
    /// had lost that, returns what to tell, which is stored too.
    pub fn write_by_name(
        &mut self,
        run: RunId,
        writes: &[Write],
    ) -> Result<Option<Notice>, StoreError> {
        self.keep_name()?;
        if !writes.is_empty() {
            self.write(run, writes)?;
            self.keep_name()?;
        }
        if let Some(notice) = &self.to_tell {
            let told = [Write::Notice(notice.clone())];
            self.write(run, &told)?;
        }
        Ok(self.to_tell.take())
    }

    /// True if somebody has removed, moved or replaced the file since it was opened.
    pub fn has_lost_name(&self) -> bool {
        self.db.has_lost_name()
    }

    /// Writes the file back if it has lost its name: to that name, or, if another file has it now,
    /// beside that. A file that was moved and is still there is left alone: it may come back.
    fn keep_name(&mut self) -> Result<(), StoreError> {
        if !self.has_lost_name() {
            return Ok(());
        }
        let file = self.db.file.clone();
        if let Some(to) = self.id.and_then(FileId::name) {
            return Err(StoreError::Moved { path: file, to });
        }
        prepare_folder(&file)?;
        let copy = Unfinished::beside(&file, now_ms());
        let copied = copy.copy(&self.db, |_| Ok(()));
        let named = copied.and_then(|()| name(&copy, &file));
        let named = named.map_err(|source| match source.kind() {
            ErrorKind::StorageFull => no_room(&file),
            _ => StoreError::LostName {
                path: file.clone(),
                source,
            },
        })?;
        self.db = connect_to_write(&named)?;
        self.id = FileId::of(&named);
        self.to_tell = Some(lost(&file, &named));
        Ok(())
    }
}

impl Db {
    pub(super) fn has_lost_name(&self) -> bool {
        let mut moved: c_int = 0;
        let asked = self
            .connection
            .file_control(Some(MAIN_DB), FileControl::HasMoved(&mut moved));
        asked.is_ok() && moved != 0
    }
}

/// Gives `copy` the name `file` if that is free. Returns the name that it has then.
fn name(copy: &Unfinished, file: &Path) -> io::Result<PathBuf> {
    if !file.try_exists()? {
        // They belong to the file that lost its name, and would be taken for those of this one.
        for suffix in ["-wal", "-shm", "-journal"] {
            match fs::remove_file(beside(file, suffix)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    if copy.rename_to_new(file)? {
        return Ok(file.to_owned());
    }
    let saved = beside(file, &format!(".saved-{}", new_uuid()));
    copy.rename(&saved)?;
    Ok(saved)
}

fn lost(file: &Path, named: &Path) -> Notice {
    let what = format!(
        "the state file `{}` was removed or replaced during the run",
        file.display()
    );
    let (message, hint) = if named == file {
        let message = format!("{what}: the agent wrote it back, with all results and earlier runs");
        (message, None)
    } else {
        let named = named.display();
        let message = format!(
            "{what}, and its name is taken: this run, with all earlier ones, goes on in `{named}`"
        );
        (
            message,
            Some(format!("`agent show latest --db {named}` shows it")),
        )
    };
    Notice {
        level: Level::Warning,
        code: "state-file-lost".to_owned(),
        message,
        hint,
    }
}
