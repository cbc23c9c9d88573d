//! Layers that wait for their place in the archive. In a tar, the size and the name of a file come
//! before its bytes, and the name of a layer is its digest: so each layer is first written to a
//! file without a name, in the folder of the output.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use crate::archive::stream::BUFFER_BYTES;
use crate::image::{Digest, Hasher};

/// A layer that is being written. Its file has no name, so nothing is left of it when the process
/// ends.
pub(super) struct Spool {
    writer: BufWriter<File>,
    hasher: Hasher,
    size_bytes: u64,
}

/// A layer that was written.
pub(super) struct Spooled {
    /// The file, rewound to its start.
    pub(super) file: File,
    pub(super) digest: Digest,
    pub(super) size_bytes: u64,
}

impl Spool {
    /// Begins a layer in `folder`.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self {
            writer: BufWriter::with_capacity(BUFFER_BYTES, file),
            hasher: Hasher::default(),
            size_bytes: 0,
        })
    }

    /// Ends the layer, and rewinds its file.
    pub(super) fn finish(self) -> io::Result<Spooled> {
        let mut file = self
            .writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Spooled {
            file,
            digest: self.hasher.finish(),
            size_bytes: self.size_bytes,
        })
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size_bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
