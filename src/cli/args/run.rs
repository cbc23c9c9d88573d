//! The flags of `agent run`, and those that other commands share with it.

#![expect(
    clippy::doc_markdown,
    reason = "the docs of arguments are help texts, and a terminal shows backticks as such"
)]

use std::path::PathBuf;

use clap::Args;

use crate::settings::FlagValues;

#[derive(Debug, Default, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct RunArgs {
    /// Files, folders, node ids or globs; each is a shard of its own
    #[arg(value_name = "PATHS")]
    paths: Vec<String>,
    /// Arguments for pytest, added to those of --pytest-args
    #[arg(last = true, value_name = "PYTEST ARGS")]
    after_dashes: Vec<String>,
    #[command(flatten)]
    execution: ExecutionArgs,
    #[command(flatten)]
    interpreter: InterpreterArgs,
    #[command(flatten)]
    container: ContainerArgs,
    #[command(flatten)]
    orphans: OrphanArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

/// Where figures are shown.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Metrics")]
struct MetricsArgs {
    /// Serve figures to Prometheus on this port, or none [default: none]
    #[arg(
        long = "metrics-port",
        value_name = "PORT",
        allow_negative_numbers = true
    )]
    port: Option<String>,
    /// The address to serve them on [default: 127.0.0.1]
    #[arg(long = "metrics-addr", value_name = "ADDRESS")]
    addr: Option<String>,
    /// Write the same to a file, for the textfile collector
    #[arg(long = "metrics-textfile", value_name = "FILE")]
    textfile: Option<String>,
}

/// When the tests run, and what the service does besides.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Schedule")]
pub(in crate::cli) struct ScheduleArgs {
    /// Seconds from one due time to the next [default: 3600]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    interval: Option<String>,
    /// Due times as five fields of cron, in local time, or none
    #[arg(long, value_name = "EXPR", conflicts_with = "interval")]
    cron: Option<String>,
    /// Put each due time off by up to so many seconds [default: 0]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    jitter: Option<String>,
    /// Run at once, then on schedule
    #[arg(long)]
    pub(in crate::cli) run_now: bool,
    /// Append the figures of each cycle to a JSON array
    #[arg(long, value_name = "FILE")]
    history: Option<String>,
    /// Seconds that a cycle may go on after SIGTERM [default: 60]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    drain_timeout: Option<String>,
    /// The form of the log: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(super) log_format: Option<String>,
}

/// The arguments of `agent run-scheduled`.
#[derive(Debug, Default, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct RunScheduledArgs {
    #[command(flatten)]
    pub(in crate::cli) schedule: ScheduleArgs,
    // Paths are no matter of the schedule.
    #[command(flatten, next_help_heading = None::<&'static str>)]
    pub(in crate::cli) run: RunArgs,
}

impl RunScheduledArgs {
    pub(super) fn note(&self, flags: &mut FlagValues) {
        self.run.note(flags);
        let schedule = &self.schedule;
        note_word(flags, "--interval", schedule.interval.as_ref());
        note_word(flags, "--cron", schedule.cron.as_ref());
        note_word(flags, "--jitter", schedule.jitter.as_ref());
        note_word(flags, "--history", schedule.history.as_ref());
        note_word(flags, "--drain-timeout", schedule.drain_timeout.as_ref());
        note_word(flags, "--log-format", schedule.log_format.as_ref());
    }
}

impl MetricsArgs {
    fn note(&self, flags: &mut FlagValues) {
        note_word(flags, "--metrics-port", self.port.as_ref());
        note_word(flags, "--metrics-addr", self.addr.as_ref());
        note_word(flags, "--metrics-textfile", self.textfile.as_ref());
    }
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
struct ExecutionArgs {
    /// Processes in total, or auto for one a processor [default: 1]
    #[arg(long, value_name = "N|auto", allow_negative_numbers = true)]
    workers: Option<String>,
    /// Arguments for pytest, as one text of shell words
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pytest_args: Option<String>,
    /// Seconds that a shard may take [default: 300]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<String>,
    /// Seconds that a test may take, or none [default: none]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    test_timeout: Option<String>,
    /// Try a failing test N more times, each in a fresh process [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    reruns: Option<String>,
    /// End the run after N failing tests, or none [default: none]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_fail: Option<String>,
    /// End the run after the first failing test
    #[arg(long, conflicts_with = "max_fail")]
    fail_fast: bool,
    /// Seconds to wait while others run in containers [default: none]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    lock_timeout: Option<String>,
    /// Measure coverage [default]
    #[arg(long, overrides_with = "no_cov")]
    cov: bool,
    /// Do not measure coverage
    #[arg(long, overrides_with = "cov")]
    no_cov: bool,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Interpreter")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each flag of a pair is a field of its own to clap"
)]
struct InterpreterArgs {
    /// The interpreter [default: $VIRTUAL_ENV, .venv, venv, then python3]
    #[arg(long, value_name = "PYTHON")]
    python: Option<String>,
    /// Make an environment where the interpreter has no pytest [default]
    #[arg(long, overrides_with = "no_managed_env")]
    managed_env: bool,
    /// Fail where the interpreter has no pytest
    #[arg(long, overrides_with = "managed_env")]
    no_managed_env: bool,
    /// Fetch nothing
    #[arg(long, overrides_with = "no_offline")]
    offline: bool,
    /// Fetch what the managed environment needs [default]
    #[arg(long, overrides_with = "offline")]
    no_offline: bool,
    /// A folder of wheels to make the managed environment from
    #[arg(long, value_name = "DIR")]
    wheels: Option<String>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Containers")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each flag of a pair is a field of its own to clap"
)]
struct ContainerArgs {
    /// Run each path in a container, where an engine answers
    #[arg(long, overrides_with = "no_container")]
    use_container: bool,
    /// Run on the host [default]
    #[arg(long, overrides_with = "use_container")]
    no_container: bool,
    /// Fail where no engine answers
    #[arg(long, overrides_with = "no_require_container")]
    require_container: bool,
    /// Run on the host where no engine answers [default]
    #[arg(long, overrides_with = "require_container")]
    no_require_container: bool,
    /// The image [default: the tarball's, else python:3.11-slim]
    #[arg(long, value_name = "IMAGE")]
    container_image: Option<String>,
    /// A tarball that holds the image
    #[arg(long, value_name = "FILE")]
    image_tar: Option<String>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Try N more times what the engine failed to do [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    retries: Option<String>,
    /// Set a variable, or hand on one of this process; repeatable
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// The network of the containers [default: none when offline]
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
    /// Memory of a container, such as 512m, or none [default: none]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    memory: Option<String>,
    /// Processors of a container, or none [default: none]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cpus: Option<String>,
    /// Processes and threads of a container, or none [default: 4096]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pids_limit: Option<String>,
    /// An argument for the engine's run; repeatable
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    container_arg: Vec<String>,
}

/// What is done about modules that no test reaches.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Modules that no test reaches")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each flag of a pair is a field of its own to clap"
)]
struct OrphanArgs {
    /// Try the modules that no test reaches [default]
    #[arg(long, overrides_with = "no_include_orphans")]
    include_orphans: bool,
    /// Do not try them
    #[arg(long, overrides_with = "include_orphans")]
    no_include_orphans: bool,
    /// Look for them when there is no list yet [default]
    #[arg(long, overrides_with = "no_discover_orphans")]
    discover_orphans: bool,
    /// Do not look for them
    #[arg(long, overrides_with = "discover_orphans")]
    no_discover_orphans: bool,
    /// Look through what they import as well [default]
    #[arg(long, overrides_with = "no_recursive_orphans")]
    recursive_orphans: bool,
    /// Do not look through what they import
    #[arg(long, overrides_with = "recursive_orphans")]
    no_recursive_orphans: bool,
    /// Look first for modules that nothing imports
    #[arg(long, overrides_with = "no_discover_isolated")]
    discover_isolated: bool,
    /// Do not look for those [default]
    #[arg(long, overrides_with = "discover_isolated")]
    no_discover_isolated: bool,
    /// Look through what those import as well
    #[arg(long, overrides_with = "no_recursive_isolated")]
    recursive_isolated: bool,
    /// Do not look through what those import [default]
    #[arg(long, overrides_with = "recursive_isolated")]
    no_recursive_isolated: bool,
    /// The same as --discover-isolated --recursive-isolated
    #[arg(long, overrides_with = "no_auto_include_isolated")]
    auto_include_isolated: bool,
    /// Neither of the two [default]
    #[arg(long, overrides_with = "auto_include_isolated")]
    no_auto_include_isolated: bool,
    /// Fail where one of the modules fails
    #[arg(long, overrides_with = "no_strict_orphans")]
    strict_orphans: bool,
    /// Only report those that fail [default]
    #[arg(long, overrides_with = "strict_orphans")]
    no_strict_orphans: bool,
    /// Put those that pass on the module map [default]
    #[arg(long, overrides_with = "no_merge_orphans")]
    merge_orphans: bool,
    /// Leave the module map as it is
    #[arg(long, overrides_with = "merge_orphans")]
    no_merge_orphans: bool,
    /// Look for them although there is a list
    #[arg(long, overrides_with = "no_refresh_orphans")]
    refresh_orphans: bool,
    /// Keep to the list where there is one [default]
    #[arg(long, overrides_with = "refresh_orphans")]
    no_refresh_orphans: bool,
}

/// What a run says, and where.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(in crate::cli) struct OutputArgs {
    /// Print the summary as JSON on standard output
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Write every event as a line of JSON; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub(in crate::cli) events: Option<PathBuf>,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) junit: Option<PathBuf>,
    /// How to show progress: auto, bar, plain, none [default: auto]
    #[arg(long, value_name = "HOW")]
    progress: Option<String>,
    /// Say only the verdict and the failures
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,
    /// Say every test
    #[arg(long, short)]
    verbose: bool,
}

/// Which engine.
#[derive(Debug, Default, Args)]
pub(super) struct EngineArgs {
    /// docker, podman or a path [default: whichever answers]
    #[arg(long, value_name = "PROGRAM")]
    container_runtime: Option<String>,
    /// Where the engine is: unix://, tcp:// or ssh://
    #[arg(long, value_name = "URL")]
    docker_host: Option<String>,
}

impl RunArgs {
    pub(super) fn note(&self, flags: &mut FlagValues) {
        if !self.paths.is_empty() {
            flags.set_words("PATHS", self.paths.clone());
        }
        flags.pytest_args.clone_from(&self.after_dashes);

        let execution = &self.execution;
        note_word(flags, "--workers", execution.workers.as_ref());
        note_word(flags, "--pytest-args", execution.pytest_args.as_ref());
        note_word(flags, "--timeout", execution.timeout.as_ref());
        note_word(flags, "--test-timeout", execution.test_timeout.as_ref());
        note_word(flags, "--reruns", execution.reruns.as_ref());
        note_word(flags, "--max-fail", execution.max_fail.as_ref());
        note_word(flags, "--lock-timeout", execution.lock_timeout.as_ref());
        note_switch(flags, "--fail-fast", execution.fail_fast, "1");
        note_switch(flags, "--cov", execution.cov, "on");
        note_switch(flags, "--no-cov", execution.no_cov, "off");

        let interpreter = &self.interpreter;
        note_word(flags, "--python", interpreter.python.as_ref());
        note_word(flags, "--wheels", interpreter.wheels.as_ref());
        note_switch(flags, "--managed-env", interpreter.managed_env, "on");
        note_switch(flags, "--no-managed-env", interpreter.no_managed_env, "off");
        note_switch(flags, "--offline", interpreter.offline, "on");
        note_switch(flags, "--no-offline", interpreter.no_offline, "off");

        self.container.note(flags);
        self.orphans.note(flags);
        self.metrics.note(flags);

        note_word(flags, "--progress", self.output.progress.as_ref());
        note_switch(flags, "--quiet", self.output.quiet, "quiet");
        note_switch(flags, "--verbose", self.output.verbose, "verbose");
    }
}

impl EngineArgs {
    pub(super) fn note(&self, flags: &mut FlagValues) {
        note_word(
            flags,
            "--container-runtime",
            self.container_runtime.as_ref(),
        );
        note_word(flags, "--docker-host", self.docker_host.as_ref());
    }
}

impl ContainerArgs {
    fn note(&self, flags: &mut FlagValues) {
        note_switch(flags, "--use-container", self.use_container, "on");
        note_switch(flags, "--no-container", self.no_container, "off");
        note_switch(flags, "--require-container", self.require_container, "on");
        note_switch(
            flags,
            "--no-require-container",
            self.no_require_container,
            "off",
        );
        note_word(flags, "--container-image", self.container_image.as_ref());
        note_word(flags, "--image-tar", self.image_tar.as_ref());
        self.engine.note(flags);
        note_word(flags, "--retries", self.retries.as_ref());
        note_words(flags, "--env", &self.env);
        note_word(flags, "--network", self.network.as_ref());
        note_word(flags, "--memory", self.memory.as_ref());
        note_word(flags, "--cpus", self.cpus.as_ref());
        note_word(flags, "--pids-limit", self.pids_limit.as_ref());
        note_words(flags, "--container-arg", &self.container_arg);
    }
}

impl OrphanArgs {
    fn note(&self, flags: &mut FlagValues) {
        note_switch(flags, "--include-orphans", self.include_orphans, "on");
        note_switch(
            flags,
            "--no-include-orphans",
            self.no_include_orphans,
            "off",
        );
        note_switch(flags, "--discover-orphans", self.discover_orphans, "on");
        note_switch(
            flags,
            "--no-discover-orphans",
            self.no_discover_orphans,
            "off",
        );
        note_switch(flags, "--recursive-orphans", self.recursive_orphans, "on");
        note_switch(
            flags,
            "--no-recursive-orphans",
            self.no_recursive_orphans,
            "off",
        );
        note_switch(flags, "--discover-isolated", self.discover_isolated, "on");
        note_switch(
            flags,
            "--no-discover-isolated",
            self.no_discover_isolated,
            "off",
        );
        note_switch(flags, "--recursive-isolated", self.recursive_isolated, "on");
        note_switch(
            flags,
            "--no-recursive-isolated",
            self.no_recursive_isolated,
            "off",
        );
        note_switch(
            flags,
            "--auto-include-isolated",
            self.auto_include_isolated,
            "on",
        );
        note_switch(
            flags,
            "--no-auto-include-isolated",
            self.no_auto_include_isolated,
            "off",
        );
        note_switch(flags, "--strict-orphans", self.strict_orphans, "on");
        note_switch(flags, "--no-strict-orphans", self.no_strict_orphans, "off");
        note_switch(flags, "--merge-orphans", self.merge_orphans, "on");
        note_switch(flags, "--no-merge-orphans", self.no_merge_orphans, "off");
        note_switch(flags, "--refresh-orphans", self.refresh_orphans, "on");
        note_switch(
            flags,
            "--no-refresh-orphans",
            self.no_refresh_orphans,
            "off",
        );
    }
}

pub(super) fn note_words(flags: &mut FlagValues, flag: &'static str, words: &[String]) {
    if !words.is_empty() {
        flags.set_words(flag, words.to_vec());
    }
}

pub(super) fn note_word(flags: &mut FlagValues, flag: &'static str, word: Option<&String>) {
    if let Some(word) = word {
        flags.set(flag, word);
    }
}

pub(super) fn note_switch(flags: &mut FlagValues, flag: &'static str, given: bool, word: &str) {
    if given {
        flags.set(flag, word);
    }
}
