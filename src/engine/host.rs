//! Drives one harness process on the host: commands in, [`EngineEvent`]s out.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;

use nix::sys::signal::Signal;

use super::child::{Child, Exit};
use super::identity;
use super::pipes::{Tail, read_until_cancelled};
use super::process::{ProcessError, ProcessSpec, Spawned, spawn};
use crate::model::write::ProcessIdentity;
use crate::pytest::protocol::{Command, HarnessEvent, MAX_LINE_BYTES};
use crate::pytest::source;

/// How much of the end of a harness's standard error is kept: stacks of many threads fit.
const STDERR_TAIL_BYTES: usize = 256 * 1024;

/// Which interpreter drives which project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarnessSpec {
    /// The interpreter.
    pub python: PathBuf,
    /// The project folder, which is the working directory.
    pub project: PathBuf,
}

/// What a harness process said or did. `Exited` is always last.
#[derive(Debug, Clone, PartialEq)]
pub enum EngineEvent {
    /// A line of the protocol.
    Line(Box<HarnessEvent>),
    /// A line that is none: something else writes to the channel, or the harness is broken.
    BadLine(String),
    /// The process ended; its group is gone and everything that it wrote was read.
    Exited {
        /// How it ended.
        exit: Exit,
        /// The end of its standard error.
        stderr_tail: String,
    },
}

/// A harness process that runs.
#[derive(Debug)]
pub struct HarnessProcess {
    child: Child,
    identity: ProcessIdentity,
    commands: mpsc::Sender<Command>,
    stderr: Tail,
}

impl HarnessProcess {
    /// Starts the harness. `deliver` is called from threads of its own; it may block, and then
    /// the harness waits.
    pub fn start<F>(spec: &HarnessSpec, deliver: F) -> Result<Self, ProcessError>
    where
        F: Fn(EngineEvent) + Clone + Send + 'static,
    {
        let process = ProcessSpec::new(&spec.python, &spec.project).args(["-c", source::LOADER]);
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
        let (commands, queue) = mpsc::channel();
        thread::spawn(move || feed(stdin, &queue));
        let stderr = Tail::new(STDERR_TAIL_BYTES);
        let cancel = Arc::new(cancel);
        let (lines, mut decoder) = (deliver.clone(), Decoder::default());
        let sink = stderr.clone();
        let readers = [
            reader(stdout, Arc::clone(&cancel), move |chunk| {
                decoder.push(chunk, &lines);
            }),
            reader(stderr_pipe, cancel, move |chunk| sink.push(chunk)),
        ];
        let watched = child.clone();
        let tail = stderr.clone();
        thread::spawn(move || {
            let exit = watched.wait_and_sweep();
            drop(keep_reading);
            for reader in readers {
                if reader.join().is_err() {
                    tail.push(b"\nagent: a reader of this process failed\n");
                }
            }
            let exit = exit.unwrap_or_else(|error| {
                tail.push(format!("\nagent: cannot wait for {process}: {error}\n").as_bytes());
                Exit::Code(-1)
            });
            deliver(EngineEvent::Exited {
                exit,
                stderr_tail: tail.text(),
            });
        });
        Ok(Self {
            child,
            identity,
            commands,
            stderr,
        })
    }

    /// The process as the state file knows it.
    pub fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// Queues a command. A process that is gone takes none, and says so by `Exited`.
    pub fn send(&self, command: Command) {
        let _gone = self.commands.send(command);
    }

    /// Sends a signal to the process and all of its group.
    pub fn signal_group(&self, signal: Signal) {
        self.child.signal_group(signal);
    }

    /// Sends a signal to one process of the group: the harness itself or an xdist worker.
    pub fn signal_member(&self, pid: u32, signal: Signal) {
        self.child.signal_member(pid, signal);
    }

    /// The end of what it wrote to standard error so far.
    pub fn stderr_tail(&self) -> String {
        self.stderr.text()
    }
}

/// Writes the source and then the commands. A write can block for as long as the harness does not
/// read, which is why this is a thread of its own; it ends with the process.
fn feed(mut stdin: PipeWriter, queue: &mpsc::Receiver<Command>) {
    let mut write = |bytes: &[u8]| stdin.write_all(bytes).and_then(|()| stdin.flush());
    if write(&source::framed_harness()).is_err() {
        return;
    }
    while let Ok(command) = queue.recv() {
        let Ok(mut line) = serde_json::to_vec(&command) else {
            return;
        };
        line.push(b'\n');
        if write(&line).is_err() {
            return;
        }
    }
}

/// A thread that reads a pipe until it ends or the other side of `cancel` is closed.
fn reader(
    pipe: PipeReader,
    cancel: Arc<PipeReader>,
    take: impl FnMut(&[u8]) + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        // A pipe that cannot be read any more is at its end for all that matters here.
        let _ended = read_until_cancelled(pipe, &cancel, take);
    })
}

/// Cuts a byte stream into lines and decodes them.
#[derive(Debug, Default)]
struct Decoder {
    pending: Vec<u8>,
    oversized: bool,
}

impl Decoder {
    fn push(&mut self, chunk: &[u8], deliver: &impl Fn(EngineEvent)) {
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

    fn line(&mut self, line: &[u8], deliver: &impl Fn(EngineEvent)) {
        if std::mem::take(&mut self.oversized) {
            deliver(EngineEvent::BadLine(format!(
                "a line of more than {MAX_LINE_BYTES} bytes"
            )));
            return;
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

/// Whether a path can be started as a program at all.
pub fn is_executable_file(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
