//! The reasons for which a service could not be installed, removed or asked for.

use std::io;
use std::path::PathBuf;

use crate::diag::Hint;
use crate::engine::process::ProcessError;
use crate::model::ExitCode;
use crate::unit::{UnitError, UnitName};

/// The reason for which a service could not be installed, removed or asked for.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The variable `HOME` names no absolute folder.
    #[error("the variable `HOME` names no folder")]
    NoHome,
    /// A path, or a folder of `PATH`, is not UTF-8.
    #[error("{what} is not UTF-8: {shown}")]
    NotUtf8 {
        /// The thing that is not UTF-8, in words.
        what: &'static str,
        /// The path as far as it can be shown.
        shown: String,
    },
    /// The agent cannot find its own file.
    #[error("cannot find the file of this program")]
    Program(#[source] io::Error),
    /// A setting would be another one where the service works.
    #[error("{origin} sets `{setting}` to `{here}` here, and to `{there}` in the service")]
    FolderDependent {
        /// The origin of the setting, in words.
        origin: String,
        /// The name of the setting.
        setting: &'static str,
        /// The value that it has here.
        here: String,
        /// The value that the service would read.
        there: String,
        /// The folder that the service works in.
        project: PathBuf,
    },
    /// A file would be written somewhere else.
    #[error("`{flag} {}` is another file in the service", path.display())]
    OtherFile {
        /// The flag that names the file.
        flag: &'static str,
        /// The path as it was typed.
        path: PathBuf,
        /// The folder that the service works in.
        project: PathBuf,
    },
    /// The unit cannot hold one of its texts.
    #[error("cannot write the unit of the service")]
    Unit(#[from] UnitError),
    /// The manager does not answer.
    #[error("{manager} of the user `{user}` does not answer")]
    NoManager {
        /// The name of the manager: `systemd` or `launchd`.
        manager: &'static str,
        /// The user whose manager it is.
        user: String,
        /// The error of the call to it.
        source: Box<ProcessError>,
    },
    /// The manager does not read the folder of units.
    #[error("systemd of this user does not read `{}`", folder.display())]
    NotRead {
        /// The folder that is not read.
        folder: PathBuf,
        /// The folder of units in the home of the manager, if it has one.
        reads: Option<String>,
    },
    /// A file of somebody else is in the way.
    #[error("`{}` was not made by the agent", path.display())]
    Foreign {
        /// The path of the file.
        path: PathBuf,
    },
    /// The same, if it was to be removed.
    #[error("`{}` was not made by the agent, and stays", path.display())]
    NotMade {
        /// The path of the file.
        path: PathBuf,
    },
    /// The name belongs to the service of another project.
    #[error("the service `{name}` watches over `{project}`")]
    OtherProject {
        /// The name of the service.
        name: UnitName,
        /// The project that it watches over.
        project: String,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// The action that failed: `read`, `write` …
        action: &'static str,
        /// The path of the file or folder.
        path: PathBuf,
        /// The error that the system reported.
        source: io::Error,
    },
    /// The manager does not take it.
    #[error("{manager} does not take the service `{name}`")]
    Refused {
        /// The name of the manager: `systemd` or `launchd`.
        manager: &'static str,
        /// The name of the service.
        name: UnitName,
        /// The error of the call to it.
        source: Box<ProcessError>,
    },
    /// It is installed, and does not start.
    #[error("the service `{name}` is installed, and does not start")]
    Start {
        /// The name of the service.
        name: UnitName,
        /// The error of the call to the manager.
        source: Box<ProcessError>,
        /// The command that shows its log.
        log: String,
    },
    /// It is running and cannot be stopped.
    #[error("cannot stop the service `{name}`")]
    Stop {
        /// The name of the service.
        name: UnitName,
        /// The error of the call to the manager.
        source: Box<ProcessError>,
    },
}

impl Hint for InstallError {
    fn exit_code(&self) -> ExitCode {
        let is_usage = matches!(
            self,
            Self::NotUtf8 { .. }
                | Self::FolderDependent { .. }
                | Self::OtherFile { .. }
                | Self::Unit(_)
                | Self::Foreign { .. }
                | Self::NotMade { .. }
                | Self::OtherProject { .. }
        );
        if is_usage {
            ExitCode::USAGE
        } else {
            ExitCode::ENVIRONMENT
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoHome => "set `HOME` to your home folder".to_owned(),
            Self::NotUtf8 { .. } => "give it a name in UTF-8".to_owned(),
            Self::Program(_) => "call it by its path".to_owned(),
            Self::FolderDependent { project, .. } | Self::OtherFile { project, .. } => format!(
                "give it as an absolute path, or change to `{}` first",
                project.display()
            ),
            Self::Unit(error) => return error.hint(),
            Self::NoManager {
                manager: "launchd", ..
            } => "log in at the screen of this machine; `agent service print` needs no launchd"
                .to_owned(),
            Self::NoManager { user, .. } => format!(
                "log in as the user of the service, not through `su` or `sudo`, or have root call \
                 `loginctl enable-linger {user}`; `agent service print` needs no systemd"
            ),
            Self::NotRead { reads, .. } => match reads {
                Some(folder) => format!("it reads `{folder}`: unset `XDG_CONFIG_HOME`"),
                None => "unset `XDG_CONFIG_HOME`".to_owned(),
            },
            Self::Foreign { .. } => {
                "give the service another `--name`, or replace the file with `--force`".to_owned()
            }
            Self::NotMade { .. } => "remove it yourself, or give another `--name`".to_owned(),
            Self::OtherProject { .. } => {
                "give this one another `--name`, or replace that one with `--force`".to_owned()
            }
            Self::File { .. } => "make it, and its folder, yours to write".to_owned(),
            Self::Refused { .. } => return None,
            Self::Start { log, .. } => format!("`{log}` says why"),
            Self::Stop { .. } => "see what holds it up with `agent service status`".to_owned(),
        })
    }
}
