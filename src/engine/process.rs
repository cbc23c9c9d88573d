//! Starting programs: with open pipes, or to their end with captured output.
//!
//! Every process leads a group of its own, because a kill must reach grandchildren too. The output
//! of a captured command is bounded, and so is its time.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::unix::process::CommandExt;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::child::{Cancel, Child, Exit};
use super::pipes::Tail;

/// Variables by which a service manager talks to the agent alone. A test that sends `READY=1`, or
/// an engine that watches over its containers, would speak in the agent's name.
const OF_THE_SERVICE: [&str; 9] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
    "SYSTEMD_EXEC_PID",
];

/// A program, its arguments, its working directory and its variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    /// The program: a path, or a name that is looked up on `PATH`.
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub cwd: PathBuf,
    /// Variables that are set besides the inherited ones, from which [`spawn`] takes a service
    /// manager's away.
    pub env: Vec<(String, String)>,
}

impl ProcessSpec {
    pub fn new(program: impl Into<PathBuf>, cwd: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            cwd: cwd.into(),
            env: Vec::new(),
        }
    }

    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl fmt::Display for ProcessSpec {
    /// The command line as a shell would read it, with long arguments shortened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.program.to_string_lossy();
        write!(f, "{}", shell_words::quote(&program))?;
        for arg in &self.args {
            let text = arg.to_string_lossy();
            if text.len() > 120 || text.contains('\n') {
                let start: String = text.chars().take_while(|c| *c != '\n').take(60).collect();
                write!(f, " '{start}…'")?;
            } else {
                write!(f, " {}", shell_words::quote(&text))?;
            }
        }
        Ok(())
    }
}

/// The reason why a command gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("cannot start `{command}`")]
    Start {
        command: String,
        #[source]
        source: io::Error,
    },
    /// It did not end in time and was killed.
    #[error("`{command}` did not end within {}s{}", .limit.as_secs(), tail_note(.stderr_tail))]
    TimedOut {
        command: String,
        limit: Duration,
        /// The end of its standard error.
        stderr_tail: String,
    },
    /// It ended with a status that says failure.
    #[error("`{command}` failed: {exit}{}{}", tail_note(.stdout_tail), tail_note(.stderr_tail))]
    Failed {
        command: String,
        exit: Exit,
        /// The end of its standard output.
        stdout_tail: String,
        /// The end of its standard error.
        stderr_tail: String,
    },
    /// The system did not let us wait for it.
    #[error("cannot wait for `{command}`")]
    Wait {
        command: String,
        #[source]
        source: io::Error,
    },
}

fn tail_note(tail: &str) -> String {
    let tail = tail.trim_end();
    if tail.is_empty() {
        return String::new();
    }
    let lines: Vec<&str> = tail.lines().collect();
    let from = lines.len().saturating_sub(12);
    format!("\n    {}", lines[from..].join("\n    "))
}

/// The output of a command that ended, and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    pub exit: Exit,
    /// Standard output, at most [`CAPTURE_BYTES`] of its end.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// Bytes of each stream of a captured command that are kept: answers are short, logs are not.
pub const CAPTURE_BYTES: usize = 1024 * 1024;

/// Runs a command to its end without input. A status other than 0 is an error.
pub fn run(spec: &ProcessSpec, limit: Duration) -> Result<Captured, ProcessError> {
    run_unless(spec, limit, &Cancel::default())
}

/// The same as [`run`]; `cancel` ends the command early.
pub fn run_unless(
    spec: &ProcessSpec,
    limit: Duration,
    cancel: &Cancel,
) -> Result<Captured, ProcessError> {
    let (exit, tails) = run_within(spec, CAPTURE_BYTES, limit, cancel)?;
    succeeded(spec, exit, &tails)
}

/// The same as [`run`], for an answer that is long or is no text: its bytes, at most `most` of
/// their end.
pub(super) fn run_for_bytes(
    spec: &ProcessSpec,
    most: usize,
    limit: Duration,
) -> Result<Vec<u8>, ProcessError> {
    let (exit, tails) = run_within(spec, most, limit, &Cancel::default())?;
    if exit == Exit::Code(0) {
        return Ok(tails[0].bytes());
    }
    Err(failed(spec, exit, &tails))
}

fn run_within(
    spec: &ProcessSpec,
    most: usize,
    limit: Duration,
    cancel: &Cancel,
) -> Result<(Exit, [Tail; 2]), ProcessError> {
    let Spawned {
        child,
        stdin,
        stdout,
        stderr,
    } = spawn(spec)?;
    drop(stdin);
    capture(spec, &child, [stdout, stderr], most, limit, cancel)
}

/// The result of a command, and the result of the function that feeds it.
pub type Fed<E> = (Result<Captured, ProcessError>, Result<(), E>);

/// The same for a command that reads what `feed` writes. Both results are returned: a command that
/// fails makes its feeder fail, and the other way round.
pub fn run_fed<E: Send>(
    spec: &ProcessSpec,
    limit: Duration,
    cancel: &Cancel,
    feed: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send,
) -> Result<Fed<E>, ProcessError> {
    let Spawned {
        child,
        mut stdin,
        stdout,
        stderr,
    } = spawn(spec)?;
    Ok(thread::scope(|scope| {
        let feeding = scope.spawn(move || feed(&mut stdin));
        let pipes = [stdout, stderr];
        let captured = capture(spec, &child, pipes, CAPTURE_BYTES, limit, cancel);
        let captured = captured.and_then(|(exit, tails)| succeeded(spec, exit, &tails));
        let fed = feeding.join().unwrap_or_else(|panic| resume_unwind(panic));
        (captured, fed)
    }))
}

fn succeeded(spec: &ProcessSpec, exit: Exit, tails: &[Tail; 2]) -> Result<Captured, ProcessError> {
    if exit == Exit::Code(0) {
        return Ok(Captured {
            exit,
            stdout: tails[0].text(),
            stderr: tails[1].text(),
        });
    }
    Err(failed(spec, exit, tails))
}

fn failed(spec: &ProcessSpec, exit: Exit, [stdout, stderr]: &[Tail; 2]) -> ProcessError {
    ProcessError::Failed {
        command: spec.to_string(),
        exit,
        stdout_tail: stdout.text(),
        stderr_tail: stderr.text(),
    }
}

fn capture(
    spec: &ProcessSpec,
    child: &Child,
    [stdout, stderr]: [PipeReader; 2],
    most: usize,
    limit: Duration,
    cancel: &Cancel,
) -> Result<(Exit, [Tail; 2]), ProcessError> {
    let deadline = Instant::now() + limit;
    let (stdout_tail, stdout_thread) = collect(stdout, most);
    let (stderr_tail, stderr_thread) = collect(stderr, CAPTURE_BYTES);
    let in_time = child.wait_until(deadline, cancel);
    if !matches!(in_time, Ok(true)) {
        child.signal_group(Signal::SIGKILL);
    }
    let exit = child.reap();
    for reader in [stdout_thread, stderr_thread] {
        wait_for_reader(&reader);
    }
    match (in_time, exit) {
        (Ok(true), Ok(exit)) => Ok((exit, [stdout_tail, stderr_tail])),
        (Ok(false), _) => Err(ProcessError::TimedOut {
            command: spec.to_string(),
            limit,
            stderr_tail: stderr_tail.text(),
        }),
        (Err(source), _) | (_, Err(source)) => Err(ProcessError::Wait {
            command: spec.to_string(),
            source,
        }),
    }
}

fn collect(pipe: PipeReader, most: usize) -> (Tail, thread::JoinHandle<()>) {
    let tail = Tail::new(most);
    let sink = tail.clone();
    (tail, thread::spawn(move || sink.drain(pipe)))
}

/// A reader ends with its pipe. A grandchild in another group can hold that open; then what was
/// read so far is the answer.
fn wait_for_reader(reader: &thread::JoinHandle<()>) {
    let deadline = Instant::now() + Duration::from_secs(1);
    while !reader.is_finished() && Instant::now() < deadline {
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// A running process and our ends of its pipes.
#[derive(Debug)]
pub struct Spawned {
    pub child: Child,
    pub stdin: PipeWriter,
    pub stdout: PipeReader,
    pub stderr: PipeReader,
}

/// Starts a command with all three streams piped.
pub fn spawn(spec: &ProcessSpec) -> Result<Spawned, ProcessError> {
    let start = || -> io::Result<Spawned> {
        let (child_stdin, stdin) = io::pipe()?;
        let (stdout, child_stdout) = io::pipe()?;
        let (stderr, child_stderr) = io::pipe()?;
        let expression = expression(spec)
            .stdin_file(child_stdin)
            .stdout_file(child_stdout)
            .stderr_file(child_stderr);
        let expression = OF_THE_SERVICE
            .iter()
            .fold(expression, |it, name| it.env_remove(name));
        let child = Child::new(expression.start()?);
        Ok(Spawned {
            child,
            stdin,
            stdout,
            stderr,
        })
    };
    start().map_err(|source| ProcessError::Start {
        command: spec.to_string(),
        source,
    })
}

/// Starts a command that talks where this process talks. Its standard input says nothing, and ends
/// when the returned pipe is dropped or this process is gone: that tells it to end.
pub fn spawn_attended(spec: &ProcessSpec) -> Result<(Child, PipeWriter), ProcessError> {
    let start = || -> io::Result<(Child, PipeWriter)> {
        let (child_stdin, stdin) = io::pipe()?;
        let handle = expression(spec).stdin_file(child_stdin).start()?;
        Ok((Child::new(handle), stdin))
    };
    start().map_err(|source| ProcessError::Start {
        command: spec.to_string(),
        source,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this module is the one that starts processes"
)]
fn expression(spec: &ProcessSpec) -> duct::Expression {
    // As a `Path`, a name would be a file of this folder.
    let mut expression = duct::cmd(spec.program.as_os_str(), &spec.args)
        .dir(&spec.cwd)
        .unchecked()
        .before_spawn(|command| {
            command.process_group(0);
            Ok(())
        });
    for (name, value) in &spec.env {
        expression = expression.env(name, value);
    }
    expression
}
