//! Opening archives: what is no file is refused before it can block, and a file that changes while
//! it is read is noticed.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::error::ArchiveProblem;
use super::folder::{self, FolderTar};
use super::stamp::Stamp;
use crate::image::{Digest, Hasher};

/// An archive that was opened.
pub(super) enum Opened {
    File(File),
    /// A folder with its path.
    Folder(FolderTar, PathBuf),
}

/// An open archive, hashed as it is read.
pub(super) struct HashedFile {
    file: Opened,
    hasher: Hasher,
    read_bytes: u64,
}

/// Opens `path` if it is a regular file with content, or a folder that holds an image.
pub(super) fn open_image(path: &Path) -> Result<(Opened, Stamp), ArchiveProblem> {
    if path.is_dir() && folder::holds_an_image(path) {
        let (tar, stamp) = FolderTar::open(path)?;
        return Ok((Opened::Folder(tar, path.to_owned()), stamp));
    }
    let (file, stamp) = open(path)?;
    Ok((Opened::File(file), stamp))
}

/// The stamp of a file or a folder that may hold an image; `None` for anything else.
pub(super) fn look(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    if metadata.is_dir() {
        return folder::stamp(path).ok();
    }
    metadata.is_file().then(|| Stamp::of(&metadata))
}

/// Opens `path` if it is a regular file with content.
///
/// The kind is looked at first, and the open does not wait: a FIFO without a writer would block it.
pub(super) fn open(path: &Path) -> Result<(File, Stamp), ArchiveProblem> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => ArchiveProblem::Missing,
        _ => ArchiveProblem::Io(error),
    };
    check_kind(&fs::metadata(path).map_err(failed)?)?;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = options.open(path).map_err(failed)?;
    // Another file may have taken its place.
    let metadata = file.metadata().map_err(ArchiveProblem::Io)?;
    check_kind(&metadata)?;
    if metadata.len() == 0 {
        return Err(ArchiveProblem::Empty);
    }
    Ok((file, Stamp::of(&metadata)))
}

fn check_kind(metadata: &Metadata) -> Result<(), ArchiveProblem> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(ArchiveProblem::NotAFile(describe(kind)))
}

fn describe(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

impl HashedFile {
    pub(super) fn new(file: Opened) -> Self {
        Self {
            file,
            hasher: Hasher::default(),
            read_bytes: 0,
        }
    }

    /// The digest of the file, which has to have been read as a whole and to be as it was.
    pub(super) fn finish(self, stamp: Stamp) -> Result<Digest, ArchiveProblem> {
        match &self.file {
            Opened::File(_) if self.read_bytes != stamp.size_bytes => {
                return Err(ArchiveProblem::Changed);
            }
            Opened::File(file) => stamp.check(file)?,
            Opened::Folder(_, path) => stamp.is(folder::stamp(path)?)?,
        }
        Ok(self.hasher.finish())
    }
}

impl Read for HashedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.file {
            Opened::File(file) => file.read(buffer)?,
            Opened::Folder(tar, _) => tar.read(buffer)?,
        };
        self.hasher.update(&buffer[..count]);
        self.read_bytes += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_that_grows_while_it_is_read_is_noticed() {
        let mut writer = tempfile::NamedTempFile::new().unwrap();
        writer.write_all(b"archive").unwrap();
        let (file, stamp) = open(writer.path()).unwrap();
        let mut hashed = HashedFile::new(Opened::File(file));
        io::copy(&mut hashed, &mut io::sink()).unwrap();
        writer.write_all(b"more").unwrap();
        assert!(matches!(hashed.finish(stamp), Err(ArchiveProblem::Changed)));
    }

    #[test]
    fn a_file_that_was_not_read_to_its_end_has_no_digest() {
        let mut writer = tempfile::NamedTempFile::new().unwrap();
        writer.write_all(b"archive").unwrap();
        let (file, stamp) = open(writer.path()).unwrap();
        let finished = HashedFile::new(Opened::File(file)).finish(stamp);
        assert!(matches!(finished, Err(ArchiveProblem::Changed)));
    }
}
