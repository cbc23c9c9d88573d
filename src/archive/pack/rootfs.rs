//! The lowest layer: a root file system, copied byte by byte while its entries are looked at.

use std::io::{self, Read, Write};
use std::path::Path;

use super::error::PackError;
use super::facts::Facts;
use super::spool::{Spool, Spooled};
use crate::archive::error::{ArchiveError, ArchiveProblem};
use crate::archive::file;
use crate::archive::stream::{Budget, Unpacked};
use crate::archive::tape::{Kind, Source, Tape};
use crate::image::limits::MAX_ROOTFS_ENTRIES;

/// The bytes of an ELF file up to and with its machine.
const ELF_HEAD_BYTES: u64 = 20;

/// Copies the tar `path`, unpacked, into `spool`.
///
/// Its entries are checked like the entries of an image archive, but links may lead anywhere, as
/// they do in a file system, and there may be devices.
pub(super) fn copy(
    path: &Path,
    spool: Spool,
    output: &Path,
) -> Result<(Spooled, Facts), PackError> {
    let broken = |problem| PackError::Rootfs(ArchiveError::rootfs(path, problem));
    let unwritable = |source| PackError::Output {
        path: output.to_owned(),
        source,
    };
    let (file, stamp) = file::open(path).map_err(broken)?;
    let again = file
        .try_clone()
        .map_err(ArchiveProblem::Io)
        .map_err(broken)?;
    let budget = Budget::of_file(stamp.size_bytes);
    let unpacked = Unpacked::new(file, &budget)
        .map_err(of_read)
        .map_err(broken)?;
    let mut tee = Tee {
        source: unpacked,
        spool,
        failed: None,
    };
    let mut facts = Facts::default();
    let walked = walk(&mut tee, &mut facts);
    if let Some(source) = tee.failed {
        return Err(unwritable(source));
    }
    walked.map_err(broken)?;
    tee.source.finish().map_err(of_read).map_err(broken)?;
    stamp.check(&again).map_err(broken)?;
    if let Some(reason) = facts.objection() {
        let path = path.to_owned();
        return Err(PackError::NotARootfs { path, reason });
    }
    Ok((tee.spool.finish().map_err(unwritable)?, facts))
}

fn walk<R: Read>(tee: &mut Tee<R>, facts: &mut Facts) -> Result<(), ArchiveProblem> {
    let mut tape = Tape::new(tee, MAX_ROOTFS_ENTRIES);
    while let Some(entry) = tape.next_entry()? {
        // The names that matter are ASCII; others are copied as they are.
        let Ok(name) = str::from_utf8(&entry.name) else {
            continue;
        };
        facts.note(name, &entry.kind);
        if entry.kind == Kind::File && facts.wants_program(name) {
            let mut head = Vec::new();
            let mut start = (&mut tape).take(ELF_HEAD_BYTES);
            start.read_to_end(&mut head).map_err(of_read)?;
            facts.note_program(name, &head);
        }
    }
    Ok(())
}

/// A source whose bytes go into the layer as they are read.
struct Tee<R> {
    source: R,
    spool: Spool,
    /// The error of a write to the layer; the reader only learns that it was stopped.
    failed: Option<io::Error>,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        if let Err(error) = self.spool.write_all(&buffer[..count]) {
            self.failed = Some(error);
            return Err(io::Error::other("the layer cannot be written"));
        }
        Ok(count)
    }
}

impl<R: Read> Source for &mut Tee<R> {}

fn of_read(error: io::Error) -> ArchiveProblem {
    ArchiveProblem::of_read(error, "the file")
}
