//! Asks git for the commit of the project, and whether tracked files differ from it.

use std::path::Path;
use std::time::Duration;

use super::process::{ProcessSpec, run};

/// A repository on a slow disk is worth waiting for, but not for long: the run goes on meanwhile.
const LIMIT: Duration = Duration::from_secs(20);

/// The commit that is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitState {
    /// The full commit id.
    pub commit: String,
    /// True if tracked files of the project differ from it. Files that git does not track do not
    /// count.
    pub dirty: bool,
}

/// The state of the repository that holds `project`. `None` if there is no repository, no commit,
/// or no git: none of this is an error of a run.
pub fn state(project: &Path) -> Option<GitState> {
    let git = |args: &[&str]| {
        // Without optional locks a look does not rewrite the index under the user's own git.
        let spec = ProcessSpec::new("git", project)
            .args(args)
            .env("GIT_OPTIONAL_LOCKS", "0");
        run(&spec, LIMIT)
            .ok()
            .map(|answer| answer.stdout.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--verify", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no", "--", "."])?;
    Some(GitState {
        commit,
        dirty: !changes.is_empty(),
    })
}
