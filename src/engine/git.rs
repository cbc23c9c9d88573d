//! Asks git for the commit of the project, whether tracked files differ from it, and which of them
//! its own ignore files name.
//!
//! The repository came with the project, and its configuration can name programs: git starts none
//! of them here. The user's own configuration counts as always, except for the keys below.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::child::Exit;
use super::process::{ProcessError, ProcessSpec, run, run_for_bytes};

/// A repository on a slow disk is worth waiting for, but not for long: the run goes on meanwhile.
const LIMIT: Duration = Duration::from_secs(20);

/// Keys that make git start programs when it only looks, and values with which it starts none.
const QUIET: [&str; 6] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    // A folder of the project can look like a repository, with a configuration of its own.
    "safe.bareRepository=explicit",
    // Objects that are missing are not fetched, also not by a git that knows no variable for it.
    "protocol.allow=never",
    "diff.external=",
    "core.pager=cat",
];

/// Variables with the same purpose.
const QUIET_VARIABLES: [(&str, &str); 3] = [
    // A look does not rewrite the index under the user's own git.
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    // This one outweighs `protocol.NAME.allow`.
    ("GIT_ALLOW_PROTOCOL", "none"),
];

/// The commit that is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitState {
    /// The full commit id.
    pub commit: String,
    /// True if tracked files of the project differ from it. Files that git does not track do not
    /// count, nor do changes inside of submodules.
    pub dirty: bool,
}

/// Filter programs, as a pattern of keys.
const FILTERS: &str = r"^filter\..*\.(clean|process|required)$";

/// More than any repository has, and less than is captured of an answer.
const MOST_BYTES: usize = 64 * 1024;

/// The state of the repository that holds `project`. `None` if there is no repository, no commit,
/// or no git: none of this is an error of a run.
pub fn state(project: &Path) -> Option<GitState> {
    let commit = ask(&git(project).args(["rev-parse", "--verify", "HEAD"]))?;
    // A submodule is a repository of its own, with a configuration that is not looked through.
    let status = ["status", "--porcelain", "--ignore-submodules=dirty"];
    let tracked = ["--untracked-files=no", "--", "."];
    let changes = ask(&without_filters(project)?.args(status).args(tracked))?;
    Some(GitState {
        commit: commit.trim().to_owned(),
        dirty: !changes.trim().is_empty(),
    })
}

/// The names of a million files, which is more than a project may have.
const MOST_NAMES: usize = 128 << 20;

/// The tracked files of `project` that ignore files name all the same, as paths from there: somebody
/// added them by force. Empty if there is no repository or no git, or if git has no answer in time
/// or one that no project gives.
///
/// The paths are as the index of the repository has them, and that came with the project.
pub fn tracked_though_ignored(project: &Path) -> Vec<PathBuf> {
    let list = [
        "ls-files",
        "-z",
        "--cached",
        "--ignored",
        "--exclude-standard",
    ];
    let names = run_for_bytes(&git(project).args(list), MOST_NAMES, LIMIT);
    let names = names.ok().filter(|names| names.len() < MOST_NAMES);
    let names = names.unwrap_or_default();
    let names = names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    names
        .map(|name| PathBuf::from(OsStr::from_bytes(name)))
        .collect()
}

/// A call of git that starts no filter of the repository: a comparison of a file with its commit
/// would start them. The filters of the user and of the system stay.
fn without_filters(project: &Path) -> Option<ProcessSpec> {
    let list = ["config", "--null", "--name-only"];
    let list = |more: &[&str]| {
        let listing = git(project).args(list).args(more.iter().copied());
        ask(&listing.args(["--get-regexp", FILTERS])).filter(|names| names.len() < MOST_BYTES)
    };
    let scoped = list(&["--show-scope"]);
    let names: Vec<String> = match &scoped {
        Some(scoped) => {
            let words: Vec<&str> = scoped.split('\0').collect();
            let pairs = words.chunks_exact(2);
            let of_user = ["global", "system", "command"];
            let others = pairs.filter(|pair| !of_user.contains(&pair[0]));
            others.map(|pair| pair[1].to_owned()).collect()
        }
        // A git before 2.26 does not say whose they are.
        None => list(&[])?
            .split_terminator('\0')
            .map(str::to_owned)
            .collect(),
    };
    // Unlike `-c`, this takes names with `=`.
    let off = names
        .iter()
        .map(|name| format!("--config-env={name}={NOTHING}"));
    Some(git(project).args(off).env(NOTHING, ""))
}

/// A variable that is empty.
const NOTHING: &str = "MENACE_AGENT_NOTHING";

fn git(project: &Path) -> ProcessSpec {
    let quiet = QUIET.iter().flat_map(|setting| ["-c", setting]);
    let spec = ProcessSpec::new("git", project).args(quiet);
    let variables = QUIET_VARIABLES.iter();
    variables.fold(spec, |spec, (name, value)| spec.env(name, value))
}

/// The answer, which is empty if git found nothing; `None` if it could not look.
fn ask(spec: &ProcessSpec) -> Option<String> {
    match run(spec, LIMIT) {
        Ok(answer) => Some(answer.stdout),
        Err(ProcessError::Failed {
            exit: Exit::Code(1),
            ..
        }) => Some(String::new()),
        Err(_) => None,
    }
}
