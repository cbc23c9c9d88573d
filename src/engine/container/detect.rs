//! Finds the engine of a run: docker or podman, whichever answers.
//!
//! An engine is asked for its version, which takes a twentieth of a second and shows that it
//! answers. Only if that does not tell all facts it is asked for them by `info`, which takes podman
//! half a second. Nothing is remembered between runs, so that nothing can be out of date.

use std::ffi::OsString;
use std::io;

use super::call::{CALL_LIMIT, Engine, EngineError, command, is_podman};
use super::facts::{self, EngineFacts, Place};
use super::kind::EngineKind;
use super::tunnel::{Address, Tunnel};
use crate::diag::one_line;
use crate::engine::child::Cancel;
use crate::engine::process::{ProcessError, run_unless};

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
        Ok(engine.through(tunnel))
    }

    fn ask_at(program: &str, host: Option<&str>, cancel: &Cancel) -> Result<Self, String> {
        let answer = answer(program, host, cancel, "version")?;
        let told = facts::of_version(&answer, nix::unistd::geteuid().is_root());
        let (facts, place) = match told {
            Some((facts, place)) => (facts, place),
            None => (facts_of_info(program, host, cancel)?, Place::Unknown),
        };
        let mut engine = Self::new(program, host, facts, cancel);
        engine.is_remote = engine.find_out_where(host, place);
        Ok(engine)
    }

    /// True if its containers are on another machine.
    fn find_out_where(&self, host: Option<&str>, place: Place) -> bool {
        if let Some(host) = host {
            return is_remote(host);
        }
        let variable = match self.facts.kind {
            EngineKind::Podman => "CONTAINER_HOST",
            EngineKind::Docker => "DOCKER_HOST",
        };
        match (std::env::var(variable), self.facts.kind) {
            (Ok(host), _) if !host.is_empty() => is_remote(&host),
            (_, EngineKind::Podman) => self.facts.service_is_remote,
            (_, EngineKind::Docker) if place == Place::Usual => false,
            (_, EngineKind::Docker) => {
                let format = "{{.Endpoints.docker.Host}}";
                let args = ["context", "inspect", "--format", format];
                let endpoint = self.call("name its endpoint", &args);
                endpoint.is_ok_and(|answer| is_remote(answer.stdout.trim()))
            }
        }
    }
}

/// All facts, as the engine itself puts them together.
fn facts_of_info(
    program: &str,
    host: Option<&str>,
    cancel: &Cancel,
) -> Result<EngineFacts, String> {
    facts::engine(&answer(program, host, cancel, "info")?)
}

/// The answer to `version` or `info`; the error is what the engine complains of.
fn answer(
    program: &str,
    host: Option<&str>,
    cancel: &Cancel,
    question: &str,
) -> Result<String, String> {
    let args = [question, "--format", "{{json .}}"];
    let spec = command(program, host, args.map(OsString::from));
    match run_unless(&spec, CALL_LIMIT, cancel) {
        Ok(answer) => Ok(answer.stdout),
        // docker prints what it knows and fails for the rest.
        Err(ProcessError::Failed {
            stderr_tail, exit, ..
        }) => {
            let said = complaint(&stderr_tail);
            Err(if said.is_empty() {
                exit.to_string()
            } else {
                said
            })
        }
        Err(ProcessError::Start { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(NOT_INSTALLED.to_owned())
        }
        Err(ProcessError::TimedOut { limit, .. }) => {
            Err(format!("did not answer within {}s", limit.as_secs()))
        }
        Err(error) => Err(one_line(&in_full(&error))),
    }
}

/// The words of an engine in one line, without the advice of podman to make a virtual machine: that
/// is of no use if the socket of a service is not there.
fn complaint(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .filter(|line| !line.contains("podman machine init"))
        .collect();
    let rest = one_line(&lines.join("\n"));
    if rest.is_empty() {
        one_line(stderr)
    } else {
        rest
    }
}

fn is_remote(host: &str) -> bool {
    host.split_once("://")
        .is_some_and(|(scheme, _)| !matches!(scheme, "unix" | "npipe"))
}

fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    let parts: Vec<String> = causes.map(ToString::to_string).collect();
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_not_there_needs_no_virtual_machine() {
        let advice = "Cannot connect to Podman. Please verify your connection to the Linux system \
            using `podman system connection list`, or try `podman machine init` and `podman \
            machine start` to manage a new Linux VM\n";
        let fault = "Error: unable to connect to Podman socket: dial unix /x: no such file";
        assert_eq!(complaint(&format!("{advice}{fault}\n")), fault);
        assert_eq!(complaint(advice), advice.trim_end());
    }
}
