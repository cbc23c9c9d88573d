//! The errors of settings. All of them are usage errors: the agent has not begun to work.

use std::io;
use std::path::PathBuf;

use super::table;
use super::value::Problem;
use crate::diag::Hint;
use crate::model::ExitCode;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The working folder has gone or cannot be read.
    #[error("cannot use the working folder {}", path.display())]
    WorkingFolder {
        /// The folder that cannot be used.
        path: PathBuf,
        /// The error that the system reported.
        source: io::Error,
    },
    /// The flag `--project` names no folder.
    #[error("cannot use `--project {given}`")]
    Project {
        /// The text as it was typed.
        given: String,
        /// The error that the system reported.
        source: io::Error,
    },
    /// A settings file exists and cannot be read.
    #[error("cannot read the settings in {}", path.display())]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The error that the system reported.
        source: io::Error,
    },
    /// A settings file is no text.
    #[error("the settings in {}:{line} are not UTF-8", path.display())]
    NotUtf8 {
        /// The path of the file.
        path: PathBuf,
        /// The line of the first bad byte, from 1.
        line: usize,
    },
    /// A line of a settings file is wrong.
    #[error("cannot use the settings in {}:{line}", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// The problem with that line.
        source: Box<FileProblem>,
    },
    /// A variable holds something else than its setting takes.
    #[error("cannot use the variable `{name}`")]
    Variable {
        /// The name of the variable.
        name: String,
        /// The problem with its value.
        source: Problem,
    },
    /// A variable of the agent is no text.
    #[error("the value of the variable `{name}` is not UTF-8")]
    VariableNotUtf8 {
        /// The name of the variable.
        name: String,
    },
    /// A flag was given something else than its setting takes.
    #[error("cannot use `{flag}`")]
    Flag {
        /// The flag as it was typed.
        flag: String,
        /// The problem with its value.
        source: Problem,
    },
    /// A place of the agent is behind a link that nobody asked for.
    #[error(
        "`{}` is no place of the agent: a link leads to `{}`",
        path.display(),
        end.display()
    )]
    LeadsOut {
        /// The setting that has the place.
        setting: &'static str,
        /// The place.
        path: PathBuf,
        /// The end of the link.
        end: PathBuf,
    },
    /// A flag that belongs to no setting.
    #[error("no setting has the flag `{flag}`")]
    UnknownFlag {
        /// The flag that was given.
        flag: String,
    },
}

/// The problem with a line of a settings file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// The file is no TOML.
    #[error("{message}, in the line `{text}`")]
    Syntax {
        /// The message of the TOML parser.
        message: String,
        /// The text of the line, shortened.
        text: String,
    },
    /// No setting has that name.
    #[error("no setting is called `{key}`, in the line `{text}`")]
    UnknownKey {
        /// The key as it is written.
        key: String,
        /// The text of the line, shortened.
        text: String,
        /// The name of a setting that resembles the key, if there is one.
        nearest: Option<&'static str>,
    },
    /// The value is not one that the setting takes.
    #[error("`{key}` is `{}`, {}, in the line `{text}`", problem.found, problem.reason)]
    Value {
        /// The key as it is written.
        key: String,
        /// The text of the line, shortened.
        text: String,
        /// The problem with the value.
        problem: Problem,
    },
}

impl Hint for SettingsError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::USAGE
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::WorkingFolder { .. } => Some("change to a folder that exists".to_owned()),
            Self::Project { .. } => Some("give the folder of the project".to_owned()),
            Self::Unreadable { path, .. } => Some(format!(
                "make it a file that you may read, or move {} away",
                path.display()
            )),
            Self::NotUtf8 { .. } => Some("save the file as UTF-8".to_owned()),
            Self::File { source, .. } => source.hint(),
            Self::Variable { source, .. } | Self::Flag { source, .. } => source.hint.clone(),
            Self::VariableNotUtf8 { name } => Some(format!("run `unset {name}`")),
            Self::LeadsOut { setting, .. } => Some(format!(
                "remove the link, or name the place: {}",
                table::ways_to_set(setting)
            )),
            Self::UnknownFlag { .. } => None,
        }
    }
}

impl Hint for FileProblem {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Syntax { .. } => None,
            Self::UnknownKey {
                nearest: Some(name),
                ..
            } => Some(format!("did you mean `{name}`?")),
            Self::UnknownKey { nearest: None, .. } => {
                Some(format!("the settings are {}", table::keys().join(", ")))
            }
            Self::Value { problem, .. } => problem.hint.clone(),
        }
    }
}
