//! Reading what processes print, within bounds.

use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The last bytes of a stream, shared between its reader and whoever asks.
#[derive(Debug, Clone)]
pub struct Tail {
    limit: usize,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Tail {
    /// Keeps `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: Arc::default(),
        }
    }

    /// Appends, and forgets what exceeds the limit (twice the limit is held at most).
    pub fn push(&self, chunk: &[u8]) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(&chunk[chunk.len().saturating_sub(self.limit)..]);
        if bytes.len() > 2 * self.limit {
            let surplus = bytes.len() - self.limit;
            bytes.drain(..surplus);
        }
    }

    /// What is kept, with bytes that are not UTF-8 replaced.
    pub fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let from = bytes.len().saturating_sub(self.limit);
        String::from_utf8_lossy(&bytes[from..]).into_owned()
    }

    pub(super) fn drain(&self, mut pipe: PipeReader) {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            self.push(&buffer[..count]);
        }
    }
}

/// The largest pipe that a process without privileges can ask for.
const PIPE_BYTES: usize = 1024 * 1024;

/// Reads a pipe until it ends or until `cancel` is closed by its other side; what is in the pipe
/// at that moment is still read, and no more, because a process that got away may write for ever.
/// `take` receives the chunks.
pub fn read_until_cancelled(
    mut pipe: PipeReader,
    cancel: &PipeReader,
    mut take: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut left = PIPE_BYTES;
    while left > 0 {
        let mut fds = [
            PollFd::new(pipe.as_fd(), PollFlags::POLLIN),
            PollFd::new(cancel.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
            Ok(_) => {}
        }
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        let (readable, cancelled) = (ready(&fds[0]), ready(&fds[1]));
        if readable {
            let count = pipe.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            take(&buffer[..count]);
            if cancelled {
                left = left.saturating_sub(count);
            }
        } else if cancelled {
            return Ok(());
        }
    }
    Ok(())
}
