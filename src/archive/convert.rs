//! [`copy_for_docker`]: an image of an OCI layout, as `docker save` writes it.
//!
//! Old dockers read no other layout, and no layers that zstd has packed. So the layers are unpacked
//! on their way.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::Path;

use super::error::{ArchiveError, ArchiveProblem, CopyError};
use super::file::{self, HashedFile};
use super::stream::{Budget, Unpacked};
use super::tape::{Kind, Tape};
use super::{of_read, read_all};
use crate::image::limits::MAX_ENTRIES;
use crate::image::{Contents, Digest, Files, Platform, files_of};

/// Writes the image of the archive `path` for `wanted` to `target`, in the layout of `docker save`
/// and with unpacked layers. The archive was verified as `file_sha256`.
///
/// # Errors
///
/// The archive has another digest, which may show only when all of it was written; or `target`
/// refuses a write.
pub fn copy_for_docker(
    path: &Path,
    file_sha256: &Digest,
    wanted: &Platform,
    target: &mut dyn Write,
) -> Result<(), CopyError> {
    let mut target = Target {
        inner: target,
        failed: None,
    };
    let copied = copy(path, file_sha256, wanted, &mut target);
    if let Some(error) = target.failed {
        return Err(CopyError::Target(error));
    }
    copied.map_err(|problem| ArchiveError::image(path, problem).into())
}

fn copy(
    path: &Path,
    file_sha256: &Digest,
    wanted: &Platform,
    target: &mut Target<'_>,
) -> Result<(), ArchiveProblem> {
    let (contents, _, _, found) = read_all(path)?;
    if found != *file_sha256 {
        return Err(ArchiveProblem::Changed);
    }
    let files = files_of(&contents, wanted)?;
    let mut archive = tar::Builder::new(target);
    let manifest = files.docker_manifest();
    append(
        &mut archive,
        "manifest.json",
        manifest.len() as u64,
        manifest.as_slice(),
    )?;

    let (file, stamp) = file::open_image(path)?;
    let budget = Budget::of_file(stamp.size_bytes);
    let unpacked = Unpacked::new(HashedFile::new(file), &budget).map_err(of_read)?;
    let mut tape = Tape::new(unpacked, MAX_ENTRIES);
    let mut written = BTreeSet::new();
    while let Some(entry) = tape.next_entry()? {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let Some((name, size)) = place(&contents, &files, &name) else {
            continue;
        };
        if entry.kind == Kind::File && written.insert(name.clone()) {
            let content = Unpacked::new(tape.by_ref(), &budget).map_err(of_read)?;
            append(&mut archive, &name, size, content)?;
        }
    }
    archive
        .into_inner()
        .and_then(Write::flush)
        .map_err(of_read)?;
    let read = tape.into_source().finish().map_err(of_read)?;
    if read.finish(stamp)? != *file_sha256 {
        return Err(ArchiveProblem::Changed);
    }
    Ok(())
}

/// The new name of a file of the image, and its unpacked size; `None` for a file that is none.
fn place(contents: &Contents, files: &Files, name: &str) -> Option<(String, u64)> {
    let size = contents.files.get(name)?.digests?.unpacked_bytes;
    Some((files.new_name(name)?.to_owned(), size))
}

fn append(
    archive: &mut tar::Builder<&mut Target<'_>>,
    name: &str,
    size: u64,
    content: impl Read,
) -> Result<(), ArchiveProblem> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    let content = content.take(size);
    let added = archive.append_data(&mut header, name, content);
    added.map_err(of_read)
}

/// A writer that remembers that it was refused.
struct Target<'a> {
    inner: &'a mut dyn Write,
    failed: Option<io::Error>,
}

impl Target<'_> {
    fn note<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error);
            kind.into()
        })
    }
}

impl Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = match self.inner.write(bytes) {
            Ok(0) if !bytes.is_empty() => Err(io::ErrorKind::WriteZero.into()),
            done => done,
        };
        self.note(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.inner.flush();
        self.note(done)
    }
}
