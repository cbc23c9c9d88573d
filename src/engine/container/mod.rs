//! A harness in a container: what it is started with, and how its end is told.
//!
//! ```text
//!   agent ──► docker run -i ──► [guardian, process 1] ──► [harness, a session of its own]
//!             (a process here)         │ signals, orphans        │
//!      ◄───────── lines ───────────────┴──── last word ◄─────────┘ lines
//! ```
//!
//! Nothing is installed in the image and nothing of ours is mounted: the guardian and the harness
//! come over standard input. What the container may reach is the project, read-only, a `/tmp` of
//! its own in memory, and a folder for byte code; its capabilities are dropped.
//!
//! **Invariant:** a container carries the labels of its run before it exists, so that `agent
//! cleanup` finds it whatever happens to this process.

mod call;
mod facts;
mod project;
mod tunnel;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use call::{Engine, EngineError, EngineKind, Wanted};
pub use facts::{EngineFacts, FoundContainer, ImageFacts};
pub(super) use project::Pieces;
pub use project::{ProjectSource, Stream};

use super::child::{Exit, NotStarted};
use super::process::ProcessSpec;
use crate::pytest::protocol::Ended;
use crate::pytest::source;

/// How long a guardian may take to end its container, and then the engine.
pub(super) const KILL_GRACE: Duration = Duration::from_secs(5);

/// What `/tmp` holds at most. It is memory, and counts as the container's.
const TMP_BYTES: u64 = 2 << 30;

/// Statuses of `docker run` and `podman run` that are their own, not the container's.
mod status {
    /// The engine refused, or failed.
    pub(super) const ENGINE: i32 = 125;
    /// The program is not there.
    pub(super) const NOT_FOUND: i32 = 127;
    /// Killed by SIGKILL.
    pub(super) const KILLED: i32 = 137;
}

/// Where a container's byte code is kept between runs.
const BYTE_CODE: &str = "/var/cache/menace-self-test";

/// A container to start.
#[derive(Debug, Clone)]
pub struct ContainerSpec {
    /// The engine that runs it.
    pub engine: Arc<Engine>,
    /// Its name, unique.
    pub name: String,
    /// Its labels, the agent's [`MARK`](crate::plan::cleanup::MARK) among them.
    pub labels: Vec<(String, String)>,
    /// The image, by id.
    pub image: String,
    /// The interpreter in the image.
    pub python: String,
    /// The project folder, the same inside and outside.
    pub project: PathBuf,
    /// How the project gets there.
    pub source: ProjectSource,
    /// Variables: those with a value are set, the others are handed on from this process.
    pub environment: Vec<(String, Option<String>)>,
    /// What it may take.
    pub limits: Limits,
    /// The network; `None` for the engine's default.
    pub network: Option<String>,
    /// Further arguments of `run`.
    pub extra: Vec<String>,
}

/// What a container may take, as the engines write it; `None` for no limit but the engine's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory, such as `512m`.
    pub memory: Option<String>,
    /// Processors, such as `1.5`.
    pub cpus: Option<String>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

/// A container that could not be removed, and why.
pub(super) struct Leftover(pub(super) String);

impl ContainerSpec {
    /// The process that runs the container and holds its streams.
    pub(super) fn process(&self) -> ProcessSpec {
        let mut args: Vec<OsString> = Vec::new();
        let mut add = |parts: &[&str]| args.extend(parts.iter().map(OsString::from));
        add(&["run", "--interactive", "--rm", "--pull", "never"]);
        add(&["--name", &self.name, "--log-driver", "none"]);
        for (name, value) in &self.labels {
            add(&["--label", &format!("{name}={value}")]);
        }
        add(&["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]);
        let tmp = format!("/tmp:rw,exec,nosuid,nodev,mode=1777,size={TMP_BYTES}");
        add(&["--tmpfs", &tmp]);
        if let Some(memory) = &self.limits.memory {
            // Swap would make a limit that is reached slow instead of plain.
            add(&["--memory", memory, "--memory-swap", memory]);
        }
        if let Some(cpus) = &self.limits.cpus {
            add(&["--cpus", cpus]);
        }
        if let Some(pids) = self.limits.pids {
            add(&["--pids-limit", &pids.to_string()]);
        }
        add(&["--hostname", "selftest", "--add-host", "selftest:127.0.0.1"]);
        if let Some(network) = &self.network {
            add(&["--network", network]);
        }
        add(&["--env", "HOME=/tmp"]);
        for (name, value) in &self.environment {
            match value {
                Some(value) => add(&["--env", &format!("{name}={value}")]),
                None => add(&["--env", name]),
            }
        }
        self.add_project(&mut add);
        for argument in &self.extra {
            add(&[argument]);
        }
        let project = self.project.to_string_lossy();
        add(&["--entrypoint", &self.python, &self.image]);
        add(&["-c", source::GUARDIAN, source::LOADER, &project]);
        self.engine.command(args)
    }

    fn add_project(&self, add: &mut impl FnMut(&[&str])) {
        let project = self.project.to_string_lossy();
        let ProjectSource::Mounted { hidden, byte_code } = &self.source else {
            return;
        };
        // A label of SELinux would have to be written to every file of the project.
        add(&["--security-opt", "label=disable"]);
        add(&["--mount", &mount(&self.project, &project, true)]);
        add(&["--workdir", &project]);
        for folder in hidden {
            let to = format!("destination={}", folder.display());
            let mut fields = vec!["type=tmpfs", &to];
            if self.engine.facts.kind == EngineKind::Podman {
                // It would copy what is to be hidden.
                fields.push("notmpcopyup");
            }
            add(&["--mount", &csv(&fields)]);
        }
        if let Some(folder) = byte_code {
            add(&["--mount", &mount(folder, BYTE_CODE, false)]);
            add(&["--env", &format!("PYTHONPYCACHEPREFIX={BYTE_CODE}")]);
        }
        if let Some(user) = self.engine.user() {
            add(&user.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    /// What the end of the process says of the container, which is gone when this returns, unless
    /// it says otherwise. `stderr` is the end of what the engine, or the container, complained of.
    pub(super) fn settle(
        &self,
        exit: Exit,
        ended: Option<Ended>,
        stderr: &str,
    ) -> (Exit, Option<Leftover>) {
        let told = ended.and_then(|ended| match (ended.code, ended.signal) {
            _ if ended.stopped => Some(Exit::ContainerKilled),
            (_, Some(9)) if ended.oom_kills > 0 => Some(Exit::OutOfMemory),
            (_, Some(signal)) => Some(Exit::Signal(signal)),
            (Some(code), None) => Some(Exit::Code(code)),
            (None, None) => None,
        });
        if let (Some(told), Exit::Code(_)) = (told, exit) {
            // It ended in good order, and `--rm` removes it.
            return (told, None);
        }
        let leftover = self.engine.remove(&self.name).err();
        let leftover = leftover.map(|error| Leftover(error.in_one_line()));
        let exit = told.unwrap_or(match exit {
            Exit::Code(_) if stderr.contains("exec format error") => {
                Exit::NotStarted(NotStarted::NotExecutable)
            }
            Exit::Code(status @ status::ENGINE..=status::NOT_FOUND) => {
                Exit::NotStarted(why(status, stderr))
            }
            Exit::Code(status::KILLED) => Exit::ContainerKilled,
            Exit::Signal(_) => Exit::EngineLost,
            other => other,
        });
        (exit, leftover)
    }
}

/// The engines use the same status for a program that is not there and for a limit that they
/// could not set.
fn why(status: i32, stderr: &str) -> NotStarted {
    let said = stderr.to_ascii_lowercase();
    let no_program = ["executable file not found", "no such file or directory"];
    if status == status::NOT_FOUND && no_program.iter().any(|words| said.contains(words)) {
        NotStarted::NotFound
    } else {
        NotStarted::Refused
    }
}

fn mount(from: &Path, to: &str, read_only: bool) -> String {
    let from = format!("source={}", from.display());
    let to = format!("destination={to}");
    let mut fields = vec!["type=bind", &from, &to];
    if read_only {
        fields.push("readonly");
    }
    csv(&fields)
}

/// Fields as both engines read them: a line of CSV.
fn csv(fields: &[&str]) -> String {
    let quoted: Vec<String> = fields
        .iter()
        .map(|field| {
            if field.contains([',', '"', '\n']) {
                format!("\"{}\"", field.replace('"', "\"\""))
            } else {
                (*field).to_owned()
            }
        })
        .collect();
    quoted.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_mount_are_quoted_where_they_must_be() {
        assert_eq!(
            mount(Path::new("/a b"), "/a b", true),
            "type=bind,source=/a b,destination=/a b,readonly"
        );
        assert_eq!(
            mount(Path::new("/a,\"b"), "/c", false),
            "type=bind,\"source=/a,\"\"b\",destination=/c"
        );
    }
}
