//! The faults of an archive as a file, one variant for each thing that a user can act on.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::diag::Hint;
use crate::image::limits::{MAX_EXTENDED_HEADER_BYTES, MAX_NAMES_TOTAL_BYTES};
use crate::image::{ImageProblem, NameProblem};

/// An archive that cannot be used.
#[derive(Debug, Error)]
#[error("cannot use the {what} `{}`", path.display())]
pub struct ArchiveError {
    /// `image archive` or `root file system`.
    pub what: &'static str,
    pub path: PathBuf,
    #[source]
    pub problem: Box<ArchiveProblem>,
}

/// The reason why an archive cannot be used.
#[derive(Debug, Error)]
pub enum ArchiveProblem {
    /// There is no such file.
    #[error("there is no such file")]
    Missing,
    /// It is no regular file.
    #[error("it is {0}; a file was expected")]
    NotAFile(&'static str),
    #[error("it is empty")]
    Empty,
    /// The system refused to open or read it.
    #[error("cannot read it")]
    Io(#[source] io::Error),
    /// It was written to in the meantime.
    #[error("it changed while it was used")]
    Changed,
    /// It is no tar archive; the text describes its first bytes.
    #[error("it is no tar archive, plain or with gzip, zstd, xz or bzip2: {0}")]
    NotAnArchive(String),
    /// It ends early; the text names the place.
    #[error("it is truncated: {0}")]
    Truncated(String),
    /// Its bytes are not what they were.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Something follows where the archive has ended.
    #[error("it has something after the end of its archive, at byte {0} of the tar")]
    TrailingGarbage(u64),
    /// It would fill the disk or take forever.
    #[error("it unpacks to more than {limit} bytes, the most that a file of its size may")]
    Bomb {
        /// The bound, in bytes.
        limit: u64,
    },
    /// The window of its compression would fill the memory.
    #[error("unpacking it takes more memory than 128 MiB")]
    Window,
    /// It holds the files of a system, and no image.
    #[error("it is a root file system and no image: it holds `{0}`")]
    RootFileSystem(String),
    /// It has more entries than any real one.
    #[error("it has more than {0} entries")]
    TooManyEntries(u64),
    /// Its names would fill the memory.
    #[error("its names have more than {MAX_NAMES_TOTAL_BYTES} bytes together")]
    TooManyNames,
    /// The name of an entry is refused.
    #[error("it holds an entry whose name `{name}` {problem}")]
    EntryName {
        /// The name, with a replacement character for bytes that are not UTF-8.
        name: String,
        problem: NameProblem,
    },
    /// A link leads out of the archive.
    #[error(
        "it holds a link `{name}` whose target `{target}` {problem}, and so leads out of the archive"
    )]
    Link {
        name: String,
        /// The target as the link has it.
        target: String,
        /// The fault of the target.
        problem: NameProblem,
    },
    /// An entry has a kind that has no place there.
    #[error("it holds `{name}`, which is {kind}")]
    EntryKind { name: String, kind: &'static str },
    /// Two files have one name.
    #[error("it holds `{0}` twice")]
    Duplicate(String),
    /// The extended header of an entry is larger than any real one.
    #[error(
        "it holds an extended header of {0} bytes, {MAX_EXTENDED_HEADER_BYTES} at most were expected"
    )]
    ExtendedHeader(u64),
    /// The content is not one whole image.
    #[error(transparent)]
    Image(Box<ImageProblem>),
}

impl From<ImageProblem> for ArchiveProblem {
    fn from(problem: ImageProblem) -> Self {
        Self::Image(Box::new(problem))
    }
}

/// The reason why a tar was not copied as a whole.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The archive cannot be read, or is not the one that was verified.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The target refused a write.
    #[error("cannot pass the image archive on")]
    Target(#[source] io::Error),
}

impl Hint for CopyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Archive(error) => error.hint(),
            Self::Target(_) => None,
        }
    }
}

impl ArchiveError {
    pub(super) fn image(path: &Path, problem: ArchiveProblem) -> Self {
        Self {
            what: "image archive",
            path: path.to_owned(),
            problem: Box::new(problem),
        }
    }

    pub(super) fn rootfs(path: &Path, problem: ArchiveProblem) -> Self {
        Self {
            what: "root file system",
            path: path.to_owned(),
            problem: Box::new(problem),
        }
    }
}

/// The mark of a stream that unpacks to too much, as it travels through the readers of libraries.
#[derive(Debug, Error)]
#[error("more than {limit} bytes")]
pub(super) struct Overflow {
    pub(super) limit: u64,
}

impl ArchiveProblem {
    /// The problem behind a failed read of `place` (`the file`, or an entry).
    ///
    /// Errors of the system carry its number; all others come from the decoders.
    pub(super) fn of_read(error: io::Error, place: &str) -> Self {
        if let Some(overflow) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Overflow>())
        {
            return Self::Bomb {
                limit: overflow.limit,
            };
        }
        if error.raw_os_error().is_some() {
            return Self::Io(error);
        }
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Truncated(format!("{place} ends in the middle"));
        }
        let text = error.to_string();
        // As the libraries of zstd and xz say it.
        if text.contains("too much memory") || text.contains("memory limit") {
            return Self::Window;
        }
        Self::Damaged(format!("{place}: {text}"))
    }
}

impl Hint for ArchiveError {
    fn hint(&self) -> Option<String> {
        let again = "copy it again, and compare `sha256sum` on both sides";
        let hint = match &*self.problem {
            ArchiveProblem::Missing => "name the file that was made on the connected machine",
            ArchiveProblem::NotAFile("a directory") => {
                "name a file in it, or a folder with `oci-layout` or `manifest.json`"
            }
            ArchiveProblem::Window => "pack it again without `--long`, or unpack it first",
            ArchiveProblem::RootFileSystem(_) => {
                return Some(format!(
                    "make an image of it: `agent image pack --rootfs {} --tag NAME:1 -o IMAGE.tar.gz`",
                    self.path.display()
                ));
            }
            ArchiveProblem::NotAFile(_) => "write its content to a file first, and name that",
            ArchiveProblem::Io(_) => "look at its mode and owner (`ls -l`), and at the disk",
            ArchiveProblem::Changed => "wait until it is written, then try again",
            ArchiveProblem::Empty
            | ArchiveProblem::Truncated(_)
            | ArchiveProblem::Damaged(_)
            | ArchiveProblem::TrailingGarbage(_) => again,
            ArchiveProblem::NotAnArchive(_) => {
                "make an image archive with `docker save`, `podman save` or `agent image pack`"
            }
            ArchiveProblem::EntryKind {
                kind: "a sparse file",
                ..
            } => "make the archive without `tar --sparse`",
            ArchiveProblem::Bomb { .. }
            | ArchiveProblem::TooManyEntries(_)
            | ArchiveProblem::TooManyNames
            | ArchiveProblem::EntryName { .. }
            | ArchiveProblem::Link { .. }
            | ArchiveProblem::EntryKind { .. }
            | ArchiveProblem::Duplicate(_)
            | ArchiveProblem::ExtendedHeader(_) => {
                "no image tool writes this: find out where the file comes from before you use it"
            }
            ArchiveProblem::Image(problem) => problem.hint(),
        };
        Some(hint.to_owned())
    }
}
