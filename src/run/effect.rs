//! What goes into the dispatcher and what comes out of it, as closed sets.

use crate::engine::EngineEvent;
use crate::engine::git::GitState;
use crate::model::record::Level;
use crate::model::write::{ProcessIdentity, Write};
use crate::model::{Event, ExitCode, Notice, ShardIndex};
use crate::pytest::protocol::{Command, RunCommand};
use crate::pytest::trial_protocol::TrialEvent;

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// A harness process said or did something.
    Engine {
        /// The shard that it works for.
        shard: ShardIndex,
        /// Which process; what a former one of the shard says late is not heard.
        serial: u32,
        /// What.
        event: EngineEvent,
    },
    /// The process that tries orphans said or did something, after the tests.
    Trial {
        /// Which process.
        serial: u32,
        /// What.
        event: EngineEvent<TrialEvent>,
    },
    /// A process was started on [`Effect::Start`].
    Started {
        /// The shard.
        shard: ShardIndex,
        /// The process.
        process: ProcessIdentity,
    },
    /// It could not be.
    StartFailed {
        /// The shard.
        shard: ShardIndex,
        /// Why.
        failure: Failure,
    },
    /// The answer to [`Effect::ReadStderr`].
    Stderr {
        /// The shard.
        shard: ShardIndex,
        /// The end of its standard error.
        tail: String,
    },
    /// The answer to [`Effect::ProvideEnvironment`].
    Environment(Result<EnvironmentReady, Failure>),
    /// git answered; `None` where there is no commit to tell of.
    Git(Option<GitState>),
    /// A signal asks the run to end.
    Stop(StopSignal),
    /// A signal asks it to finish the tests that are running, and to begin nothing more.
    Drain(StopSignal),
    /// The state file takes no more writes.
    StoreFailed,
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

/// Why a run could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the command returns.
    pub exit_code: ExitCode,
    /// What went wrong, the causes below it.
    pub message: String,
    /// The causes, outermost first.
    pub causes: Vec<String>,
    /// What can be done about it.
    pub hint: Option<String>,
}

impl Failure {
    /// The code of the notice that keeps it.
    pub const CODE: &'static str = "failure";

    /// The environment of the run is wrong.
    pub fn environment(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            exit_code: ExitCode::ENVIRONMENT,
            message: message.into(),
            causes: Vec::new(),
            hint: Some(hint.into()),
        }
    }

    /// What the state file keeps of it.
    pub(super) fn notice(&self) -> Notice {
        let causes = self.causes.iter().map(|cause| cause.trim());
        let parts: Vec<&str> = std::iter::once(self.message.as_str())
            .chain(causes)
            .collect();
        Notice {
            level: Level::Warning,
            code: Self::CODE.to_owned(),
            message: parts.join(": "),
            hint: self.hint.clone(),
        }
    }

    /// The same for an error with its causes.
    pub fn of_error(
        error: &dyn std::error::Error,
        exit_code: ExitCode,
        hint: Option<String>,
    ) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        Self {
            exit_code,
            message: error.to_string(),
            causes: causes.map(ToString::to_string).collect(),
            hint,
        }
    }
}

/// Something to do.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Start a harness process for a shard.
    Start {
        /// The shard.
        shard: ShardIndex,
        /// Which process of the run this is.
        serial: u32,
        /// Its first command.
        command: Box<RunCommand>,
    },
    /// Send a command to the process of a shard.
    Send {
        /// The shard.
        shard: ShardIndex,
        /// The command.
        command: Command,
    },
    /// Send a signal.
    Signal {
        /// The shard.
        shard: ShardIndex,
        /// To whom.
        target: Target,
        /// Which.
        signal: Notify,
    },
    /// Answer with [`Input::Stderr`].
    ReadStderr {
        /// The shard.
        shard: ShardIndex,
    },
    /// Make or find the private environment, and answer with [`Input::Environment`].
    ProvideEnvironment,
    /// Write to the state file.
    Write(Write),
    /// Tell everyone, after what was written before it is stored.
    Announce(Event),
}

/// Who receives a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The whole process group of the shard.
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
