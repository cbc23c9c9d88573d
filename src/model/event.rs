//! The event stream of a run: what `--events` writes and every sink inside the agent receives.
//!
//! A published contract. A line is one [`EventLine`]; `agent schema events` prints its JSON
//! Schema. Within one version keys are only added, and readers ignore keys that they do not know.
//! An event is sent after what it says was stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{RunId, ShardIndex};
use super::notice::Notice;
use super::orphan::Trial;
use super::outcome::Outcome;
use super::summary::RunSummary;
use super::test::{AttemptRecord, FileRecord};

/// The version of the event stream.
pub const EVENTS_VERSION: u32 = 1;

/// One line of the event stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent run --events, one line")]
pub struct EventLine {
    /// The version of this format, 1.
    pub v: u32,
    /// The run.
    pub run_id: RunId,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// The run is open. Always first.
    RunStarted {
        /// The run's UUID.
        uuid: String,
        /// The project folder, absolute.
        project: String,
        /// The paths, one a shard; an empty one is pytest's own choice.
        shards: Vec<String>,
        /// The total of workers.
        workers: u32,
        /// UTC milliseconds since the epoch.
        started_ms: i64,
        /// Tests of the previous comparable run, as a first guess at what is to come.
        expected_tests: Option<u64>,
        /// Seconds of the previous comparable run, likewise.
        expected_s: Option<f64>,
    },
    /// A shard's process answered.
    ShardStarted {
        /// The shard.
        shard: ShardIndex,
        /// Its path.
        path: String,
        /// The Python version.
        python: String,
        /// The pytest version.
        pytest: String,
        /// The process id.
        pid: u32,
    },
    /// A shard knows its tests.
    Collected {
        /// The shard.
        shard: ShardIndex,
        /// Tests to run.
        tests: u64,
        /// Tests that `-k`, `-m` or `--deselect` left out.
        deselected: u64,
        /// Seconds that these tests took in the previous comparable run, where it is known.
        expected_s: Option<f64>,
    },
    /// A test began.
    TestStarted {
        /// The shard.
        shard: ShardIndex,
        /// The node id.
        nodeid: String,
        /// 1 for the first try.
        attempt: u32,
        /// The process that runs it.
        worker: String,
    },
    /// A subtest ended that did not pass; the verdict of its test follows.
    Subtest {
        /// The shard.
        shard: ShardIndex,
        /// The node id of the test.
        nodeid: String,
        /// What pytest calls the subtest.
        description: String,
        /// `failed` or `skipped`.
        outcome: Outcome,
        /// One line that says what went wrong.
        message: Option<String>,
    },
    /// The setup of a fixture took 0.1 s or more.
    SlowFixture {
        /// The shard.
        shard: ShardIndex,
        /// `function`, `class`, `module`, `package` or `session`.
        scope: String,
        /// The fixture's name.
        name: String,
        /// Seconds.
        seconds: f64,
        /// The node id of the test that asked for it.
        nodeid: String,
    },
    /// An attempt has its verdict.
    TestFinished(Box<AttemptRecord>),
    /// The last test of a file has reported.
    FileFinished(FileRecord),
    /// Something the user should know.
    Notice(Notice),
    /// A process of a shard ended before its work was done; its tests continue in a new one.
    ProcessDied {
        /// The shard.
        shard: ShardIndex,
        /// How it ended, in words.
        status: String,
        /// The test that ran in it.
        nodeid: Option<String>,
        /// The last of what it printed.
        stderr_tail: String,
    },
    /// A shard is over.
    ShardFinished {
        /// The shard.
        shard: ShardIndex,
    },
    /// The tests are over, and modules that no test reaches are tried now.
    OrphansStarted {
        /// How many.
        orphans: u64,
    },
    /// A module that no test reaches was tried.
    OrphanFinished(Box<Trial>),
    /// The run is closed. Always last.
    RunFinished(Box<RunSummary>),
}
