//! [`Stream`]: a writer that is flushed after each write, and given up after its first error.

use std::fmt;
use std::io::{self, ErrorKind, Write};

/// A standard stream of the process, or a file that the user named.
pub(super) struct Stream {
    writer: Option<Box<dyn Write + Send>>,
    reader_may_leave: bool,
}

impl Stream {
    /// A standard stream of the process: if its reader goes away (`agent … | head`), that is no
    /// error.
    pub(super) fn of_process(writer: impl Write + Send + 'static) -> Self {
        Self {
            writer: Some(Box::new(writer)),
            reader_may_leave: true,
        }
    }

    /// A place that the user named: whatever goes wrong there is an error.
    pub(super) fn named(writer: impl Write + Send + 'static) -> Self {
        Self {
            writer: Some(Box::new(writer)),
            reader_may_leave: false,
        }
    }

    /// Writes all of `bytes` and flushes. Fails once at most; later bytes are dropped.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(writer) = self.writer.as_mut().filter(|_| !bytes.is_empty()) else {
            return Ok(());
        };
        let Err(error) = writer.write_all(bytes).and_then(|()| writer.flush()) else {
            return Ok(());
        };
        self.writer = None;
        if self.reader_may_leave && error.kind() == ErrorKind::BrokenPipe {
            return Ok(());
        }
        Err(error)
    }

    /// False if the writer was given up.
    pub(super) fn is_open(&self) -> bool {
        self.writer.is_some()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("open", &self.is_open())
            .field("reader_may_leave", &self.reader_may_leave)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_fails_once_and_a_reader_of_the_process_may_leave() {
        let cases = [
            (Stream::of_process(Broken(ErrorKind::BrokenPipe)), None),
            (
                Stream::of_process(Broken(ErrorKind::StorageFull)),
                Some(ErrorKind::StorageFull),
            ),
            (
                Stream::named(Broken(ErrorKind::BrokenPipe)),
                Some(ErrorKind::BrokenPipe),
            ),
        ];
        for (mut stream, expected) in cases {
            let error = stream.write(b"a").err();
            assert_eq!(error.map(|error| error.kind()), expected);
            assert!(!stream.is_open());
            assert!(stream.write(b"b").is_ok());
        }
    }
}
