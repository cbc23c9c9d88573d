//! The command line as it is typed.
//!
//! Only what is no setting has a field here. The flags of settings are made from their rows
//! (`flags`), and their values stay text: the settings read them, so that a flag, a variable and a
//! file accept the same words and complain in the same way.

mod cycle;
mod flags;
mod module_map;
mod orphans;
mod run;
mod service;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(super) use self::cycle::{CycleArgs, cycle_line};
use self::flags::{CleanupSettings, GlobalSettings, ImageSettings};
pub(super) use self::module_map::{
    AddArgs, BuildArgs, ChangeArgs, ExportArgs, ImportArgs, IntegrateArgs, ListWorkflowsArgs,
    ModuleMapArgs, ModuleMapCommand, NamedArgs, ShowMapArgs, UndoArgs, WorkflowArgs,
    WorkflowCommand,
};
pub(super) use self::orphans::{
    GraphArgs, GraphFormat, OrphanListArgs, OrphanScanArgs, OrphansArgs, OrphansCommand, WhyArgs,
};
pub(super) use self::run::{AttendedArgs, OutputArgs, RunArgs, RunScheduledArgs};
pub(super) use self::service::{
    InstallServiceArgs, ManagerChoice, NameArgs, PrintServiceArgs, ServiceArgs, ServiceCommand,
};
use crate::image::{Platform, Reference};
use crate::model::RunId;
use crate::settings::{ColorChoice, FlagValues};

const AFTER_HELP: &str = "\
Exit codes:
  0  every test passed       5    no test was collected
  1  a test failed           6    a test was lost, crashed or timed out
  2  usage or settings       70   a bug in the agent
  3  environment             130  stopped by SIGINT
  4  state file              143  stopped by SIGTERM";

/// Runs the pytest suites of a project, records every result, explains what changed.
#[derive(Debug, Parser)]
#[command(
    name = "agent",
    version,
    max_term_width = 80,
    subcommand_required = true,
    arg_required_else_help = true,
    args_override_self = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP
)]
pub(super) struct Cli {
    #[command(flatten)]
    settings: GlobalSettings,
    /// The flags of settings that the line gives.
    #[arg(skip)]
    given: FlagValues,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the tests and record the results
    Run(Box<AttendedArgs>),
    /// Run them again and again, on a schedule
    RunScheduled(Box<RunScheduledArgs>),
    /// Show what a running agent does, and what is due next
    Status(StatusArgs),
    /// Install run-scheduled as a service of systemd or launchd
    Service(ServiceArgs),
    /// List the runs, newest first
    History(HistoryArgs),
    /// Show one run and its failures
    Show(ShowArgs),
    /// Read, check and make image archives
    Image(ImageArgs),
    /// Find modules that no test reaches
    Orphans(OrphansArgs),
    /// Show the way from a test to a module, or what is missing
    Why(WhyArgs),
    /// Print the import graph of the project
    Graph(GraphArgs),
    /// Show, build and change the map of modules
    ModuleMap(ModuleMapArgs),
    /// List, change and run lists of modules
    Workflow(WorkflowArgs),
    /// Remove what interrupted runs left
    Cleanup(CleanupArgs),
    /// Show or release the leases of runs in containers
    Lease(LeaseArgs),
    /// Print every setting with its value and where that came from
    Config(ConfigArgs),
    /// Trust the settings in the project's own file, or no longer
    Trust(TrustArgs),
    /// Print the JSON Schema of an output, or of menace.toml
    Schema(SchemaArgs),
    /// Explain a topic, or show the help of a command
    Help(HelpArgs),
    /// Carry out one cycle of run-scheduled, which starts it
    #[command(hide = true)]
    Cycle(Box<CycleArgs>),
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Print as JSON; `agent schema status` describes it
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// The number of runs
    #[arg(value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) count: u32,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The number of a run, or latest
    #[arg(value_name = "RUN", value_parser = run_ref)]
    pub(super) run: RunRef,
    /// A test, or a part of its node id: show its reports and what it printed
    #[arg(value_name = "TEST")]
    pub(super) test: Option<String>,
    /// Print the summary as JSON
    #[arg(long, conflicts_with = "test")]
    pub(super) json: bool,
}

/// A run as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunRef {
    /// `latest`: the newest run of the state file.
    Latest,
    /// The one of that number.
    Number(RunId),
}

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct ImageArgs {
    #[command(subcommand)]
    pub(super) command: ImageCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ImageCommand {
    /// Show what an image archive holds
    Inspect(ImageFileArgs),
    /// Read every byte of an image archive and compare its digests
    Verify(ImageFileArgs),
    /// Make an image archive, without an engine or a registry
    Pack(ImagePackArgs),
    /// Check an image archive and load it into an engine that lacks it
    Load(ImageLoadArgs),
    /// List the image archives that were checked
    List(ImageListArgs),
}

#[derive(Debug, Args)]
pub(super) struct ImageLoadArgs {
    /// The archive: docker save or OCI; plain, gzip, zstd, xz or bzip2; or a folder of its files
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    settings: ImageSettings,
}

#[derive(Debug, Args)]
pub(super) struct ImageListArgs {
    #[command(flatten)]
    settings: ImageSettings,
}

#[derive(Debug, Args)]
pub(super) struct CleanupArgs {
    #[command(flatten)]
    settings: CleanupSettings,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Also containers of other machines, and those that name no agent
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Debug, Args)]
pub(super) struct ImageFileArgs {
    /// The archive: docker save or OCI; plain, gzip, zstd, xz or bzip2; or a folder of its files
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The platform that the image is to run on [default: this machine]
    #[arg(long, value_name = "OS/ARCH")]
    pub(super) platform: Option<Platform>,
    /// Print as JSON; `agent schema image` describes it
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ImagePackArgs {
    /// The root file system: a tar, plain, gzip, zstd, xz or bzip2
    #[arg(long, value_name = "FILE")]
    pub(super) rootfs: PathBuf,
    /// The name of the image, as NAME or NAME:TAG [default tag: latest]
    #[arg(long, value_name = "NAME")]
    pub(super) tag: Reference,
    /// The archive to make: .tar, .tar.gz or .tar.zst
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Install every wheel of this folder for the image's Python
    #[arg(long, value_name = "DIR")]
    pub(super) wheels: Option<PathBuf>,
    /// The platform that the image is to run on [default: this machine]
    #[arg(long, value_name = "OS/ARCH")]
    pub(super) platform: Option<Platform>,
    /// Replace the archive if it is there
    #[arg(long)]
    pub(super) force: bool,
    /// Print as JSON; `agent schema image` describes it
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LeaseArgs {
    #[command(subcommand)]
    pub(super) command: LeaseCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum LeaseCommand {
    /// List the leases and who has them
    List(LeaseListArgs),
    /// Give a lease back that its holder left behind
    Release(LeaseReleaseArgs),
}

#[derive(Debug, Args)]
pub(super) struct LeaseListArgs {
    /// Print as JSON; `agent schema leases` describes it
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LeaseReleaseArgs {
    /// The name of a lease
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Also while its holder is at work; that run stores nothing more
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Print as JSON; `agent schema config` describes it
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    /// Take the trust back
    #[arg(long)]
    pub(super) revoke: bool,
}

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The format: `run --json`, a line of `run --events`, `config --json`,
    /// `image … --json`, `lease list --json`, a line of the log of
    /// `run-scheduled --log-format json`, `orphans scan --json`,
    /// `orphans list --json`, `why --json`, `graph --format json`,
    /// `module-map … --json`, `workflow list --json`, `status --json` or the
    /// settings file `menace.toml`
    pub(super) of: SchemaOf,
}

#[derive(Debug, Args)]
pub(super) struct HelpArgs {
    /// A topic, or a command; without one the topics are listed
    #[arg(value_name = "TOPIC")]
    pub(super) words: Vec<String>,
}

/// The variants are without docs: clap would spread the help over a screen.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SchemaOf {
    Summary,
    Events,
    Config,
    Image,
    Leases,
    Log,
    OrphanScan,
    Orphans,
    Why,
    Graph,
    ModuleMap,
    Workflows,
    Status,
    Settings,
}

impl Cli {
    /// Parses a command line; the program's name comes first.
    pub(super) fn parse_from(
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(args)?;
        let cli = Self::from_arg_matches(&matches);
        let mut cli = cli.map_err(|error| error.format(&mut Self::command()))?;
        cli.given = flags::given(&matches);
        if let Some(run) = cli.run_args()
            && run.output.json
            && run.output.events.as_deref() == Some(Path::new("-"))
        {
            let both = "`--json` and `--events -` both write to standard output";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, both));
        }
        Ok(cli)
    }

    /// When to use colours before the settings are known.
    pub(super) fn color(&self) -> Option<ColorChoice> {
        self.given
            .word_of("--color")
            .and_then(ColorChoice::from_name)
    }

    /// The form of the log before the settings are known.
    pub(super) fn log_format(&self) -> Option<&str> {
        match &self.command {
            Command::Cycle(args) if args.cycle_log_format.is_some() => {
                args.cycle_log_format.as_deref()
            }
            _ => self.given.word_of("--log-format"),
        }
    }

    /// The flags that set settings.
    pub(super) fn flags(&self) -> FlagValues {
        let mut flags = self.given.clone();
        flags.pytest_args = match &self.command {
            Command::Run(args) => args.pytest_words(),
            Command::RunScheduled(args) => args.run.after_dashes.clone(),
            Command::Cycle(args) => args.scheduled.run.after_dashes.clone(),
            _ => Vec::new(),
        };
        if let Command::Cycle(args) = &self.command {
            for (flag, word) in [
                ("--log-format", &args.cycle_log_format),
                ("--quiet", &args.cycle_verbosity),
            ] {
                if let Some(word) = word {
                    flags.set(flag, word);
                }
            }
        }
        flags
    }

    /// The arguments of a run, if the command is one.
    fn run_args(&self) -> Option<&RunArgs> {
        match &self.command {
            Command::Run(args) => Some(&args.run),
            Command::RunScheduled(args) => Some(&args.run),
            Command::Cycle(args) => Some(&args.scheduled.run),
            _ => None,
        }
    }
}

fn run_ref(text: &str) -> Result<RunRef, String> {
    if text == "latest" {
        return Ok(RunRef::Latest);
    }
    match text.parse() {
        Ok(number) if number > 0 => Ok(RunRef::Number(RunId(number))),
        _ => Err("expected the number of a run, or `latest`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::settings::{Flag, Layers, SETTINGS, Settings, UsedBy};

    fn settings(line: &str) -> Settings {
        let args = shell_words::split(line).unwrap();
        let cli = Cli::parse_from(args.into_iter().map(OsString::from)).unwrap();
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        let layers = Layers {
            flags: cli.flags(),
            cwd: folder.path().to_path_buf(),
            ..Layers::default()
        };
        Settings::load(&layers).unwrap().0
    }

    #[test]
    fn clap_finds_no_fault_with_the_definition() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_has_the_flags_of_the_rows_that_name_it() {
        let mut command = Cli::command();
        command.build();
        for (names, all_used_by) in [
            (&["run"][..], &[UsedBy::Run, UsedBy::Every][..]),
            (
                &["run-scheduled"],
                &[UsedBy::Run, UsedBy::RunScheduled, UsedBy::Every],
            ),
            (&["cleanup"], &[UsedBy::Cleanup, UsedBy::Every]),
            (&["image", "load"], &[UsedBy::Image, UsedBy::Every]),
            (&["image", "list"], &[UsedBy::Image, UsedBy::Every]),
            (&["orphans", "scan"], &[UsedBy::OrphansScan, UsedBy::Every]),
            (&["history"], &[UsedBy::Every]),
        ] {
            let of_names = names.iter().try_fold(&command, |command, name| {
                let mut all = command.get_subcommands();
                all.find(|command| command.get_name() == *name)
            });
            let arguments: Vec<&str> = of_names
                .unwrap()
                .get_arguments()
                .map(|argument| argument.get_id().as_str())
                .collect();
            for flag in SETTINGS.iter().flat_map(|row| row.flags) {
                let is_named = all_used_by.iter().any(|used| flag.used_by.contains(used));
                let is_there = arguments.contains(&flag.name);
                assert_eq!(is_there, is_named, "{} of {names:?}", flag.name);
            }
        }
    }

    #[test]
    fn the_flags_of_a_run_are_those_of_the_table_and_three_outputs() {
        let mut command = Cli::command();
        command.build();
        let flags = |name: &str| -> BTreeSet<String> {
            let command = command.find_subcommand(name).unwrap();
            let flags = command.get_arguments().filter_map(clap::Arg::get_long);
            flags.map(|flag| format!("--{flag}")).collect()
        };
        let table = SETTINGS.iter().flat_map(|row| row.flags);
        let of_a_scan = |flag: &Flag| flag.used_by == [UsedBy::OrphansScan];
        let table = table.filter(|flag| !of_a_scan(flag) && flag.name.starts_with("--"));
        let table = table.map(|flag| flag.name);
        let outputs = ["--json", "--events", "--junit", "--help"];
        let all: BTreeSet<String> = table.chain(outputs).map(str::to_owned).collect();
        let of_schedules = [
            "--interval",
            "--cron",
            "--jitter",
            "--history",
            "--drain-timeout",
            "--log-format",
        ];
        let scheduled = flags("run-scheduled");
        assert_eq!(
            scheduled,
            all.iter()
                .cloned()
                .chain(["--run-now".to_owned()])
                .collect()
        );
        let of_a_run = |flag: &&String| !of_schedules.contains(&flag.as_str());
        let of_a_run = all.iter().filter(of_a_run).cloned();
        let attended = of_a_run.chain(["--pdb".to_owned()]).collect();
        assert_eq!(flags("run"), attended);
    }

    #[test]
    fn each_flag_sets_its_setting() {
        check(&[
            ("agent run a 'b c'", "paths", "a 'b c'", "PATHS"),
            ("agent run --workers 3", "workers", "3", "--workers"),
            (
                "agent run --workers 3 --workers=4",
                "workers",
                "4",
                "--workers",
            ),
            (
                "agent run --pytest-args '-x -q'",
                "pytest-args",
                "-x -q",
                "--pytest-args",
            ),
            ("agent run --timeout 4.5", "timeout", "4.5 s", "--timeout"),
            (
                "agent run --test-timeout 4",
                "test-timeout",
                "4 s",
                "--test-timeout",
            ),
            ("agent run --reruns 2", "reruns", "2", "--reruns"),
            ("agent run --max-fail 2", "max-fail", "2", "--max-fail"),
            ("agent run --fail-fast", "max-fail", "1", "--fail-fast"),
            (
                "agent run --lock-timeout 0",
                "lock-timeout",
                "0 s",
                "--lock-timeout",
            ),
            ("agent run --cov", "coverage", "on", "--cov"),
            ("agent run --no-cov", "coverage", "off", "--no-cov"),
            ("agent run --no-cov --cov", "coverage", "on", "--cov"),
            ("agent run --cov --no-cov", "coverage", "off", "--no-cov"),
            (
                "agent run --python python3",
                "python",
                "python3",
                "--python",
            ),
            ("agent run --wheels /w", "wheels", "/w", "--wheels"),
            (
                "agent run --managed-env",
                "managed-env",
                "on",
                "--managed-env",
            ),
            (
                "agent run --no-managed-env",
                "managed-env",
                "off",
                "--no-managed-env",
            ),
            ("agent run --offline", "offline", "on", "--offline"),
            ("agent run --no-offline", "offline", "off", "--no-offline"),
            ("agent run --progress bar", "progress", "bar", "--progress"),
            ("agent run -q", "verbosity", "quiet", "--quiet"),
            ("agent run -vv", "verbosity", "verbose", "--verbose"),
            ("agent run --color never", "color", "never", "--color"),
            ("agent --project / config", "project", "/", "--project"),
            ("agent history --db /x.db", "db", "/x.db", "--db"),
        ]);
    }

    #[test]
    fn each_flag_of_containers_sets_its_setting() {
        check(&[
            (
                "agent run --no-container --use-container",
                "use-container",
                "on",
                "--use-container",
            ),
            (
                "agent run --use-container --no-container",
                "use-container",
                "off",
                "--no-container",
            ),
            (
                "agent run --require-container",
                "require-container",
                "on",
                "--require-container",
            ),
            (
                "agent run --no-require-container",
                "require-container",
                "off",
                "--no-require-container",
            ),
            (
                "agent run --container-image lab:1",
                "container-image",
                "lab:1",
                "--container-image",
            ),
            ("agent run --image-tar /i", "image-tar", "/i", "--image-tar"),
            (
                "agent run --container-runtime podman",
                "container-runtime",
                "podman",
                "--container-runtime",
            ),
            (
                "agent run --docker-host ssh://a@b",
                "docker-host",
                "ssh://a@b",
                "--docker-host",
            ),
            ("agent run --retries 3", "retries", "3", "--retries"),
            (
                "agent run --env A='b c' --env D",
                "env",
                "'A=b c' D",
                "--env",
            ),
            ("agent run --network none", "network", "none", "--network"),
            ("agent run --memory 1G", "memory", "1g", "--memory"),
            ("agent run --cpus 1.5", "cpus", "1.5", "--cpus"),
            (
                "agent run --pids-limit 9",
                "pids-limit",
                "9",
                "--pids-limit",
            ),
            (
                "agent run --container-arg --gpus=all --container-arg='a b'",
                "container-args",
                "'--gpus=all' 'a b'",
                "--container-arg",
            ),
        ]);
    }

    #[test]
    fn each_flag_of_orphans_sets_its_setting() {
        check(&[
            (
                "agent run --no-include-orphans --include-orphans",
                "include-orphans",
                "on",
                "--include-orphans",
            ),
            (
                "agent run --no-discover-orphans",
                "discover-orphans",
                "off",
                "--no-discover-orphans",
            ),
            (
                "agent run --auto-include-isolated",
                "recursive-isolated",
                "on",
                "--auto-include-isolated",
            ),
            (
                "agent run --refresh-orphans",
                "refresh-orphans",
                "on",
                "--refresh-orphans",
            ),
        ]);
    }

    #[test]
    fn a_flag_that_only_some_commands_have_sets_its_setting_too() {
        check(&[
            (
                "agent run-scheduled --interval 9",
                "interval",
                "9 s",
                "--interval",
            ),
            (
                "agent run-scheduled --cron '0 3 * * *'",
                "cron",
                "0 3 * * *",
                "--cron",
            ),
            (
                "agent run-scheduled --log-format json",
                "log-format",
                "json",
                "--log-format",
            ),
            ("agent cycle 1 --jitter 0.5", "jitter", "0.5 s", "--jitter"),
            ("agent cleanup --retries 3", "retries", "3", "--retries"),
            (
                "agent image list --docker-host tcp://a:1",
                "docker-host",
                "tcp://a:1",
                "--docker-host",
            ),
            (
                "agent image load x --container-runtime podman",
                "container-runtime",
                "podman",
                "--container-runtime",
            ),
            (
                "agent orphans scan --recursive --no-recursive",
                "recursive-orphans",
                "off",
                "--no-recursive",
            ),
            (
                "agent orphans scan --isolated",
                "discover-isolated",
                "on",
                "--isolated",
            ),
            (
                "agent orphans scan --exclude a --exclude b",
                "exclude-modules",
                "a b",
                "--exclude",
            ),
        ]);
    }

    /// Lines, each with a setting, its value and the flag that it comes from.
    fn check(cases: &[(&str, &str, &str, &str)]) {
        for (line, name, value, flag) in cases {
            let settings = settings(line);
            let mut rows = settings.origins();
            let (_, shown, origin) = rows.find(|(row, ..)| row.name == *name).unwrap();
            assert_eq!(shown.to_string(), *value, "{line}");
            assert_eq!(origin.to_string(), format!("flag {flag}"), "{line}");
        }
    }

    #[test]
    fn what_follows_the_dashes_is_for_pytest() {
        let both = settings("agent run tests --pytest-args=-x -- -k 'a or b' --workers");
        assert_eq!(both.paths, ["tests"]);
        assert_eq!(both.pytest_args, ["-x", "-k", "a or b", "--workers"]);
        assert_eq!(settings("agent run -- tests").paths, [""; 0]);
    }

    #[test]
    fn a_run_is_named_by_number_or_as_the_latest() {
        assert_eq!(run_ref("latest"), Ok(RunRef::Latest));
        assert_eq!(run_ref("12"), Ok(RunRef::Number(RunId(12))));
        for text in ["0", "-1", "", "Latest", "1.0", "9223372036854775808"] {
            assert!(run_ref(text).is_err(), "{text}");
        }
    }
}
