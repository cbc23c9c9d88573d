//! Drives one process of ours, the harness or the trial: commands in, [`EngineEvent`]s out.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::child::{CANCEL_LATENCY, Child, Exit};
use super::container::{Handle, KILL_GRACE, Leftover, Pieces, Stream};
use super::identity;
use super::launch::Invocation;
use super::pipes::{SharedPipe, Tail};
use super::process::{ProcessError, ProcessSpec, Spawned, spawn};
use crate::model::ProcessIdentity;
use crate::pytest::protocol::{Ended, HarnessEvent, MAX_LINE_BYTES};
use crate::pytest::source::{self, Program, Recipient};

/// Bytes of the end of a harness's standard error that are kept: stacks of many threads fit.
const STDERR_TAIL_BYTES: usize = 256 * 1024;

/// Bytes of a project that go into one piece.
const PIECE_BYTES: usize = 256 * 1024;

/// An event of a process: a line, or its end. `Exited` is always last.
#[derive(Debug, Clone, PartialEq)]
pub enum EngineEvent<E = HarnessEvent> {
    /// A line of the protocol.
    Line(Box<E>),
    /// A line that is none: something else writes to the channel, or the harness is broken.
    BadLine(String),
    /// A container could not be killed or removed; `agent cleanup` tries it again.
    Leftover {
        /// The call that failed, and the answer of the engine, in one line.
        problem: String,
    },
    /// The process ended; its group or container is gone and everything that it wrote was read.
    Exited {
        exit: Exit,
        /// The end of its standard error.
        stderr_tail: String,
    },
}

/// A process that runs the harness, or the trial.
#[derive(Debug)]
pub struct HarnessProcess {
    child: Child,
    identity: ProcessIdentity,
    messages: mpsc::Sender<Message>,
    stderr: Tail,
    /// Belongs to the thread that reads it, and is closed when that thread ends.
    stderr_pipe: Weak<SharedPipe>,
    container: Option<Container>,
}

#[derive(Debug, Clone)]
struct Container {
    handle: Handle,
    /// Set when the process that holds its streams has ended.
    over: Arc<OnceLock<()>>,
}

/// A message for the standard input of a process.
#[derive(Debug)]
enum Message {
    /// A command as a line of JSON, with its line end.
    Line(String),
    Signal(Signal, Recipient),
}

impl HarnessProcess {
    /// Starts `program`. `deliver` is called from threads of its own; it may block, and then the
    /// program waits.
    pub(super) fn start<E, F>(
        invocation: Invocation,
        program: Program,
        deliver: F,
    ) -> Result<Self, ProcessError>
    where
        E: DeserializeOwned + 'static,
        F: Fn(EngineEvent<E>) + Clone + Send + 'static,
    {
        let Invocation { process, container } = invocation;
        let container = container.map(|handle| Container {
            handle,
            over: Arc::default(),
        });
        let (cancel, keep_reading) = io::pipe().map_err(|source| ProcessError::Start {
            command: process.to_string(),
            source,
        })?;
        let Spawned {
            child,
            stdin,
            stdout,
            stderr: stderr_pipe,
        } = spawn(&process)?;
        let identity = identity::of_child(child.pid());
        let (messages, queue) = mpsc::channel();
        let project = container
            .as_ref()
            .and_then(|container| container.handle.project.clone());
        thread::spawn(move || feed(stdin, program, project.as_ref(), &queue));
        let stderr = Tail::new(STDERR_TAIL_BYTES);
        let cancel = Arc::new(cancel);
        let ended = Arc::new(OnceLock::new());
        let mut decoder = Decoder::new(container.is_some().then(|| Arc::clone(&ended)));
        let (lines, sink) = (deliver.clone(), stderr.clone());
        let stdout = Arc::new(SharedPipe::new(stdout));
        let stderr_reader = Arc::new(SharedPipe::new(stderr_pipe));
        let stderr_pipe = Arc::downgrade(&stderr_reader);
        let readers = [
            reader(stdout, Arc::clone(&cancel), move |chunk| {
                decoder.push(chunk, &lines);
            }),
            reader(stderr_reader, cancel, move |chunk| sink.push(chunk)),
        ];
        let watch = Watch {
            process,
            child: child.clone(),
            container: container.clone(),
            ended,
            stderr: stderr.clone(),
        };
        thread::spawn(move || watch.until_the_end(keep_reading, readers, &deliver));
        Ok(Self {
            child,
            identity,
            messages,
            stderr,
            stderr_pipe,
            container,
        })
    }

    /// The process as the state file knows it; for a container, the one that holds its streams.
    pub fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// Queues a command. A process that is gone takes none, and says so by `Exited`.
    pub fn send(&self, command: &impl Serialize) {
        // Commands are plain values: each has a line.
        if let Ok(line) = serde_json::to_string(command) {
            let _gone = self.messages.send(Message::Line(line + "\n"));
        }
    }

    /// Sends a signal to the process and all of its group.
    pub fn signal_group(&self, signal: Signal) {
        let Some(container) = &self.container else {
            self.child.signal_group(signal);
            return;
        };
        self.pass_on(signal, Recipient::Group);
        if signal == Signal::SIGKILL {
            let (container, child) = (container.clone(), self.child.clone());
            thread::spawn(move || container.end(&child));
        }
    }

    /// Sends a signal to a process that the tests run in: the harness or an xdist worker.
    pub fn signal_member(&self, pid: u32, signal: Signal) {
        match self.container {
            None => self.child.signal_member(pid, signal),
            Some(_) => self.pass_on(signal, Recipient::Member(pid)),
        }
    }

    fn pass_on(&self, signal: Signal, recipient: Recipient) {
        let _gone = self.messages.send(Message::Signal(signal, recipient));
    }

    /// The end of what it wrote to standard error so far. This includes what the process wrote
    /// before it sent an event, however far the thread that reads it has come.
    pub fn stderr_tail(&self) -> String {
        if let Some(pipe) = self.stderr_pipe.upgrade() {
            // A pipe that cannot be read any more has nothing to add.
            let _ended = pipe.read_what_is_there(|chunk| self.stderr.push(chunk));
        }
        self.stderr.text()
    }
}

impl Container {
    /// Ends a container whose guardian does not: it is frozen, or its engine is.
    fn end(&self, child: &Child) {
        if self.is_over_within(KILL_GRACE) {
            return;
        }
        // The end of the process that holds the streams shows if it worked.
        let _told_below = self.handle.engine.kill(&self.handle.name);
        if !self.is_over_within(KILL_GRACE) {
            child.signal_group(Signal::SIGKILL);
        }
    }

    fn is_over_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.over.get().is_none() && Instant::now() < deadline {
            thread::park_timeout(CANCEL_LATENCY);
        }
        self.over.get().is_some()
    }
}

/// Waits for the end of one process, and for all that it wrote.
struct Watch {
    process: ProcessSpec,
    child: Child,
    container: Option<Container>,
    ended: Arc<OnceLock<Ended>>,
    stderr: Tail,
}

impl Watch {
    fn until_the_end<E>(
        self,
        keep_reading: PipeWriter,
        readers: [thread::JoinHandle<()>; 2],
        deliver: &impl Fn(EngineEvent<E>),
    ) {
        let exit = self.child.wait_and_sweep();
        drop(keep_reading);
        for reader in readers {
            if reader.join().is_err() {
                self.stderr
                    .push(b"\nagent: a reader of this process failed\n");
            }
        }
        let exit = exit.unwrap_or_else(|error| {
            let text = format!("\nagent: cannot wait for {}: {error}\n", self.process);
            self.stderr.push(text.as_bytes());
            Exit::Code(-1)
        });
        let exit = match &self.container {
            None => exit,
            Some(container) => {
                let _first = container.over.set(());
                let told = self.ended.get().copied();
                let (exit, leftover) = container.handle.settle(exit, told, &self.stderr.text());
                if let Some(Leftover(problem)) = leftover {
                    deliver(EngineEvent::Leftover { problem });
                }
                exit
            }
        };
        deliver(EngineEvent::Exited {
            exit,
            stderr_tail: self.stderr.text(),
        });
    }
}

/// Writes the program and then the messages. A write can block for as long as nobody reads, which
/// is why this is a thread of its own; it ends with the process.
fn feed(
    mut stdin: PipeWriter,
    program: Program,
    project: Option<&Stream>,
    queue: &mpsc::Receiver<Message>,
) {
    if let Some(stream) = project
        && send_project(stream.as_ref(), &mut stdin).is_err()
    {
        return;
    }
    let mut write = |bytes: &[u8]| stdin.write_all(bytes).and_then(|()| stdin.flush());
    if write(program.frame().as_bytes()).is_err() {
        return;
    }
    while let Ok(message) = queue.recv() {
        let line = match message {
            Message::Line(line) => line,
            Message::Signal(signal, to) => source::signal_line(signal as i32, to),
        };
        if write(line.as_bytes()).is_err() {
            return;
        }
    }
}

fn send_project(
    stream: &dyn Fn(&mut dyn Write) -> io::Result<()>,
    stdin: &mut PipeWriter,
) -> io::Result<()> {
    let mut pieces = io::BufWriter::with_capacity(PIECE_BYTES, Pieces::begin(stdin)?);
    stream(&mut pieces)?;
    pieces.into_inner()?.end()
}

/// A thread that reads a pipe until it ends or the other side of `cancel` is closed.
fn reader(
    pipe: Arc<SharedPipe>,
    cancel: Arc<PipeReader>,
    take: impl FnMut(&[u8]) + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        // A pipe that cannot be read any more is at its end for all that matters here.
        let _ended = pipe.read_until_cancelled(&cancel, take);
    })
}

/// Cuts a byte stream into lines and decodes them.
#[derive(Debug)]
struct Decoder {
    pending: Vec<u8>,
    oversized: bool,
    /// The place for the last word of a container's guardian; `None` on the host.
    ended: Option<Arc<OnceLock<Ended>>>,
}

impl Decoder {
    fn new(ended: Option<Arc<OnceLock<Ended>>>) -> Self {
        Self {
            pending: Vec::new(),
            oversized: false,
            ended,
        }
    }

    fn push<E: DeserializeOwned>(&mut self, chunk: &[u8], deliver: &impl Fn(EngineEvent<E>)) {
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = &after[1..];
            if self.pending.is_empty() {
                self.line(line, deliver);
            } else {
                let mut whole = std::mem::take(&mut self.pending);
                whole.extend_from_slice(line);
                self.line(&whole, deliver);
            }
        }
        if self.pending.len() + rest.len() > MAX_LINE_BYTES {
            self.oversized = true;
            self.pending.clear();
        } else {
            self.pending.extend_from_slice(rest);
        }
    }

    fn line<E: DeserializeOwned>(&mut self, line: &[u8], deliver: &impl Fn(EngineEvent<E>)) {
        if std::mem::take(&mut self.oversized) {
            deliver(EngineEvent::BadLine(format!(
                "a line of more than {MAX_LINE_BYTES} bytes"
            )));
            return;
        }
        if let Some(last_word) = &self.ended {
            if let Some(ended) = Ended::of_line(line) {
                let _first = last_word.set(ended);
                return;
            }
            if line.is_empty() {
                return;
            }
        }
        deliver(match serde_json::from_slice(line) {
            Ok(event) => EngineEvent::Line(Box::new(event)),
            Err(error) => {
                let text: String = String::from_utf8_lossy(line).chars().take(200).collect();
                EngineEvent::BadLine(format!("{error}: {text}"))
            }
        });
    }
}
