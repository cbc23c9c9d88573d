//! [`FolderTar`]: a folder that holds the files of an image, read as if it were a tar of them.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::ArchiveProblem;
use super::stamp::Stamp;
use crate::image::MARKS;
use crate::image::limits::MAX_ENTRIES;

/// Folders below the one that is named: the blobs are in `blobs/sha256`.
const MAX_DEPTH: usize = 2;
/// Two blocks of zeros end a tar.
const END_BYTES: u64 = 1024;
const BLOCK_BYTES: u64 = 512;

/// The files of a folder, as a tar that is made while it is read.
pub(super) struct FolderTar {
    files: VecDeque<Found>,
    current: Box<dyn Read + Send>,
    ended: bool,
}

struct Found {
    name: String,
    path: PathBuf,
    size_bytes: u64,
    mtime_ns: i64,
}

/// True if the folder holds one of the documents that an image begins with.
pub(super) fn holds_an_image(folder: &Path) -> bool {
    MARKS.iter().any(|mark| folder.join(mark).is_file())
}

/// The size of the files of a folder together, and the time of the youngest.
pub(super) fn stamp(folder: &Path) -> Result<Stamp, ArchiveProblem> {
    let files = list(folder)?;
    Ok(stamp_of(files.iter()))
}

fn stamp_of<'a>(files: impl Iterator<Item = &'a Found>) -> Stamp {
    let none = Stamp {
        size_bytes: 0,
        mtime_ns: 0,
    };
    files.fold(none, |sum, file| Stamp {
        size_bytes: sum.size_bytes.saturating_add(file.size_bytes),
        mtime_ns: sum.mtime_ns.max(file.mtime_ns),
    })
}

impl FolderTar {
    pub(super) fn open(folder: &Path) -> Result<(Self, Stamp), ArchiveProblem> {
        let files = list(folder)?;
        let stamp = stamp_of(files.iter());
        let tar = Self {
            files: files.into(),
            current: Box::new(io::empty()),
            ended: false,
        };
        Ok((tar, stamp))
    }
}

impl Read for FolderTar {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.current.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.current = match self.files.pop_front() {
                Some(file) => entry(&file)?,
                None if self.ended => return Ok(0),
                None => {
                    self.ended = true;
                    Box::new(io::repeat(0).take(END_BYTES))
                }
            };
        }
    }
}

/// The header, the content and the padding of a file.
fn entry(found: &Found) -> io::Result<Box<dyn Read + Send>> {
    let mut header = tar::Header::new_ustar();
    header.set_path(&found.name)?;
    header.set_size(found.size_bytes);
    header.set_mode(0o644);
    header.set_cksum();
    let header = io::Cursor::new(header.as_bytes().to_vec());
    // A file that shrinks or grows meanwhile must not shift what follows.
    let file = File::open(&found.path)?.chain(io::repeat(0));
    let padding = found.size_bytes.wrapping_neg() % BLOCK_BYTES;
    let zeros = io::repeat(0).take(padding);
    Ok(Box::new(
        header.chain(file.take(found.size_bytes)).chain(zeros),
    ))
}

/// The regular files, by name; links are left out, because a layout has none.
fn list(folder: &Path) -> Result<Vec<Found>, ArchiveProblem> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(ArchiveProblem::Io)? {
            let entry = entry.map_err(ArchiveProblem::Io)?;
            let name = prefix.clone() + &entry.file_name().to_string_lossy();
            let data = entry.metadata().map_err(ArchiveProblem::Io)?;
            if data.is_dir() && depth < MAX_DEPTH {
                folders.push((entry.path(), format!("{name}/"), depth + 1));
            } else if data.is_file() {
                files.push(Found {
                    name,
                    path: entry.path(),
                    size_bytes: data.len(),
                    mtime_ns: Stamp::time_of(&data),
                });
            }
            if files.len() as u64 > MAX_ENTRIES {
                return Err(ArchiveProblem::TooManyEntries(MAX_ENTRIES));
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}
