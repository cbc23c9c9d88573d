//! The harness and the trial as text, and the bytes that bring them into an interpreter.
//!
//! The interpreter is started as `python -c LOADER`; on its standard input comes the [`framed`]
//! program, then the commands of [`super::protocol`] or [`super::trial_protocol`]. Nothing is
//! installed or mounted.

/// The program for `python -c`. Every Python from 2.6 on can parse it, so that an old interpreter
/// answers with [`super::protocol::HarnessEvent::Unsupported`] instead of a syntax error.
pub const LOADER: &str = include_str!("loader.py");

/// The program for `python3 -c` in a container, with [`LOADER`] and the project folder as its
/// arguments; needs Python 3.5. On its standard input comes the same as without it, after
/// `tar` and a project in pieces where that cannot be mounted; lines that begin with `!` are
/// signals ([`signal_line`]).
pub const GUARDIAN: &str = include_str!("guardian.py");

/// The harness itself, for Python 3.8 and later: one program, kept in six files by subject.
pub const HARNESS: &str = concat!(
    include_str!("harness/session.py"),
    include_str!("harness/reports.py"),
    include_str!("harness/hooks.py"),
    include_str!("harness/modules.py"),
    include_str!("harness/xdist.py"),
    include_str!("harness/cover.py"),
);

/// The program that tries modules, for Python 3.8 and later: kept in three files by subject.
pub const TRIAL: &str = concat!(
    include_str!("trial/trials.py"),
    include_str!("trial/guard.py"),
    include_str!("trial/examination.py"),
);

/// The number of the signal on which the harness, and every xdist worker, writes the Python stacks
/// of all its threads to the standard error that it was started with, even while native code hangs.
///
/// `SIGSTKFLT` on Linux, which no kernel sends, and `SIGINFO` elsewhere. `SIGUSR1` and `SIGUSR2`
/// will not do: tests install handlers of their own for them and restore what they found.
pub const DUMP_SIGNAL: i32 = if cfg!(target_os = "linux") { 16 } else { 29 };

/// What the loader reads first: the size of a program in bytes, a newline, the program.
pub fn framed(program: &str) -> Vec<u8> {
    let mut frame = format!("{}\n", program.len()).into_bytes();
    frame.extend_from_slice(program.as_bytes());
    frame
}

/// [`HARNESS`] as the loader reads it.
pub fn framed_harness() -> Vec<u8> {
    framed(HARNESS)
}

/// To whom the guardian delivers a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// The process group of the harness.
    Group,
    /// A process of the container.
    Member(u32),
}

/// The line that makes the guardian deliver a signal.
pub fn signal_line(number: i32, recipient: Recipient) -> String {
    match recipient {
        Recipient::Group => format!("!{number} group\n"),
        Recipient::Member(pid) => format!("!{number} {pid}\n"),
    }
}
