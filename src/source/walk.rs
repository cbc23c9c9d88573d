//! [`walk`]: the Python files of a project, with their sizes and times.
//!
//! `.gitignore` is not asked: generated modules stand in it, and are imported like others.
//!
//! A link to a file is followed, because Python imports it under the name of the link. A link to a
//! folder never is: it may lead out of the project or into a loop, and what it leads to inside of
//! the project is found under its own name. Both are noted if they lead to a place in the project.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use ignore::overrides::Override;

use super::files::{FilesError, excluded};
use crate::diag::Hint;
use crate::graph::Link;

/// More of either is no project, and would fill the memory.
const MAX_FILES: usize = 1_000_000;
const MAX_FOLDERS: usize = 1_000_000;

/// The reason why a project cannot be scanned at all.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A pattern that is none.
    #[error(transparent)]
    Exclude(#[from] FilesError),
    /// The folder of the project cannot be listed.
    #[error("cannot list the files of `{}`", .project.display())]
    Project {
        project: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The project has more Python files or folders than a scan takes.
    #[error("`{}` is too large to be scanned: over {} Python files, or as many folders",
        .project.display(), MAX_FILES)]
    TooMuch { project: PathBuf },
    /// The system gives no more threads, or no memory for their stacks.
    #[error("cannot start a thread to read files with")]
    Thread(#[source] io::Error),
}

impl Hint for ScanError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Exclude(error) => return error.hint(),
            Self::Project { .. } => "make it readable".to_owned(),
            Self::TooMuch { .. } => {
                "leave out what holds no modules of the project: `--exclude data/`".to_owned()
            }
            Self::Thread(_) => "look at `ulimit -u` and `ulimit -v`".to_owned(),
        })
    }
}

/// Something that could not be looked at, and may hold Python files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unlisted {
    /// The folder or file, relative to the project.
    pub path: String,
    /// The reason, as a fragment: `it cannot be listed: …`.
    pub message: String,
}

/// A Python file that is there.
#[derive(Debug)]
pub(super) struct WalkedFile {
    /// Relative to the project, with `/`.
    pub(super) path: String,
    /// Its size and time, or why they cannot be told.
    pub(super) stat: Result<Stat, String>,
}

/// The size and time of a file, which show that it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) size_bytes: u64,
    pub(super) mtime_ns: i64,
}

impl Stat {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let seconds = metadata.mtime().saturating_mul(1_000_000_000);
        Self {
            size_bytes: metadata.len(),
            mtime_ns: seconds.saturating_add(metadata.mtime_nsec()),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct ScanOptions<'a> {
    /// The folder of the project, absolute.
    pub project: &'a Path,
    /// The data folder, absolute: it holds nothing of the project.
    pub data_dir: &'a Path,
    /// Patterns as in `.gitignore` of what else is left out.
    pub exclude: &'a [String],
    /// Patterns, as of pytest's `--doctest-glob`, of text files that are read for their examples.
    pub texts: &'a [String],
}

/// More links than these are not looked at.
const MAX_LINKS: usize = 10_000;

/// The Python files of a project, and the places that could not be listed.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The Python files and stubs, sorted by path.
    pub(super) files: Vec<WalkedFile>,
    pub(super) unlisted: Vec<Unlisted>,
    pub(super) links: Vec<Link>,
}

/// Finds the Python files and stubs of a project, on a few threads. `meanwhile` is what this thread
/// does before it helps the others.
pub(super) fn walk<T>(
    options: &ScanOptions<'_>,
    threads: usize,
    meanwhile: impl FnOnce() -> T,
) -> Result<(Walk, T), ScanError> {
    let walker = Walker {
        options,
        excluded: excluded(options.project, options.exclude)?,
        texts: texts(options.texts),
        real_project: fs::canonicalize(options.project).ok(),
        queue: Mutex::new(Queue {
            folders: vec![Folder {
                path: options.project.to_owned(),
                name: String::new(),
            }],
            busy: 0,
        }),
        more: Condvar::new(),
        waiting: AtomicUsize::new(0),
        seen_files: AtomicUsize::new(0),
        seen_folders: AtomicUsize::new(0),
    };
    fs::read_dir(options.project).map_err(|source| ScanError::Project {
        project: options.project.to_owned(),
        source,
    })?;
    let (mut walk, meanwhile) = thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map_while(|_| {
                let worker = || walker.work();
                thread::Builder::new().spawn_scoped(scope, worker).ok()
            })
            .collect();
        let meanwhile = meanwhile();
        let mut walk = walker.work();
        for other in others {
            let found = other
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            walk.files.extend(found.files);
            walk.unlisted.extend(found.unlisted);
            walk.links.extend(found.links);
        }
        (walk, meanwhile)
    });
    if walker.is_full() {
        return Err(ScanError::TooMuch {
            project: options.project.to_owned(),
        });
    }
    // Made for lists of sorted parts.
    walk.files.sort_by(|one, other| one.path.cmp(&other.path));
    walk.unlisted.sort();
    walk.links.sort();
    walk.links.truncate(MAX_LINKS);
    Ok((walk, meanwhile))
}

struct Folder {
    path: PathBuf,
    /// Relative to the project, with `/` at the end; empty for the project.
    name: String,
}

struct Queue {
    /// Folders for a thread that has none left.
    folders: Vec<Folder>,
    /// Threads that have some: more may come of those.
    busy: usize,
}

struct Walker<'a> {
    options: &'a ScanOptions<'a>,
    excluded: Override,
    /// The patterns of names of text files.
    texts: Vec<glob::Pattern>,
    /// The project without links on the way; `None` if it went away.
    real_project: Option<PathBuf>,
    queue: Mutex<Queue>,
    more: Condvar,
    /// Threads that have no folder.
    waiting: AtomicUsize,
    seen_files: AtomicUsize,
    seen_folders: AtomicUsize,
}

impl Walker<'_> {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists folders until there are none left. A thread keeps the folders that it finds, and gives
    /// half of them away if another one has nothing to do. The files are sorted.
    fn work(&self) -> Walk {
        let (mut walk, mut own) = (Walk::default(), Vec::new());
        while let Some(folder) = own.pop().or_else(|| self.next()) {
            let (files, folders) = (walk.files.len(), own.len());
            if let Err(error) = self.list(&folder, &mut own, &mut walk) {
                // A folder that went away meanwhile holds nothing.
                if error.kind() != ErrorKind::NotFound {
                    walk.unlisted.push(Unlisted {
                        path: folder.name,
                        message: format!("it cannot be listed: {error}"),
                    });
                }
            }
            let (more_files, more_folders) = (walk.files.len() - files, own.len() - folders);
            self.seen_files.fetch_add(more_files, Ordering::Relaxed);
            self.seen_folders.fetch_add(more_folders, Ordering::Relaxed);
            if self.is_full() {
                own.clear();
            }
            if own.is_empty() {
                self.lock().busy -= 1;
                self.more.notify_all();
            } else if own.len() > 1 && self.waiting.load(Ordering::Relaxed) > 0 {
                // The oldest are nearest to the top, and hold most.
                let shared = own.len() / 2;
                self.lock().folders.extend(own.drain(..shared));
                self.more.notify_all();
            }
        }
        walk.files
            .sort_unstable_by(|one, other| one.path.cmp(&other.path));
        walk
    }

    fn next(&self) -> Option<Folder> {
        let mut queue = self.lock();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        loop {
            if let Some(folder) = queue.folders.pop() {
                queue.busy += 1;
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                return Some(folder);
            }
            if queue.busy == 0 {
                return None;
            }
            queue = self
                .more
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_full(&self) -> bool {
        self.seen_files.load(Ordering::Relaxed) > MAX_FILES
            || self.seen_folders.load(Ordering::Relaxed) > MAX_FOLDERS
    }

    fn list(&self, folder: &Folder, folders: &mut Vec<Folder>, walk: &mut Walk) -> io::Result<()> {
        let (files, own) = (walk.files.len(), folders.len());
        for entry in fs::read_dir(&folder.path)? {
            let entry = entry?;
            let name = entry.file_name();
            // The project itself may be one: `python -m venv .`
            if name == "pyvenv.cfg" && !folder.name.is_empty() {
                walk.files.truncate(files);
                folders.truncate(own);
                return Ok(());
            }
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let file_type = match entry.file_type() {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file_type => file_type?,
            };
            if file_type.is_symlink() && walk.links.len() < MAX_LINKS {
                walk.links.extend(self.link(&entry, folder));
            }
            let is_wanted = if file_type.is_dir() {
                !is_skipped(&name, folder.name.is_empty())
                    || entry.path().join("__init__.py").is_file()
            } else {
                self.is_read(&name) && (file_type.is_file() || file_type.is_symlink())
            };
            if !is_wanted {
                continue;
            }
            let Some(text) = name.to_str() else {
                walk.unlisted.push(Unlisted {
                    path: format!("{}{}", folder.name, name.to_string_lossy()),
                    message: "its name is not UTF-8".to_owned(),
                });
                continue;
            };
            if self.is_excluded(&entry, file_type.is_dir()) {
                continue;
            }
            if file_type.is_dir() {
                folders.push(Folder {
                    path: entry.path(),
                    name: format!("{}{text}/", folder.name),
                });
            } else if let Some(stat) = stat(&entry, file_type.is_symlink()) {
                walk.files.push(WalkedFile {
                    path: format!("{}{text}", folder.name),
                    stat,
                });
            }
        }
        Ok(())
    }

    /// True for a Python file and for a text that may have examples.
    fn is_read(&self, name: &OsStr) -> bool {
        let is_text = |name: &str| self.texts.iter().any(|text| text.matches(name));
        is_python(name) || (!self.texts.is_empty() && name.to_str().is_some_and(is_text))
    }

    /// A link that leads to a folder or Python file of the project.
    fn link(&self, entry: &DirEntry, folder: &Folder) -> Option<Link> {
        let target = fs::canonicalize(entry.path()).ok()?;
        let inner = target.strip_prefix(self.real_project.as_ref()?).ok()?;
        let is_known = is_python(entry.file_name().as_os_str()) || target.is_dir();
        is_known.then_some(())?;
        Some(Link {
            path: format!("{}{}", folder.name, entry.file_name().to_str()?),
            target: inner.to_str()?.to_owned(),
        })
    }

    fn is_excluded(&self, entry: &DirEntry, is_folder: bool) -> bool {
        if is_folder && entry.path() == self.options.data_dir {
            return true;
        }
        !self.excluded.is_empty() && self.excluded.matched(entry.path(), is_folder).is_ignore()
    }
}

/// Folders that hold no modules of the project, or copies of them, unless they are packages.
fn is_skipped(name: &OsStr, is_at_top: bool) -> bool {
    let name = name.as_encoded_bytes();
    matches!(name, b"__pycache__" | b"node_modules" | b"site-packages")
        || is_at_top && (matches!(name, b"build" | b"dist") || name.ends_with(b".egg-info"))
}

/// The time of the last change of a file, in UTC milliseconds since the epoch; `None` if it is not
/// there.
pub fn changed_ms(path: &Path) -> Option<i64> {
    let metadata = fs::metadata(path).ok().filter(Metadata::is_file)?;
    Some(Stat::of(&metadata).mtime_ns / 1_000_000)
}

/// The patterns of names in patterns of paths; one that is none matches nothing.
fn texts(patterns: &[String]) -> Vec<glob::Pattern> {
    let names = patterns.iter().map(|pattern| {
        let name = pattern.rsplit('/').next().unwrap_or_default();
        glob::Pattern::new(name)
    });
    names.filter_map(Result::ok).collect()
}

pub(super) fn is_python(name: &OsStr) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| extension == "py" || extension == "pyi")
}

/// `None` for what is not there, such as the end of a broken link, and for what is no file.
fn stat(entry: &DirEntry, is_link: bool) -> Option<Result<Stat, String>> {
    let metadata = if is_link {
        fs::metadata(entry.path())
    } else {
        entry.metadata()
    };
    match metadata {
        Ok(metadata) if metadata.is_file() => Some(Ok(Stat::of(&metadata))),
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Err(cannot_read(&error))),
    }
}

/// The reason why a file cannot be read, as a fragment.
pub(super) fn cannot_read(error: &io::Error) -> String {
    format!("it cannot be read: {error}")
}
