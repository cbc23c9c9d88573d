//! Image archives as files: read once from front to end with small buffers, and written.
//!
//! ```text
//!   file, folder ──► open (no FIFO) ──► HashedFile ──► Unpacked (gzip, zstd, xz, bzip2; bounded)
//!                                                             │
//!                                                             ▼
//!   Verified ◄── image::judge ◄── Contents ◄── scan ◄──────  Tape (entries; an end, and no more)
//! ```
//!
//! [`inspect`] reads the documents, and passes over the layers if the file allows that; [`verify`]
//! reads every byte and compares every digest; [`copy_tar`] hands a verified archive on, and
//! [`copy_for_docker`] in the layout that every docker reads. [`pack()`] makes an archive from a root
//! file system without an engine. [`write_project`] makes a stream of a project. The only user of
//! tar, zip and the libraries that unpack.
//!
//! **Invariant:** memory does not grow with the archive: buffers have 64 KiB, documents and windows
//! of decoders are bounded by [`limits`](crate::image::limits), and nothing is unpacked to the
//! disk.

mod convert;
mod error;
mod file;
mod folder;
mod pack;
mod project;
mod scan;
mod stamp;
mod stream;
mod tape;

use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;

pub use self::convert::copy_for_docker;
pub use self::error::{ArchiveError, ArchiveProblem, CopyError};
use self::file::{HashedFile, Opened};
pub use self::pack::{PackError, PackOptions, pack};
pub use self::project::write_project;
use self::stamp::Stamp;
use self::stream::{BUFFER_BYTES, Budget, Unpacked};
use crate::image::{
    Compression, Contents, Depth, Digest, ImageArchive, ImageProblem, Platform, Verified, judge,
};

/// The platform of containers on this machine.
pub fn this_machine() -> Platform {
    Platform::of_machine(std::env::consts::ARCH)
}

/// Reads what the archive `path` says of its image. Layers are not compared with their digests.
///
/// Of one image for several platforms it is the one for `wanted`; an image for another platform is
/// no error.
///
/// # Errors
///
/// The file is no archive with one image, or its documents are not whole.
pub fn inspect(path: &Path, wanted: &Platform) -> Result<ImageArchive, ArchiveError> {
    inspect_file(path, wanted).map_err(|problem| ArchiveError::image(path, problem))
}

/// Reads every byte of the archive `path` and compares sizes, checksums and digests.
///
/// # Errors
///
/// Whatever keeps the file from being one whole image for `wanted`.
pub fn verify(path: &Path, wanted: &Platform) -> Result<Verified, ArchiveError> {
    verify_file(path, wanted).map_err(|problem| ArchiveError::image(path, problem))
}

/// Writes the archive `path`, unpacked to a plain tar, to `target`: to an engine, for example, that
/// does not read its compression. Returns the number of bytes that it wrote.
///
/// # Errors
///
/// The file has another digest than the one that was verified, which shows only when all of it was
/// written; or `target` refuses a write.
pub fn copy_tar(
    path: &Path,
    file_sha256: &Digest,
    target: &mut dyn Write,
) -> Result<u64, CopyError> {
    let broken = |problem| CopyError::Archive(ArchiveError::image(path, problem));
    let (file, stamp) = file::open_image(path).map_err(broken)?;
    let budget = Budget::of_file(stamp.size_bytes);
    let unpacked = Unpacked::new(HashedFile::new(file), &budget);
    let mut unpacked = unpacked.map_err(of_read).map_err(broken)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut copied = 0;
    loop {
        let count = match unpacked.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(of_read(error))),
        };
        target
            .write_all(&buffer[..count])
            .map_err(CopyError::Target)?;
        copied += count as u64;
    }
    let file = unpacked.finish().map_err(of_read).map_err(broken)?;
    if file.finish(stamp).map_err(broken)? != *file_sha256 {
        return Err(broken(ArchiveProblem::Changed));
    }
    target.flush().map_err(CopyError::Target)?;
    Ok(copied)
}

fn inspect_file(path: &Path, wanted: &Platform) -> Result<ImageArchive, ArchiveProblem> {
    let (opened, stamp) = file::open_image(path)?;
    let budget = Budget::of_file(stamp.size_bytes);
    let file = match opened {
        Opened::File(file) => file,
        Opened::Folder(..) => {
            let file = HashedFile::new(opened);
            let unpacked = Unpacked::new(file, &budget).map_err(of_read)?;
            let (contents, unpacked) = scan::scan(unpacked, Depth::Documents, &budget)?;
            unpacked.finish().map_err(of_read)?.finish(stamp)?;
            return archive(
                &contents,
                wanted,
                Depth::Documents,
                Compression::None,
                stamp,
            );
        }
    };
    let again = file.try_clone().map_err(ArchiveProblem::Io)?;
    let unpacked = Unpacked::new(file, &budget).map_err(of_read)?;
    let compression = unpacked.compression();
    let (contents, again) = if compression == Compression::None {
        // A plain file can be read from the start again, and layers be passed over.
        drop(unpacked);
        let mut seekable = BufReader::with_capacity(BUFFER_BYTES, again);
        seekable.rewind().map_err(of_read)?;
        let (contents, seekable) = scan::scan(seekable, Depth::Documents, &budget)?;
        (contents, seekable.into_inner())
    } else {
        let (contents, unpacked) = scan::scan(unpacked, Depth::Documents, &budget)?;
        unpacked.finish().map_err(of_read)?;
        (contents, again)
    };
    stamp.check(&again)?;
    archive(&contents, wanted, Depth::Documents, compression, stamp)
}

/// Size and time of what may be an archive, to know it again: in bytes, and in nanoseconds since
/// the epoch. `None` for what is neither a file nor a folder.
pub fn look(path: &Path) -> Option<(u64, i64)> {
    let stamp = file::look(path)?;
    Some((stamp.size_bytes, stamp.mtime_ns))
}

/// Reads every byte of the archive `path`.
fn read_all(path: &Path) -> Result<(Contents, Compression, Stamp, Digest), ArchiveProblem> {
    let (file, stamp) = file::open_image(path)?;
    let budget = Budget::of_file(stamp.size_bytes);
    let unpacked = Unpacked::new(HashedFile::new(file), &budget).map_err(of_read)?;
    let compression = unpacked.compression();
    let (contents, unpacked) = scan::scan(unpacked, Depth::Everything, &budget)?;
    let file_sha256 = unpacked.finish().map_err(of_read)?.finish(stamp)?;
    Ok((contents, compression, stamp, file_sha256))
}

fn verify_file(path: &Path, wanted: &Platform) -> Result<Verified, ArchiveProblem> {
    let (contents, compression, stamp, file_sha256) = read_all(path)?;
    let archive = archive(&contents, wanted, Depth::Everything, compression, stamp)?;
    if !wanted.runs(&archive.platform) {
        let problem = ImageProblem::OtherPlatform {
            found: Box::new(archive.platform),
            wanted: Box::new(wanted.clone()),
        };
        return Err(problem.into());
    }
    Ok(Verified {
        archive,
        file_sha256,
    })
}

fn archive(
    contents: &Contents,
    wanted: &Platform,
    depth: Depth,
    compression: Compression,
    stamp: Stamp,
) -> Result<ImageArchive, ArchiveProblem> {
    let image = judge(contents, wanted, depth)?;
    let Stamp {
        size_bytes,
        mtime_ns,
    } = stamp;
    Ok(ImageArchive::new(image, compression, size_bytes, mtime_ns))
}

fn of_read(error: io::Error) -> ArchiveProblem {
    ArchiveProblem::of_read(error, "the file")
}
