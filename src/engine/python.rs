//! Finds the project's interpreter.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::host::is_executable_file;
use crate::diag::Hint;

/// The reason why there is no interpreter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PythonError {
    /// The one that was asked for is not there.
    #[error("there is no interpreter `{0}`")]
    NotFound(String),
    /// The path that was asked for cannot be executed.
    #[error("`{0}` is not an executable file")]
    NotExecutable(String),
    /// None was asked for and none is there.
    #[error("there is no Python for the project `{}`", .0.display())]
    None(PathBuf),
}

impl Hint for PythonError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound(_) | Self::NotExecutable(_) => {
                "pass `--python` a path or a name on PATH, such as `--python .venv/bin/python`"
                    .to_owned()
            }
            Self::None(_) => "looked at $VIRTUAL_ENV, .venv, venv and `python3` on PATH; \
                              pass `--python PATH`"
                .to_owned(),
        })
    }
}

/// The interpreter to use: the one that was asked for, else `$VIRTUAL_ENV`, `.venv` and `venv` of
/// the project, else `python3` on `PATH`.
///
/// Only the start of the harness shows if it is a Python at all.
pub fn find(asked: Option<&str>, project: &Path) -> Result<PathBuf, PythonError> {
    if let Some(asked) = asked {
        return find_asked(asked, project);
    }
    let active = env::var_os("VIRTUAL_ENV")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let folders = active
        .into_iter()
        .chain([project.join(".venv"), project.join("venv")]);
    folders
        .map(|folder| folder.join("bin/python"))
        .find(|path| is_executable_file(path))
        .or_else(|| on_path("python3"))
        .ok_or_else(|| PythonError::None(project.to_owned()))
}

fn find_asked(asked: &str, project: &Path) -> Result<PathBuf, PythonError> {
    if !asked.contains('/') {
        return on_path(asked).ok_or_else(|| PythonError::NotFound(asked.to_owned()));
    }
    let path = project.join(asked);
    if !path.exists() {
        Err(PythonError::NotFound(asked.to_owned()))
    } else if is_executable_file(&path) {
        Ok(path)
    } else {
        Err(PythonError::NotExecutable(asked.to_owned()))
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(OsStr::new(name)))
        .find(|candidate| is_executable_file(candidate))
}
