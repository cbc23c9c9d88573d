//! [`Settings`]: the final values, and the defaults.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::choices::{ColorChoice, LogFormat, ProgressChoice, ProjectMount, Verbosity};
use super::origin::Origin;
use crate::model::HarnessOptions;
use crate::plan::orphans::Suppression;
use crate::schedule::Cron;

/// The values that a run, or any other command, works with.
///
/// Made by [`Settings::load`](Settings::load) from flags, variables and files, or by
/// [`Settings::for_project`] and then changed field by field.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The absolute path of the project folder.
    pub project: PathBuf,
    /// Files, folders, node ids or globs, relative to the project if they lie inside of it. Empty
    /// for pytest's own choice.
    pub paths: Vec<String>,
    /// The total of workers, from 1.
    pub workers: u32,
    /// Arguments that pytest gets in every shard.
    pub pytest_args: Vec<String>,
    /// What the command line picks of the configured tests: paths, options of pytest. Empty if it
    /// picks none, or all. A run that a schedule begins is of all the tests that it was given.
    pub narrowed_by: Vec<String>,
    /// The files of modules whose imports are tests of the run, if they joined the module map, in
    /// place of all that joined. `None` for these.
    pub members: Option<Vec<String>>,
    /// The interpreter: a command, or an absolute path. `None` to look for one.
    pub python: Option<String>,
    /// The longest time that a shard may take; `None` for no limit but that it reports something.
    pub timeout: Option<Duration>,
    /// The longest time that a test may take; `None` for no limit.
    pub test_timeout: Option<Duration>,
    /// The number of times that a failing test is tried again.
    pub reruns: u32,
    /// The number of failing tests after which a run ends; `None` for no limit.
    pub max_fail: Option<u32>,
    /// The options of the harness itself.
    pub harness: HarnessOptions,
    /// True to let the agent make an environment if the interpreter has no pytest.
    pub managed_env: bool,
    /// True if nothing may be fetched.
    pub offline: bool,
    /// A folder of wheels that the managed environment is made from.
    pub wheels: Option<PathBuf>,
    /// The settings of runs in containers.
    pub container: ContainerSettings,
    /// The settings for modules that no test reaches.
    pub orphans: OrphanSettings,
    /// The folder of everything that the agent keeps.
    pub data_dir: PathBuf,
    /// The path of the state file.
    pub db: PathBuf,
    /// The file that is locked while a run in containers holds its lease.
    pub lock_file: PathBuf,
    /// The longest time that a run in containers waits for others; `None` for as long as it takes.
    pub lock_timeout: Option<Duration>,
    /// The due times of runs on a schedule, and the settings around them.
    pub schedule: ScheduleSettings,
    /// The places where figures are shown.
    pub metrics: MetricsSettings,
    /// The form of the service's log.
    pub log_format: LogFormat,
    /// The use of colours in the output.
    pub color: ColorChoice,
    /// The way in which progress is shown.
    pub progress: ProgressChoice,
    /// The amount of output of a command.
    pub verbosity: Verbosity,
    pub(super) origins: BTreeMap<&'static str, Origin>,
}

/// The settings of runs in containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSettings {
    /// True to run tests in containers if an engine answers.
    pub enabled: bool,
    /// True if it is an error that no engine answers; alone it means nothing.
    pub required: bool,
    /// The image, by name or id. `None` for the tarball's, else [`DEFAULT_IMAGE`].
    pub image: Option<String>,
    /// A tarball that holds the image.
    pub image_tar: Option<PathBuf>,
    /// The engine's program. `None` for docker, else podman, whichever answers.
    pub runtime: Option<String>,
    /// The address of the engine: `unix://`, `tcp://` or `ssh://`.
    pub host: Option<String>,
    /// The number of times that a call is tried again if it failed for the engine's sake.
    pub retries: u32,
    /// Variables: `NAME=VALUE`, or `NAME` for the agent's own value.
    pub env: Vec<String>,
    /// The network. `None` for the engine's default; none at all when offline.
    pub network: Option<String>,
    /// The way in which a container gets the project.
    pub mount: ProjectMount,
    /// The memory that processes of a container share, such as `512m`; `None` for the engine's
    /// default.
    pub shm: Option<String>,
    /// The memory of a container, such as `512m`; `None` for no limit.
    pub memory: Option<String>,
    /// The processors of a container, such as `1.5`; `None` for no limit.
    pub cpus: Option<String>,
    /// The processes and threads of a container; `None` for no limit.
    pub pids: Option<u32>,
    /// Further arguments of the engine's `run`.
    pub args: Vec<String>,
    /// Patterns of what is not sent to a remote engine, as in `.gitignore`.
    pub exclude: Vec<String>,
}

/// The settings for modules that no test reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own to the user"
)]
pub struct OrphanSettings {
    /// True if a run tries them.
    pub include: bool,
    /// True if a run looks for them as long as there is no list yet.
    pub discover: bool,
    /// True if the modules that they import are looked through as well.
    pub recursive: bool,
    /// True if modules that nothing imports are looked for first.
    pub discover_isolated: bool,
    /// True if the modules that the isolated ones import are looked through as well.
    pub recursive_isolated: bool,
    /// True to switch on both of the two above.
    pub auto_include_isolated: bool,
    /// True if they are looked for although there is a list.
    pub refresh: bool,
    /// True if one that fails makes the run fail.
    pub strict: bool,
    /// True if the ones that pass become part of the module map and of workflows.
    pub integrate: bool,
    /// True if those that fit no workflow get one.
    pub found_workflows: bool,
    /// Patterns of files that are not looked at, as in `.gitignore`.
    pub exclude: Vec<String>,
    /// Modules that may be orphans, each with the reason.
    pub suppressions: Vec<Suppression>,
}

/// The due times of runs on a schedule, and the settings around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// The time from one due time to the next; [`Settings::uses_cron`] says when it does not count.
    pub interval: Duration,
    /// The due times as five fields of cron, in local time.
    pub cron: Option<Cron>,
    /// The most that a due time is put off by chance, so that many agents do not start at once.
    pub jitter: Duration,
    /// A JSON array that the figures of each cycle are appended to.
    pub history: Option<PathBuf>,
    /// The longest time that a cycle may go on after the service was asked to end.
    pub drain_timeout: Duration,
}

/// The places where figures are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The port of the exporter; `None` for no exporter.
    pub port: Option<u16>,
    /// The address that it listens on.
    pub addr: IpAddr,
    /// A file for the textfile collector of `node_exporter`.
    pub textfile: Option<PathBuf>,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_hours(1),
            cron: None,
            jitter: Duration::ZERO,
            history: None,
            drain_timeout: Duration::from_mins(1),
        }
    }
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self {
            port: None,
            addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
            textfile: None,
        }
    }
}

impl MetricsSettings {
    /// The address and port on which the exporter listens; `None` without one.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.port.map(|port| SocketAddr::new(self.addr, port))
    }
}

impl Default for OrphanSettings {
    fn default() -> Self {
        Self {
            include: true,
            discover: true,
            recursive: true,
            discover_isolated: false,
            recursive_isolated: false,
            auto_include_isolated: false,
            refresh: false,
            strict: false,
            integrate: true,
            found_workflows: false,
            exclude: Vec::new(),
            suppressions: Vec::new(),
        }
    }
}

/// The image of container runs if none is named.
pub const DEFAULT_IMAGE: &str = "python:3.11-slim";

/// More than any test suite needs, and less than harms the machine.
const DEFAULT_PIDS: u32 = 4096;

impl Default for ContainerSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            required: false,
            image: None,
            image_tar: None,
            runtime: None,
            host: None,
            retries: 1,
            env: Vec::new(),
            network: None,
            mount: ProjectMount::default(),
            shm: None,
            memory: None,
            cpus: None,
            pids: Some(DEFAULT_PIDS),
            args: Vec::new(),
            exclude: Vec::new(),
        }
    }
}

impl Settings {
    /// The defaults for a project; its folder should be absolute.
    pub fn for_project(project: impl Into<PathBuf>) -> Self {
        let project = project.into();
        let data_dir = project.join("sandbox_data");
        Self {
            db: default_db(&data_dir),
            lock_file: default_lock_file(&data_dir),
            data_dir,
            project,
            paths: Vec::new(),
            workers: 1,
            pytest_args: Vec::new(),
            narrowed_by: Vec::new(),
            members: None,
            python: None,
            timeout: None,
            test_timeout: None,
            reruns: 0,
            max_fail: None,
            harness: HarnessOptions::default(),
            managed_env: true,
            offline: false,
            wheels: None,
            container: ContainerSettings::default(),
            orphans: OrphanSettings::default(),
            lock_timeout: None,
            schedule: ScheduleSettings::default(),
            metrics: MetricsSettings::default(),
            log_format: LogFormat::Text,
            color: ColorChoice::Auto,
            progress: ProgressChoice::Auto,
            verbosity: Verbosity::Normal,
            origins: BTreeMap::new(),
        }
    }

    /// True if cron gives the due times: if somebody gave both, the stronger layer counts.
    pub fn uses_cron(&self) -> bool {
        self.schedule.cron.is_some() && self.strength("cron") >= self.strength("interval")
    }

    /// The strength of the layer that a setting comes from. Of two files, the one of the project is
    /// stronger.
    pub(super) fn strength(&self, name: &str) -> impl PartialOrd + use<> {
        let origin = self.origin(name);
        let in_project =
            matches!(&origin, Origin::File { path, .. } if path.starts_with(&self.project));
        (origin.strength(), in_project)
    }

    /// The origin of one setting, by the setting's name.
    pub fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).cloned().unwrap_or_default()
    }
}

/// The state file of a data folder.
pub(super) fn default_db(data_dir: &Path) -> PathBuf {
    data_dir.join("agent.db")
}

/// The lock file of a data folder: the one that older tools lock.
pub(super) fn default_lock_file(data_dir: &Path) -> PathBuf {
    data_dir.join("self_test.lock")
}
