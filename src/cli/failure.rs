//! [`Failure`]: an error on its way out, with the exit code and the hint that belong to it.

use std::io;

use crate::archive::{ArchiveError, PackError};
use crate::diag::Hint;
use crate::engine::container::EngineError;
use crate::exporter::ExporterError;
use crate::model::ExitCode;
use crate::run::analysis::AnalysisError;
use crate::service::ServiceError;
use crate::service::cleanup::CleanupError;
use crate::service::images::ImageError;
use crate::service::install::InstallError;
use crate::service::scheduler::SchedulerError;
use crate::settings::SettingsError;
use crate::store::StoreError;

/// Why a command could not do its work.
///
/// The errors of the lower layers become one of these with `?`; the list of `From`s below is the
/// list of exit codes.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: ExitCode,
    pub(super) hint: Option<String>,
    pub(super) error: anyhow::Error,
}

impl Failure {
    /// An error with a hint of its own.
    pub(super) fn new(exit: ExitCode, error: impl Hint + Send + Sync + 'static) -> Self {
        Self {
            exit,
            hint: error.hint(),
            error: error.into(),
        }
    }

    /// The command line asks for something that is not there.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: ExitCode::USAGE,
            hint: None,
            error: error.into(),
        }
    }

    /// The surroundings of the command are not as they should be.
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

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(ExitCode::STATE_FILE, error)
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        Self::new(ExitCode::ENVIRONMENT, error)
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        let exit = if error.is_usage() {
            ExitCode::USAGE
        } else {
            ExitCode::ENVIRONMENT
        };
        Self::new(exit, error)
    }
}

impl From<CleanupError> for Failure {
    fn from(error: CleanupError) -> Self {
        Self::new(ExitCode::STATE_FILE, error)
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let exit = match error {
            ImageError::Store(_) => ExitCode::STATE_FILE,
            _ => ExitCode::ENVIRONMENT,
        };
        Self::new(exit, error)
    }
}

impl From<InstallError> for Failure {
    fn from(error: InstallError) -> Self {
        let exit = if error.is_usage() {
            ExitCode::USAGE
        } else {
            ExitCode::ENVIRONMENT
        };
        Self::new(exit, error)
    }
}

impl From<AnalysisError> for Failure {
    fn from(error: AnalysisError) -> Self {
        let exit = match error {
            AnalysisError::Store(_) => ExitCode::STATE_FILE,
            AnalysisError::Scan(_) => ExitCode::ENVIRONMENT,
        };
        Self::new(exit, error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(ExitCode::ENVIRONMENT, error)
    }
}

impl From<SchedulerError> for Failure {
    fn from(error: SchedulerError) -> Self {
        Self::new(error.exit_code(), error)
    }
}

impl From<ExporterError> for Failure {
    fn from(error: ExporterError) -> Self {
        Self::new(ExitCode::ENVIRONMENT, error)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::new(error.exit_code(), error)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::new(ExitCode::USAGE, error)
    }
}
