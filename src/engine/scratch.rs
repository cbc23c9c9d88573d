//! [`Scratch`]: the folder for the files of one process of ours, beside all projects.
//!
//! The process makes it if it needs it. It goes when the process has ended; [`remove_left`] removes
//! those of an agent that was killed.

use std::path::{Path, PathBuf};
use std::{env, fs};

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
