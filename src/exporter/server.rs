//! [`Exporter`]: one thread, one `poll`, a bounded number of connections.

use std::io::{self, ErrorKind, PipeReader, PipeWriter};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::connection::{Connection, Fate};
use super::error::ExporterError;
use super::http::{self, Page, Request};
use crate::clock::{Mono, Stopwatch};

/// Connections at once; a Prometheus has one, and there are few of those.
const MAX_CONNECTIONS: usize = 32;

/// Connections that are taken before those that are there get their turn.
const ACCEPTS: usize = 8;

/// The time for which nothing is accepted after a failure that no connection can make room for.
const PAUSE: Duration = Duration::from_millis(250);

/// The greatest age of an answer. A Prometheus asks every few seconds at most.
const FRESH: Duration = Duration::from_secs(1);

/// Shows figures on an address, until it is dropped.
#[derive(Debug)]
pub struct Exporter {
    addr: SocketAddr,
    /// The thread ends when this is closed.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Listens on `addr` from now on; port 0 is any that is free. `render` makes the text of an
    /// answer, at most once a second, in a thread of its own.
    ///
    /// # Errors
    ///
    /// A port that is taken, and addresses and ports that this process cannot have.
    pub fn start(
        addr: SocketAddr,
        render: impl FnMut() -> String + Send + 'static,
    ) -> Result<Self, ExporterError> {
        let listen = || -> io::Result<(TcpListener, SocketAddr)> {
            let listener = TcpListener::bind(addr)?;
            listener.set_nonblocking(true)?;
            let addr = listener.local_addr()?;
            Ok((listener, addr))
        };
        let (listener, addr) =
            listen().map_err(|source| ExporterError::of_listener(addr, source))?;
        let start = || {
            let (stopped, stop) = io::pipe()?;
            let server = Server {
                listener,
                stopped,
                connections: Vec::new(),
                accepts_from: Mono::default(),
                watch: Stopwatch::start(),
                answers: Answers {
                    render,
                    latest: None,
                },
            };
            let thread = thread::Builder::new()
                .name("exporter".to_owned())
                .spawn(move || server.run())?;
            Ok((stop, thread))
        };
        let (stop, thread) = start().map_err(|source| ExporterError::Thread { source })?;
        Ok(Self {
            addr,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The address that it listens on, with the port that the system chose if 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It ended by a panic of `render` at worst, which was said then.
            let _ = thread.join();
        }
    }
}

/// The state of the thread.
struct Server<R> {
    listener: TcpListener,
    stopped: PipeReader,
    /// Open connections, the oldest first.
    connections: Vec<Connection>,
    accepts_from: Mono,
    watch: Stopwatch,
    answers: Answers<R>,
}

/// The results of a poll: the sources that a turn of the loop has to look at.
struct Ready {
    stop: bool,
    listener: bool,
    connections: Vec<bool>,
}

impl<R: FnMut() -> String> Server<R> {
    fn run(mut self) {
        loop {
            let now = self.watch.now();
            self.connections
                .retain(|connection| connection.deadline > now);
            match self.wait(now) {
                Ok(ready) if ready.stop => return,
                Ok(ready) => {
                    self.advance(&ready.connections);
                    if ready.listener {
                        self.accept();
                    }
                }
                Err(Errno::EINTR) => {}
                // The system is out of memory: the next turn may find some.
                Err(_) => thread::park_timeout(PAUSE),
            }
        }
    }

    /// Sleeps until somebody wants something or a deadline is there.
    fn wait(&self, now: Mono) -> Result<Ready, Errno> {
        let accepts = self.accepts_from <= now;
        let deadlines = self
            .connections
            .iter()
            .map(|connection| connection.deadline);
        let pause = (!accepts).then_some(self.accepts_from);
        let timeout = match deadlines.chain(pause).min() {
            None => PollTimeout::NONE,
            Some(next) => PollTimeout::try_from(next.since(now)).unwrap_or(PollTimeout::MAX),
        };
        let mut fds = vec![PollFd::new(self.stopped.as_fd(), PollFlags::POLLIN)];
        let connections = self.connections.iter();
        fds.extend(connections.map(|connection| PollFd::new(connection.fd(), connection.wants())));
        if accepts {
            fds.push(PollFd::new(self.listener.as_fd(), PollFlags::POLLIN));
        }
        poll(&mut fds, timeout)?;
        let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(true));
        Ok(Ready {
            stop: ready.next().unwrap_or(true),
            connections: ready.by_ref().take(self.connections.len()).collect(),
            listener: ready.next().unwrap_or(false),
        })
    }

    fn advance(&mut self, ready: &[bool]) {
        let now = self.watch.now();
        let mut ready = ready.iter();
        let answers = &mut self.answers;
        self.connections.retain_mut(|connection| {
            let is_ready = ready.next().is_some_and(|is_ready| *is_ready);
            let mut fate = Fate::Open;
            if is_ready {
                fate = connection.advance(now, |request| answers.to(request, now));
            }
            fate == Fate::Open
        });
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok((stream, _)) => self.take(stream),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    // Most likely there are no descriptors left.
                    _ if self.make_room() => {}
                    _ => {
                        self.accepts_from = self.watch.now().plus(PAUSE);
                        return;
                    }
                },
            }
        }
    }

    /// Most clients have asked by now: these are answered whatever else waits.
    fn take(&mut self, stream: TcpStream) {
        let now = self.watch.now();
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let mut connection = Connection::new(stream, now);
        let answers = &mut self.answers;
        if connection.advance(now, |request| answers.to(request, now)) == Fate::Closed {
            return;
        }
        if self.connections.len() >= MAX_CONNECTIONS {
            self.make_room();
        }
        self.connections.push(connection);
    }

    /// Drops the oldest connection that has its answer, else that has not asked, else at all.
    /// Returns true if there was one.
    fn make_room(&mut self) -> bool {
        let connections = self.connections.iter().enumerate();
        let oldest = connections.min_by_key(|(age, connection)| (connection.stage(), *age));
        let oldest = oldest.map(|(at, _)| at);
        oldest.map(|at| self.connections.remove(at)).is_some()
    }
}

/// The answers to clients, of which the latest figures are kept for [`FRESH`].
struct Answers<R> {
    render: R,
    latest: Option<Latest>,
}

/// The figures as they were sent last.
struct Latest {
    at: Mono,
    answer: Arc<[u8]>,
    head_bytes: usize,
}

impl<R: FnMut() -> String> Answers<R> {
    fn to(&mut self, request: Request, now: Mono) -> Arc<[u8]> {
        if request.page == Page::Metrics {
            let latest = self.latest(now);
            return if request.body {
                Arc::clone(&latest.answer)
            } else {
                Arc::from(&latest.answer[..latest.head_bytes])
            };
        }
        let (mut answer, head_bytes) = http::answer(request.page, "");
        if !request.body {
            answer.truncate(head_bytes);
        }
        answer.into()
    }

    fn latest(&mut self, now: Mono) -> &Latest {
        let fresh = |latest: &Latest| now.since(latest.at) < FRESH;
        let kept = self.latest.take().filter(fresh);
        self.latest.insert(kept.unwrap_or_else(|| {
            let (answer, head_bytes) = http::answer(Page::Metrics, &(self.render)());
            Latest {
                at: now,
                answer: answer.into(),
                head_bytes,
            }
        }))
    }
}
