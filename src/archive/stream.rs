//! Streams that may be compressed: recognized by their first bytes, unpacked in small pieces, and
//! bounded in what they unpack to.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::mem;

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use super::error::Overflow;
use crate::image::Compression;
use crate::image::limits::{MAX_XZ_MEMORY_BYTES, MAX_ZSTD_WINDOW_LOG, unpacked_limit};

/// Bytes that are moved at once.
pub(super) const BUFFER_BYTES: usize = 64 << 10;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// A frame of zstd to be passed over begins with these, after a byte from 0x50 to 0x5f. Some tools
/// write one first.
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
const XZ_MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
const BZIP2_MAGIC: [u8; 3] = *b"BZh";
const MAGIC_BYTES: u64 = 6;

/// The bytes that one file may unpack to, shared by the file and the streams within it.
#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    left: Cell<u64>,
}

impl Budget {
    /// For a file of that size.
    pub(super) fn of_file(file_bytes: u64) -> Self {
        let limit = unpacked_limit(file_bytes);
        Self {
            limit,
            left: Cell::new(limit),
        }
    }

    fn spend(&self, count: usize) -> io::Result<()> {
        match self.left.get().checked_sub(count as u64) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(io::Error::other(Overflow { limit: self.limit })),
        }
    }
}

/// The bytes that tell the kind of stream, and then the rest.
type Head<R> = Chain<Cursor<Vec<u8>>, BufReader<R>>;

enum Decoder<R: Read> {
    Plain(Head<R>),
    Gzip(Members<R>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Head<R>>>),
    Xz(Box<XzDecoder<Head<R>>>),
    Bzip2(Box<MultiBzDecoder<Head<R>>>),
}

/// The members of a gzip stream, one after the other. Zeros may follow the last one: tapes and
/// copies by blocks leave them.
enum Members<R: Read> {
    Member(Box<GzDecoder<Head<R>>>),
    Ended(Option<Head<R>>),
}

impl<R: Read> Members<R> {
    fn of(head: Head<R>) -> Self {
        Self::Member(Box::new(GzDecoder::new(head)))
    }

    fn into_inner(self) -> Option<Head<R>> {
        match self {
            Self::Member(decoder) => Some(decoder.into_inner()),
            Self::Ended(head) => head,
        }
    }
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Self::Member(decoder) = self else {
                return Ok(0);
            };
            let count = decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let ended = mem::replace(self, Self::Ended(None));
            let Some(mut head) = ended.into_inner() else {
                return Ok(0);
            };
            *self = if head.fill_buf()?.first() == Some(&GZIP_MAGIC[0]) {
                Self::of(head)
            } else {
                skip_zeros(&mut head)?;
                Self::Ended(Some(head))
            };
        }
    }
}

fn skip_zeros(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = reader.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if zeros == 0 {
            return Ok(());
        }
        reader.consume(zeros);
    }
}

/// A stream that is unpacked as it is read.
pub(super) struct Unpacked<'a, R: Read> {
    decoder: Decoder<R>,
    budget: &'a Budget,
}

impl<'a, R: Read> Unpacked<'a, R> {
    /// Looks at the first bytes of `reader`. The bytes that a decoder unpacks are taken from
    /// `budget`.
    pub(super) fn new(reader: R, budget: &'a Budget) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        let mut magic = Vec::new();
        reader.by_ref().take(MAGIC_BYTES).read_to_end(&mut magic)?;
        let compression = kind_of(&magic);
        let head = Cursor::new(magic).chain(reader);
        let decoder = match compression {
            Compression::None => Decoder::Plain(head),
            Compression::Gzip => Decoder::Gzip(Members::of(head)),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(head)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
                Decoder::Zstd(Box::new(decoder))
            }
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(MAX_XZ_MEMORY_BYTES, CONCATENATED)?;
                Decoder::Xz(Box::new(XzDecoder::new_stream(head, stream)))
            }
            Compression::Bzip2 => Decoder::Bzip2(Box::new(MultiBzDecoder::new(head))),
        };
        Ok(Self { decoder, budget })
    }

    pub(super) fn compression(&self) -> Compression {
        match self.decoder {
            Decoder::Plain(_) => Compression::None,
            Decoder::Gzip(_) => Compression::Gzip,
            Decoder::Zstd(_) => Compression::Zstd,
            Decoder::Xz(_) => Compression::Xz,
            Decoder::Bzip2(_) => Compression::Bzip2,
        }
    }

    /// Reads to the end, so that the checksums of the stream were compared, and returns its source.
    pub(super) fn finish(mut self) -> io::Result<R> {
        io::copy(&mut self, &mut io::sink())?;
        let head = match self.decoder {
            Decoder::Plain(head) => Some(head),
            Decoder::Gzip(members) => members.into_inner(),
            Decoder::Zstd(decoder) => Some(decoder.finish()),
            Decoder::Xz(decoder) => Some(decoder.into_inner()),
            Decoder::Bzip2(decoder) => Some(decoder.into_inner()),
        };
        // A stream that failed was not read to its end.
        let mut head = head.ok_or(io::ErrorKind::UnexpectedEof)?;
        if !head.fill_buf()?.is_empty() {
            return Err(io::Error::other("something follows the compressed stream"));
        }
        Ok(head.into_inner().1.into_inner())
    }
}

fn kind_of(magic: &[u8]) -> Compression {
    let is_skippable = magic.first().is_some_and(|byte| byte & 0xf0 == 0x50)
        && magic.get(1..4) == Some(&ZSTD_SKIPPABLE);
    if magic.starts_with(&GZIP_MAGIC) {
        Compression::Gzip
    } else if magic.starts_with(&ZSTD_MAGIC) || is_skippable {
        Compression::Zstd
    } else if magic.starts_with(&XZ_MAGIC) {
        Compression::Xz
    } else if magic.starts_with(&BZIP2_MAGIC) {
        Compression::Bzip2
    } else {
        Compression::None
    }
}

impl<R: Read> Read for Unpacked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.decoder {
            // Nothing grows if nothing is packed.
            Decoder::Plain(reader) => return reader.read(buffer),
            Decoder::Gzip(reader) => reader.read(buffer)?,
            Decoder::Zstd(reader) => reader.read(buffer)?,
            Decoder::Xz(reader) => reader.read(buffer)?,
            Decoder::Bzip2(reader) => reader.read(buffer)?,
        };
        self.budget.spend(count)?;
        Ok(count)
    }
}
