//! [`Stamp`]: by its size and time, a file that changes while it is read is noticed.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;

use super::error::ArchiveProblem;

/// The size and the time that tell one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size_bytes: u64,
    pub(super) mtime_ns: i64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size_bytes: metadata.len(),
            mtime_ns: Self::time_of(metadata),
        }
    }

    /// When a file was last written, in nanoseconds since the epoch.
    pub(super) fn time_of(metadata: &Metadata) -> i64 {
        let seconds = metadata.mtime().saturating_mul(1_000_000_000);
        seconds.saturating_add(metadata.mtime_nsec())
    }

    /// Refuses a file that is no longer as it was.
    pub(super) fn check(self, file: &File) -> Result<(), ArchiveProblem> {
        let now = Self::of(&file.metadata().map_err(ArchiveProblem::Io)?);
        self.is(now)
    }

    pub(super) fn is(self, now: Self) -> Result<(), ArchiveProblem> {
        if now == self {
            return Ok(());
        }
        Err(ArchiveProblem::Changed)
    }
}
