//! What goes into a phase of a run and what comes out of it, as closed sets.

use crate::engine::EngineEvent;
use crate::engine::git::GitState;
use crate::model::{Event, ExitCode, Failure, ProcessIdentity, Write};
use crate::pytest::protocol::{Command, HarnessEvent, RunCommand};
use crate::pytest::trial_protocol::{TrialEvent, TryCommand};

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// A process said or did something.
    Process {
        /// Which of the run's processes; what one says late that is not needed any more is not
        /// heard.
        serial: u32,
        event: ProcessEvent,
    },
    /// A process was started on [`Effect::Start`].
    Started {
        serial: u32,
        process: ProcessIdentity,
    },
    /// It could not be.
    StartFailed {
        serial: u32,
        /// Why.
        failure: Failure,
    },
    /// The answer to [`Effect::ReadStderr`].
    Stderr {
        /// Which process.
        serial: u32,
        /// The end of its standard error.
        tail: String,
    },
    /// The answer to [`Effect::ProvideEnvironment`].
    Environment(Result<EnvironmentReady, Failure>),
    /// The answer to [`Effect::AskGit`]; `None` where there is no commit to tell of.
    Git(Option<GitState>),
    /// A signal asks the run to end.
    Stop(StopSignal),
    /// A signal asks it to finish the tests that are running, and to begin nothing more.
    Drain(StopSignal),
    /// The state file takes no more writes.
    StoreFailed,
}

/// What a process said or did, by its work.
#[derive(Debug)]
pub enum ProcessEvent {
    /// It runs the harness.
    Tests(EngineEvent<HarnessEvent>),
    /// It runs the trial.
    Trials(EngineEvent<TrialEvent>),
}

/// A private environment serves the run from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentReady {
    /// Its interpreter.
    pub python: String,
    /// Whether it was made just now.
    pub created: bool,
}

/// Which signal ends the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM, or SIGHUP.
    Terminate,
}

impl StopSignal {
    /// What the command returns.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Interrupt => ExitCode::SIGINT,
            Self::Terminate => ExitCode::SIGTERM,
        }
    }
}

/// Something to do.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Start a process.
    Start {
        /// Which of the run's processes it is.
        serial: u32,
        /// The interpreter, if it is another one than the executor's.
        python: Option<String>,
        /// What runs in it, with its first command.
        work: Work,
    },
    /// Send a command to a process that runs the harness.
    Send { serial: u32, command: Command },
    /// Send a signal.
    Signal {
        /// The process.
        serial: u32,
        /// To whom of it.
        target: Target,
        signal: Notify,
    },
    /// Answer with [`Input::Stderr`].
    ReadStderr {
        /// The process.
        serial: u32,
    },
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

/// What runs in a process.
#[derive(Debug, PartialEq)]
pub enum Work {
    /// The harness.
    Tests(Box<RunCommand>),
    /// The trial.
    Trials(TryCommand),
}

/// Who receives a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The whole process group.
    Group,
    /// One process of it.
    Member(u32),
}

/// What a signal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Write the Python stacks to standard error.
    DumpStacks,
    /// End as on Ctrl-C.
    Interrupt,
    /// End.
    Terminate,
    /// Be ended.
    Kill,
}
