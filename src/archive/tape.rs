//! [`Tape`]: a tar archive, read once from front to end.
//!
//! `tar::Header` decodes one header. The code here goes from header to header by itself, because
//! the library takes a truncated archive for a whole one, reads names of any length into memory,
//! and splits extended headers at line breaks, which may be part of a value. Here an archive ends
//! with two blocks of zeros, after which only zeros may follow; everything is bounded, and a header
//! that could be read in two ways is refused.

use std::fs::File;
use std::io::{self, BufReader, Read};

use super::error::ArchiveProblem;
use super::stream::{BUFFER_BYTES, Unpacked};
use crate::image::limits::{MAX_EXTENDED_HEADER_BYTES, MAX_NAME_BYTES};
use crate::image::{NameProblem, name};

const BLOCK: usize = 512;
const BLOCK_BYTES: u64 = 512;

/// The reader that the bytes of a tape come from.
pub(super) trait Source: Read {
    /// Skips the next `count` bytes. If there are fewer, this is no error: the next read finds the
    /// end.
    fn skip(&mut self, count: u64) -> io::Result<()> {
        io::copy(&mut self.take(count), &mut io::sink()).map(drop)
    }
}

impl<R: Read> Source for Unpacked<'_, R> {}

impl Source for BufReader<File> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let count = i64::try_from(count).map_err(io::Error::other)?;
        self.seek_relative(count)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// A symbolic link and its target, as it is written.
    Symlink(Vec<u8>),
    /// Another name for an entry, and the clean name of that entry.
    Hardlink(Vec<u8>),
    /// A device or a FIFO, in words.
    Special(&'static str),
}

/// An entry, whose content is read from the tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name: relative, clean; empty for the root of the archive.
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    /// Bytes of its content; 0 for all but files.
    pub(super) size_bytes: u64,
}

impl Entry {
    /// The name for messages, with a replacement character for bytes that are not UTF-8.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

/// A tar archive. Reading it reads the content of the current entry.
pub(super) struct Tape<S> {
    source: S,
    max_entries: u64,
    entries: u64,
    /// Bytes of the tar that were read or skipped so far.
    position: u64,
    /// Bytes of the current content that were not read yet.
    content: u64,
    /// Bytes that follow the content, up to a whole block.
    padding: u64,
}

/// The fields that extended headers set for the entry after them.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<S: Source> Tape<S> {
    pub(super) fn new(source: S, max_entries: u64) -> Self {
        Self {
            source,
            max_entries,
            entries: 0,
            position: 0,
            content: 0,
            padding: 0,
        }
    }

    pub(super) fn into_source(self) -> S {
        self.source
    }

    /// The next entry; `None` at the end of the archive, which is also the end of its source.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>, ArchiveProblem> {
        self.pass_content()?;
        let mut extended = Extended::default();
        loop {
            let Some(header) = self.header()? else {
                self.end()?;
                return Ok(None);
            };
            let size = header.entry_size().map_err(|error| self.damaged(&error))?;
            match header.entry_type() {
                tar::EntryType::GNULongName => {
                    let name = self.long_name(size)?;
                    self.once(extended.name.replace(name).is_none())?;
                }
                tar::EntryType::GNULongLink => {
                    let link = self.long_name(size)?;
                    self.once(extended.link.replace(link).is_none())?;
                }
                tar::EntryType::XHeader => {
                    let records = self.extension(size)?;
                    self.extend(&mut extended, &records)?;
                }
                tar::EntryType::XGlobalHeader => self.global(size)?,
                _ => return self.entry(&header, size, extended).map(Some),
            }
        }
    }

    /// The next header; `None` for a block of zeros.
    fn header(&mut self) -> Result<Option<tar::Header>, ArchiveProblem> {
        let mut header = tar::Header::new_old();
        self.fill(header.as_mut_bytes())?;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        self.entries += 1;
        if self.entries > self.max_entries {
            return Err(ArchiveProblem::TooManyEntries(self.max_entries));
        }
        if header.cksum().ok() == Some(checksum(header.as_bytes())) {
            return Ok(Some(header));
        }
        if self.entries == 1 {
            return Err(ArchiveProblem::NotAnArchive(describe(header.as_bytes())));
        }
        let at = self.position - BLOCK_BYTES;
        Err(ArchiveProblem::Damaged(format!(
            "the checksum of the header at byte {at} of the tar is wrong"
        )))
    }

    /// Checks what follows the first block of zeros: a second one, and only zeros until the source
    /// ends.
    fn end(&mut self) -> Result<(), ArchiveProblem> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        let mut found = BLOCK;
        let mut buffer = vec![0; BUFFER_BYTES];
        buffer[..BLOCK].copy_from_slice(&block);
        while found > 0 {
            if let Some(at) = buffer[..found].iter().position(|byte| *byte != 0) {
                let start = self.position - found as u64;
                return Err(ArchiveProblem::TrailingGarbage(start + at as u64));
            }
            found = self.source.read(&mut buffer).map_err(of_read)?;
            self.position += found as u64;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        header: &tar::Header,
        size: u64,
        extended: Extended,
    ) -> Result<Entry, ArchiveProblem> {
        let raw = extended
            .name
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let name = clean(&raw)?;
        let link = extended
            .link
            .or_else(|| header.link_name_bytes().map(Into::into));
        let size_bytes = extended.size.unwrap_or(size);
        let kind = kind_of(header, &raw, link)?;
        let entry = Entry {
            name,
            kind,
            size_bytes,
        };
        if entry.kind != Kind::File && size_bytes != 0 {
            // Some readers pass over content here, and others read it as the next header.
            return Err(ArchiveProblem::EntryKind {
                name: entry.shown(),
                kind: "no file, and has content",
            });
        }
        self.content = size_bytes;
        self.padding = size_bytes.wrapping_neg() % BLOCK_BYTES;
        if size_bytes.checked_add(self.padding).is_none() {
            return Err(self.damaged(&"a size is out of all bounds"));
        }
        Ok(entry)
    }

    /// Passes over what is left of the current content.
    fn pass_content(&mut self) -> Result<(), ArchiveProblem> {
        let count = self.content + self.padding;
        if count > 0 {
            self.source.skip(count).map_err(of_read)?;
            self.position += count;
            (self.content, self.padding) = (0, 0);
        }
        Ok(())
    }

    /// The content of an extended header; its padding is read too, and dropped.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, ArchiveProblem> {
        if size > MAX_EXTENDED_HEADER_BYTES {
            return Err(ArchiveProblem::ExtendedHeader(size));
        }
        let padded = size.next_multiple_of(BLOCK_BYTES);
        let mut bytes = vec![0; usize::try_from(padded).unwrap_or(usize::MAX)];
        self.fill(&mut bytes)?;
        bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(bytes)
    }

    /// The name that a GNU header has as its content, without the NUL byte at its end.
    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, ArchiveProblem> {
        if size > MAX_NAME_BYTES + 1 {
            return Err(ArchiveProblem::EntryName {
                name: "…".to_owned(),
                problem: NameProblem::TooLong,
            });
        }
        let mut name = self.extension(size)?;
        if name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    fn extend(&self, extended: &mut Extended, records: &[u8]) -> Result<(), ArchiveProblem> {
        for record in Records(records) {
            let (key, value) = record.ok_or_else(|| self.damaged(&BAD_RECORD))?;
            match key {
                b"path" => self.once(extended.name.replace(value.to_vec()).is_none())?,
                b"linkpath" => self.once(extended.link.replace(value.to_vec()).is_none())?,
                b"size" => {
                    let size = str::from_utf8(value)
                        .ok()
                        .and_then(|text| text.parse().ok());
                    let size = size.ok_or_else(|| self.damaged(&BAD_RECORD))?;
                    self.once(extended.size.replace(size).is_none())?;
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(ArchiveProblem::EntryKind {
                        name: "an entry".to_owned(),
                        kind: "a sparse file",
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads a header for all entries that follow. It is refused if it sets a name, a link or a
    /// size: no tool writes such a one.
    fn global(&mut self, size: u64) -> Result<(), ArchiveProblem> {
        let records = self.extension(size)?;
        let mut extended = Extended::default();
        self.extend(&mut extended, &records)?;
        self.once(extended.name.is_none() && extended.link.is_none() && extended.size.is_none())
    }

    fn once(&self, first: bool) -> Result<(), ArchiveProblem> {
        if first {
            return Ok(());
        }
        Err(self.damaged(&"two extended headers contradict each other"))
    }

    fn damaged(&self, what: &dyn std::fmt::Display) -> ArchiveProblem {
        ArchiveProblem::Damaged(format!("{what}, before byte {} of the tar", self.position))
    }

    fn fill(&mut self, block: &mut [u8]) -> Result<(), ArchiveProblem> {
        let mut filled = 0;
        while filled < block.len() {
            match self.source.read(&mut block[filled..]) {
                Ok(0) => {
                    let at = self.position + filled as u64;
                    return Err(if self.entries == 0 && at < BLOCK_BYTES {
                        ArchiveProblem::NotAnArchive(describe(&block[..filled]))
                    } else {
                        ArchiveProblem::Truncated(format!(
                            "the tar ends at byte {at}, without an end mark"
                        ))
                    });
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(of_read(error)),
            }
        }
        self.position += block.len() as u64;
        Ok(())
    }
}

impl<S: Source> Read for Tape<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = usize::try_from(self.content).unwrap_or(usize::MAX);
        let limit = limit.min(buffer.len());
        if limit == 0 {
            return Ok(0);
        }
        let count = self.source.read(&mut buffer[..limit])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.content -= count as u64;
        self.position += count as u64;
        Ok(count)
    }
}

/// The sum of the bytes of a header; the field for the checksum itself counts as eight spaces.
fn checksum(header: &[u8; BLOCK]) -> u32 {
    const FIELD: std::ops::Range<usize> = 148..156;
    let sum = |bytes: &[u8]| bytes.iter().copied().map(u32::from).sum::<u32>();
    let spaces = u32::from(b' ') * 8;
    sum(&header[..FIELD.start]) + spaces + sum(&header[FIELD.end..])
}

const BAD_RECORD: &str = "an extended header is malformed";

fn of_read(error: io::Error) -> ArchiveProblem {
    ArchiveProblem::of_read(error, "the file")
}

fn clean(raw: &[u8]) -> Result<Vec<u8>, ArchiveProblem> {
    name::clean(raw).map_err(|problem| ArchiveProblem::EntryName {
        name: String::from_utf8_lossy(&raw[..raw.len().min(200)]).into_owned(),
        problem,
    })
}

fn kind_of(
    header: &tar::Header,
    raw: &[u8],
    link: Option<Vec<u8>>,
) -> Result<Kind, ArchiveProblem> {
    let refused = |kind| ArchiveProblem::EntryKind {
        name: String::from_utf8_lossy(raw).into_owned(),
        kind,
    };
    let target = || {
        link.filter(|link| !link.is_empty())
            .ok_or_else(|| refused("a link to nothing"))
    };
    Ok(match header.entry_type() {
        // In old archives, only the `/` at the end of its name marks a folder.
        tar::EntryType::Regular if raw.ends_with(b"/") => Kind::Folder,
        tar::EntryType::Regular | tar::EntryType::Continuous => Kind::File,
        tar::EntryType::Directory => Kind::Folder,
        tar::EntryType::Symlink => Kind::Symlink(target()?),
        tar::EntryType::Link => Kind::Hardlink(clean(&target()?)?),
        tar::EntryType::Char | tar::EntryType::Block => Kind::Special("a device"),
        tar::EntryType::Fifo => Kind::Special("a FIFO"),
        tar::EntryType::GNUSparse => return Err(refused("a sparse file")),
        _ => return Err(refused("an entry of an unknown kind")),
    })
}

/// The records of an extended header: `LENGTH KEY=VALUE` and a line break. The length is that of
/// the whole record.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    /// `None` for a malformed record, after which nothing more comes.
    type Item = Option<(&'a [u8], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = self.record();
        if record.is_none() {
            self.0 = &[];
        }
        Some(record)
    }
}

impl<'a> Records<'a> {
    fn record(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let space = self.0.iter().position(|byte| *byte == b' ')?;
        let length: usize = str::from_utf8(&self.0[..space]).ok()?.parse().ok()?;
        let (record, rest) = self.0.split_at_checked(length)?;
        let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
        let equals = body.iter().position(|byte| *byte == b'=')?;
        self.0 = rest;
        Some((&body[..equals], &body[equals + 1..]))
    }
}

/// Describes something that is no tar, by its first bytes.
fn describe(bytes: &[u8]) -> String {
    const SHOWN: usize = 16;
    let head = &bytes[..bytes.len().min(SHOWN)];
    format!("it begins with \"{}\"", head.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Source for &[u8] {}

    #[test]
    fn entries_are_counted() {
        let mut header = tar::Header::new_gnu();
        header.set_path("folder/").unwrap();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        header.set_cksum();
        let mut bytes = header.as_bytes().repeat(3);
        bytes.extend([0; 1024]);
        let count = |limit| {
            let mut tape = Tape::new(bytes.as_slice(), limit);
            let mut count = 0;
            while tape.next_entry()?.is_some() {
                count += 1;
            }
            Ok(count)
        };
        assert!(matches!(count(3), Ok(3)));
        assert!(matches!(count(2), Err(ArchiveProblem::TooManyEntries(2))));
    }

    #[test]
    fn records_are_read_by_their_length() {
        let text = b"13 path=a\nb=\n11 size=12\n";
        let found: Vec<_> = Records(text).collect();
        let wanted: [Option<(&[u8], &[u8])>; 2] =
            [Some((b"path", b"a\nb=")), Some((b"size", b"12"))];
        assert_eq!(found, wanted);
    }

    #[test]
    fn malformed_records_end_the_list() {
        for text in [
            "x",
            "5 a=b",
            "99 a=b\n",
            "6 a=b\n6 ab\n",
            "1 a=b\n",
            "0 a=b\n",
            " a=b\n",
        ] {
            let last = Records(text.as_bytes()).last();
            assert_eq!(last, Some(None), "{text:?}");
        }
    }
}
