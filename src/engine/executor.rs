//! [`Executor`]: starts the processes of a run: here, or each in a container.
//!
//! A run has one executor, and asks it for all that differs between here and a container: starting
//! a program, further arguments for pytest, how long to wait for the first sign of life, what an
//! end means. Starting does I/O; every answer is a plain value, so that the dispatcher can ask.
//!
//! A new executor is a variant, a file of its own like [`super::host`], and an arm in each question
//! below. The state file keeps its [`Executor::name`].

use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::child::{Exit, NotStarted};
use super::container::ContainerExecutor;
use super::harness::{EngineEvent, HarnessProcess};
use super::host::HostExecutor;
use super::launch::Launch;
use super::process::ProcessError;
use super::scratch::Scratch;
use crate::model::{ExitCode, Failure};
use crate::pytest::source::Program;

/// The place in which the processes of a run are started, and the means.
#[derive(Debug, Clone)]
pub enum Executor {
    /// The project's interpreter, on this machine.
    Host(HostExecutor),
    /// Docker or podman, with one container for each process.
    Container(Box<ContainerExecutor>),
}

impl Executor {
    /// `host`, `docker` or `podman`, as the state file keeps it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Host(_) => "host",
            Self::Container(container) => container.engine.name(),
        }
    }

    /// The id of the image; `None` on the host.
    pub fn image(&self) -> Option<&str> {
        match self {
            Self::Host(_) => None,
            Self::Container(container) => Some(&container.image),
        }
    }

    /// The image as messages name it; `None` on the host.
    pub fn image_name(&self) -> Option<&str> {
        match self {
            Self::Host(_) => None,
            Self::Container(container) => Some(&container.image_name),
        }
    }

    /// The interpreter, as it is named where the processes run.
    pub fn python(&self) -> &Path {
        match self {
            Self::Host(host) => &host.python,
            Self::Container(container) => Path::new(&container.python),
        }
    }

    /// Starts `program`. `deliver` is called from threads of its own; it may block, and then the
    /// program waits.
    pub fn start<E, F>(
        &self,
        launch: &Launch,
        program: Program,
        deliver: F,
    ) -> Result<HarnessProcess, ProcessError>
    where
        E: DeserializeOwned + 'static,
        F: Fn(EngineEvent<E>) + Clone + Send + 'static,
    {
        let invocation = match self {
            Self::Host(host) => host.invocation(launch),
            Self::Container(container) => container.invocation(launch)?,
        };
        HarnessProcess::start(invocation, program, deliver)
    }

    /// A folder for the process with that name, which it makes if it needs it.
    pub fn scratch(&self, name: &str) -> Scratch {
        match self {
            Self::Host(_) => Scratch::here(name),
            Self::Container(_) => Scratch::in_container(name),
        }
    }

    /// Options of pytest that go before the user's own.
    pub fn pytest_options(&self) -> &'static [&'static str] {
        match self {
            Self::Host(_) => &[],
            // The project may be read-only there.
            Self::Container(_) => &["-o", "cache_dir=/tmp/.pytest_cache"],
        }
    }

    /// The longest time from the start of a process to its first line.
    pub fn hello_limit(&self) -> Duration {
        match self {
            Self::Host(_) => HostExecutor::HELLO_LIMIT,
            Self::Container(container) => container.hello_limit,
        }
    }

    /// The number of further tries for a process that was refused.
    pub fn retries(&self) -> u32 {
        match self {
            Self::Host(_) => 0,
            Self::Container(container) => container.retries,
        }
    }

    /// True if processes that run out of their time are counted as containers.
    pub fn counts_timeouts(&self) -> bool {
        match self {
            Self::Host(_) => false,
            Self::Container(_) => true,
        }
    }

    /// The failure of a run whose program could not even be called, with a next step.
    pub fn explain_call(&self, error: &ProcessError) -> Failure {
        let hint = match self {
            Self::Host(_) => "pass `--python` the interpreter of the project",
            Self::Container(_) => "`--container-runtime` names the engine's program",
        };
        Failure::of_error(error, ExitCode::ENVIRONMENT, Some(hint.to_owned()))
    }

    /// The refusal of a process that ended without a word; `None` if it was not refused. `in_time`
    /// is false if it was ended because it took too long.
    pub fn refusal(&self, exit: Exit, in_time: bool) -> Option<NotStarted> {
        match self {
            Self::Host(_) => None,
            Self::Container(_) if !in_time => Some(NotStarted::Refused),
            Self::Container(_) => exit.refusal(),
        }
    }

    /// The failure of a run whose process was refused. `stderr` is the end of what was said of it.
    pub fn explain_refusal(&self, why: NotStarted, stderr: &str) -> Failure {
        match self {
            Self::Host(host) => host.explain_refusal(stderr),
            Self::Container(container) => container.explain_refusal(why, stderr),
        }
    }

    /// The failure of a run whose engine went away under a process.
    pub fn explain_loss(&self, stderr: &str) -> Failure {
        match self {
            Self::Host(host) => host.explain_refusal(stderr),
            Self::Container(container) => container.explain_loss(stderr),
        }
    }

    /// The failure of a run whose interpreter has no pytest; `None` if an environment with pytest
    /// can be made on top of it.
    pub fn explain_no_pytest(&self) -> Option<Failure> {
        match self {
            Self::Host(_) => None,
            Self::Container(container) => Some(container.explain_no_pytest()),
        }
    }

    /// What can be done about a process that ended like this, to follow the message about a test.
    pub fn hint_at_death(&self, exit: Exit) -> Option<String> {
        match (self, exit) {
            (Self::Container(container), Exit::Signal(signal)) => container.hint_at_death(signal),
            _ => None,
        }
    }

    /// The message of a test whose process ran out of memory.
    pub fn explain_out_of_memory(&self) -> String {
        match self {
            Self::Host(_) => "the interpreter ran out of memory in this test".to_owned(),
            Self::Container(container) => container.explain_out_of_memory(),
        }
    }
}
