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
use super::tunnel::{Address, Tunnel};
use crate::diag::{self, Hint, one_line};
use crate::engine::child::{Cancel, Exit};
use crate::engine::process::{Captured, ProcessError, ProcessSpec, run_fed, run_unless};
use crate::plan::cleanup::MARK;

/// An engine answers in milliseconds; over ssh, or on a machine that swaps, in seconds.
const CALL_LIMIT: Duration = Duration::from_secs(20);
/// A container ends when its processes do, and a full disk makes that slow.
const REMOVE_LIMIT: Duration = Duration::from_mins(1);
/// Gigabytes from a slow disk.
const LOAD_LIMIT: Duration = Duration::from_mins(30);

/// The answer of a program that is not there; such a program is no problem worth a notice.
const NOT_INSTALLED: &str = "not installed";

/// The engine that the settings ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The program: a name or a path. `None` for docker, else podman, whichever answers.
    pub runtime: Option<String>,
    /// The address of the engine: `unix://`, `tcp://`, `ssh://`. `None` for the program's own
    /// choice.
    pub host: Option<String>,
}

impl Wanted {
    fn candidates(&self) -> Vec<String> {
        match &self.runtime {
            Some(program) => vec![program.clone()],
            None => vec!["docker".to_owned(), "podman".to_owned()],
        }
    }
}

/// An engine that answered the call `info`.
#[derive(Debug, Clone)]
pub struct Engine {
    program: String,
    host: Option<String>,
    /// The facts in its answer to `info`.
    pub facts: EngineFacts,
    /// True if it is on another machine, so that nothing of this one can be mounted.
    pub is_remote: bool,
    cancel: Cancel,
    /// The connection that `host` leads through.
    _tunnel: Option<Arc<Tunnel>>,
}

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
        } else {
            "start the engine, or name one with `--container-runtime` and `--docker-host`; \
             `--no-container` runs on the host"
                .to_owned()
        })
    }
}

impl Engine {
    /// Every engine that answers: the one that is asked for, or docker and podman. With them come
    /// the errors of the programs that are installed and do not answer.
    pub fn detect_all(
        wanted: &Wanted,
        cancel: &Cancel,
    ) -> Result<(Vec<Self>, Vec<EngineError>), EngineError> {
        let mut tried = Vec::new();
        let mut found = Vec::new();
        for program in wanted.candidates() {
            match Self::ask(&program, wanted.host.as_deref(), cancel) {
                Ok(engine) => found.push(engine),
                Err(problem) => tried.push((program, problem)),
            }
        }
        if found.is_empty() {
            return Err(EngineError::None { tried });
        }
        let silent = tried
            .into_iter()
            .filter(|(_, problem)| problem != NOT_INSTALLED)
            .map(|(program, problem)| EngineError::Answer {
                program,
                action: "answer".to_owned(),
                problem,
            });
        Ok((found, silent.collect()))
    }

    /// Finds the engine that is asked for and asks it for its facts.
    pub fn detect(wanted: &Wanted, cancel: &Cancel) -> Result<Self, EngineError> {
        let mut tried = Vec::new();
        for program in wanted.candidates() {
            match Self::ask(&program, wanted.host.as_deref(), cancel) {
                Ok(engine) => return Ok(engine),
                Err(problem) => tried.push((program, problem)),
            }
        }
        Err(EngineError::None { tried })
    }

    fn ask(program: &str, host: Option<&str>, cancel: &Cancel) -> Result<Self, String> {
        let Some(url) = host.filter(|host| host.starts_with("ssh://")) else {
            return Self::ask_at(program, host, cancel);
        };
        let address = Address::parse(url);
        let address = address.ok_or_else(|| format!("`{url}` is not ssh://USER@HOST/SOCKET"))?;
        let kind = if is_podman(program) {
            EngineKind::Podman
        } else {
            EngineKind::Docker
        };
        let tunnel = Tunnel::open(&address, kind, cancel)?;
        let engine = Self::ask_at(program, Some(&tunnel.local()), cancel)?;
        Ok(Self {
            is_remote: true,
            _tunnel: Some(Arc::new(tunnel)),
            ..engine
        })
    }

    fn ask_at(program: &str, host: Option<&str>, cancel: &Cancel) -> Result<Self, String> {
        let args = ["info", "--format", "{{json .}}"];
        let spec = command(program, host, args.map(OsString::from));
        let facts = match run_unless(&spec, CALL_LIMIT, cancel) {
            Ok(answer) => facts::engine(&answer.stdout)?,
            // docker prints what it knows and fails for the rest.
            Err(ProcessError::Failed {
                stdout_tail,
                stderr_tail,
                exit,
                ..
            }) => {
                let said = one_line(&stderr_tail);
                let said = match facts::engine(&stdout_tail) {
                    Err(problem) if said.is_empty() => problem,
                    _ => said,
                };
                return Err(if said.is_empty() {
                    exit.to_string()
                } else {
                    said
                });
            }
            Err(ProcessError::Start { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(NOT_INSTALLED.to_owned());
            }
            Err(ProcessError::TimedOut { limit, .. }) => {
                return Err(format!("did not answer within {}s", limit.as_secs()));
            }
            Err(error) => return Err(one_line(&in_full(&error))),
        };
        let mut engine = Self {
            program: program.to_owned(),
            host: host.map(str::to_owned),
            facts,
            is_remote: false,
            cancel: cancel.clone(),
            _tunnel: None,
        };
        engine.is_remote = engine.find_out_where();
        Ok(engine)
    }

    /// True if its containers are on another machine.
    fn find_out_where(&self) -> bool {
        if let Some(host) = &self.host {
            return is_remote(host);
        }
        match self.facts.kind {
            EngineKind::Podman => match std::env::var("CONTAINER_HOST") {
                Ok(host) if !host.is_empty() => is_remote(&host),
                _ => self.facts.service_is_remote,
            },
            EngineKind::Docker => match std::env::var("DOCKER_HOST") {
                Ok(host) if !host.is_empty() => is_remote(&host),
                _ => {
                    let format = "{{.Endpoints.docker.Host}}";
                    let endpoint = self.call(
                        "name its endpoint",
                        &["context", "inspect", "--format", format],
                    );
                    endpoint.is_ok_and(|answer| is_remote(answer.stdout.trim()))
                }
            },
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

    fn call(&self, action: &str, args: &[&str]) -> Result<Captured, EngineError> {
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
        Self {
            program: kind.as_str().to_owned(),
            host: None,
            facts: EngineFacts {
                kind,
                version: "1".to_owned(),
                rootless: false,
                service_is_remote: false,
                os: "linux".to_owned(),
                architecture: "amd64".to_owned(),
            },
            is_remote: false,
            cancel: Cancel::default(),
            _tunnel: None,
        }
    }
}

/// The command line of an engine, at `host`.
fn command(
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
fn is_podman(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    name.starts_with("podman")
}

fn is_remote(host: &str) -> bool {
    host.split_once("://")
        .is_some_and(|(scheme, _)| !matches!(scheme, "unix" | "npipe"))
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

fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    let parts: Vec<String> = causes.map(ToString::to_string).collect();
    parts.join(": ")
}
