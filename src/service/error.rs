//! [`ServiceError`]: the reason for which there was no run.

use std::io;

use tokio::task::JoinError;

use super::container::ContainerError;
use crate::diag::Hint;
use crate::engine::python::PythonError;
use crate::model::ExitCode;
use crate::run::{RunError, StopSignal};
use crate::source::PathError;
use crate::store::StoreError;

/// The reason for which there was no run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A path of the settings cannot be run.
    #[error(transparent)]
    Path(#[from] PathError),
    /// An option by which pytest runs no test.
    #[error("`{0}` runs no test, and `agent run` records the results of tests")]
    NoTest(String),
    /// A debugger without a terminal.
    #[error("`{option}` needs a terminal, and {why}")]
    NoTerminal {
        /// The option that asks for it.
        option: String,
        /// Why there is none.
        why: &'static str,
    },
    /// No Python interpreter was found.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// Nothing can run in a container.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A signal came while the run was prepared.
    #[error("{} before the run began", match .0 { StopSignal::Interrupt => "interrupted", StopSignal::Terminate => "terminated" })]
    Stopped(StopSignal),
    /// The state file cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run could not be recorded to its end.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Threads or signal handlers cannot be had.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// A thread of the run failed: a bug.
    #[error("a part of the run failed")]
    Thread(#[from] JoinError),
}

impl Hint for ServiceError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Path(error) => error.exit_code(),
            Self::NoTest(_) | Self::NoTerminal { .. } => ExitCode::USAGE,
            Self::Stopped(signal) => signal.exit_code(),
            Self::Container(error) => error.exit_code(),
            Self::Python(error) => error.exit_code(),
            Self::Store(error) => error.exit_code(),
            Self::Run(error) => error.exit_code(),
            Self::Runtime(_) => ExitCode::ENVIRONMENT,
            Self::Thread(_) => ExitCode::BUG,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Path(error) => error.hint(),
            Self::NoTerminal { option, .. } => Some(format!(
                "run it in a terminal, on this machine: `agent run --no-container {option} TEST`"
            )),
            Self::NoTest(option) => Some(format!("`python -m pytest {option}` prints it")),
            Self::Python(error) => error.hint(),
            Self::Container(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Run(error) => error.hint(),
            Self::Stopped(_) | Self::Runtime(_) | Self::Thread(_) => None,
        }
    }
}
