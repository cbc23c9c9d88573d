//! The table of settings: one row each, from which everything else follows. Its lines are many
//! because the settings are; there is nothing to split.

use super::resolved::{ColorChoice, LogFormat, ProgressChoice, Settings, Verbosity};
use super::value::{Given, Problem, Value};

/// One setting. Its default is the one of [`Settings::for_project`].
#[derive(Debug)]
pub struct Setting {
    /// Its name, which is also its key in files.
    pub name: &'static str,
    /// The flags that set it.
    pub flags: &'static [&'static str],
    /// The variables that set it, the strongest first. One that says `DISABLE` says the opposite.
    pub variables: &'static [&'static str],
    /// Whether files can set it.
    pub in_files: bool,
    /// Reads a value into the settings.
    pub(super) read: fn(&mut Settings, &Given<'_>) -> Result<(), Problem>,
    /// The value as `agent config` shows it.
    pub(super) show: fn(&Settings) -> Value,
}

/// Variables that switch off what their setting switches on.
pub(super) const NEGATED: [&str; 1] = ["SELF_TEST_DISABLE_ORPHANS"];

/// Every setting, in the order in which `agent config` lists them: by section of the help.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "project",
        flags: &["--project"],
        variables: &[],
        in_files: false,
        // It must be known before any file can be read, so the loader has set it already.
        read: |_, _| Ok(()),
        show: |settings| (&settings.project).into(),
    },
    Setting {
        name: "data-dir",
        flags: &[],
        variables: &["SANDBOX_DATA_DIR"],
        in_files: true,
        read: |settings, given| given.path().map(|path| settings.data_dir = path),
        show: |settings| (&settings.data_dir).into(),
    },
    Setting {
        name: "db",
        flags: &["--db"],
        variables: &["MENACE_AGENT_DB"],
        in_files: true,
        read: |settings, given| given.path().map(|path| settings.db = path),
        show: |settings| (&settings.db).into(),
    },
    Setting {
        name: "color",
        flags: &["--color"],
        variables: &[],
        in_files: true,
        read: |settings, given| {
            let choice = given.choice(&ColorChoice::NAMES)?;
            settings.color = choice;
            Ok(())
        },
        show: |settings| name_of(&ColorChoice::NAMES, &settings.color),
    },
    Setting {
        name: "paths",
        flags: &["PATHS"],
        variables: &[],
        in_files: true,
        read: |settings, given| given.test_paths().map(|paths| settings.paths = paths),
        show: |settings| (&settings.paths).into(),
    },
    Setting {
        name: "workers",
        flags: &["--workers"],
        variables: &["SELF_TEST_WORKERS"],
        in_files: true,
        read: |settings, given| given.workers().map(|count| settings.workers = count),
        show: |settings| settings.workers.into(),
    },
    Setting {
        name: "pytest-args",
        flags: &["--pytest-args"],
        variables: &["SELF_TEST_ARGS"],
        in_files: true,
        read: |settings, given| given.words().map(|words| settings.pytest_args = words),
        show: |settings| (&settings.pytest_args).into(),
    },
    Setting {
        name: "timeout",
        flags: &["--timeout"],
        variables: &["SELF_TEST_TIMEOUT"],
        in_files: true,
        read: |settings, given| given.seconds().map(|time| settings.timeout = time),
        show: |settings| settings.timeout.into(),
    },
    Setting {
        name: "test-timeout",
        flags: &["--test-timeout"],
        variables: &["SELF_TEST_TEST_TIMEOUT"],
        in_files: true,
        read: |settings, given| {
            given
                .seconds_or_none()
                .map(|time| settings.test_timeout = time)
        },
        show: |settings| settings.test_timeout.into(),
    },
    Setting {
        name: "reruns",
        flags: &["--reruns"],
        variables: &["SELF_TEST_RERUNS"],
        in_files: true,
        read: |settings, given| given.count().map(|count| settings.reruns = count),
        show: |settings| settings.reruns.into(),
    },
    Setting {
        name: "max-fail",
        flags: &["--max-fail", "--fail-fast"],
        variables: &["SELF_TEST_MAX_FAIL"],
        in_files: true,
        read: |settings, given| given.limit().map(|limit| settings.max_fail = limit),
        show: |settings| settings.max_fail.into(),
    },
    Setting {
        name: "lock-timeout",
        flags: &["--lock-timeout"],
        variables: &["SELF_TEST_LOCK_TIMEOUT"],
        in_files: true,
        read: |settings, given| given.patience().map(|time| settings.lock_timeout = time),
        show: |settings| settings.lock_timeout.into(),
    },
    Setting {
        name: "coverage",
        flags: &["--cov", "--no-cov"],
        variables: &["SELF_TEST_COVERAGE"],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.coverage = on),
        show: |settings| settings.coverage.into(),
    },
    Setting {
        name: "python",
        flags: &["--python"],
        variables: &["SELF_TEST_PYTHON"],
        in_files: true,
        read: |settings, given| given.program().map(|python| settings.python = Some(python)),
        show: |settings| settings.python.as_ref().into(),
    },
    Setting {
        name: "managed-env",
        flags: &["--managed-env", "--no-managed-env"],
        variables: &["SELF_TEST_MANAGED_ENV"],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.managed_env = on),
        show: |settings| settings.managed_env.into(),
    },
    Setting {
        name: "offline",
        flags: &["--offline", "--no-offline"],
        variables: &["MENACE_OFFLINE_INSTALL"],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.offline = on),
        show: |settings| settings.offline.into(),
    },
    Setting {
        name: "wheels",
        flags: &["--wheels"],
        variables: &["SELF_TEST_WHEELS"],
        in_files: true,
        read: |settings, given| given.path().map(|path| settings.wheels = Some(path)),
        show: |settings| settings.wheels.as_ref().into(),
    },
    Setting {
        name: "use-container",
        flags: &["--use-container", "--no-container"],
        variables: &["SELF_TEST_USE_CONTAINER"],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.container.enabled = on),
        show: |settings| settings.container.enabled.into(),
    },
    Setting {
        name: "require-container",
        flags: &["--require-container", "--no-require-container"],
        variables: &["SELF_TEST_REQUIRE_CONTAINER"],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.container.required = on),
        show: |settings| settings.container.required.into(),
    },
    Setting {
        name: "container-image",
        flags: &["--container-image"],
        variables: &["SELF_TEST_CONTAINER_IMAGE"],
        in_files: true,
        read: |settings, given| {
            given
                .image()
                .map(|image| settings.container.image = Some(image))
        },
        show: |settings| settings.container.image.as_ref().into(),
    },
    Setting {
        name: "image-tar",
        flags: &["--image-tar"],
        variables: &["MENACE_SELF_TEST_IMAGE_TAR"],
        in_files: true,
        read: |settings, given| {
            given
                .path()
                .map(|path| settings.container.image_tar = Some(path))
        },
        show: |settings| settings.container.image_tar.as_ref().into(),
    },
    Setting {
        name: "container-runtime",
        flags: &["--container-runtime"],
        variables: &["SELF_TEST_CONTAINER_RUNTIME"],
        in_files: true,
        read: |settings, given| {
            given
                .program()
                .map(|program| settings.container.runtime = Some(program))
        },
        show: |settings| settings.container.runtime.as_ref().into(),
    },
    Setting {
        name: "docker-host",
        flags: &["--docker-host"],
        variables: &["SELF_TEST_DOCKER_HOST"],
        in_files: true,
        read: |settings, given| {
            given
                .engine_host()
                .map(|host| settings.container.host = Some(host))
        },
        show: |settings| settings.container.host.as_ref().into(),
    },
    Setting {
        name: "retries",
        flags: &["--retries"],
        variables: &["SELF_TEST_RETRIES"],
        in_files: true,
        read: |settings, given| {
            given
                .count()
                .map(|count| settings.container.retries = count)
        },
        show: |settings| settings.container.retries.into(),
    },
    Setting {
        name: "env",
        flags: &["--env"],
        variables: &["SELF_TEST_CONTAINER_ENV"],
        in_files: true,
        read: |settings, given| {
            given
                .variables()
                .map(|names| settings.container.env = names)
        },
        show: |settings| (&settings.container.env).into(),
    },
    Setting {
        name: "network",
        flags: &["--network"],
        variables: &["SELF_TEST_CONTAINER_NETWORK"],
        in_files: true,
        read: |settings, given| {
            given
                .word()
                .map(|network| settings.container.network = Some(network))
        },
        show: |settings| settings.container.network.as_ref().into(),
    },
    Setting {
        name: "memory",
        flags: &["--memory"],
        variables: &["SELF_TEST_CONTAINER_MEMORY"],
        in_files: true,
        read: |settings, given| {
            given
                .memory()
                .map(|memory| settings.container.memory = memory)
        },
        show: |settings| settings.container.memory.as_ref().into(),
    },
    Setting {
        name: "cpus",
        flags: &["--cpus"],
        variables: &["SELF_TEST_CONTAINER_CPUS"],
        in_files: true,
        read: |settings, given| {
            given
                .processors()
                .map(|cpus| settings.container.cpus = cpus)
        },
        show: |settings| settings.container.cpus.as_ref().into(),
    },
    Setting {
        name: "pids-limit",
        flags: &["--pids-limit"],
        variables: &["SELF_TEST_CONTAINER_PIDS"],
        in_files: true,
        read: |settings, given| given.limit().map(|pids| settings.container.pids = pids),
        show: |settings| settings.container.pids.into(),
    },
    Setting {
        name: "container-args",
        flags: &["--container-arg"],
        variables: &["SELF_TEST_CONTAINER_ARGS"],
        in_files: true,
        read: |settings, given| given.words().map(|args| settings.container.args = args),
        show: |settings| (&settings.container.args).into(),
    },
    Setting {
        name: "exclude",
        flags: &[],
        variables: &[],
        in_files: true,
        read: |settings, given| {
            given
                .patterns()
                .map(|patterns| settings.container.exclude = patterns)
        },
        show: |settings| (&settings.container.exclude).into(),
    },
    Setting {
        name: "lock-file",
        flags: &[],
        variables: &["SELF_TEST_LOCK_FILE"],
        in_files: true,
        read: |settings, given| given.path().map(|path| settings.lock_file = path),
        show: |settings| (&settings.lock_file).into(),
    },
    Setting {
        name: "include-orphans",
        flags: &["--include-orphans", "--no-include-orphans"],
        variables: &["SELF_TEST_DISABLE_ORPHANS", "SELF_TEST_INCLUDE_ORPHANS"],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.orphans.include = on),
        show: |settings| settings.orphans.include.into(),
    },
    Setting {
        name: "discover-orphans",
        flags: &["--discover-orphans", "--no-discover-orphans"],
        variables: &["SELF_TEST_DISCOVER_ORPHANS"],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.orphans.discover = on),
        show: |settings| settings.orphans.discover.into(),
    },
    Setting {
        name: "recursive-orphans",
        flags: &["--recursive-orphans", "--no-recursive-orphans"],
        variables: &["SELF_TEST_RECURSIVE_ORPHANS", "SANDBOX_RECURSIVE_ORPHANS"],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.orphans.recursive = on),
        show: |settings| settings.orphans.recursive.into(),
    },
    Setting {
        name: "discover-isolated",
        flags: &["--discover-isolated", "--no-discover-isolated"],
        variables: &["SELF_TEST_DISCOVER_ISOLATED"],
        in_files: true,
        read: |settings, given| {
            given
                .switch()
                .map(|on| settings.orphans.discover_isolated = on)
        },
        show: |settings| settings.orphans.discover_isolated.into(),
    },
    Setting {
        name: "recursive-isolated",
        flags: &["--recursive-isolated", "--no-recursive-isolated"],
        variables: &["SELF_TEST_RECURSIVE_ISOLATED", "SANDBOX_RECURSIVE_ISOLATED"],
        in_files: true,
        read: |settings, given| {
            given
                .switch()
                .map(|on| settings.orphans.recursive_isolated = on)
        },
        show: |settings| settings.orphans.recursive_isolated.into(),
    },
    Setting {
        name: "auto-include-isolated",
        flags: &["--auto-include-isolated", "--no-auto-include-isolated"],
        variables: &[
            "SELF_TEST_AUTO_INCLUDE_ISOLATED",
            "SANDBOX_AUTO_INCLUDE_ISOLATED",
        ],
        in_files: true,
        read: |settings, given| {
            given
                .switch()
                .map(|on| settings.orphans.auto_include_isolated = on)
        },
        show: |settings| settings.orphans.auto_include_isolated.into(),
    },
    Setting {
        name: "strict-orphans",
        flags: &["--strict-orphans", "--no-strict-orphans"],
        variables: &["SELF_TEST_STRICT_ORPHANS"],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.orphans.strict = on),
        show: |settings| settings.orphans.strict.into(),
    },
    Setting {
        name: "merge-orphans",
        flags: &["--merge-orphans", "--no-merge-orphans"],
        variables: &["SELF_TEST_MERGE_ORPHANS"],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.orphans.integrate = on),
        show: |settings| settings.orphans.integrate.into(),
    },
    Setting {
        name: "refresh-orphans",
        flags: &["--refresh-orphans", "--no-refresh-orphans"],
        variables: &[],
        in_files: true,
        read: |settings, given| given.switch().map(|on| settings.orphans.refresh = on),
        show: |settings| settings.orphans.refresh.into(),
    },
    Setting {
        name: "exclude-modules",
        flags: &["--exclude"],
        variables: &[],
        in_files: true,
        read: |settings, given| {
            given
                .patterns()
                .map(|patterns| settings.orphans.exclude = patterns)
        },
        show: |settings| (&settings.orphans.exclude).into(),
    },
    Setting {
        name: "suppress-orphans",
        flags: &[],
        variables: &[],
        in_files: true,
        read: |settings, given| {
            given
                .suppressions()
                .map(|list| settings.orphans.suppressions = list)
        },
        show: |settings| {
            Value::List(
                settings
                    .orphans
                    .suppressions
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            )
        },
    },
    Setting {
        name: "interval",
        flags: &["--interval"],
        variables: &["SELF_TEST_INTERVAL"],
        in_files: true,
        read: |settings, given| {
            given
                .seconds()
                .map(|time| settings.schedule.interval = time)
        },
        show: |settings| settings.schedule.interval.into(),
    },
    Setting {
        name: "cron",
        flags: &["--cron"],
        variables: &["SELF_TEST_CRON"],
        in_files: true,
        read: |settings, given| given.cron().map(|cron| settings.schedule.cron = cron),
        show: |settings| {
            let cron = settings.schedule.cron.as_ref();
            cron.map(|cron| Value::Text(cron.to_string())).into()
        },
    },
    Setting {
        name: "jitter",
        flags: &["--jitter"],
        variables: &["SELF_TEST_JITTER"],
        in_files: true,
        read: |settings, given| {
            given
                .seconds_from_zero()
                .map(|time| settings.schedule.jitter = time)
        },
        show: |settings| settings.schedule.jitter.into(),
    },
    Setting {
        name: "history",
        flags: &["--history"],
        variables: &["SELF_TEST_HISTORY"],
        in_files: true,
        read: |settings, given| {
            given
                .path()
                .map(|path| settings.schedule.history = Some(path))
        },
        show: |settings| settings.schedule.history.as_ref().into(),
    },
    Setting {
        name: "drain-timeout",
        flags: &["--drain-timeout"],
        variables: &["SELF_TEST_DRAIN_TIMEOUT"],
        in_files: true,
        read: |settings, given| {
            given
                .seconds_from_zero()
                .map(|time| settings.schedule.drain_timeout = time)
        },
        show: |settings| settings.schedule.drain_timeout.into(),
    },
    Setting {
        name: "log-format",
        flags: &["--log-format"],
        variables: &["SELF_TEST_LOG_FORMAT"],
        in_files: true,
        read: |settings, given| {
            let format = given.choice(&LogFormat::NAMES)?;
            settings.log_format = format;
            Ok(())
        },
        show: |settings| name_of(&LogFormat::NAMES, &settings.log_format),
    },
    Setting {
        name: "metrics-port",
        flags: &["--metrics-port"],
        variables: &["SELF_TEST_METRICS_PORT"],
        in_files: true,
        read: |settings, given| given.port().map(|port| settings.metrics.port = port),
        show: |settings| settings.metrics.port.map(u32::from).into(),
    },
    Setting {
        name: "metrics-addr",
        flags: &["--metrics-addr"],
        variables: &["SELF_TEST_METRICS_ADDR"],
        in_files: true,
        read: |settings, given| given.ip_address().map(|addr| settings.metrics.addr = addr),
        show: |settings| Value::Text(settings.metrics.addr.to_string()),
    },
    Setting {
        name: "metrics-textfile",
        flags: &["--metrics-textfile"],
        variables: &["SELF_TEST_METRICS_TEXTFILE"],
        in_files: true,
        read: |settings, given| {
            given
                .path()
                .map(|path| settings.metrics.textfile = Some(path))
        },
        show: |settings| settings.metrics.textfile.as_ref().into(),
    },
    Setting {
        name: "progress",
        flags: &["--progress"],
        variables: &[],
        in_files: true,
        read: |settings, given| {
            let choice = given.choice(&ProgressChoice::NAMES)?;
            settings.progress = choice;
            Ok(())
        },
        show: |settings| name_of(&ProgressChoice::NAMES, &settings.progress),
    },
    Setting {
        name: "verbosity",
        flags: &["--quiet", "--verbose"],
        variables: &[],
        in_files: true,
        read: |settings, given| {
            let choice = given.choice(&Verbosity::NAMES)?;
            settings.verbosity = choice;
            Ok(())
        },
        show: |settings| name_of(&Verbosity::NAMES, &settings.verbosity),
    },
];

/// The setting that a file key names, or else the name that comes nearest to it.
pub(super) fn by_key(key: &str) -> Result<&'static Setting, Option<&'static str>> {
    SETTINGS
        .iter()
        .find(|setting| setting.in_files && setting.name == key)
        .ok_or_else(|| nearest(key))
}

/// The names that a file can use.
pub(super) fn keys() -> Vec<&'static str> {
    let files = SETTINGS.iter().filter(|setting| setting.in_files);
    files.map(|setting| setting.name).collect()
}

/// Flags count as other names of a setting: who writes `cov` or `fail_fast` means something.
fn nearest(key: &str) -> Option<&'static str> {
    /// Less alike than this, and a suggestion is noise (the threshold of clap is the same).
    const ALIKE: f64 = 0.8;
    let key = key.to_lowercase().replace('_', "-");
    let files = SETTINGS.iter().filter(|setting| setting.in_files);
    let names = files.flat_map(|setting| {
        let flags = setting
            .flags
            .iter()
            .map(|flag| flag.trim_start_matches('-'));
        let names = std::iter::once(setting.name).chain(flags);
        names.map(|name| (setting.name, name))
    });
    names
        .map(|(setting, name)| (strsim::jaro_winkler(&key, name), setting))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, setting)| setting)
}

fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> Value {
    let name = names.iter().find(|(_, choice)| choice == value);
    name.map(|(name, _)| *name).into()
}
