//! One connection of a client, from its question to its end. Never waits.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::poll::PollFlags;

use super::http::{self, MAX_HEAD_BYTES, Request};
use crate::clock::Mono;

/// Long for a question or for taking an answer, short for who only holds the line.
const LIMIT: Duration = Duration::from_secs(5);

/// The time for which a client's late bytes are thrown away after its answer: closed at once, the
/// system would take the answer back.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes that are read at once.
const PIECE: usize = 1024;

/// A connection. It has [`LIMIT`] for its question, and as long to take the answer.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    state: State,
    /// The time at which it is dropped, whatever it does.
    pub(super) deadline: Mono,
}

#[derive(Debug)]
enum State {
    Asking(Vec<u8>),
    Answered { answer: Arc<[u8]>, sent: usize },
    Leaving,
}

/// The state of a connection. The order is the one in which connections make room for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The answer was sent, and late bytes are thrown away.
    Leaving,
    /// The question is not complete yet.
    Asking,
    /// The answer is on the way.
    Answered,
}

/// The decision about a connection after it went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Closed,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, now: Mono) -> Self {
        Self {
            stream,
            state: State::Asking(Vec::new()),
            deadline: now.plus(LIMIT),
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(super) fn stage(&self) -> Stage {
        match self.state {
            State::Asking(_) => Stage::Asking,
            State::Answered { .. } => Stage::Answered,
            State::Leaving => Stage::Leaving,
        }
    }

    /// The event of the socket that it waits for.
    pub(super) fn wants(&self) -> PollFlags {
        match self.state {
            State::Asking(_) | State::Leaving => PollFlags::POLLIN,
            State::Answered { .. } => PollFlags::POLLOUT,
        }
    }

    /// Goes on as far as the client lets it; `answer` is asked once.
    pub(super) fn advance(
        &mut self,
        now: Mono,
        mut answer: impl FnMut(Request) -> Arc<[u8]>,
    ) -> Fate {
        loop {
            let done = match &mut self.state {
                State::Asking(received) => {
                    let mut piece = [0; PIECE];
                    // Never 0: a full head is an answer.
                    let room = PIECE.min(MAX_HEAD_BYTES - received.len());
                    let count = self.stream.read(&mut piece[..room]);
                    if let Ok(count) = count {
                        let searched = received.len();
                        received.extend_from_slice(&piece[..count]);
                        if let Some(request) = http::parse(received, searched) {
                            self.deadline = now.plus(LIMIT);
                            self.state = State::Answered {
                                answer: answer(request),
                                sent: 0,
                            };
                        }
                    }
                    count
                }
                State::Answered { answer, sent } if *sent == answer.len() => {
                    self.deadline = now.plus(LINGER);
                    self.state = State::Leaving;
                    self.stream.shutdown(Shutdown::Write).map(|()| 1)
                }
                State::Answered { answer, sent } => {
                    let count = self.stream.write(&answer[*sent..]);
                    *sent += count.as_ref().copied().unwrap_or(0);
                    count
                }
                State::Leaving => {
                    let mut piece = [0; PIECE];
                    match self.stream.read(&mut piece) {
                        // A client that sends without end gets one turn a poll, until the deadline.
                        Ok(count) if count > 0 => return Fate::Open,
                        read => read,
                    }
                }
            };
            match done {
                Ok(0) => return Fate::Closed,
                Ok(_) => {}
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return Fate::Open,
                    _ => return Fate::Closed,
                },
            }
        }
    }
}
