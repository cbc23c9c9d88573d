//! Streams that may be compressed: recognized by their first bytes, unpacked in small pieces, and
//! bounded in what they unpack to.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::error::Overflow;
use crate::image::Compression;
use crate::image::limits::{MAX_ZSTD_WINDOW_LOG, unpacked_limit};

/// Bytes that are moved at once.
pub(super) const BUFFER_BYTES: usize = 64 << 10;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const MAGIC_BYTES: u64 = 4;

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
    Gzip(Box<MultiGzDecoder<Head<R>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Head<R>>>),
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
        let is_gzip = magic.starts_with(&GZIP_MAGIC);
        let is_zstd = magic.starts_with(&ZSTD_MAGIC);
        let head = Cursor::new(magic).chain(reader);
        let decoder = if is_gzip {
            Decoder::Gzip(Box::new(MultiGzDecoder::new(head)))
        } else if is_zstd {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(head)?;
            decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
            Decoder::Zstd(Box::new(decoder))
        } else {
            Decoder::Plain(head)
        };
        Ok(Self { decoder, budget })
    }

    pub(super) fn compression(&self) -> Compression {
        match self.decoder {
            Decoder::Plain(_) => Compression::None,
            Decoder::Gzip(_) => Compression::Gzip,
            Decoder::Zstd(_) => Compression::Zstd,
        }
    }

    /// Reads to the end, so that the checksums of the stream were compared, and returns its source.
    pub(super) fn finish(mut self) -> io::Result<R> {
        io::copy(&mut self, &mut io::sink())?;
        let mut head = match self.decoder {
            Decoder::Plain(head) => head,
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.finish(),
        };
        if !head.fill_buf()?.is_empty() {
            return Err(io::Error::other("something follows the compressed stream"));
        }
        Ok(head.into_inner().1.into_inner())
    }
}

impl<R: Read> Read for Unpacked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.decoder {
            // Nothing grows if nothing is packed.
            Decoder::Plain(reader) => return reader.read(buffer),
            Decoder::Gzip(reader) => reader.read(buffer)?,
            Decoder::Zstd(reader) => reader.read(buffer)?,
        };
        self.budget.spend(count)?;
        Ok(count)
    }
}
