//! The table of settings: one row each, the one description of a setting.
//!
//! The flags of the command line, `agent config`, the JSON Schema of a settings file and the page
//! `src/cli/topics/settings.md` are made from it. A new setting that fits one of the kinds is a row
//! here, and a field with its default in `resolved.rs`; the test of the page says how to write it.

use super::choices::{ColorChoice, LogFormat, ProgressChoice, ProjectMount, Verbosity};
use super::kind::{Choice, Field, Kind, name_of};
use super::setting::{Ask, Section, Setting, UsedBy, arguments, off, on, value, values, word};
use crate::model::Isolation;

/// A row, as far as every row has it: its section, its name, its kind and the field that keeps it.
macro_rules! setting {
    ($section:ident, $name:literal => Choice($($field:ident).+: $names:ident)) => {
        Setting::new(
            Section::$section,
            $name,
            Kind::Choice(Choice {
                words: || $names::NAMES.iter().map(|(word, _)| *word).collect(),
                read: |settings, given| {
                    settings.$($field).+ = given.choice(&$names::NAMES)?;
                    Ok(())
                },
                show: |settings| name_of(&$names::NAMES, &settings.$($field).+),
            }),
        )
    };
    ($section:ident, $name:literal => $kind:ident($($field:ident).+)) => {
        Setting::new(
            Section::$section,
            $name,
            Kind::$kind(Field {
                get: |settings| &settings.$($field).+,
                get_mut: |settings| &mut settings.$($field).+,
            }),
        )
    };
}

/// Every setting, in the order in which `agent config` lists them: by section of the help.
pub const SETTINGS: &[Setting] = &[
    // Every command.
    Setting::new(Section::Global, "project", Kind::Project)
        .flags(&[value("--project", "DIR").used_by(&[UsedBy::Every])])
        .help("The project folder")
        .default("the nearest one above")
        .more("A file cannot set it, because the agent looks for its files there."),
    setting!(Global, "data-dir" => Place(data_dir))
        .asks(Ask::Place)
        .variables(&["SANDBOX_DATA_DIR"])
        .help("The folder of everything that the agent keeps")
        .default("sandbox_data"),
    setting!(Global, "db" => Place(db))
        .asks(Ask::Place)
        .flags(&[value("--db", "FILE").used_by(&[UsedBy::Every])])
        .variables(&["MENACE_AGENT_DB"])
        .help("The state file")
        .default("sandbox_data/agent.db")
        .more("Unless you name a file, it is `agent.db` in the data folder."),
    setting!(Global, "color" => Choice(color: ColorChoice))
        .flags(&[value("--color", "WHEN").used_by(&[UsedBy::Every])])
        .help("When to use colours")
        .more("`auto` means on a terminal, unless the variable `NO_COLOR` is set or `TERM` is `dumb`."),
    // The tests to run, how, and until when.
    setting!(Execution, "paths" => TestPaths(paths))
        .asks(Ask::Place)
        .flags(&[arguments("PATHS")])
        .help("Files, folders, node ids or globs; each is a shard of its own")
        .default("pytest's own choice"),
    setting!(Execution, "workers" => Workers(workers))
        .flags(&[value("--workers", "N|auto")])
        .variables(&["SELF_TEST_WORKERS"])
        .help("Processes in total, or auto for one a processor")
        .more("The paths share them; each path has at least one."),
    setting!(Execution, "isolate" => Choice(harness.isolate: Isolation))
        .flags(&[value("--isolate", "WHAT")])
        .variables(&["SELF_TEST_ISOLATE"])
        .help("The tests that share a process")
        .more(
            "With `file` each test file has a process, which is forked when all tests were \
             collected; with `worker` each worker has one, for one file after the other. `auto` \
             is `file`, and `worker` once a fixture of a session or of a package took 0.1 s. \
             With `none` pytest runs them itself, and pytest-xdist if there are workers.",
        ),
    setting!(Execution, "pytest-args" => Words(pytest_args))
        .flags(&[value("--pytest-args", "ARGS")])
        .variables(&["SELF_TEST_ARGS"])
        .help("Arguments for pytest, as one text of shell words")
        .more("The agent adds what follows `--` on the command line."),
    setting!(Execution, "timeout" => SecondsOrNone(timeout))
        .flags(&[value("--timeout", "SECONDS")])
        .variables(&["SELF_TEST_TIMEOUT"])
        .help("Seconds that a shard may take, or none")
        .more(
            "After that, the test that runs is `timed_out` and the others are `not_run`. Without \
             it a shard in a container has 300 s, and one on this machine ends after 300 s \
             without a word of its tests.",
        ),
    setting!(Execution, "test-timeout" => SecondsOrNone(test_timeout))
        .flags(&[value("--test-timeout", "SECONDS")])
        .variables(&["SELF_TEST_TEST_TIMEOUT"])
        .help("Seconds that a test may take, or none")
        .more("After that, the test is `timed_out`, and the others continue in a new process."),
    setting!(Execution, "reruns" => Count(reruns))
        .flags(&[value("--reruns", "N")])
        .variables(&["SELF_TEST_RERUNS"])
        .help("Try a failing test N more times, each in a fresh process")
        .more("A test that passes then is flaky."),
    setting!(Execution, "max-fail" => Limit(max_fail))
        .flags(&[
            value("--max-fail", "N"),
            word("--fail-fast", "1")
                .help("End the run after the first failing test")
                .excludes("--max-fail"),
        ])
        .variables(&["SELF_TEST_MAX_FAIL"])
        .help("End the run after N failing tests, or none"),
    setting!(Execution, "lock-timeout" => Patience(lock_timeout))
        .flags(&[value("--lock-timeout", "SECONDS")])
        .variables(&["SELF_TEST_LOCK_TIMEOUT"])
        .help("Seconds to wait while others run in containers")
        .more("`none` means as long as it takes."),
    setting!(Execution, "coverage" => Switch(harness.coverage))
        .flags(&[on("--cov"), off("--no-cov").help("Do not measure coverage")])
        .variables(&["SELF_TEST_COVERAGE"])
        .help("Measure coverage")
        .more("The interpreter needs coverage.py for it."),
    // The Python to use, and its pytest.
    setting!(Interpreter, "python" => Program(python))
        .asks(Ask::Program)
        .flags(&[value("--python", "PYTHON")])
        .variables(&["SELF_TEST_PYTHON"])
        .help("The interpreter")
        .default("$VIRTUAL_ENV, .venv, venv, then python3")
        .more("A command, or a path."),
    setting!(Interpreter, "managed-env" => Switch(managed_env))
        .flags(&[
            on("--managed-env"),
            off("--no-managed-env").help("Fail if the interpreter has no pytest"),
        ])
        .variables(&["SELF_TEST_MANAGED_ENV"])
        .help("Make an environment if the interpreter has no pytest"),
    setting!(Interpreter, "offline" => Switch(offline))
        .asks(Ask::Privilege)
        .flags(&[
            on("--offline"),
            off("--no-offline").help("Fetch what the managed environment needs"),
        ])
        .variables(&["MENACE_OFFLINE_INSTALL"])
        .help("Fetch nothing")
        .more("The agent then pulls no image, and containers have no network."),
    setting!(Interpreter, "wheels" => Path(wheels))
        .asks(Ask::Place)
        .flags(&[value("--wheels", "DIR")])
        .variables(&["SELF_TEST_WHEELS"])
        .help("A folder of wheels to make the managed environment from"),
    // Containers and their engines.
    setting!(Containers, "use-container" => Switch(container.enabled))
        .asks(Ask::Privilege)
        .flags(&[
            on("--use-container"),
            off("--no-container").help("Run on the host"),
        ])
        .variables(&["SELF_TEST_USE_CONTAINER"])
        .help("Run each path in a container, if an engine answers")
        .more("On a schedule this is also on if you name an image and an engine has it."),
    setting!(Containers, "require-container" => Switch(container.required))
        .asks(Ask::Privilege)
        .flags(&[
            on("--require-container"),
            off("--no-require-container").help("Run on the host if no engine answers"),
        ])
        .variables(&["SELF_TEST_REQUIRE_CONTAINER"])
        .help("Fail if no engine answers")
        .more("It switches `use-container` on, unless a stronger place switches that off."),
    setting!(Containers, "container-image" => Image(container.image))
        .flags(&[value("--container-image", "IMAGE")])
        .variables(&["SELF_TEST_CONTAINER_IMAGE"])
        .help("The image")
        .default("the tarball's, else python:3.11-slim")
        .more("A name, or an id."),
    setting!(Containers, "image-tar" => Path(container.image_tar))
        .asks(Ask::Place)
        .flags(&[value("--image-tar", "FILE")])
        .variables(&["MENACE_SELF_TEST_IMAGE_TAR"])
        .help("A tarball that holds the image"),
    setting!(Containers, "container-runtime" => Program(container.runtime))
        .asks(Ask::Program)
        .flags(&[value("--container-runtime", "PROGRAM").used_by(ENGINES)])
        .variables(&["SELF_TEST_CONTAINER_RUNTIME"])
        .help("docker, podman or a path")
        .default("whichever answers")
        .more("The agent asks docker first."),
    setting!(Containers, "docker-host" => EngineHost(container.host))
        .asks(Ask::Place)
        .flags(&[value("--docker-host", "URL").used_by(ENGINES)])
        .variables(&["SELF_TEST_DOCKER_HOST"])
        .help("The engine: unix://, tcp:// or ssh://")
        .default("the runtime's own"),
    setting!(Containers, "retries" => Count(container.retries))
        .flags(&[value("--retries", "N").used_by(&[UsedBy::Run, UsedBy::Cleanup])])
        .variables(&["SELF_TEST_RETRIES"])
        .help("Try N more times what the engine failed to do")
        .more("A failing test is no failure of the engine."),
    setting!(Containers, "env" => Variables(container.env))
        .asks(Ask::Privilege)
        .flags(&[values("--env", "NAME[=VALUE]")])
        .variables(&["SELF_TEST_CONTAINER_ENV"])
        .help("Set a variable, or hand on one of this process")
        .more("`NAME=VALUE` sets it, `NAME` alone hands on the value that the agent has."),
    setting!(Containers, "network" => Word(container.network))
        .asks(Ask::Privilege)
        .flags(&[value("--network", "NETWORK")])
        .variables(&["SELF_TEST_CONTAINER_NETWORK"])
        .help("The network of the containers")
        .default("none when offline")
        .more("If the agent is not offline, it is the engine's own default."),
    setting!(Containers, "project-mount" => Choice(container.mount: ProjectMount))
        .flags(&[value("--project-mount", "HOW")])
        .variables(&["SELF_TEST_PROJECT_MOUNT"])
        .help("How a container gets the project")
        .more(
            "With `layer` tests write to a layer of their own, which goes with the container; \
             `copy` sends a copy, as a remote engine gets it; `ro` is read-only.",
        ),
    setting!(Containers, "shm-size" => Memory(container.shm))
        .flags(&[value("--shm-size", "BYTES")])
        .variables(&["SELF_TEST_CONTAINER_SHM_SIZE"])
        .help("Memory that processes of a container share, such as 512m")
        .default("the engine's, 64m")
        .more("It is `/dev/shm`, and counts as memory of the container."),
    setting!(Containers, "memory" => Memory(container.memory))
        .asks(Ask::Privilege)
        .flags(&[value("--memory", "BYTES")])
        .variables(&["SELF_TEST_CONTAINER_MEMORY"])
        .help("Memory of a container, such as 512m, or none"),
    setting!(Containers, "cpus" => Processors(container.cpus))
        .asks(Ask::Privilege)
        .flags(&[value("--cpus", "N")])
        .variables(&["SELF_TEST_CONTAINER_CPUS"])
        .help("Processors of a container, or none"),
    setting!(Containers, "pids-limit" => Limit(container.pids))
        .asks(Ask::Privilege)
        .flags(&[value("--pids-limit", "N")])
        .variables(&["SELF_TEST_CONTAINER_PIDS"])
        .help("Processes and threads of a container, or none"),
    setting!(Containers, "container-args" => Words(container.args))
        .asks(Ask::Privilege)
        .flags(&[values("--container-arg", "ARG")])
        .variables(&["SELF_TEST_CONTAINER_ARGS"])
        .help("An argument for the engine's run")
        .more("`docker run` or `podman run` gets each of them as it is."),
    setting!(Containers, "exclude" => Patterns(container.exclude))
        .help("What is not sent to a remote engine, by patterns of .gitignore"),
    setting!(Containers, "lock-file" => Place(lock_file))
        .asks(Ask::Place)
        .variables(&["SELF_TEST_LOCK_FILE"])
        .help("The file that a run in containers locks")
        .default("sandbox_data/self_test.lock")
        .more("Older tools lock it too, so that only one of them runs at a time."),
    // The trials of modules that no test reaches.
    setting!(Orphans, "include-orphans" => Switch(orphans.include))
        .flags(&[
            on("--include-orphans"),
            off("--no-include-orphans").help("Do not try them"),
        ])
        .variables(&["SELF_TEST_DISABLE_ORPHANS", "SELF_TEST_INCLUDE_ORPHANS"])
        .opposite("SELF_TEST_DISABLE_ORPHANS")
        .help("Try the modules that no test reaches"),
    setting!(Orphans, "discover-orphans" => Switch(orphans.discover))
        .flags(&[
            on("--discover-orphans"),
            off("--no-discover-orphans").help("Do not look for them"),
        ])
        .variables(&["SELF_TEST_DISCOVER_ORPHANS"])
        .help("Look for them, in every whole run"),
    setting!(Orphans, "recursive-orphans" => Switch(orphans.recursive))
        .flags(&[
            on("--recursive-orphans"),
            off("--no-recursive-orphans").help("Do not look through what they import"),
            on("--recursive").used_by(SCAN),
            off("--no-recursive")
                .help("Leave out what only other orphans of the list lead to")
                .used_by(SCAN),
        ])
        .variables(&["SELF_TEST_RECURSIVE_ORPHANS", "SANDBOX_RECURSIVE_ORPHANS"])
        .help("Look through what they import as well"),
    setting!(Orphans, "discover-isolated" => Switch(orphans.discover_isolated))
        .flags(&[
            on("--discover-isolated"),
            off("--no-discover-isolated").help("Do not look for those"),
            on("--isolated")
                .help("Add the modules that nothing imports, though a test runs them")
                .used_by(SCAN),
        ])
        .variables(&["SELF_TEST_DISCOVER_ISOLATED"])
        .help("Look first for modules that nothing imports"),
    setting!(Orphans, "recursive-isolated" => Switch(orphans.recursive_isolated))
        .flags(&[
            on("--recursive-isolated"),
            off("--no-recursive-isolated").help("Do not look through what those import"),
        ])
        .variables(&["SELF_TEST_RECURSIVE_ISOLATED", "SANDBOX_RECURSIVE_ISOLATED"])
        .help("Look through what those import as well"),
    setting!(Orphans, "auto-include-isolated" => Switch(orphans.auto_include_isolated))
        .flags(&[
            on("--auto-include-isolated"),
            off("--no-auto-include-isolated").help("Neither of the two"),
        ])
        .variables(&[
            "SELF_TEST_AUTO_INCLUDE_ISOLATED",
            "SANDBOX_AUTO_INCLUDE_ISOLATED",
        ])
        .help("The same as --discover-isolated --recursive-isolated"),
    setting!(Orphans, "strict-orphans" => Switch(orphans.strict))
        .flags(&[
            on("--strict-orphans"),
            off("--no-strict-orphans").help("Only report those that fail"),
        ])
        .variables(&["SELF_TEST_STRICT_ORPHANS"])
        .help("Fail if one of the modules fails"),
    setting!(Orphans, "merge-orphans" => Switch(orphans.integrate))
        .flags(&[
            on("--merge-orphans"),
            off("--no-merge-orphans").help("Leave the module map as it is"),
        ])
        .variables(&["SELF_TEST_MERGE_ORPHANS"])
        .help("Put those that pass on the module map"),
    setting!(Orphans, "new-workflow" => Switch(orphans.found_workflows))
        .flags(&[
            on("--new-workflow"),
            off("--no-new-workflow").help("Make no workflow for them"),
        ])
        .variables(&["SELF_TEST_NEW_WORKFLOW"])
        .help("Make a workflow for those that join the map and fit no workflow"),
    setting!(Orphans, "refresh-orphans" => Switch(orphans.refresh))
        .flags(&[
            on("--refresh-orphans"),
            off("--no-refresh-orphans").help("Leave off the list what somebody took off it"),
        ])
        .help("Make the list again, also if a file gave it"),
    setting!(Orphans, "exclude-modules" => Patterns(orphans.exclude))
        .flags(&[values("--exclude", "PATTERN").used_by(SCAN)])
        .help("Leave out files, by a pattern of .gitignore"),
    setting!(Orphans, "suppress-orphans" => Suppressions(orphans.suppressions))
        .help("Modules that no test has to reach, each with the reason")
        .more("A table has a `module`, a name or a file with `*` for anything, and a `reason`."),
    // The times at which the tests run by themselves.
    setting!(Schedule, "interval" => Seconds(schedule.interval))
        .flags(&[value("--interval", "SECONDS").used_by(SCHEDULE)])
        .variables(&["SELF_TEST_INTERVAL"])
        .help("Seconds from one due time to the next")
        .more("It does not count if `cron` comes from a place that is as strong."),
    setting!(Schedule, "cron" => Cron(schedule.cron))
        .flags(&[value("--cron", "EXPR")
            .used_by(SCHEDULE)
            .excludes("--interval")])
        .variables(&["SELF_TEST_CRON"])
        .help("Due times as five fields of cron (local time), or none")
        .more("`30 2 * * *` is every night at half past two."),
    setting!(Schedule, "jitter" => SecondsFromZero(schedule.jitter))
        .flags(&[value("--jitter", "SECONDS").used_by(SCHEDULE)])
        .variables(&["SELF_TEST_JITTER"])
        .help("Put each due time off by up to so many seconds")
        .more("Many agents then do not begin at the same moment."),
    setting!(Schedule, "history" => Path(schedule.history))
        .asks(Ask::Place)
        .flags(&[value("--history", "FILE").used_by(SCHEDULE)])
        .variables(&["SELF_TEST_HISTORY"])
        .help("Append the figures of each cycle to a JSON array")
        .more("Older tools read that file."),
    setting!(Schedule, "drain-timeout" => SecondsFromZero(schedule.drain_timeout))
        .flags(&[value("--drain-timeout", "SECONDS").used_by(SCHEDULE)])
        .variables(&["SELF_TEST_DRAIN_TIMEOUT"])
        .help("Seconds that a cycle may go on after SIGTERM"),
    setting!(Schedule, "log-format" => Choice(log_format: LogFormat))
        .flags(&[value("--log-format", "FORMAT").used_by(SCHEDULE)])
        .variables(&["SELF_TEST_LOG_FORMAT"])
        .help("The form of the log"),
    // Figures for Prometheus.
    setting!(Metrics, "metrics-port" => Port(metrics.port))
        .flags(&[value("--metrics-port", "PORT")])
        .variables(&["SELF_TEST_METRICS_PORT"])
        .help("Serve figures to Prometheus on this port, or none"),
    setting!(Metrics, "metrics-addr" => IpAddress(metrics.addr))
        .asks(Ask::Privilege)
        .flags(&[value("--metrics-addr", "ADDRESS")])
        .variables(&["SELF_TEST_METRICS_ADDR"])
        .help("The address to serve them on"),
    setting!(Metrics, "metrics-textfile" => Path(metrics.textfile))
        .asks(Ask::Place)
        .flags(&[value("--metrics-textfile", "FILE")])
        .variables(&["SELF_TEST_METRICS_TEXTFILE"])
        .help("Write the same to a file, for the textfile collector"),
    // The terminal and other outputs.
    setting!(Output, "progress" => Choice(progress: ProgressChoice))
        .flags(&[value("--progress", "HOW")])
        .help("How to show progress"),
    setting!(Output, "verbosity" => Choice(verbosity: Verbosity))
        .flags(&[
            word("--quiet", "quiet")
                .help("Say only the verdict and the failures")
                .short('q')
                .excludes("--verbose"),
            word("--verbose", "verbose")
                .help("Say every test")
                .short('v'),
        ])
        .help("How much to say"),
];

const ENGINES: &[UsedBy] = &[UsedBy::Run, UsedBy::Cleanup, UsedBy::Image];
const SCHEDULE: &[UsedBy] = &[UsedBy::RunScheduled];
const SCAN: &[UsedBy] = &[UsedBy::OrphansScan];

/// The setting that a file key names, or else the name that comes nearest to it.
pub(super) fn by_key(key: &str) -> Result<&'static Setting, Option<&'static str>> {
    SETTINGS
        .iter()
        .find(|setting| setting.in_files && setting.name == key)
        // One that is known and not for files is meant as it is.
        .ok_or_else(|| nearest(key).filter(|_| SETTINGS.iter().all(|setting| setting.name != key)))
}

/// The flags and variables that set a setting, as a list for people.
pub(super) fn ways_to_set(name: &str) -> String {
    let rows = SETTINGS.iter().filter(|setting| setting.name == name);
    let ways = rows.flat_map(|setting| {
        let flags = setting.flags.iter().map(|flag| flag.name);
        flags.chain(setting.variables.iter().copied())
    });
    let ways: Vec<String> = ways.map(|way| format!("`{way}`")).collect();
    ways.join(" or ")
}

/// The names that a file can use.
pub(super) fn keys() -> Vec<&'static str> {
    let files = SETTINGS.iter().filter(|setting| setting.in_files);
    files.map(|setting| setting.name).collect()
}

/// The variable of a setting that `name` is almost the name of; `None` also if it is one.
pub(super) fn variable_like(name: &str) -> Option<&'static str> {
    /// Less alike than this, and the variable is somebody else's. The common prefix does not count.
    const ALIKE: f64 = 0.75;
    const PREFIXES: [&str; 3] = ["SELF_TEST_", "SANDBOX_", "MENACE_"];
    let (prefix, rest) = PREFIXES
        .iter()
        .find_map(|prefix| Some((*prefix, name.strip_prefix(prefix)?)))?;
    let known = || SETTINGS.iter().flat_map(|setting| setting.variables);
    if known().any(|variable| *variable == name) {
        return None;
    }
    let alike = known().filter_map(|variable| {
        let known = variable.strip_prefix(prefix)?;
        Some((
            strsim::normalized_damerau_levenshtein(rest, known),
            *variable,
        ))
    });
    alike
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, variable)| variable)
}

/// Flags count as other names of a setting: a user who writes `cov` or `fail_fast` means something.
fn nearest(key: &str) -> Option<&'static str> {
    /// Less alike than this, and a suggestion is noise (the threshold of clap is the same).
    const ALIKE: f64 = 0.8;
    let key = key.to_lowercase().replace('_', "-");
    let files = SETTINGS.iter().filter(|setting| setting.in_files);
    let names = files.flat_map(|setting| {
        let flags = setting
            .flags
            .iter()
            .map(|flag| flag.name.trim_start_matches('-'));
        let names = std::iter::once(setting.name).chain(flags);
        names.map(|name| (setting.name, name))
    });
    names
        .map(|(setting, name)| (strsim::jaro_winkler(&key, name), setting))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, setting)| setting)
}
