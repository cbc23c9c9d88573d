//! [`Failure`]: an error on its way out, with the exit code and the hint that belong to it.

use std::io;

use crate::diag::Hint;
use crate::model::ExitCode;

/// The reason why a command could not do its work.
///
/// The errors of the lower layers become one of these with `?`: each knows its exit code.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: ExitCode,
    pub(super) hint: Option<String>,
    pub(super) error: anyhow::Error,
}

impl Failure {
    /// The request is wrong: it names something that is not there, or that cannot be used this way.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: ExitCode::USAGE,
            hint: None,
            error: error.into(),
        }
    }

    /// The request is right, but something outside of the agent fails, such as an engine or a file.
    pub(super) fn environment(error: anyhow::Error) -> Self {
        Self {
            exit: ExitCode::ENVIRONMENT,
            hint: None,
            error,
        }
    }

    /// A failed write to standard output: a full disk, most often.
    pub(super) fn stdout(error: io::Error) -> Self {
        Self {
            exit: ExitCode::ENVIRONMENT,
            hint: None,
            error: anyhow::Error::new(error).context("cannot write to standard output"),
        }
    }
}

impl<E: Hint + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            exit: error.exit_code(),
            hint: error.hint(),
            error: error.into(),
        }
    }
}
