//! The new archive: written to a temporary file beside its place, checked there, and moved.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use super::error::PackError;
use crate::archive::stream::BUFFER_BYTES;

/// The compressions of new archives: every engine reads them, or the agent unpacks them for it.
#[derive(Clone, Copy)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// The formats by the end of the file's name.
const SUFFIXES: [(&str, Packing); 5] = [
    (".tar", Packing::Plain),
    (".tar.gz", Packing::Gzip),
    (".tgz", Packing::Gzip),
    (".tar.zst", Packing::Zstd),
    (".tzst", Packing::Zstd),
];

/// gzip's byte for "no particular operating system": with a time of 0 the header is always the
/// same.
const GZIP_UNKNOWN_OS: u8 = 255;

/// The place and the format of the new archive.
pub(super) struct Destination {
    path: PathBuf,
    packing: Packing,
    force: bool,
}

impl Destination {
    /// Refuses, before any work is done, what cannot be written to in the end.
    pub(super) fn new(path: &Path, force: bool) -> Result<Self, PackError> {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let named = |(suffix, _): &&(&str, Packing)| {
            let stem = name.as_deref().and_then(|name| name.strip_suffix(suffix));
            stem.is_some_and(|stem| !stem.is_empty())
        };
        let known = SUFFIXES.iter().find(named);
        let (_, packing) = known.ok_or_else(|| PackError::OutputName(path.to_owned()))?;
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(PackError::OutputNotAFile(path.to_owned()));
            }
            Ok(_) if !force => return Err(PackError::OutputExists(path.to_owned())),
            Ok(metadata) if !metadata.is_file() => {
                return Err(PackError::OutputNotAFile(path.to_owned()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unwritable(path, error)),
        }
        Ok(Self {
            path: path.to_owned(),
            packing: *packing,
            force,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the archive, which also takes what is temporary.
    pub(super) fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The error for a write that failed.
    pub(super) fn failed(&self, error: io::Error) -> PackError {
        unwritable(&self.path, error)
    }

    /// Writes `files` (name, size, content) in their order into a temporary file.
    pub(super) fn write(
        &self,
        mtime_s: u64,
        files: Vec<(String, u64, Box<dyn Read>)>,
    ) -> io::Result<NamedTempFile> {
        // As a file that was simply created: readable for those whom the user's umask allows it.
        let mode = Permissions::from_mode(0o666);
        let mut builder = tempfile::Builder::new();
        builder
            .prefix(".agent-")
            .suffix(".partial")
            .permissions(mode);
        let temporary = builder.tempfile_in(self.folder())?;
        let encoder = Encoder::new(temporary.as_file().try_clone()?, self.packing)?;
        let mut tar = tar::Builder::new(encoder);
        for folder in ["blobs/", "blobs/sha256/"] {
            let mut header = header(tar::EntryType::Directory, 0o755, mtime_s);
            tar.append_data(&mut header, folder, io::empty())?;
        }
        for (name, size_bytes, content) in files {
            let mut header = header(tar::EntryType::Regular, 0o644, mtime_s);
            header.set_size(size_bytes);
            tar.append_data(&mut header, name, content)?;
        }
        tar.into_inner()?.finish()?;
        temporary.as_file().sync_all()?;
        Ok(temporary)
    }

    /// Moves the temporary file to its place, for good.
    pub(super) fn publish(&self, temporary: NamedTempFile) -> Result<(), PackError> {
        let moved = if self.force {
            temporary.persist(&self.path)
        } else {
            temporary.persist_noclobber(&self.path)
        };
        moved.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => PackError::OutputExists(self.path.clone()),
            _ => self.failed(error.error),
        })?;
        let folder = File::open(self.folder());
        let synced = folder.and_then(|folder| folder.sync_all());
        synced.map_err(|error| self.failed(error))
    }
}

/// A header for root's file, without a size yet.
pub(super) fn header(kind: tar::EntryType, mode: u32, mtime_s: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(mtime_s);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header
}

fn unwritable(path: &Path, source: io::Error) -> PackError {
    PackError::Output {
        path: path.to_owned(),
        source,
    }
}

enum Encoder {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

impl Encoder {
    fn new(file: File, packing: Packing) -> io::Result<Self> {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(match packing {
            Packing::Plain => Self::Plain(writer),
            Packing::Gzip => Self::Gzip(
                GzBuilder::new()
                    .mtime(0)
                    .operating_system(GZIP_UNKNOWN_OS)
                    .write(writer, flate2::Compression::default()),
            ),
            Packing::Zstd => {
                let mut encoder = zstd::Encoder::new(writer, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    fn finish(self) -> io::Result<()> {
        let mut writer = match self {
            Self::Plain(writer) => writer,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        writer.flush()
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(writer) => writer.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(writer) => writer.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
