//! The inputs and the effects of a phase of a run, as closed sets.

use crate::engine::git::GitState;
use crate::engine::{EngineEvent, Printed};
use crate::model::{Event, ExitCode, Failure, ProcessIdentity, Write};
use crate::pytest::protocol::{Command, HarnessEvent, RunCommand};
use crate::pytest::trial_protocol::{TrialEvent, TryCommand};

#[derive(Debug)]
pub enum Input {
    /// A process said or did something.
    Process {
        /// The number of the process in its run. A process that is not needed any more is not
        /// heard.
        serial: u32,
        event: ProcessEvent,
    },
    /// A process was started on [`Effect::Start`].
    Started {
        serial: u32,
        process: ProcessIdentity,
    },
    /// The process could not be started.
    StartFailed { serial: u32, failure: Failure },
    /// Answers [`Effect::ReadStderr`].
    Stderr {
        serial: u32,
        /// The end of its standard error.
        tail: String,
    },
    /// The process ended, and this is what its tests had printed and not reported. Its end follows.
    Printed { serial: u32, printed: Vec<Printed> },
    /// Answers [`Effect::LetLeave`].
    Leave {
        serial: u32,
        /// The word that was sent to the process.
        word: String,
    },
    /// Answers [`Effect::ProvideEnvironment`].
    Environment(Result<EnvironmentReady, Failure>),
    /// The answer to [`Effect::AskGit`]; `None` if there is no commit to tell of.
    Git(Option<GitState>),
    /// A signal asks the run to end.
    Stop(StopSignal),
    /// A signal asks it to finish the tests that are running, and to begin nothing more.
    Drain(StopSignal),
    /// The state file takes no more writes.
    StoreFailed,
}

/// An event of a process, by its work.
#[derive(Debug)]
pub enum ProcessEvent {
    Tests(EngineEvent<HarnessEvent>),
    Trials(EngineEvent<TrialEvent>),
}

/// A private environment serves the run from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentReady {
    /// The path of its interpreter.
    pub python: String,
    /// True if it was made just now.
    pub created: bool,
}

/// The signal that ends the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM, or SIGHUP.
    Terminate,
}

impl StopSignal {
    /// The exit code of a command that this signal ends.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Interrupt => ExitCode::SIGINT,
            Self::Terminate => ExitCode::SIGTERM,
        }
    }
}

#[derive(Debug, PartialEq)]
pub enum Effect {
    Start {
        /// The number of the process in its run.
        serial: u32,
        /// The interpreter, if it is another one than the executor's.
        python: Option<String>,
        /// The program that runs in it, with its first command.
        work: Work,
    },
    /// Send a command to a process that runs the harness.
    Send { serial: u32, command: Command },
    Signal {
        serial: u32,
        /// The receiver: the group, or one process of it.
        target: Target,
        signal: Notify,
    },
    /// Read standard error, and answer with [`Input::Stderr`].
    ReadStderr { serial: u32 },
    /// Let a process that runs the harness leave: send it a random word, and answer with
    /// [`Input::Leave`].
    LetLeave { serial: u32 },
    /// Make or find the private environment, and answer with [`Input::Environment`].
    ProvideEnvironment,
    /// Nobody needs that any more. It is answered all the same.
    CancelEnvironment,
    /// Ask git for the commit of the project, and answer with [`Input::Git`].
    AskGit,
    /// Write to the state file.
    Write(Write),
    /// Tell everyone, after what was written before it is stored.
    Announce(Event),
}

/// The program of a process, with its first command.
#[derive(Debug, PartialEq)]
pub enum Work {
    Tests(Box<RunCommand>),
    Trials(TryCommand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Group,
    /// One process of the group, by its process id.
    Member(u32),
}

/// The meaning of a signal to its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Write the Python stacks to standard error.
    DumpStacks,
    /// End as on Ctrl-C: SIGINT.
    Interrupt,
    /// End in good order: SIGTERM.
    Terminate,
    /// End at once: SIGKILL.
    Kill,
}
