//! The event stream of a run, which `--events` writes and every sink inside the agent receives.
//!
//! A published contract. A line is one [`EventLine`]; `agent schema events` prints its JSON
//! Schema. Within one version keys are only added, and readers ignore keys that they do not know.
//! An event is sent only after its facts were stored.

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
    /// The number of the run in the state file.
    pub run_id: RunId,
    /// The event itself; `t` is its name.
    #[serde(flatten)]
    pub event: Event,
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// The run is open. Always first.
    RunStarted {
        /// A UUID of the run, which stays unique when state files are merged.
        uuid: String,
        /// The absolute path of the project folder.
        project: String,
        /// The paths of each shard, or `(module map)`; an empty text is pytest's own choice.
        shards: Vec<String>,
        /// The total number of workers, over all shards.
        workers: u32,
        /// UTC milliseconds since the epoch.
        started_ms: i64,
        /// Tests of the previous comparable run, as a first guess at what is to come.
        expected_tests: Option<u64>,
        /// Seconds that the previous comparable run took, for the same purpose.
        expected_s: Option<f64>,
    },
    /// The first process of a shard answered, before its tests are known.
    ShardStarted {
        /// The shard whose process answered.
        shard: ShardIndex,
        /// The paths that it tests, or `(module map)`; empty for pytest's own choice.
        path: String,
        /// The version of Python, such as `3.11.7`.
        python: String,
        /// The version of pytest that runs there.
        pytest: String,
        /// The process id that the harness sees.
        pid: u32,
    },
    /// A shard knows its tests.
    Collected {
        /// The shard that knows its tests.
        shard: ShardIndex,
        /// The number of tests to run.
        tests: u64,
        /// Tests that `-k`, `-m` or `--deselect` left out.
        deselected: u64,
        /// Seconds that these tests took in the previous comparable run, if they are known.
        expected_s: Option<f64>,
    },
    /// An attempt of a test began.
    TestStarted {
        /// The shard that runs the test.
        shard: ShardIndex,
        /// The node id, relative to pytest's rootdir.
        nodeid: String,
        /// 1 for the first try.
        attempt: u32,
        /// The process that runs it: `main`, or the name of an xdist worker.
        worker: String,
    },
    /// A subtest ended that did not pass; the verdict of its test follows.
    Subtest {
        /// The shard that runs the test.
        shard: ShardIndex,
        /// The node id of the test.
        nodeid: String,
        /// The description that pytest gives the subtest.
        description: String,
        /// The outcome of the subtest, `failed` or `skipped`.
        outcome: Outcome,
        /// One line that says what went wrong.
        message: Option<String>,
    },
    /// The setup of a fixture took 0.1 s or more.
    SlowFixture {
        /// The shard that set it up.
        shard: ShardIndex,
        /// `function`, `class`, `module`, `package` or `session`.
        scope: String,
        /// The name of the fixture function.
        name: String,
        /// Seconds that the setup took.
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
        /// The shard that the process worked for.
        shard: ShardIndex,
        /// The end of the process in words, such as `killed by SIGSEGV`.
        status: String,
        /// The test that ran in it, if one did.
        nodeid: Option<String>,
        /// The last lines that it wrote to standard error.
        stderr_tail: String,
    },
    /// A shard is over: no process works for it any more.
    ShardFinished {
        /// The shard that has ended.
        shard: ShardIndex,
    },
    /// The tests are over, and modules that no test reaches are tried now.
    OrphansStarted {
        /// The number of modules to try.
        orphans: u64,
    },
    /// A module that no test reaches was tried.
    OrphanFinished(Box<Trial>),
    /// The run is closed. Always last.
    RunFinished(Box<RunSummary>),
}
