//! [`scan`]: one pass over an image archive, which collects what is needed to judge it.
//!
//! The config and the manifest may come after the layers. So with [`Depth::Everything`] every file
//! is hashed as it passes, both its stored bytes and its unpacked bytes. Only files that look like
//! documents are kept in memory, and only within limits.

use std::io::{self, BufReader, Read, Write};

use super::error::ArchiveProblem;
use super::stream::{BUFFER_BYTES, Budget, Unpacked};
use super::tape::{Entry, Kind, Source, Tape};
use crate::image::limits::{
    MAX_ENTRIES, MAX_JSON_BYTES, MAX_JSON_TOTAL_BYTES, MAX_NAMES_TOTAL_BYTES,
};
use crate::image::{
    Compression, Contents, Depth, Digest, FileDigests, Hasher, NameProblem, StoredFile, name,
};

/// The number of first bytes that are enough to tell a document from a tar.
const HEAD_BYTES: u64 = 512;

/// First parts of names that only a root file system has.
const OF_A_SYSTEM: [&str; 10] = [
    ".dockerenv",
    "bin",
    "dev",
    "etc",
    "lib",
    "proc",
    "sbin",
    "sys",
    "usr",
    "var",
];

/// Reads `source` to its end. Returns its contents, and the source itself.
pub(super) fn scan<S: Source>(
    source: S,
    depth: Depth,
    budget: &Budget,
) -> Result<(Contents, S), ArchiveProblem> {
    let mut scan = Scan {
        tape: Tape::new(source, MAX_ENTRIES),
        depth,
        budget,
        contents: Contents::default(),
        kept_bytes: 0,
        names_bytes: 0,
    };
    while let Some(entry) = scan.tape.next_entry()? {
        scan.entry(entry)?;
    }
    Ok((scan.contents, scan.tape.into_source()))
}

struct Scan<'a, S> {
    tape: Tape<S>,
    depth: Depth,
    budget: &'a Budget,
    contents: Contents,
    kept_bytes: u64,
    names_bytes: u64,
}

impl<S: Source> Scan<'_, S> {
    fn entry(&mut self, entry: Entry) -> Result<(), ArchiveProblem> {
        let shown = entry.shown();
        let bad_name = |problem| ArchiveProblem::EntryName {
            name: shown.clone(),
            problem,
        };
        let name = String::from_utf8(entry.name).map_err(|_| bad_name(NameProblem::NotText))?;
        let bad_link = |target: &[u8], problem| ArchiveProblem::Link {
            name: shown.clone(),
            target: String::from_utf8_lossy(target).into_owned(),
            problem,
        };
        if OF_A_SYSTEM.contains(&name.split('/').next().unwrap_or_default()) {
            return Err(ArchiveProblem::RootFileSystem(name));
        }
        let target = match entry.kind {
            Kind::Folder => return Ok(()),
            Kind::Special(kind) => return Err(ArchiveProblem::EntryKind { name, kind }),
            Kind::File => None,
            Kind::Symlink(target) => {
                Some(name::resolve(&name, &target).map_err(|problem| bad_link(&target, problem))?)
            }
            Kind::Hardlink(target) => Some(
                String::from_utf8(target)
                    .map_err(|error| bad_link(error.as_bytes(), NameProblem::NotText))?,
            ),
        };
        if name.is_empty() {
            return Err(bad_name(NameProblem::Empty));
        }
        // If two entries have the same name, some tools take the first, and others the last.
        let contents = &self.contents;
        if contents.files.contains_key(&name) || contents.links.contains_key(&name) {
            return Err(ArchiveProblem::Duplicate(name));
        }
        let target_bytes = target.as_ref().map_or(0, String::len);
        self.names_bytes += (name.len() + target_bytes) as u64;
        if self.names_bytes > MAX_NAMES_TOTAL_BYTES {
            return Err(ArchiveProblem::TooManyNames);
        }
        if let Some(target) = target {
            self.contents.links.insert(name, target);
        } else {
            let file = self.file(&name, entry.size_bytes)?;
            self.contents.files.insert(name, file);
        }
        Ok(())
    }

    fn file(&mut self, name: &str, size_bytes: u64) -> Result<StoredFile, ArchiveProblem> {
        let failed = |error| ArchiveProblem::of_read(error, &format!("`{name}`"));
        let mut head = Vec::new();
        let mut start = self.tape.by_ref().take(HEAD_BYTES);
        start.read_to_end(&mut head).map_err(failed)?;
        if self.keeps(&head, size_bytes) {
            let mut json = head;
            self.tape.read_to_end(&mut json).map_err(failed)?;
            self.kept_bytes += size_bytes;
            let digest = Digest::of(&json);
            return Ok(StoredFile {
                size_bytes,
                digests: Some(FileDigests {
                    stored: digest,
                    unpacked: digest,
                    unpacked_bytes: size_bytes,
                }),
                json: Some(json),
            });
        }
        let digests = match self.depth {
            Depth::Documents => None,
            Depth::Everything => {
                let rest = io::Cursor::new(head).chain(&mut self.tape);
                Some(digests(rest, self.budget).map_err(failed)?)
            }
        };
        Ok(StoredFile {
            size_bytes,
            digests,
            json: None,
        })
    }

    /// True if a file that begins with `head` may be a document, and there is room for it.
    fn keeps(&self, head: &[u8], size_bytes: u64) -> bool {
        let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
        // A tar begins with the name of its first entry, which may begin with `{` or `[`.
        let is_tar = head.get(257..262) == Some(b"ustar");
        matches!(first, Some(b'{' | b'['))
            && !is_tar
            && size_bytes <= MAX_JSON_BYTES
            && self.kept_bytes + size_bytes <= MAX_JSON_TOTAL_BYTES
    }
}

/// The digests of `reader`, as it is and unpacked.
fn digests(reader: impl Read, budget: &Budget) -> io::Result<FileDigests> {
    let mut unpacked = Unpacked::new(Hashed::new(reader), budget)?;
    if unpacked.compression() == Compression::None {
        let hashed = unpacked.finish()?;
        let stored = hashed.hasher.finish();
        return Ok(FileDigests {
            stored,
            unpacked: stored,
            unpacked_bytes: hashed.read_bytes,
        });
    }
    let mut hasher = HasherSink(Hasher::default());
    // `io::copy` moves small pieces, unless it can use the buffer of its reader or writer.
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, &mut unpacked);
    let unpacked_bytes = io::copy(&mut reader, &mut hasher)?;
    Ok(FileDigests {
        stored: unpacked.finish()?.hasher.finish(),
        unpacked: hasher.0.finish(),
        unpacked_bytes,
    })
}

/// A reader whose bytes are hashed as they pass.
struct Hashed<R> {
    inner: R,
    hasher: Hasher,
    read_bytes: u64,
}

impl<R> Hashed<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Hasher::default(),
            read_bytes: 0,
        }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.read_bytes += count as u64;
        Ok(count)
    }
}

struct HasherSink(Hasher);

impl Write for HasherSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
