//! Processes on the host: the project's interpreter, in the project.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::launch::{Invocation, Launch};
use super::process::ProcessSpec;
use crate::diag::last_lines;
use crate::model::Failure;
use crate::pytest::source;

/// The interpreter and the project of the processes on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostExecutor {
    pub python: PathBuf,
    /// The project folder, which is the working directory.
    pub project: PathBuf,
}

impl HostExecutor {
    /// An interpreter starts in milliseconds; on a cold network disk it can take many seconds.
    pub(super) const HELLO_LIMIT: Duration = Duration::from_mins(1);

    pub(super) fn invocation(&self, launch: &Launch) -> Invocation {
        let python = launch.python.as_ref().unwrap_or(&self.python);
        Invocation {
            process: ProcessSpec::new(python, &self.project).args(["-c", source::LOADER]),
            container: None,
        }
    }

    pub(super) fn explain_refusal(&self, stderr: &str) -> Failure {
        let python = self.python.display();
        let mut failure = Failure::environment(
            format!("the interpreter `{python}` was not started"),
            "pass `--python` the interpreter of the project; `agent config` shows the present one",
        );
        failure
            .causes
            .extend(last_lines(stderr, 5).map(str::to_owned));
        failure
    }
}

/// True if the path is a regular file that its owner, its group or others may execute.
pub fn is_executable_file(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
