//! The container engines of this machine, and the image that tests run in.
//!
//! `.ci/engines COMMAND` starts real engines around a command and says in variables where they are;
//! without it, what answers is used. `AGENT_REQUIRE_ENGINES=1` makes a missing one a failure.

use std::fs::{self, File};
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

use crate::envs::{Skip, available};
use crate::lab::{Answer, Going, Lab, answer, bare_lab, rows};

/// The image of `offline/build-image.sh`.
pub(crate) const IMAGE: &str = "menace-selftest:1";

/// A test that passes once there is a file `go`.
pub(crate) const WAITS: &str = "import os, time\n\
    def test_waits():\n\
    \x20   while not os.path.exists('go'): time.sleep(0.01)\n";

/// The number of containers that runs removed for others.
pub(crate) const REAPED: &str = "SELECT value FROM counter WHERE name = 'containers_reaped'";

/// An engine that answers and has the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Engine(pub(crate) &'static str);

/// The engines, for one test.
pub(crate) struct Engines {
    found: &'static [Engine],
    _turn: File,
}

impl Deref for Engines {
    type Target = [Engine];

    fn deref(&self) -> &[Engine] {
        self.found
    }
}

/// The engines, each with the image; a test that has none says `SKIPPED`.
pub(crate) fn engines() -> Engines {
    let turn = turn();
    turn.lock_shared().unwrap();
    Engines {
        found: found(),
        _turn: turn,
    }
}

/// The same, while no other test has them: each run removes what it finds of agents that are gone.
pub(crate) fn engines_alone() -> Engines {
    let turn = turn();
    turn.lock().unwrap();
    Engines {
        found: found(),
        _turn: turn,
    }
}

fn turn() -> File {
    lock_file("all")
}

/// A lock file of this user.
fn lock_file(name: &str) -> File {
    let name = format!("menace-agent-tests-{}-{name}.lock", nix::unistd::geteuid());
    File::create(std::env::temp_dir().join(name)).unwrap()
}

fn found() -> &'static [Engine] {
    static FOUND: OnceLock<Vec<Engine>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let candidates = [Engine("docker"), Engine("podman")];
        candidates
            .into_iter()
            .filter(|engine| engine.is_there())
            .collect()
    })
}

impl Engine {
    fn is_there(self) -> bool {
        let ready = self
            .try_call(&["version"])
            .map(|_| ())
            .and_then(|()| self.load());
        match ready {
            Ok(()) => true,
            Err(Skip(reason)) if std::env::var_os("AGENT_REQUIRE_ENGINES").is_some() => {
                panic!("{}: {reason}", self.0)
            }
            Err(Skip(reason)) => {
                println!("SKIPPED: {}: {reason}", self.0);
                false
            }
        }
    }

    /// Loads the image once, whatever other test processes do at the same time.
    fn load(self) -> Result<(), Skip> {
        let lock = lock_file(self.0);
        lock.lock().unwrap();
        if self.try_call(&["image", "inspect", IMAGE]).is_ok() {
            return Ok(());
        }
        let file = std::env::var("AGENT_TEST_IMAGE_TAR")
            .map_err(|_| Skip(format!("has no image {IMAGE}; `.ci/engines` makes one")))?;
        self.try_call(&["load", "--input", &file]).map(drop)
    }

    fn try_call(self, args: &[&str]) -> Result<Output, Skip> {
        let output = Command::new(self.0)
            .args(args)
            .output()
            .map_err(|error| Skip(error.to_string()))?;
        if output.status.success() {
            return Ok(output);
        }
        Err(Skip(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ))
    }

    /// Calls the engine as its users do; returns what it printed.
    pub(crate) fn call(self, args: &[&str]) -> String {
        let output = self
            .try_call(args)
            .unwrap_or_else(|Skip(why)| panic!("{args:?}: {why}"));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The containers of the runs of a project, whatever their state.
    pub(crate) fn containers(self, lab: &Lab) -> Vec<String> {
        let uuids = rows(&lab.db(), "SELECT uuid FROM run_summary");
        let all = self.call(&["ps", "--all", "--format", "{{.Names}}"]);
        let ours = |name: &&str| uuids.iter().any(|uuid| name.contains(uuid.as_str()));
        all.lines().filter(ours).map(str::to_owned).collect()
    }

    /// The container in which the last test of `going` was started.
    pub(crate) fn container_of(self, lab: &Lab) -> String {
        let mut containers = self.containers(lab);
        assert_eq!(containers.len(), 1, "{containers:?}");
        containers.remove(0)
    }

    /// `agent run` in a container of this engine.
    pub(crate) fn command(self, lab: &Lab, args: &[&str]) -> Command {
        let engine = [
            "run",
            "--require-container",
            "--container-runtime",
            self.0,
            "--container-image",
            IMAGE,
            "--offline",
        ];
        let mut command = lab.command(&[&engine, args].concat());
        Self::surroundings(&mut command);
        command
    }

    /// Passes on the variables that lead a command to the engines of the tests.
    pub(crate) fn surroundings(command: &mut Command) {
        command.env_remove("SELF_TEST_PYTHON");
        for name in ["CONTAINERS_CONF", "DOCKER_HOST", "XDG_RUNTIME_DIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
    }

    /// Writes the engine's own log of its containers to `file` from now on, a JSON object a line:
    /// of what is over, docker knows the last 256 events alone.
    pub(crate) fn follow(self, file: &Path) -> Follower {
        let since = jiff::Timestamp::now().to_string();
        let args = ["events", "--since", &since, "--filter", "type=container"];
        let more: &[&str] = match self.0 {
            "podman" => &["--no-trunc"],
            _ => &[],
        };
        let mut command = Command::new(self.0);
        command.args(args).args(more);
        command.args(["--format", "{{json .}}"]);
        command.stdout(File::create(file).unwrap());
        Follower(command.spawn().unwrap())
    }

    /// The same through ssh to this machine; `None` if there is no sshd for tests.
    pub(crate) fn command_over_ssh(self, lab: &Lab, args: &[&str]) -> Option<Command> {
        let config = available(
            std::env::var("AGENT_TEST_SSH_CONFIG")
                .map_err(|_| Skip("no sshd for tests; `.ci/engines` starts one".to_owned())),
        )?;
        let socket = match self.0 {
            "podman" => std::env::var("AGENT_TEST_PODMAN_SOCKET").unwrap(),
            _ => std::env::var("AGENT_TEST_DOCKER_HOST").unwrap(),
        };
        let socket = socket.trim_start_matches("unix://");
        // The script stands for the settings of a user in ~/.ssh/config, and counts each call.
        let folder = lab.path().join("sandbox_data/bin");
        fs::create_dir_all(&folder).unwrap();
        let ssh = folder.join("ssh");
        let calls = folder.join("calls");
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> '{}'\nexec /usr/bin/ssh -F '{config}' \"$@\"\n",
            calls.display()
        );
        fs::write(&ssh, script).unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        let host = format!("ssh://selftest-remote{socket}");
        let mut command = self.command(lab, &[&["--docker-host", &host], args].concat());
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", folder.display()));
        Some(command)
    }

    /// The number of connections that ssh was asked for.
    pub(crate) fn connections(lab: &Lab) -> usize {
        let calls = fs::read_to_string(lab.path().join("sandbox_data/bin/calls")).unwrap();
        calls
            .lines()
            .filter(|line| line.contains("ControlMaster=yes"))
            .count()
    }

    pub(crate) fn run(self, lab: &Lab, args: &[&str]) -> Answer {
        answer(&mut self.command(lab, args))
    }

    /// The same, to be watched.
    pub(crate) fn start(self, lab: &Lab, args: &[&str]) -> Going {
        Going::start(&mut self.command(lab, &[&["--events", "-"], args].concat()))
    }
}

/// The process that writes the log of an engine; it ends with this value.
pub(crate) struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// What runs of a project have left in the folder for temporary files.
pub(crate) fn left_in_temp(lab: &Lab) -> Vec<String> {
    let uuids = rows(&lab.db(), "SELECT uuid FROM run_summary");
    let entries = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let ours = |name: &String| uuids.iter().any(|uuid| name.contains(uuid.as_str()));
    names.filter(ours).collect()
}

/// A project with these files.
pub(crate) fn project(files: &[(&str, &str)]) -> Lab {
    let lab = bare_lab("python3", files);
    // Another user inside of a container must be able to read it.
    let open = |path: PathBuf| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    open(lab.path());
    lab
}

/// The code and message of each notice of a run.
pub(crate) fn notices(answer: &Answer) -> Vec<(String, String)> {
    let summary = answer.json();
    let text = |notice: &Value, key: &str| notice[key].as_str().unwrap().to_owned();
    let notices = summary["notices"].as_array().unwrap();
    notices
        .iter()
        .map(|notice| (text(notice, "code"), text(notice, "message")))
        .collect()
}

/// The tarball of the tests; it holds [`IMAGE`].
pub(crate) fn tarball() -> Option<PathBuf> {
    let missing = |_| Skip("no image tarball for tests; `.ci/engines` makes one".to_owned());
    available(std::env::var("AGENT_TEST_IMAGE_TAR").map_err(missing)).map(PathBuf::from)
}
