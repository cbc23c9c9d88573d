//! What a run asks the store to write. Every value is one idempotent effect on the run's rows.

use super::cycle::CycleId;
use super::ids::ShardIndex;
use super::lease::LeaseClaim;
use super::module::{Integration, Trial};
use super::outcome::{Counts, RunOutcome};
use super::record::{AttemptRecord, CoverageTotals, FileCoverage, Notice, TestItem, WarningRecord};

/// A run as it is opened, before anything is known of its results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// A name that stays unique when state files are merged.
    pub uuid: String,
    /// What started it: `manual`, `schedule` or `library`.
    pub trigger: String,
    /// The project folder, absolute.
    pub project: String,
    /// UTC milliseconds since the epoch.
    pub started_ms: i64,
    /// `host`, `docker` or `podman`.
    pub executor: String,
    /// The id of the container image; `None` on the host.
    pub image: Option<String>,
    /// The total of workers.
    pub workers: u32,
    /// The paths of the shards; one shard with an empty path is pytest's own choice.
    pub shards: Vec<String>,
    /// The arguments handed to pytest.
    pub pytest_args: Vec<String>,
    /// Runs with the same key selected the same tests in the same way and can be compared.
    pub selection_key: String,
    /// The version of the agent.
    pub agent_version: String,
    /// The process that holds the run.
    pub holder: ProcessIdentity,
    /// The lease under which it runs; once that is lost, nothing more is written.
    pub lease: Option<LeaseClaim>,
    /// The cycle of the schedule that it is the run of.
    pub cycle: Option<CycleId>,
}

/// What tells a process from every other one on this machine, across reuse of process ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: u32,
    /// A name of this boot of the machine.
    pub boot_id: String,
    /// When the process started, in the kernel's own unit for that; `None` when it is unknown.
    pub start_time: Option<u64>,
}

/// Facts about a shard that are known when its first process says hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardFacts {
    /// The Python version, such as `3.11.7`.
    pub python: String,
    /// The pytest version.
    pub pytest: String,
    /// The interpreter's path.
    pub executable: String,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// UTC milliseconds since the epoch.
    pub finished_ms: i64,
    /// The verdict.
    pub outcome: RunOutcome,
    /// What the command returned.
    pub exit_code: u8,
}

/// One thing to write about the run at hand.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// The commit of the project's repository and whether tracked files were changed.
    Git {
        /// The full commit id.
        commit: String,
        /// Whether tracked files differ from it.
        dirty: bool,
    },
    /// A process of the run was started.
    ProcessStarted {
        /// Which of the run's processes it is, from 1.
        serial: u32,
        /// The shard that it works for; `None` if it tries orphans.
        shard: Option<ShardIndex>,
        /// The process; it leads a process group of its own.
        process: ProcessIdentity,
        /// UTC milliseconds since the epoch.
        started_ms: i64,
    },
    /// That process, and its group, are gone.
    ProcessEnded {
        /// Which of the run's processes it was.
        serial: u32,
        /// UTC milliseconds since the epoch.
        ended_ms: i64,
        /// How it ended, in words: `exit status 0`, `killed by SIGSEGV`.
        status: String,
    },
    /// What a shard runs on.
    ShardFacts {
        /// The shard.
        shard: ShardIndex,
        /// The facts.
        facts: ShardFacts,
    },
    /// Tests were collected; until they report, they are `not_run`.
    Collected {
        /// The shard.
        shard: ShardIndex,
        /// pytest's rootdir relative to the project.
        root: String,
        /// The tests, in pytest's order.
        tests: Vec<TestItem>,
    },
    /// An attempt has its verdict (or a new one: attempts are keyed by test and number).
    Attempt(Box<AttemptRecord>),
    /// Coverage of some files, united over the run so far; replaces what was there for them.
    Coverage(Vec<FileCoverage>),
    /// Coverage in total.
    CoverageTotals(CoverageTotals),
    /// A notice.
    Notice(Notice),
    /// A Python warning, and how often it was seen so far.
    Warning {
        /// What was warned about.
        warning: WarningRecord,
        /// How often in this run.
        count: u64,
    },
    /// The tallies of the run so far.
    Counts(Counts),
    /// A shard is over.
    ShardEnded {
        /// The shard.
        shard: ShardIndex,
        /// UTC milliseconds since the epoch.
        finished_ms: i64,
        /// pytest's exit status where it had one.
        exit_status: Option<i32>,
        /// Processes that died in it.
        deaths: u32,
    },
    /// So many orphans are going to be tried.
    Orphans {
        /// How many.
        total: u64,
    },
    /// What came of trying a module; its line in the list of orphans follows.
    Trial(Box<Trial>),
    /// What the passing orphans were made part of.
    Integration(Integration),
    /// The run is over.
    RunEnded(RunEnd),
}
