//! The writes that a run asks of the store. Every value is one idempotent effect on the run's rows.

use super::coverage::{CoverageTotals, FileCoverage};
use super::ids::ShardIndex;
use super::loaded::Loaded;
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
    /// The version of pytest that it uses.
    pub pytest: String,
    /// The path of the interpreter that runs the tests.
    pub executable: String,
}

/// One thing to write about the run at hand.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// The commit of the project's repository and whether tracked files were changed.
    Git {
        /// The full id of the commit.
        commit: String,
        /// True if tracked files differ from it.
        dirty: bool,
    },
    /// A process of the run was started.
    ProcessStarted {
        /// The number of the process in the run, from 1.
        serial: u32,
        /// The shard that it works for; `None` if it tries orphans.
        shard: Option<ShardIndex>,
        /// The process; it leads a process group of its own.
        process: ProcessIdentity,
        /// The start, in UTC milliseconds since the epoch.
        started_ms: i64,
    },
    /// That process, and its group, are gone.
    ProcessEnded {
        /// The number of the process in the run, from 1.
        serial: u32,
        /// The end, in UTC milliseconds since the epoch.
        ended_ms: i64,
        /// The end in words: `exit status 0`, `killed by SIGSEGV`.
        status: String,
    },
    /// The interpreter and the pytest that a shard runs on.
    ShardFacts {
        /// The shard whose process said hello.
        shard: ShardIndex,
        /// The facts that the process sent.
        facts: ShardFacts,
    },
    /// Tests were collected; until they report, they are `not_run`.
    Collected {
        /// The shard that collected them.
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
    /// The totals of the coverage.
    CoverageTotals(CoverageTotals),
    /// A process ended before it could report all lines that it executed.
    CoveragePartial,
    /// The files that a process loaded until its end.
    Loaded {
        /// The number of the process in the run, from 1.
        serial: u32,
        /// The files.
        loaded: Loaded,
    },
    /// A notice about the run, for the user.
    Notice(Notice),
    /// A Python warning, and the number of times that it was seen so far.
    Warning {
        /// The warning itself, with its place.
        warning: WarningRecord,
        /// The number of times in this run.
        count: u64,
    },
    /// The tallies of the run so far.
    Counts(Counts),
    /// A shard is over: no process works for it any more.
    ShardEnded {
        /// The shard that is over.
        shard: ShardIndex,
        /// The end, in UTC milliseconds since the epoch.
        finished_ms: i64,
        /// The exit status of pytest, if it had one.
        exit_status: Option<i32>,
        /// The number of processes that died in it.
        deaths: u32,
    },
    /// So many orphans are going to be tried.
    Orphans {
        /// The number of modules to try.
        total: u64,
    },
    /// The result of trying a module; its line in the list of orphans follows.
    Trial(Box<Trial>),
    /// The places that the passing orphans were given.
    Integration(Integration),
    /// The run is over: its last write.
    RunEnded(Box<RunEnd>),
}
