//! The lock file of older tools, locked with `flock`, so that they stay out as well.
//!
//! The file is made if it is missing, never written to and never removed: a lock is on a file and
//! not on its name, and whoever locks a file that has lost its name excludes nobody.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

/// The number of tries to open a file that changes under our hands, before it counts as locked.
const TRIES: usize = 8;

/// An exclusive lock; given back when this is dropped, or with the process.
#[derive(Debug)]
pub(super) struct LockFile {
    _lock: Flock<File>,
}

impl LockFile {
    /// Locks the file at `path`; `None` while another has it.
    pub(super) fn try_lock(path: &Path) -> io::Result<Option<Self>> {
        for _ in 0..TRIES {
            match Flock::lock(open(path)?, FlockArg::LockExclusiveNonblock) {
                // Another tool may have removed the file between the two steps.
                Ok(lock) if is_at(&lock, path)? => return Ok(Some(Self { _lock: lock })),
                Ok(_) | Err((_, Errno::EINTR)) => {}
                Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
                Err((_, errno)) => return Err(errno.into()),
            }
        }
        Ok(None)
    }
}

/// Opens the file, and makes it if it is missing. Blocks on nothing that lies there instead.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let mut writing = options.clone();
    writing.write(true).create(true).mode(0o600);
    let opened = match writing.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_folder(path)?;
            writing.open(path)
        }
        opened => opened,
    };
    // A lock needs no right to write, except on network file systems.
    let file = match opened {
        Err(error) if is_refusal(&error) => options.open(path).map_err(|_| error)?,
        opened => opened?,
    };
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("it is not a regular file"))
}

fn make_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => DirBuilder::new().recursive(true).mode(0o700).create(folder),
        None => Ok(()),
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
    )
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match path.metadata() {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_lost_its_name_is_not_the_one_that_others_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = open(&path).unwrap();
        assert!(is_at(&file, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
        let _another = open(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
    }

    #[test]
    fn a_lock_excludes_the_next_one_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = LockFile::try_lock(&path).unwrap().unwrap();
        assert!(LockFile::try_lock(&path).unwrap().is_none());
        drop(first);
        assert!(LockFile::try_lock(&path).unwrap().is_some());
    }
}
