//! The way of the project into a container: mounted, or sent in pieces.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// The way in which a container gets the project.
#[derive(Clone)]
pub enum ProjectSource {
    /// The engine mounts the project.
    Mounted {
        /// True if the container sees it as it is and may not write to it; false if it gets a
        /// layer of its own over it.
        read_only: bool,
        /// Folders inside of it that the container must not see.
        hidden: Vec<PathBuf>,
        /// A folder of this machine for byte code, which it may write to.
        byte_code: Option<PathBuf>,
    },
    /// Sent as a tar stream: a remote engine cannot mount what is here.
    Streamed(Stream),
}

/// Writes the project as a tar archive.
pub type Stream = Arc<dyn Fn(&mut dyn Write) -> io::Result<()> + Send + Sync>;

impl fmt::Debug for ProjectSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mounted {
                read_only,
                hidden,
                byte_code,
            } => f
                .debug_struct("Mounted")
                .field("read_only", read_only)
                .field("hidden", hidden)
                .field("byte_code", byte_code)
                .finish(),
            Self::Streamed(_) => f.write_str("Streamed"),
        }
    }
}

/// Cuts a stream whose length is not known into pieces, each after a line with its size.
pub(in crate::engine) struct Pieces<W>(W);

impl<W: Write> Pieces<W> {
    /// Announces the stream with the line `tar`.
    pub(in crate::engine) fn begin(mut sink: W) -> io::Result<Self> {
        sink.write_all(b"tar\n")?;
        Ok(Self(sink))
    }

    /// Says with the line `0` that the stream is complete.
    pub(in crate::engine) fn end(mut self) -> io::Result<()> {
        self.0.write_all(b"0\n")
    }
}

impl<W: Write> Write for Pieces<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.0.write_all(format!("{}\n", bytes.len()).as_bytes())?;
            self.0.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_pieces_with_their_sizes() {
        let mut sent = Vec::new();
        let mut pieces = Pieces::begin(&mut sent).unwrap();
        pieces.write_all(b"abc").unwrap();
        pieces.write_all(b"").unwrap();
        pieces.write_all(b"d\n").unwrap();
        pieces.end().unwrap();
        assert_eq!(sent, b"tar\n3\nabc2\nd\n0\n");
    }
}
