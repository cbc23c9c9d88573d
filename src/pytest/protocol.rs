//! The lines that the agent and the harness exchange: one JSON object a line.
//!
//! Both sides ignore keys that they do not know. Field names and units are the contract that the
//! modules in `harness/` are written against; a test drives the real harness and decodes every line
//! with these types.

use serde::{Deserialize, Serialize};

use crate::model::{HarnessOptions, Module, Outcome, Section};

/// The version of the protocol, `v` of every event.
pub const PROTOCOL_VERSION: u32 = 1;

/// Events of the harness longer than this are refused: the harness caps its texts far below.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// From the agent to the harness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Command {
    /// Run pytest once. The first command, sent once.
    Run(Box<RunCommand>),
    /// Finish the running test, then end the session.
    Stop {
        /// Why, for the session's `shouldstop`.
        reason: String,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunCommand {
    /// The arguments of pytest: its options, then the path.
    pub argv: Vec<String>,
    /// Above 1, pytest-xdist is asked for that many workers where it can be imported.
    pub workers: u32,
    /// How the harness works, whatever it runs.
    #[serde(flatten)]
    pub options: HarnessOptions,
    /// Run these tests only. `None` for all that pytest selects.
    pub only: Option<Vec<String>>,
    /// Leave these tests out.
    pub skip: Vec<String>,
    /// Modules of the module map among the files of `argv`: that they import is a test of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<Module>,
    /// Folders, relative to the project, that Python looks for those modules in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<String>,
}

/// From the harness to the agent.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum HarnessEvent {
    /// The interpreter is older than the harness supports. Nothing follows.
    Unsupported {
        /// The version of the interpreter.
        python: String,
    },
    /// The harness runs. Sent before pytest is imported in earnest.
    Hello(Hello),
    /// pytest is configured.
    Session(Session),
    /// pytest begins to import a test file.
    Collecting {
        /// The file's node id.
        id: String,
    },
    /// A test file could not be collected, or asked to be skipped as a whole.
    CollectReport(CollectReport),
    /// Some of the collected tests, after all deselection.
    Collected(Collected),
    /// A test began.
    Started(Started),
    /// A test ended. After an in-process rerun the same test starts again.
    Finished(Box<Finished>),
    /// A subtest ended that did not pass. The verdict of its test comes with `finished`.
    Subtest(Subtest),
    /// An xdist worker process ended while it ran a test; xdist goes on with a new one.
    WorkerDied {
        worker: String,
        /// The test that ran in it.
        id: Option<String>,
    },
    /// pytest recorded a Python warning.
    Warning(Warning),
    /// Lines executed so far; each line of the protocol adds to the earlier ones.
    Coverage {
        /// At most 200 files a line.
        files: Vec<CoverageLines>,
    },
    /// A fixture whose setup took 0.1 s or more.
    Fixture(Fixture),
    /// Something that the user should know.
    Notice {
        /// A stable name, such as `xdist-missing`.
        code: String,
        /// What is the case.
        message: String,
    },
    /// pytest ended. Always last.
    Bye(Bye),
}

/// Why a session ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// `-x` or `--maxfail` of pytest.
    MaxFail,
    /// The agent's [`Command::Stop`].
    Stop,
    /// `pytest.exit`.
    Exit,
    /// `KeyboardInterrupt`.
    Interrupted,
    /// Files could not be collected.
    CollectErrors,
    /// An error inside pytest or a plugin.
    Internal,
    /// pytest refused its arguments.
    Usage,
}

/// The first words of the harness.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Hello {
    /// The protocol's version.
    pub v: u32,
    /// The harness's process.
    pub pid: u32,
    /// The Python version, such as `3.11.7`.
    pub python: String,
    /// `CPython`, `PyPy` …
    pub implementation: String,
    /// `sys.executable`.
    pub executable: String,
    /// pytest's version; `None` when it cannot be imported.
    pub pytest: Option<String>,
    /// coverage.py's version, likewise.
    pub coverage: Option<String>,
    /// pytest-xdist's version, likewise.
    pub xdist: Option<String>,
}

/// A session of pytest.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Session {
    /// pytest's rootdir, absolute.
    pub rootdir: String,
    /// The settings file that pytest uses.
    pub inifile: Option<String>,
    /// Names of distributed plugins with their versions.
    #[serde(default)]
    pub plugins: Vec<String>,
    /// xdist workers that this session runs with; 1 without xdist.
    pub workers: u32,
}

/// What came of collecting a file that has no test.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct CollectReport {
    /// The node id of the collector; the path of a broken `conftest.py`.
    pub id: String,
    /// The file, absolute, where one is known.
    pub file: Option<String>,
    /// `error` or `skipped`.
    pub outcome: Outcome,
    /// One line.
    pub message: Option<String>,
    /// The whole report.
    pub longrepr: Option<String>,
}

/// Tests that were collected.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Collected {
    /// At most 1,000 a line.
    pub tests: Vec<CollectedTest>,
    /// Tests that pytest deselected; said with the last line.
    #[serde(default)]
    pub deselected: u64,
    /// Whether this is the last line.
    pub done: bool,
}

/// A test that begins.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Started {
    /// The node id.
    pub id: String,
    /// `main`, or the name of an xdist worker.
    pub worker: String,
    /// The process that runs it.
    pub pid: u32,
}

/// A subtest that did not pass.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Subtest {
    /// The node id of the test.
    pub id: String,
    /// What pytest calls the subtest.
    pub description: String,
    /// `failed` or `skipped`.
    pub outcome: Outcome,
    /// One line.
    pub message: Option<String>,
}

/// A Python warning.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Warning {
    /// The class.
    pub category: String,
    /// The text.
    pub message: String,
    /// The file, absolute.
    pub file: String,
    pub line: u32,
    /// The node id of the test during which it happened, or empty.
    #[serde(default)]
    pub id: String,
}

/// A fixture that took its time.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Fixture {
    /// `function`, `class`, `module`, `package` or `session`.
    pub scope: String,
    /// The fixture's name.
    pub name: String,
    pub seconds: f64,
    /// The node id of the test that asked for it first.
    pub id: String,
}

/// The last words of the harness.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Bye {
    /// pytest's exit status.
    pub status: i32,
    /// Why the session ended before its last test, where it did.
    pub reason: Option<StopReason>,
    /// The text that belongs to the reason.
    pub message: Option<String>,
}

/// A test as it was collected.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct CollectedTest {
    /// The node id.
    pub id: String,
    /// The file, absolute where pytest says so, else relative to the rootdir.
    pub file: String,
    pub line: Option<u32>,
}

/// A test's verdict.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Finished {
    /// The node id.
    pub id: String,
    /// The verdict over setup, call, teardown and subtests.
    pub outcome: Outcome,
    /// When setup began, UTC seconds since the epoch.
    pub started_at: Option<f64>,
    /// Seconds in setup.
    pub setup_s: Option<f64>,
    /// Seconds in the test itself.
    pub call_s: Option<f64>,
    /// Seconds in teardown.
    pub teardown_s: Option<f64>,
    /// `main`, or the name of an xdist worker.
    pub worker: String,
    /// Peak resident memory of the process so far.
    pub peak_rss_bytes: Option<u64>,
    /// CPU seconds of the process during the test.
    pub cpu_s: Option<f64>,
    /// One line.
    pub message: Option<String>,
    /// pytest's report.
    pub longrepr: Option<String>,
    /// Captured output; empty for tests that passed.
    #[serde(default)]
    pub sections: Vec<Section>,
}

/// How a harness in a container ended, as its guardian saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Ended {
    /// Its exit status, unless a signal ended it.
    #[serde(default)]
    pub code: Option<i32>,
    /// The signal that ended it.
    #[serde(default)]
    pub signal: Option<i32>,
    /// How many processes of the container the kernel killed for want of memory; -1 where it does
    /// not say.
    pub oom_kills: i64,
    /// Whether the container was asked to stop, not by the agent.
    pub stopped: bool,
}

impl Ended {
    /// Reads a line of the channel; `None` for what the harness says.
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let is_ours = line.starts_with(br#"{"v":1,"t":"ended","#);
        is_ours.then(|| serde_json::from_slice(line).ok()).flatten()
    }
}

/// Lines of one source file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct CoverageLines {
    /// The file, absolute.
    pub file: String,
    /// Lines that hold statements, as ranges (`1-3,7`); `None` when only `executed` is news.
    pub statements: Option<String>,
    /// Lines that were executed, as ranges.
    pub executed: String,
}
