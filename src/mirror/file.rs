//! The files themselves: looked at without waiting, written whole or not at all, set aside.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use xxhash_rust::xxh3::xxh3_128;

use super::document::{Damage, Document, file_of};
use super::{Mirrors, Reading, Writing, warning};
use crate::diag::and_more;
use crate::links;
use crate::model::Notice;
use crate::model::mirror::Remembered;
use crate::replacement::Replacement;

/// Half a million modules fit into a fourth of it.
const MAX_BYTES: u64 = 64 << 20;

/// Older tools run as other users, who may read what modules a project has.
const NEW_MODE: u32 = 0o644;

/// A name is free long before that.
const MAX_DAMAGED: usize = 1_000;

/// The most odd entries that a notice names.
const NAMED: usize = 3;

const UNREADABLE: &str = "mirror-unreadable";
const DAMAGED: &str = "mirror-damaged";

/// The findings at the place of a file.
enum MirrorPlace {
    Nothing,
    File {
        bytes: Vec<u8>,
        remember: Remembered,
    },
    Unreadable(Notice),
}

impl Mirrors {
    /// True if a file is there and is not as it was last read or written.
    pub fn is_edited(&self, name: &str, known: Option<&Remembered>) -> bool {
        match self.look(name) {
            MirrorPlace::File { remember, .. } => !is_same(known, &remember),
            MirrorPlace::Nothing | MirrorPlace::Unreadable(_) => false,
        }
    }

    /// Reads what is there, unless a link leads out of the folder: what is beyond is not the
    /// agent's to read, or to write over.
    fn look(&self, name: &str) -> MirrorPlace {
        let path = self.data_dir.join(name);
        match links::leads_out(&path, &self.data_dir) {
            Some(_) => unreadable(&path, "it is a link that leads out of its folder"),
            None => look(&path),
        }
    }

    pub(super) fn read<T>(
        &self,
        name: &str,
        known: Option<&Remembered>,
        entries: impl Fn(&Document, &Path) -> Result<(T, Vec<String>), Damage>,
    ) -> Reading<T> {
        let path = self.data_dir.join(name);
        let (bytes, mut remember) = match self.look(name) {
            MirrorPlace::Nothing => return Reading::Absent,
            MirrorPlace::Unreadable(notice) => return Reading::Refused(notice),
            MirrorPlace::File { remember, .. } if is_same(known, &remember) => {
                return Reading::Unchanged;
            }
            MirrorPlace::File { bytes, remember } => (bytes, remember),
        };
        let read = Document::parse(&bytes).and_then(|document| {
            let (entries, odd) = entries(&document, &self.project)?;
            Ok((document, entries, odd))
        });
        match read {
            Ok((document, entries, odd)) => {
                remember.extra = document.extra(|key| file_of(key, &self.project).is_some());
                Reading::Read {
                    entries,
                    remember,
                    notices: odd_entries(&path, &odd).into_iter().collect(),
                }
            }
            Err(damage) if self.only_looks => Reading::Refused(damaged(&path, &damage)),
            Err(damage) => Reading::Refused(set_aside(&path, &damage)),
        }
    }

    /// Brings a file up to date, on what is in it now.
    pub(super) fn write(
        &self,
        name: &str,
        known: Option<&Remembered>,
        is_empty: bool,
        update: impl Fn(Option<Document>) -> Document,
    ) -> Writing {
        let path = self.data_dir.join(name);
        let (document, old) = match self.look(name) {
            MirrorPlace::Nothing if is_empty => return Writing::Nothing,
            MirrorPlace::Nothing => {
                let extra = known.and_then(|known| known.extra.as_deref());
                let fields = extra.and_then(|extra| Document::parse(extra.as_bytes()).ok());
                (fields, None)
            }
            MirrorPlace::Unreadable(notice) => return Writing::Kept(notice),
            MirrorPlace::File { remember, .. } if !is_same(known, &remember) => {
                return Writing::Kept(changed(&path));
            }
            MirrorPlace::File { bytes, remember } => match Document::parse(&bytes) {
                Ok(document) => (Some(document), Some((bytes, remember))),
                Err(damage) => return Writing::Kept(set_aside(&path, &damage)),
            },
        };
        let document = update(document);
        let text = document.to_text();
        let extra = document.extra(|key| file_of(key, &self.project).is_some());
        if let Some((bytes, remember)) = old
            && bytes == text.as_bytes()
        {
            return Writing::Done(Remembered { extra, ..remember });
        }
        match replace(&path, text.as_bytes()) {
            Ok(remember) => Writing::Done(Remembered { extra, ..remember }),
            Err(error) => Writing::Kept(warning(
                "mirror-unwritable",
                format!("cannot write `{}`: {error}", path.display()),
                "the state file has what it would say; make the file and its folder writable",
            )),
        }
    }
}

/// By content: a file that was only touched, or copied back, says nothing new.
fn is_same(known: Option<&Remembered>, found: &Remembered) -> bool {
    known.is_some_and(|known| (known.size_bytes, known.hash) == (found.size_bytes, found.hash))
}

/// Reads what is there. Pipes and devices are not waited for.
fn look(path: &Path) -> MirrorPlace {
    let unreadable = |what: &str| unreadable(path, what);
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return MirrorPlace::Nothing,
        Err(error) => return unreadable(&error.to_string()),
    };
    let data = match file.metadata() {
        Ok(data) if !data.is_file() => return unreadable("it is no file"),
        Ok(data) => data,
        Err(error) => return unreadable(&error.to_string()),
    };
    let mut bytes = Vec::new();
    if let Err(error) = file.take(MAX_BYTES + 1).read_to_end(&mut bytes) {
        return unreadable(&error.to_string());
    }
    let size_bytes = bytes.len() as u64;
    if size_bytes > MAX_BYTES {
        return unreadable("it is larger than 64 MiB");
    }
    MirrorPlace::File {
        remember: remembered(&bytes, mtime_ns(&data)),
        bytes,
    }
}

fn unreadable(path: &Path, what: &str) -> MirrorPlace {
    MirrorPlace::Unreadable(warning(
        UNREADABLE,
        format!("cannot read `{}`: {what}", path.display()),
        "it was left as it is; move it away, or make it a file that can be read",
    ))
}

fn remembered(bytes: &[u8], mtime_ns: i64) -> Remembered {
    Remembered {
        size_bytes: bytes.len() as u64,
        mtime_ns,
        hash: xxh3_128(bytes).to_be_bytes(),
        extra: None,
    }
}

fn mtime_ns(data: &fs::Metadata) -> i64 {
    let seconds = data.mtime().saturating_mul(1_000_000_000);
    seconds.saturating_add(data.mtime_nsec())
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<Remembered> {
    let mut replacement = Replacement::following_links(path, NEW_MODE)?;
    replacement.file().write_all(bytes)?;
    let file = replacement.put_on_disk()?;
    Ok(remembered(bytes, mtime_ns(&file.metadata()?)))
}

fn changed(path: &Path) -> Notice {
    warning(
        "mirror-changed",
        format!(
            "`{}` was changed in the meantime and stays as it is",
            path.display()
        ),
        "the next run reads it",
    )
}

fn odd_entries(path: &Path, odd: &[String]) -> Option<Notice> {
    odd.first()?;
    let named: Vec<String> = odd
        .iter()
        .take(NAMED)
        .map(|key| format!("`{key}`"))
        .collect();
    let more = and_more(odd.len() - named.len());
    let (says, stays) = if odd.len() == 1 {
        ("says", "it stays")
    } else {
        ("say", "they stay")
    };
    let shown = path.display();
    Some(warning(
        "mirror-entries",
        format!(
            "{}{more} in `{shown}` {says} nothing that can be used; {stays}",
            named.join(", ")
        ),
        "entries are paths relative to the project, with `/` and `.py`",
    ))
}

fn damaged(path: &Path, damage: &Damage) -> Notice {
    warning(
        DAMAGED,
        format!("`{}` is damaged: {damage}", path.display()),
        "mend it, or remove it: the next run writes the file again",
    )
}

/// Keeps a damaged file under another name, so that a whole one can take its place.
pub(super) fn set_aside(path: &Path, damage: &Damage) -> Notice {
    let shown = path.display();
    match free_name(path) {
        Ok(kept) => warning(
            DAMAGED,
            format!(
                "`{shown}` is damaged: {damage}; it is kept as `{}`",
                kept.display()
            ),
            "mend it and put it back, or remove it: the next run writes the file again",
        ),
        Err(error) => warning(
            DAMAGED,
            format!("`{shown}` is damaged: {damage}; it cannot be set aside: {error}"),
            "it was left as it is; move it away",
        ),
    }
}

/// Moves `path` to the first of `NAME.damaged`, `NAME.damaged-2` … that is free.
fn free_name(path: &Path) -> io::Result<PathBuf> {
    for number in 1..=MAX_DAMAGED {
        let mut name = path.as_os_str().to_owned();
        name.push(".damaged");
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let kept = PathBuf::from(name);
        // Unlike a rename, a second name never takes the place of another file.
        match fs::hard_link(path, &kept) {
            Ok(()) => return fs::remove_file(path).map(|()| kept),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // Some file systems know one name a file.
            Err(_) if fs::symlink_metadata(&kept).is_err() => {
                return fs::rename(path, &kept).map(|()| kept);
            }
            Err(_) => {}
        }
    }
    Err(io::Error::other("there are too many damaged ones"))
}
