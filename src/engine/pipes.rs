//! Reads the output of processes, within bounds.

use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The last bytes of a stream, shared between its reader and whoever asks.
#[derive(Debug, Clone)]
pub struct Tail {
    limit: usize,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Tail {
    /// An empty tail, which will keep the last `limit` bytes.
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

    /// The bytes that are kept, as text; a replacement character stands for bytes that are not
    /// UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// The bytes that are kept.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes[bytes.len().saturating_sub(self.limit)..].to_vec()
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

/// The time for which a reader lets a pipe fill after it took something: it takes the lines of a
/// few quick tests at once, and is not woken for each of them.
const GATHER: Duration = Duration::from_millis(5);

/// After as many bytes the pipe is read on at once, because it could become full.
const PLENTY: usize = 16 * 1024;

/// A pipe that several threads read from. Each gets what is there when it asks, and none waits for
/// bytes that another one took.
#[derive(Debug)]
pub struct SharedPipe {
    pipe: PipeReader,
    /// Held from a look at the pipe until its bytes are with their taker, which keeps their order.
    turn: Mutex<()>,
}

impl SharedPipe {
    pub fn new(pipe: PipeReader) -> Self {
        Self {
            pipe,
            turn: Mutex::default(),
        }
    }

    /// Reads until the pipe ends or until `cancel` is closed by its other side; what is in the pipe
    /// at that moment is still read, and no more, because a process that got away may write for
    /// ever. `take` receives the chunks.
    pub fn read_until_cancelled(
        &self,
        cancel: &PipeReader,
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        let mut left = PIPE_BYTES;
        while left > 0 {
            let mut fds = [
                PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN),
                PollFd::new(cancel.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
                Ok(_) => {}
            }
            let (readable, cancelled) = (is_ready(&fds[0]), is_ready(&fds[1]));
            match self.read_now(&mut buffer, &mut take)? {
                Some(0) => return Ok(()),
                Some(count) if cancelled => left = left.saturating_sub(count),
                None if cancelled && !readable => return Ok(()),
                Some(count) if count < PLENTY => self.let_it_fill(cancel),
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// Waits for [`GATHER`], or until the pipe ends or the reader is cancelled.
    fn let_it_fill(&self, cancel: &PipeReader) {
        let mut fds = [
            // Its end is told without being asked for.
            PollFd::new(self.pipe.as_fd(), PollFlags::empty()),
            PollFd::new(cancel.as_fd(), PollFlags::POLLIN),
        ];
        let limit = PollTimeout::try_from(GATHER).unwrap_or(PollTimeout::ZERO);
        // If the wait is cut short, the pipe is read a little early.
        let _woken = poll(&mut fds, limit);
    }

    /// Reads what is in the pipe already, at most as much as a pipe holds.
    pub fn read_what_is_there(&self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut buffer = [0; 8192];
        let mut left = PIPE_BYTES;
        while left > 0 {
            match self.read_now(&mut buffer, &mut take)? {
                Some(count @ 1..) => left = left.saturating_sub(count),
                Some(0) | None => return Ok(()),
            }
        }
        Ok(())
    }

    /// One read that does not block: the bytes it gave to `take`, 0 at the end of the pipe, `None`
    /// when nothing is there.
    fn read_now(
        &self,
        buffer: &mut [u8],
        take: &mut impl FnMut(&[u8]),
    ) -> io::Result<Option<usize>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fds = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::ZERO) {
            Ok(_) if is_ready(&fds[0]) => {}
            Ok(_) | Err(Errno::EINTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
        let count = (&self.pipe).read(buffer)?;
        take(&buffer[..count]);
        Ok(Some(count))
    }
}

fn is_ready(fd: &PollFd<'_>) -> bool {
    fd.revents().is_some_and(|events| !events.is_empty())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_was_written_is_there_for_who_asks_even_if_no_reader_came_to_it() {
        let (pipe, mut writer) = io::pipe().unwrap();
        let (pipe, tail) = (SharedPipe::new(pipe), Tail::new(64));
        pipe.read_what_is_there(|chunk| tail.push(chunk)).unwrap();
        assert_eq!(tail.text(), "");
        writer.write_all(b"Fatal Python error").unwrap();
        pipe.read_what_is_there(|chunk| tail.push(chunk)).unwrap();
        assert_eq!(tail.text(), "Fatal Python error");
        drop(writer);
        pipe.read_what_is_there(|chunk| tail.push(chunk)).unwrap();
        assert_eq!(tail.text(), "Fatal Python error");
    }

    #[test]
    fn two_readers_lose_nothing_and_keep_the_order() {
        let (pipe, mut writer) = io::pipe().unwrap();
        let (cancel, keep_reading) = io::pipe().unwrap();
        let (pipe, tail) = (SharedPipe::new(pipe), Tail::new(1 << 20));
        let text = (0..20_000)
            .map(|line| line.to_string())
            .collect::<Vec<_>>()
            .join("\n");
        std::thread::scope(|scope| {
            scope.spawn(|| pipe.read_until_cancelled(&cancel, |chunk| tail.push(chunk)));
            for chunk in text.as_bytes().chunks(1000) {
                writer.write_all(chunk).unwrap();
                pipe.read_what_is_there(|chunk| tail.push(chunk)).unwrap();
            }
            drop(writer);
        });
        drop(keep_reading);
        assert_eq!(tail.text(), text);
    }

    #[test]
    fn a_cancelled_reader_takes_what_is_there_and_ends_while_somebody_could_write() {
        let (pipe, mut writer) = io::pipe().unwrap();
        let (cancel, keep_reading) = io::pipe().unwrap();
        let (pipe, tail) = (SharedPipe::new(pipe), Tail::new(64));
        writer.write_all(b"last words").unwrap();
        drop(keep_reading);
        pipe.read_until_cancelled(&cancel, |chunk| tail.push(chunk))
            .unwrap();
        assert_eq!(tail.text(), "last words");
        drop(writer);
    }
}
