//! The harness and the trial as texts of Python modules, and the bytes that bring them into an
//! interpreter.
//!
//! The interpreter is started as `python -c LOADER`; on its standard input comes a [`Program`] as a
//! [`frame`](Program::frame), then the commands of [`super::protocol`] or
//! [`super::trial_protocol`]. Nothing is installed or mounted.
//!
//! ```text
//!   loader ── frame ──► shared.importer ──► harness.main ── run ──► session, hooks, …
//!                             │    └──────► trial.main ──── try ──► trials, guard, …
//!                             │    └──────► trial.members ─ run ──► the same, for the module map
//!                             └─ in workers of xdist: harness.worker
//! ```
//!
//! A module is a file below this folder, and `_menace` is its package: `harness/session.py` is
//! `_menace.harness.session`.
//!
//! **Invariant:** once a program has started, no name leads to its modules or to its channel: none
//! in `sys.modules`, and no attribute of a plugin of pytest or of coverage. The state of the harness
//! is in the closures of its hooks.

use serde_json::{Map, Value, json};

/// The program for `python -c`. Every Python from 2.6 on can parse it, so that an old interpreter
/// answers with [`super::protocol::HarnessEvent::Unsupported`] instead of a syntax error.
pub const LOADER: &str = include_str!("loader.py");

/// The program for `python3 -c` in a container, with [`LOADER`] and the project folder as its
/// arguments; needs Python 3.5. On its standard input comes the same as without it, after `tar` and
/// a project in pieces if that cannot be mounted; lines that begin with `!` are signals
/// ([`signal_line`]).
pub const GUARDIAN: &str = include_str!("guardian.py");

/// A program of ours, for Python 3.8 and later.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The module whose `main` is called.
    pub entry: &'static str,
    /// The names of its modules, and their texts.
    pub sources: &'static [(&'static str, &'static str)],
}

macro_rules! modules {
    ($($folder:literal / $file:literal),+ $(,)?) => {
        &[$((
            concat!("_menace.", $folder, ".", $file),
            include_str!(concat!($folder, "/", $file, ".py")),
        )),+]
    };
}

/// Runs pytest and tells what happens.
pub const HARNESS: Program = Program {
    entry: "_menace.harness.main",
    sources: modules![
        "shared" / "importer",
        "shared" / "arguments",
        "shared" / "descriptors",
        "shared" / "stacks",
        "shared" / "text",
        "harness" / "alarm",
        "harness" / "analysis",
        "harness" / "alone",
        "harness" / "channel",
        "harness" / "child",
        "harness" / "codec",
        "harness" / "collection",
        "harness" / "cover",
        "harness" / "echo",
        "harness" / "fitness",
        "harness" / "forked",
        "harness" / "forks",
        "harness" / "hooks",
        "harness" / "interpreter",
        "harness" / "loaded",
        "harness" / "main",
        "harness" / "numbers",
        "harness" / "printed",
        "harness" / "process",
        "harness" / "reports",
        "harness" / "selection",
        "harness" / "session",
        "harness" / "turns",
        "harness" / "worker",
        "harness" / "xdist",
    ],
};

/// Tries modules that no test reaches.
pub const TRIAL: Program = Program {
    entry: "_menace.trial.main",
    sources: modules![
        "shared" / "importer",
        "shared" / "arguments",
        "shared" / "descriptors",
        "shared" / "stacks",
        "shared" / "text",
        "harness" / "reports",
        "trial" / "channel",
        "trial" / "child",
        "trial" / "events",
        "trial" / "examination",
        "trial" / "fences",
        "trial" / "guard",
        "trial" / "inside",
        "trial" / "main",
        "trial" / "reaper",
        "trial" / "tracebacks",
        "trial" / "trials",
        "trial" / "verdicts",
        "trial" / "wall",
    ],
};

/// Tests modules that joined the module map as their trials did, and speaks as the harness does.
pub const MEMBERS: Program = Program {
    entry: "_menace.trial.members",
    sources: modules![
        "shared" / "importer",
        "shared" / "arguments",
        "shared" / "descriptors",
        "shared" / "stacks",
        "shared" / "text",
        "harness" / "channel",
        "harness" / "codec",
        "harness" / "interpreter",
        "harness" / "reports",
        "trial" / "child",
        "trial" / "events",
        "trial" / "examination",
        "trial" / "fences",
        "trial" / "guard",
        "trial" / "inside",
        "trial" / "members",
        "trial" / "reaper",
        "trial" / "tracebacks",
        "trial" / "trials",
        "trial" / "verdicts",
        "trial" / "wall",
    ],
};

/// The number of the signal on which the harness, and every xdist worker, writes the Python stacks
/// of all its threads to the standard error that it was started with, even while native code hangs.
///
/// `SIGSTKFLT` on Linux, which no kernel sends, and `SIGINFO` elsewhere. `SIGUSR1` and `SIGUSR2`
/// will not do: tests install handlers of their own for them and restore what they found.
pub const DUMP_SIGNAL: i32 = if cfg!(target_os = "linux") { 16 } else { 29 };

impl Program {
    /// The bytes that the loader reads first: the size of the rest, a newline, the program as JSON.
    pub fn frame(&self) -> String {
        let sources: Map<String, Value> = self
            .sources
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Value::from(*text)))
            .collect();
        let payload = json!({ "entry": self.entry, "sources": sources }).to_string();
        format!("{}\n{payload}", payload.len())
    }
}
/// The receiver of a signal that the guardian delivers.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_begins_with_its_size_in_bytes() {
        let program = Program {
            entry: "a.main",
            sources: &[("a.main", "print('é')\n"), ("a.b", "")],
        };
        let frame = program.frame();
        let (size, payload) = frame.split_once('\n').unwrap();
        assert_eq!(size, payload.len().to_string());
        let expected = json!({"entry": "a.main", "sources": {"a.b": "", "a.main": "print('é')\n"}});
        assert_eq!(serde_json::from_str::<Value>(payload).unwrap(), expected);
    }

    #[test]
    fn a_program_has_its_entry_and_its_importer() {
        for program in [HARNESS, TRIAL] {
            for name in [program.entry, "_menace.shared.importer"] {
                assert!(program.sources.iter().any(|(known, _)| *known == name));
            }
        }
    }
}
