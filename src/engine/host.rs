//! A harness on the host: the project's interpreter, in the project.

use std::path::{Path, PathBuf};

use super::process::ProcessSpec;
use crate::pytest::source;

/// Which interpreter drives which project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSpec {
    /// The interpreter.
    pub python: PathBuf,
    /// The project folder, which is the working directory.
    pub project: PathBuf,
}

impl HostSpec {
    /// The process of the harness.
    pub(super) fn process(&self) -> ProcessSpec {
        ProcessSpec::new(&self.python, &self.project).args(["-c", source::LOADER])
    }
}

/// Whether a path can be started as a program at all.
pub fn is_executable_file(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
