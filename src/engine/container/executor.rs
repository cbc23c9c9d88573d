//! [`ContainerExecutor`]: the arguments with which each container of a run is started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::call::Engine;
use super::handle::Handle;
use super::kind::EngineKind;
use super::project::ProjectSource;
use crate::engine::launch::{Invocation, Launch};
use crate::engine::process::ProcessSpec;
use crate::pytest::source;

/// Bytes that `/tmp` holds at most. It is memory, and counts as the container's.
const TMP_BYTES: u64 = 2 << 30;

/// The folder in the container for byte code, which is kept between runs.
const BYTE_CODE: &str = "/var/cache/menace-self-test";

/// The containers of a run.
#[derive(Debug, Clone)]
pub struct ContainerExecutor {
    /// The engine that runs them.
    pub engine: Arc<Engine>,
    /// The id of the image: `sha256:` and a digest.
    pub image: String,
    /// The image as messages name it.
    pub image_name: String,
    /// The interpreter in the image.
    pub python: String,
    /// The project folder, the same inside and outside.
    pub project: PathBuf,
    /// The way of the project into the container.
    pub source: ProjectSource,
    /// Variables: those with a value are set, the others are handed on from this process.
    pub environment: Vec<(String, Option<String>)>,
    /// The memory, processors and processes that one container may take.
    pub limits: Limits,
    /// The network; `None` for the engine's default.
    pub network: Option<String>,
    /// Further arguments for `docker run` or `podman run`, from the settings.
    pub extra: Vec<String>,
    /// The number of further tries for a container that could not be started.
    pub retries: u32,
    /// The longest time from the start of a container to the hello of its program.
    pub hello_limit: Duration,
}

/// The most that a container may take, as the engines write it; `None` for no limit but the
/// engine's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory, such as `512m`.
    pub memory: Option<String>,
    /// Processors, such as `1.5`.
    pub cpus: Option<String>,
    /// Processes and threads together.
    pub pids: Option<u32>,
}

impl ContainerExecutor {
    pub(in crate::engine) fn invocation(&self, launch: &Launch) -> Invocation {
        let project = match &self.source {
            ProjectSource::Mounted { .. } => None,
            ProjectSource::Streamed(stream) => Some(Arc::clone(stream)),
        };
        Invocation {
            process: self.process(launch),
            container: Some(Handle {
                engine: Arc::clone(&self.engine),
                name: launch.name.clone(),
                project,
            }),
        }
    }

    /// The process that runs the container and holds its streams.
    fn process(&self, launch: &Launch) -> ProcessSpec {
        let mut args: Vec<OsString> = Vec::new();
        let mut add = |parts: &[&str]| args.extend(parts.iter().map(OsString::from));
        add(&["run", "--interactive", "--rm", "--pull", "never"]);
        add(&["--name", &launch.name, "--log-driver", "none"]);
        for (name, value) in &launch.labels {
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
