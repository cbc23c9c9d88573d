//! Calls to an engine's command line: bounded, never with a shell, answers as JSON.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::facts::{self, EngineFacts, FoundContainer, ImageFacts};
use super::kind::{EngineKind, status};
use super::tunnel::Tunnel;
use crate::diag::{self, Hint};
use crate::engine::child::{Cancel, Exit};
use crate::engine::process::{Captured, ProcessError, ProcessSpec, run_fed, run_unless};
use crate::plan::cleanup::MARK;

/// An engine answers in milliseconds; over ssh, or on a machine that swaps, in seconds.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(20);
/// A container ends when its processes do, and a full disk makes that slow.
const REMOVE_LIMIT: Duration = Duration::from_mins(1);
/// Gigabytes from a slow disk.
const LOAD_LIMIT: Duration = Duration::from_mins(30);

/// An engine that answered.
#[derive(Debug, Clone)]
pub struct Engine {
    program: String,
    host: Option<String>,
    /// The facts in its answer.
    pub facts: EngineFacts,
    /// True if it is on another machine, so that nothing of this one can be mounted.
    pub is_remote: bool,
    cancel: Cancel,
    /// The connection that `host` leads through.
    _tunnel: Option<Arc<Tunnel>>,
}

/// Words of podman about an address at which nothing listens.
const NO_SOCKET: &str = "unable to connect to podman socket";

/// The reason why an engine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// None of the programs that were tried answers.
    #[error("no container engine answers{}", tried_note(.tried))]
    None {
        /// The programs, and the answer of each.
        tried: Vec<(String, String)>,
    },
    /// A call of the engine failed, or did not end in time.
    #[error("`{program}` cannot {action}")]
    Call {
        program: String,
        /// The words for the call after `cannot`, such as `list its images`.
        action: String,
        #[source]
        source: Box<ProcessError>,
    },
    /// The engine gave another answer than the call asks for, or none.
    #[error("`{program}` cannot {action}: {problem}")]
    Answer {
        program: String,
        /// The words for the call after `cannot`.
        action: String,
        /// The fault of the answer, in words.
        problem: String,
    },
}

fn tried_note(tried: &[(String, String)]) -> String {
    let lines = tried
        .iter()
        .map(|(program, problem)| format!("\n    {program}: {problem}"));
    lines.collect()
}

impl EngineError {
    /// The error and its causes, for a notice.
    pub fn in_one_line(&self) -> String {
        diag::in_one_line(self)
    }

    fn text(&self) -> String {
        self.in_one_line().to_ascii_lowercase()
    }
}

impl Hint for EngineError {
    fn hint(&self) -> Option<String> {
        let text = self.text();
        Some(if text.contains("permission denied") {
            "run as a member of the engine's group, or use a rootless engine; \
             `--no-container` runs on the host"
                .to_owned()
        } else if text.contains("no space left") {
            "make room on the disk of the engine; `agent cleanup` removes what runs left".to_owned()
        } else if text.contains(NO_SOCKET) {
            "start the engine that is to listen there, such as by `systemctl --user start \
             podman.socket`, or name another address by `--docker-host`; `--no-container` runs on \
             the host"
                .to_owned()
        } else {
            "start the engine, or name one with `--container-runtime` and `--docker-host`; \
             `--no-container` runs on the host"
                .to_owned()
        })
    }
}

impl Engine {
    pub(super) fn new(
        program: &str,
        host: Option<&str>,
        facts: EngineFacts,
        cancel: &Cancel,
    ) -> Self {
        Self {
            program: program.to_owned(),
            host: host.map(str::to_owned),
            facts,
            is_remote: false,
            cancel: cancel.clone(),
            _tunnel: None,
        }
    }

    /// The same on the machine at the other end of a connection, which stays open as long as this.
    pub(super) fn through(self, tunnel: Tunnel) -> Self {
        Self {
            is_remote: true,
            _tunnel: Some(Arc::new(tunnel)),
            ..self
        }
    }

    /// `docker` or `podman`.
    pub fn name(&self) -> &'static str {
        self.facts.kind.as_str()
    }

    /// A command of this engine.
    pub(super) fn command(&self, args: impl IntoIterator<Item = OsString>) -> ProcessSpec {
        command(&self.program, self.host.as_deref(), args)
    }

    /// The user and the group whom a container's files belong to: the ones who run the agent, or
    /// those of the project if that is root. `None` if root of the container is that user.
    ///
    /// Root in a container has no capabilities, so it may read no more than others.
    pub(super) fn user(&self, project: &Path) -> Option<(u32, u32)> {
        let me = nix::unistd::geteuid();
        match (self.facts.kind, self.facts.rootless) {
            // Root of a rootless docker is the user outside.
            (EngineKind::Docker, true) => None,
            (_, false) if me.is_root() => {
                let owner = project.metadata().ok().filter(|data| data.uid() != 0)?;
                Some((owner.uid(), owner.gid()))
            }
            (EngineKind::Podman, true) | (_, false) => {
                Some((me.as_raw(), nix::unistd::getegid().as_raw()))
            }
        }
    }

    /// The argument by which a container runs as that user.
    pub(super) fn run_as(&self, (uid, gid): (u32, u32)) -> String {
        if self.facts.rootless {
            "--userns=keep-id".to_owned()
        } else {
            format!("--user={uid}:{gid}")
        }
    }

    /// The facts of an image, by name or id; `None` if the engine has no such image.
    pub fn image(&self, name: &str) -> Result<Option<ImageFacts>, EngineError> {
        let action = format!("look at the image `{name}`");
        let answer = match self.call(&action, &["image", "inspect", name]) {
            Ok(answer) => answer,
            Err(error) if says_missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let image = facts::image(&answer.stdout);
        image
            .map(Some)
            .map_err(|problem| self.unreadable(action, problem))
    }

    /// The ids of all images that it has.
    pub fn image_ids(&self) -> Result<BTreeSet<String>, EngineError> {
        let args = ["images", "--all", "--no-trunc", "--quiet"];
        let answer = self.call("list its images", &args)?;
        Ok(answer.stdout.lines().map(facts::image_id).collect())
    }

    /// Fetches an image from its registry.
    pub fn pull(&self, name: &str) -> Result<(), EngineError> {
        let action = format!("pull the image `{name}`");
        self.call_within(LOAD_LIMIT, &action, &["pull", "--quiet", name])
            .map(drop)
    }

    /// Loads an image from the tar that `write` writes. The error of `write` is the inner one.
    pub fn load<E: Send>(
        &self,
        write: impl FnOnce(&mut dyn io::Write) -> Result<(), E> + Send,
    ) -> Result<Result<(), E>, EngineError> {
        let action = || "load an image".to_owned();
        let spec = self.command([OsString::from("load")]);
        let (loaded, written) = run_fed(&spec, LOAD_LIMIT, &self.cancel, write)
            .map_err(|source| self.failed(action(), source))?;
        match loaded {
            Ok(_) => Ok(written),
            Err(source) => Err(self.failed(action(), source)),
        }
    }

    /// The containers that carry the agent's label, whatever their state.
    pub fn containers(&self) -> Result<Vec<FoundContainer>, EngineError> {
        let action = "list its containers";
        let filter = format!("label={MARK}=1");
        let args = [
            "ps",
            "--all",
            "--no-trunc",
            "--filter",
            &filter,
            "--format",
            "{{json .}}",
        ];
        let answer = self.call(action, &args)?;
        facts::containers(&answer.stdout)
            .map_err(|problem| self.unreadable(action.to_owned(), problem))
    }

    /// Kills a container; one that is gone is as good.
    pub(in crate::engine) fn kill(&self, name: &str) -> Result<(), EngineError> {
        self.end(&format!("kill the container `{name}`"), &["kill", name])
    }

    /// Removes a container and its anonymous volumes, running or not; one that is gone is as good.
    pub fn remove(&self, name: &str) -> Result<(), EngineError> {
        let args = ["rm", "--force", "--volumes", name];
        self.end(&format!("remove the container `{name}`"), &args)
    }

    fn end(&self, action: &str, args: &[&str]) -> Result<(), EngineError> {
        let spec = self.command(args.iter().map(OsString::from));
        // Containers are tidied up after a cancellation as well.
        match run_unless(&spec, REMOVE_LIMIT, &Cancel::default()) {
            Ok(_) => Ok(()),
            Err(source) => {
                let error = self.failed(action.to_owned(), source);
                if says_missing(&error) {
                    Ok(())
                } else {
                    Err(error)
                }
            }
        }
    }

    pub(super) fn call(&self, action: &str, args: &[&str]) -> Result<Captured, EngineError> {
        self.call_within(CALL_LIMIT, action, args)
    }

    fn call_within(
        &self,
        limit: Duration,
        action: &str,
        args: &[&str],
    ) -> Result<Captured, EngineError> {
        let spec = self.command(args.iter().map(OsString::from));
        run_unless(&spec, limit, &self.cancel)
            .map_err(|source| self.failed(action.to_owned(), source))
    }

    fn failed(&self, action: String, source: ProcessError) -> EngineError {
        EngineError::Call {
            program: self.program.clone(),
            action,
            source: Box::new(source),
        }
    }

    fn unreadable(&self, action: String, problem: String) -> EngineError {
        EngineError::Answer {
            program: self.program.clone(),
            action,
            problem,
        }
    }
}

#[cfg(test)]
impl Engine {
    /// An engine for tests that start nothing.
    pub(crate) fn unreachable(kind: super::kind::EngineKind) -> Self {
        let facts = EngineFacts {
            kind,
            version: "1".to_owned(),
            rootless: false,
            service_is_remote: false,
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
        };
        Self::new(kind.as_str(), None, facts, &Cancel::default())
    }
}

/// The command line of an engine, at `host`.
pub(super) fn command(
    program: &str,
    host: Option<&str>,
    args: impl IntoIterator<Item = OsString>,
) -> ProcessSpec {
    let spec = ProcessSpec::new(PathBuf::from(program), "/");
    let at = match host {
        None => Vec::new(),
        Some(host) if is_podman(program) => vec!["--url".to_owned(), host.to_owned()],
        Some(host) => vec!["--host".to_owned(), host.to_owned()],
    };
    spec.args(at).args(args)
}

/// Goes by the name, because nothing but an answer would show the kind of the engine.
pub(super) fn is_podman(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    name.starts_with("podman")
}

/// True if the engine says that there is no such image or container, or that the container ends.
fn says_missing(error: &EngineError) -> bool {
    let EngineError::Call { source, .. } = error else {
        return false;
    };
    let ProcessError::Failed {
        stderr_tail, exit, ..
    } = source.as_ref()
    else {
        return false;
    };
    let text = stderr_tail.to_ascii_lowercase();
    let unknown = [
        "no such image",
        "no such container",
        "no such object",
        "image not known",
        "no container with",
        "is not running",
        "can only kill running containers",
        "already in progress",
    ];
    matches!(exit, Exit::Code(code) if *code <= status::ENGINE)
        && unknown.iter().any(|words| text.contains(words))
}
