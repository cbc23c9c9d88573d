//! The JSON files of the data folder: the only reader and writer of `orphan_modules.json` and
//! `module_map.json`, which older tools and people read and edit, and the only writer of the history
//! that a schedule keeps for them.
//!
//! ```text
//!   file ── look ── as remembered? ── yes ─► Unchanged
//!                        │ no
//!                      parse ── fails ─► set aside as NAME.damaged ─► Refused, with a notice
//!                        │
//!                        └─► Read { entries, what to remember, notices }
//!
//!   state ── write ── on the file as it is ─► temporary file ─► rename
//! ```
//!
//! The state file has the say until somebody edits a file; the text of the file then wins, and
//! `plan::mirror` decides what that means. Writing changes entries alone: the form of the file, the
//! order of its entries, and fields that the agent does not know stay as they are.
//!
//! **Invariant:** a file is only written over when it is the one that was last read or written.
//! One that is damaged, or changed in between, is kept.

mod document;
mod file;
mod history;
mod module_map;
mod orphans;

use std::path::{Path, PathBuf};

pub use self::document::Damage;
pub use self::history::{HistoryError, HistoryRecord, append_to_history};
use crate::model::mirror::{MODULE_MAP_FILE, ORPHANS_FILE, OrphanEntry, Remembered};
use crate::model::{Groups, Level, Notice};

/// The folder that holds the files of a project, and the project that their paths belong to.
#[derive(Debug, Clone)]
pub struct Mirrors {
    data_dir: PathBuf,
    project: PathBuf,
    /// True if a damaged file stays where it is.
    only_looks: bool,
}

/// The result of reading a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// There is no such file.
    Absent,
    /// It is as it was when it was last read or written.
    Unchanged,
    /// It is new, or has changed since it was last read or written.
    Read {
        entries: T,
        /// Size, time and hash, to remember once the entries are stored.
        remember: Remembered,
        /// Notices about odd entries.
        notices: Vec<Notice>,
    },
    /// The file cannot be used, for the reason in the notice.
    Refused(Notice),
}

/// The result of writing a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writing {
    /// It is as it should be now, and this is to be remembered of it.
    Done(Remembered),
    /// It is not there, and there is nothing to say.
    Nothing,
    /// It stays as it is.
    Kept(Notice),
}

impl Mirrors {
    /// The files in `data_dir`, with paths relative to `project`.
    pub fn new(data_dir: &Path, project: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            project: project.to_owned(),
            only_looks: false,
        }
    }

    /// The same files for a command that leaves all as it is, also a damaged one.
    #[must_use]
    pub fn only_looking(self) -> Self {
        Self {
            only_looks: true,
            ..self
        }
    }

    /// Reads the list of orphans; `known` is what is remembered of the file.
    pub fn read_orphans(&self, known: Option<&Remembered>) -> Reading<Vec<OrphanEntry>> {
        self.read(ORPHANS_FILE, known, |document, project| {
            Ok(orphans::entries(document, project))
        })
    }

    /// Reads the module map: groups by file.
    pub fn read_module_map(&self, known: Option<&Remembered>) -> Reading<Groups> {
        self.read(MODULE_MAP_FILE, known, module_map::entries)
    }

    /// Writes the list of orphans.
    pub fn write_orphans(&self, list: &[OrphanEntry], known: Option<&Remembered>) -> Writing {
        let update = |document| orphans::update(document, list, &self.project);
        self.write(ORPHANS_FILE, known, list.is_empty(), update)
    }

    pub fn write_module_map(&self, map: &Groups, known: Option<&Remembered>) -> Writing {
        let update = |document| module_map::update(document, map, &self.project);
        self.write(MODULE_MAP_FILE, known, map.is_empty(), update)
    }
}

/// A warning about a file.
fn warning(code: &str, message: String, hint: &str) -> Notice {
    Notice {
        level: Level::Warning,
        code: code.to_owned(),
        message,
        hint: Some(hint.to_owned()),
    }
}

/// A module map as the text of a `module_map.json`.
pub fn module_map_text(map: &Groups) -> String {
    let empty = document::Document::empty();
    module_map::update(Some(empty), map, Path::new("")).to_text()
}

/// Reads the text of a `module_map.json`: the groups by file, and the keys that say none.
pub fn parse_module_map(bytes: &[u8], project: &Path) -> Result<(Groups, Vec<String>), Damage> {
    let document = document::Document::parse(bytes)?;
    module_map::entries(&document, project)
}
