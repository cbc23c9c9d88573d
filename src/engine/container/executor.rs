//! [`ContainerExecutor`]: the arguments with which each container of a run is started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::call::Engine;
use super::handle::Handle;
use super::kind::EngineKind;
use super::layer::Layer;
use super::project::ProjectSource;
use crate::engine::launch::{Invocation, Launch};
use crate::engine::process::{ProcessError, ProcessSpec};
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
    /// The part of it that processes can share.
    pub shm: Option<String>,
    /// Processors, such as `1.5`.
    pub cpus: Option<String>,
    /// Processes and threads together.
    pub pids: Option<u32>,
}

impl ContainerExecutor {
    pub(in crate::engine) fn invocation(
        &self,
        launch: &Launch,
    ) -> Result<Invocation, ProcessError> {
        let (project, layer) = match &self.source {
            ProjectSource::Streamed(stream) => (Some(Arc::clone(stream)), None),
            ProjectSource::Mounted { read_only, .. } => {
                let is_ours = !read_only && self.engine.facts.kind == EngineKind::Docker;
                let layer = is_ours.then(|| Layer::make(&launch.name, &self.project));
                let layer = layer.transpose().map_err(|source| ProcessError::Start {
                    command: format!("{} run --name {}", self.engine.name(), launch.name),
                    source,
                })?;
                (None, layer)
            }
        };
        Ok(Invocation {
            process: self.process(launch, layer.as_ref()),
            container: Some(Handle {
                engine: Arc::clone(&self.engine),
                name: launch.name.clone(),
                project,
                layer: layer.map(Arc::new),
            }),
        })
    }

    /// The process that runs the container and holds its streams.
    fn process(&self, launch: &Launch, layer: Option<&Layer>) -> ProcessSpec {
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
        if let Some(shared) = &self.limits.shm {
            add(&["--shm-size", shared]);
        }
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
        self.add_project(layer, &mut add);
        for argument in &self.extra {
            add(&[argument]);
        }
        let project = self.project.to_string_lossy();
        add(&["--entrypoint", &self.python, &self.image]);
        add(&["-c", source::GUARDIAN, source::LOADER, &project]);
        // The image may lack the locale of this machine. One that the user sets is left as it is.
        let handed_on = self.environment.iter().filter(|(_, value)| value.is_none());
        for (name, _) in handed_on.filter(|(name, _)| name == "LANG" || name.starts_with("LC_")) {
            add(&[name]);
        }
        self.engine.command(args)
    }

    fn add_project(&self, layer: Option<&Layer>, add: &mut impl FnMut(&[&str])) {
        let project = self.project.to_string_lossy();
        let ProjectSource::Mounted {
            read_only,
            hidden,
            byte_code,
        } = &self.source
        else {
            return;
        };
        // A label of SELinux would have to be written to every file of the project.
        add(&["--security-opt", "label=disable"]);
        match layer {
            _ if *read_only => add(&["--mount", &mount(&self.project, &project, true)]),
            Some(layer) => {
                let options = layer.options(&self.project, self.engine.facts.rootless);
                let to = format!("destination={project}");
                let options = format!("volume-opt=o={options}");
                let fields = [
                    "type=volume",
                    &to,
                    // What the image has there is not to be seen.
                    "volume-nocopy",
                    "volume-driver=local",
                    "volume-opt=type=overlay",
                    "volume-opt=device=overlay",
                    &options,
                ];
                add(&["--mount", &csv(&fields)]);
            }
            None => add(&["--volume", &format!("{project}:{project}:O")]),
        }
        add(&["--workdir", &project]);
        let user = self.engine.user(&self.project);
        for folder in hidden {
            self.hide(folder, user, add);
        }
        if let Some(folder) = byte_code {
            add(&["--mount", &mount(folder, BYTE_CODE, false)]);
            add(&["--env", &format!("PYTHONPYCACHEPREFIX={BYTE_CODE}")]);
        }
        if let Some(user) = user {
            add(&[&self.engine.run_as(user)]);
            // The image knows no name for its number.
            add(&["--env", "USER=selftest", "--env", "LOGNAME=selftest"]);
        }
    }
}

impl ContainerExecutor {
    /// Covers a folder by an empty one of the user. It keeps the mode of what it covers, which may
    /// be closed to others.
    fn hide(&self, folder: &Path, user: Option<(u32, u32)>, add: &mut impl FnMut(&[&str])) {
        let path = folder.to_string_lossy();
        let to = format!("destination={path}");
        match (self.engine.facts.kind, user) {
            (EngineKind::Docker, Some((uid, gid))) if !path.contains([':', ',']) => {
                let covered = format!("{path}:rw,uid={uid},gid={gid}");
                add(&["--tmpfs", &covered]);
            }
            (EngineKind::Docker, _) => add(&["--mount", &csv(&["type=tmpfs", &to])]),
            (EngineKind::Podman, user) => {
                // It would copy what is to be hidden.
                let mut fields = vec!["type=tmpfs", &to, "notmpcopyup"];
                fields.extend(user.map(|_| "U=true"));
                add(&["--mount", &csv(&fields)]);
            }
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
