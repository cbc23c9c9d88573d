//! The reasons for which there is no schedule.

use std::io;
use std::path::PathBuf;

use crate::diag::Hint;
use crate::exporter::ExporterError;
use crate::model::{ExitCode, Lease};
use crate::store::StoreError;

/// The reason for which the scheduler could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The state file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The exporter cannot listen on its address.
    #[error(transparent)]
    Exporter(#[from] ExporterError),
    /// Another agent keeps the schedule of this state file.
    #[error("the schedule of this project is kept by {}", holder(.0))]
    Kept(Box<Lease>),
    /// Its lease was taken over, or released by force.
    #[error("the lease of the schedule was lost: another agent may keep it now")]
    Lost,
    /// Threads or signal handlers cannot be had.
    #[error("cannot listen to signals")]
    Runtime(#[source] io::Error),
}

fn holder(lease: &Lease) -> String {
    let holder = lease.hold.as_ref().map(|hold| hold.holder.to_string());
    holder.unwrap_or_else(|| "another agent".to_owned())
}

impl Hint for SchedulerError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Store(error) => error.exit_code(),
            Self::Exporter(error) => error.exit_code(),
            Self::Kept(_) | Self::Lost | Self::Runtime(_) => ExitCode::ENVIRONMENT,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Exporter(error) => error.hint(),
            Self::Kept(_) => Some(
                "`agent status` shows what it does; stop it first, or give this one a state file \
                 of its own with `--db`"
                    .to_owned(),
            ),
            Self::Lost => Some(
                "`agent status` shows which; a restart takes the lease again where it is free"
                    .to_owned(),
            ),
            Self::Runtime(_) => None,
        }
    }
}

/// Settings that were read while a scheduler is at work lead to another state file.
#[derive(Debug, thiserror::Error)]
#[error("the state file would be another one: `{}`", .0.display())]
pub struct AnotherStateFile(pub PathBuf);

impl Hint for AnotherStateFile {
    fn exit_code(&self) -> ExitCode {
        ExitCode::USAGE
    }

    fn hint(&self) -> Option<String> {
        Some("restart the service to use it".to_owned())
    }
}
