//! Tests: the identity of one, the one record of an attempt with its verdict, the tally of a file.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::ShardIndex;
use super::outcome::{Counts, Outcome};

/// The identity of a test from run to run.
///
/// pytest's node ids are relative to its rootdir, and shards of one run may have different
/// rootdirs; so the node id alone does not tell two tests apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TestKey {
    /// pytest's rootdir, relative to the project (`""` if it is the project itself), absolute if it
    /// lies outside of it.
    pub root: String,
    /// The node id as pytest printed it.
    pub nodeid: String,
}

impl fmt::Display for TestKey {
    /// The test as its project knows it: `sub/tests/test_a.py::test_b` for a rootdir `sub`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.root.is_empty() {
            write!(f, "{}/", self.root)?;
        }
        f.write_str(&self.nodeid)
    }
}

/// A test as pytest collected it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestItem {
    /// The node id, relative to pytest's rootdir.
    pub nodeid: String,
    /// The file that holds the test, relative to the project if it lies inside of it.
    pub file: String,
    /// The line of the test in its file, from 1, if pytest knows it.
    pub line: Option<u32>,
}

/// A piece of captured output: pytest's title for it (`Captured stdout call`) and the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Section {
    /// The title that pytest gave it.
    pub title: String,
    /// The text, shortened in the middle if it exceeded the cap.
    pub text: String,
}

/// One attempt of one test, with its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptRecord {
    /// The shard that ran the test.
    pub shard: ShardIndex,
    /// pytest's rootdir relative to the project; empty if it is the project.
    pub root: String,
    /// The node id, relative to `root`.
    pub nodeid: String,
    /// The file that holds the test, relative to the project.
    pub file: String,
    /// The line of the test in its file, from 1.
    pub line: Option<u32>,
    /// 1 for the first try of the test in this run, 2 for the second …
    pub attempt: u32,
    /// The verdict of this attempt.
    pub outcome: Outcome,
    /// True if it passed and an earlier attempt of this run had failed.
    pub flaky: bool,
    /// The begin of the attempt, UTC milliseconds since the epoch.
    pub started_ms: Option<i64>,
    /// Seconds from the begin of setup to the end of teardown.
    pub duration_s: Option<f64>,
    /// Seconds that the setup took.
    pub setup_s: Option<f64>,
    /// Seconds in the test itself.
    pub call_s: Option<f64>,
    /// Seconds that the teardown took.
    pub teardown_s: Option<f64>,
    /// The process that ran it: `main`, or the name of an xdist worker.
    pub worker: Option<String>,
    /// The peak resident memory of that process up to the end of the test, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// User and system CPU seconds that the process spent in the test.
    pub cpu_s: Option<f64>,
    /// One line that says what went wrong, or why it was skipped.
    pub message: Option<String>,
    /// The full report of a failure: traceback, stacks of a time-out, exit of a crash.
    pub longrepr: Option<String>,
    /// Captured output, for tests that did not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
}

/// The tally of one test file, handed out when its last test has reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileRecord {
    /// The file, relative to the project.
    pub file: String,
    /// Sum of the durations of its tests, in seconds.
    pub duration_s: f64,
    /// The tests of the file, counted by outcome.
    #[serde(flatten)]
    pub counts: Counts,
}

impl AttemptRecord {
    /// The identity of the test.
    pub fn key(&self) -> TestKey {
        TestKey {
            root: self.root.clone(),
            nodeid: self.nodeid.clone(),
        }
    }
}
