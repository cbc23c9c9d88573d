//! The lines that the agent and the harness exchange: one JSON object a line.
//!
//! Both sides ignore keys that they do not know. Field names and units are the contract that the
//! modules in `harness/` are written against; a test drives the real harness and decodes every line
//! with these types.
//!
//! ```text
//!   agent: run ──►                                                           leave ──►
//!   harness: hello, session, collected … started, finished │ started, … ending ──► bye
//! ```
//!
//! # The order of events
//!
//! A test shares its process with the harness, and can write to its channel. So the agent believes
//! what comes in order, and only that:
//!
//! - A test is `collected`, then `started`, and then `finished`, or `dropped` if it has no verdict.
//!   A worker runs one test at a time, and each start has at most one verdict.
//! - A collected test gets its verdict in no other way: a `collect_report` is for files.
//! - A process that is asked to isolate tests says `serving` when all are collected. From then on
//!   the agent says which tests a child runs (`fork`, `give`), and hears of its end
//!   (`child_ended`), until there is nothing left to run (`done`). The events of a child come
//!   through the process that forked it.
//! - After its last test the harness says `ending`. The agent answers with a random word, which is
//!   new for each process, and `bye` repeats it. Nothing follows.
//!
//! Anything else is refused: it changes no verdict, a notice says so, and the run is not green. Of
//! what may come in any order and in any number the agent keeps a bounded part, and counts the rest.

use serde::{Deserialize, Serialize};

use crate::model::{Branches, HarnessOptions, Module, Outcome, Section};

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
        /// The reason, which becomes the session's `shouldstop`.
        reason: String,
    },
    /// Fork a child that runs some of the tests. Only after [`HarnessEvent::Serving`].
    Fork {
        /// The number of the child, from 1.
        child: u32,
        /// The worker that it is: `main`, or `gw0` and so on if there are several.
        worker: String,
        /// The places of its tests in the order of their collection, from 0, as ranges (`0-3,7`).
        tests: String,
        more: More,
        /// The number of children that are to follow: some of them can be made ready.
        to_come: u32,
    },
    /// The answer to [`HarnessEvent::Wants`].
    Give {
        child: u32,
        /// The next tests, as in [`Command::Fork`]; empty if there are none.
        tests: String,
    },
    /// No child is forked any more: end the session when all have ended.
    Done,
    /// The answer to [`HarnessEvent::Ending`].
    Leave {
        /// The word that [`Bye`] repeats.
        word: String,
    },
}

/// When a child asks for more tests before it tears down what the last one used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum More {
    Never,
    /// If a fixture of the session or of a package took [`Fixture`]'s time.
    Costly,
    Always,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunCommand {
    /// The arguments of pytest: its options, then the path.
    pub argv: Vec<String>,
    /// Above 1, pytest-xdist is asked for that many workers if it can be imported.
    pub workers: u32,
    /// Options for the way in which the harness works, whatever it runs.
    #[serde(flatten)]
    pub options: HarnessOptions,
    /// A folder for this process alone, which the harness makes if it needs it. The agent removes
    /// it when the process has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<String>,
    /// Run these tests only. `None` for all that pytest selects.
    pub only: Option<Vec<String>>,
    /// The node ids of tests to leave out.
    pub skip: Vec<String>,
    /// The node ids of tests with parameters that an earlier process collected, in its order. A
    /// test whose parameters are others in each collection is known by its place among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// Modules of the module map: each is tested under guard, in a process of its own, and pytest
    /// gets no `argv`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<Module>,
    /// Folders, relative to the project, that Python looks for those modules in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<String>,
    /// Seconds that each of those modules may take.
    #[serde(default)]
    pub limit_s: f64,
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
    /// pytest is configured, and its session begins.
    Session(Session),
    /// pytest begins to import a test file.
    Collecting {
        /// The node id of the test file.
        id: String,
    },
    /// A test file could not be collected, or asked to be skipped as a whole.
    CollectReport(CollectReport),
    /// Some of the collected tests, after all deselection.
    Collected(Collected),
    Started(Started),
    /// A test ended. After an in-process rerun the same test starts again.
    Finished(Box<Finished>),
    /// A test that was started goes on without the agent's eye, or ended without a verdict.
    Dropped {
        /// The node id of the test.
        id: String,
        /// The worker that it was started in.
        worker: String,
    },
    /// A subtest ended that did not pass. The verdict of its test comes with `finished`.
    Subtest(Subtest),
    /// All tests are collected, and the process waits for [`Command::Fork`].
    Serving,
    /// The process cannot fork, although it was asked to: its tests run in it, or, if there are
    /// to be several workers, it ends with [`StopReason::Unfit`].
    Unfit {
        /// The reason, one line for the user.
        reason: String,
    },
    /// A child asks for [`Command::Give`].
    Wants {
        child: u32,
    },
    /// A child has ended, after everything that it said.
    ChildEnded(Box<ChildEnded>),
    /// An xdist worker process ended while it ran a test; xdist goes on with a new one.
    WorkerDied {
        worker: String,
        /// The test that ran in it; `None` if none did.
        id: Option<String>,
    },
    /// pytest recorded a Python warning.
    Warning(Warning),
    /// Lines executed so far; each line of the protocol adds to the earlier ones.
    Coverage {
        /// At most 100 files a line.
        files: Vec<CoverageLines>,
    },
    /// Files that the process loaded, its last words but two; each line adds to the earlier ones.
    Loaded {
        /// The absolute paths of test files that load nothing else: each ran to its end.
        tests: Vec<String>,
        /// The absolute paths of the project's modules in the process, at most 1,000 a line.
        files: Vec<String>,
    },
    /// A fixture whose setup took 0.1 s or more.
    Fixture(Fixture),
    /// Something that the user should know.
    Notice {
        /// A stable name, such as `xdist-missing`.
        code: String,
        /// One line for the user.
        message: String,
    },
    /// pytest ended, and the harness asks for its [`Command::Leave`].
    Ending,
    /// The answer to that. Always last.
    Bye(Bye),
}

/// The reason why a session ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// `-x` or `--maxfail` of pytest.
    MaxFail,
    /// The agent asked for it with [`Command::Stop`].
    Stop,
    /// Something called `pytest.exit`, or raised `SystemExit`.
    Exit,
    /// A `KeyboardInterrupt` reached pytest.
    Interrupted,
    /// Files could not be collected.
    CollectErrors,
    /// Its process cannot fork: see [`HarnessEvent::Unfit`].
    Unfit,
    /// pytest-xdist left its workers idle although tests are left: another process may run them.
    Stalled,
    /// An error inside pytest or a plugin.
    Internal,
    /// pytest refused its arguments, or could not import a plugin that they name.
    Usage,
}

/// The first words of the harness.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Hello {
    /// The version of the protocol: [`PROTOCOL_VERSION`].
    pub v: u32,
    /// The process id of the harness.
    pub pid: u32,
    /// The Python version, such as `3.11.7`.
    pub python: String,
    /// `CPython`, `PyPy` …
    pub implementation: String,
    /// `sys.executable`.
    pub executable: String,
    /// pytest's version; `None` when it cannot be imported.
    pub pytest: Option<String>,
    /// coverage.py's version; `None` when it cannot be imported.
    pub coverage: Option<String>,
    /// pytest-xdist's version; `None` when it cannot be imported.
    pub xdist: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Session {
    /// pytest's rootdir, an absolute path.
    pub rootdir: String,
    /// The settings file that pytest uses; `None` if there is none.
    pub inifile: Option<String>,
    /// Names of distributed plugins with their versions.
    #[serde(default)]
    pub plugins: Vec<String>,
    /// xdist workers that this session runs with; 1 without xdist.
    pub workers: u32,
}

/// The report on a file that could not be collected, or that asked to be skipped.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct CollectReport {
    /// The node id of the collector; the path of a broken `conftest.py`.
    pub id: String,
    /// The absolute path of the file; `None` if it is not known.
    pub file: Option<String>,
    /// `error` or `skipped`.
    pub outcome: Outcome,
    /// One line with the reason.
    pub message: Option<String>,
    /// pytest's whole report; `None` for a file that was skipped.
    pub longrepr: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Collected {
    /// At most 1,000 a line.
    pub tests: Vec<CollectedTest>,
    /// Tests that pytest deselected; said with the last line.
    #[serde(default)]
    pub deselected: u64,
    /// True in the last of these lines.
    pub done: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Started {
    /// The node id of the test.
    pub id: String,
    /// `main`, or the name of an xdist worker.
    pub worker: String,
    /// The id of the process that runs it.
    pub pid: u32,
}

/// A subtest that did not pass.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Subtest {
    /// The node id of the test.
    pub id: String,
    /// The name of the subtest, as pytest describes it.
    pub description: String,
    /// `failed` or `skipped`.
    pub outcome: Outcome,
    /// One line with the reason.
    pub message: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Warning {
    /// The name of its class, such as `DeprecationWarning`.
    pub category: String,
    pub message: String,
    /// The absolute path of the file.
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
    pub name: String,
    pub seconds: f64,
    /// The node id of the test that asked for it first.
    pub id: String,
}

/// The end of a forked child.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct ChildEnded {
    /// Its number, from [`Command::Fork`].
    pub child: u32,
    pub worker: String,
    /// Its process id.
    pub pid: u32,
    /// True if it did not come to the end of its tests.
    pub died: bool,
    /// The signal that ended it, if one did.
    #[serde(default)]
    pub signal: Option<i32>,
    /// Its exit status, unless a signal ended it.
    #[serde(default)]
    pub code: Option<i32>,
    /// What its last test had printed, if it died.
    #[serde(default)]
    pub sections: Vec<Section>,
    /// The stacks that it wrote when it died, or when it was asked to; empty if there are none.
    #[serde(default)]
    pub stacks: String,
}

/// The last words of the harness.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Bye {
    /// The exit status of pytest, such as 1 if tests failed.
    pub status: i32,
    /// The reason why the session ended before its last test; `None` if it did not.
    pub reason: Option<StopReason>,
    /// The text that belongs to the reason.
    pub message: Option<String>,
    /// The word of [`Command::Leave`].
    #[serde(default)]
    pub word: String,
}

/// A test as it was collected.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct CollectedTest {
    /// The node id; the second test of one node id has `#2` after it.
    pub id: String,
    /// The file, absolute where pytest says so, else relative to the rootdir.
    pub file: String,
    pub line: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Finished {
    /// The node id of the test.
    pub id: String,
    /// The verdict over setup, call, teardown and subtests.
    pub outcome: Outcome,
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
    /// One line with the reason; `None` for a test that passed.
    pub message: Option<String>,
    /// pytest's reports on the phases that failed; `None` if none did.
    pub longrepr: Option<String>,
    /// Captured output; empty for tests that passed.
    #[serde(default)]
    pub sections: Vec<Section>,
}

/// The end of a harness in a container, as its guardian saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Ended {
    /// Its exit status, unless a signal ended it.
    #[serde(default)]
    pub code: Option<i32>,
    /// The signal that ended it.
    #[serde(default)]
    pub signal: Option<i32>,
    /// The number of processes of the container that the kernel killed for want of memory; -1 if it
    /// does not say.
    pub oom_kills: i64,
    /// True if the container was asked to stop, but not by the agent.
    pub stopped: bool,
}

impl Ended {
    /// Reads a line of the channel; `None` for a line of the harness.
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let is_ours = line.starts_with(br#"{"v":1,"t":"ended","#);
        is_ours.then(|| serde_json::from_slice(line).ok()).flatten()
    }
}

/// Lines and branches of one source file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct CoverageLines {
    /// The absolute path of the file.
    pub file: String,
    /// Lines that hold statements, as ranges (`1-3,7`); `None` when only `executed` is news.
    pub statements: Option<String>,
    /// Lines that were executed, as ranges.
    pub executed: String,
    /// Its branches, and those that were not taken so far; `None` if they are not measured, or not
    /// known yet.
    pub branches: Option<Branches>,
}
