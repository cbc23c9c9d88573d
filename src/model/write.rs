//! What a run asks the store to write. Every value is one idempotent effect on the run's rows.

use super::coverage::{CoverageTotals, FileCoverage};
use super::ids::ShardIndex;
use super::notice::{Notice, WarningRecord};
use super::orphan::{Integration, Trial};
use super::outcome::Counts;
use super::process::ProcessIdentity;
use super::run::RunEnd;
use super::test::{AttemptRecord, TestItem};

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
    RunEnded(Box<RunEnd>),
}
