//! [`Scratch`]: the folder for the files of one process of ours, beside all projects.
//!
//! The process makes it if it needs it. It goes when the process has ended; [`remove_left`] removes
//! those of an agent that was killed.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use nix::fcntl::OFlag;

use crate::model::Section;

/// A folder that is removed with this value.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// False in a container, with which it goes.
    is_here: bool,
}

impl Scratch {
    pub(super) fn here(name: &str) -> Self {
        Self {
            path: env::temp_dir().join(name),
            is_here: true,
        }
    }

    pub(super) fn in_container(name: &str) -> Self {
        Self {
            path: Path::new("/tmp").join(name),
            is_here: false,
        }
    }

    /// The folder, as the process names it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last `cap` bytes of what tests printed to each stream when the process ended, by worker:
    /// see `src/pytest/harness/printed.py`.
    pub fn printed(&self, cap: u32) -> Vec<Printed> {
        if !self.is_here {
            return Vec::new();
        }
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let workers: BTreeSet<String> = names
            .filter_map(|name| Some(worker_of(&name)?.to_owned()))
            .collect();
        let printed = workers.into_iter().map(|worker| {
            let sections = STREAMS.iter().filter_map(|(stream, title)| {
                let name = format!("printed-{worker}.{stream}");
                let text = end_of(&self.path.join(name), cap).unwrap_or_default();
                (!text.is_empty()).then(|| Section {
                    title: (*title).to_owned(),
                    text,
                })
            });
            let sections = sections.collect();
            Printed { worker, sections }
        });
        printed.filter(|it| !it.sections.is_empty()).collect()
    }

    /// Removes the folder now.
    pub(super) fn clear(&self) {
        if self.is_here {
            remove(&self.path);
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The files of a worker and the titles of their sections, in the order of pytest.
const STREAMS: [(&str, &str); 4] = [
    ("out-setup", "Captured stdout setup"),
    ("err-setup", "Captured stderr setup"),
    ("out", "Captured stdout"),
    ("err", "Captured stderr"),
];

fn worker_of(name: &str) -> Option<&str> {
    let (worker, _) = name.strip_prefix("printed-")?.rsplit_once('.')?;
    Some(worker)
}

/// What a test had printed when its process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// `main` or an xdist worker.
    pub worker: String,
    pub sections: Vec<Section>,
}

/// The end of a file. What tests put in its place is not followed, and not waited for.
fn end_of(path: &Path, cap: u32) -> io::Result<String> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)?;
    let data = file.metadata()?;
    if !data.is_file() {
        return Ok(String::new());
    }
    file.seek(SeekFrom::Start(data.len().saturating_sub(cap.into())))?;
    let mut bytes = Vec::new();
    file.take(cap.into()).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Removes what is left of processes whose names begin with `prefix`.
pub fn remove_left(prefix: &str) {
    let Ok(entries) = fs::read_dir(env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            remove(&entry.path());
        }
    }
}

fn remove(folder: &Path) {
    // In the folder of a layer the kernel makes one that only root can look into; it is empty.
    let _none = fs::remove_dir(folder.join("work/work"));
    // Most processes make none.
    let _gone = fs::remove_dir_all(folder);
}
