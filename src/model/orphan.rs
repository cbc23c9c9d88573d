//! Modules that no test reaches: the evidence, the one record of each, and the results of trials.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::RunId;
use super::module::Module;

/// The reason for which a module counts as one that no test reaches.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OrphanKind {
    /// Nothing imports it, and nothing names it.
    Unreferenced,
    /// Only modules that are orphans too import it.
    Island,
    /// The application reaches it, no test does.
    Untested,
    /// No local module imports it, though a test runs it in another way. On the list only if
    /// isolated modules were asked for.
    Isolated,
}

impl OrphanKind {
    /// Every kind, in the order of the declaration.
    pub const ALL: [Self; 4] = [
        Self::Unreferenced,
        Self::Island,
        Self::Untested,
        Self::Isolated,
    ];

    /// The name in the state file, in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreferenced => "unreferenced",
            Self::Island => "island",
            Self::Untested => "untested",
            Self::Isolated => "isolated",
        }
    }

    /// The kind that is called `name`; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A module of the list of orphans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Orphan {
    /// The file and the name of the module.
    #[serde(flatten)]
    pub module: Module,
    /// The kind of orphan that it is.
    pub kind: OrphanKind,
    /// True if no local module imports it, and it is no test, conftest or entry point.
    pub isolated: bool,
    /// The evidence, in one sentence.
    pub reason: String,
    /// The files of the orphans whose imports lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub led_by: Vec<String>,
}

/// The source that put a module on the list of orphans.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OrphanSource {
    /// The agent found it in a scan.
    Scan,
    /// The file `orphan_modules.json` names it.
    File,
}

impl OrphanSource {
    /// The name in the state file and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::File => "file",
        }
    }

    /// The source that is called `name`; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = [Self::Scan, Self::File].into_iter();
        all.find(|source| source.as_str() == name)
    }
}

/// The standing of a module on the list of orphans.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OrphanStatus {
    /// No run has tried it.
    Untried,
    /// It passed its last trial.
    Passed,
    /// It failed its last trial.
    Failed,
    /// It ended its interpreter in its last trial.
    Crashed,
    /// It ran out of time in its last trial.
    TimedOut,
    /// It is on the module map, and runs test it like any other module.
    Integrated,
    /// It passes, and repeats another module.
    Redundant,
}

impl OrphanStatus {
    /// Every status, in the order of the declaration.
    pub const ALL: [Self; 7] = [
        Self::Untried,
        Self::Passed,
        Self::Failed,
        Self::Crashed,
        Self::TimedOut,
        Self::Integrated,
        Self::Redundant,
    ];

    /// The name in the state file, in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed_out",
            Self::Integrated => "integrated",
            Self::Redundant => "redundant",
        }
    }

    /// The status that is called `name`; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|status| status.as_str() == name)
    }
}

impl OrphanStatus {
    /// True if it has its place: it is on the module map, or repeats a module.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Integrated | Self::Redundant)
    }
}

/// A module of the list of orphans, and its standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrphanRecord {
    /// The module and the evidence.
    #[serde(flatten)]
    pub orphan: Orphan,
    /// The source that put it on the list.
    pub source: OrphanSource,
    /// The standing of the module now.
    pub status: OrphanStatus,
    /// The run that found it; null if a command or a file did.
    pub first_seen_run: Option<RunId>,
    /// The last run that tried it; null if none did.
    pub last_tested_run: Option<RunId>,
    /// One line that says what went wrong in its last trial.
    pub message: Option<String>,
    /// True if it was taken off the module map by hand: only `agent module-map integrate` puts it
    /// back.
    pub held_back: bool,
    /// The number of things in its last trial that it was kept from, or that cannot be watched.
    #[serde(default)]
    pub touched: u64,
    /// Fields of `orphan_modules.json` that are not the agent's, as a JSON object.
    #[serde(skip)]
    pub extra: Option<String>,
}

#[cfg(test)]
impl OrphanRecord {
    /// The orphan of a file, for tests.
    pub(crate) fn sample(file: &str, status: OrphanStatus) -> Self {
        Self {
            orphan: Orphan {
                module: super::sample::module(file),
                kind: OrphanKind::Unreferenced,
                isolated: false,
                reason: "nothing imports it".to_owned(),
                led_by: Vec::new(),
            },
            source: OrphanSource::Scan,
            status,
            first_seen_run: None,
            last_tested_run: None,
            message: None,
            held_back: false,
            touched: 0,
            extra: None,
        }
    }
}

/// The outcome of one trial of a module.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TrialOutcome {
    /// It imports, and its doctests and tests pass.
    Passed,
    /// It does not import, or a test of its own fails.
    Failed,
    /// It ended the interpreter that tried it.
    Crashed,
    /// It ran out of time.
    TimedOut,
    /// It was not tried: the run ended before its turn.
    NotRun,
}

impl TrialOutcome {
    /// Every outcome, in the order of the declaration.
    pub const ALL: [Self; 5] = [
        Self::Passed,
        Self::Failed,
        Self::Crashed,
        Self::TimedOut,
        Self::NotRun,
    ];

    /// The name in the state file, in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed_out",
            Self::NotRun => "not_run",
        }
    }

    /// The outcome that is called `name`; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|outcome| outcome.as_str() == name)
    }

    /// True if the module does not work: `NotRun` says nothing about it.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Crashed | Self::TimedOut)
    }
}

/// Something that a module tried to touch and was kept from, or means that it used by which it can
/// do what nobody sees.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Touch {
    /// The audit event of Python: `open`, `socket.connect`, `subprocess.Popen` …
    pub event: String,
    /// The target: a path, an address or a command, shortened.
    pub target: String,
    /// The number of times that it tried.
    pub times: u64,
    /// True if it was kept from that; false if it was only seen, such as `ctypes.dlopen`.
    #[serde(default = "is_refused", skip_serializing_if = "Clone::clone")]
    pub refused: bool,
}

/// Touches that were stored without a word on that were all refused.
fn is_refused() -> bool {
    true
}

/// The result of trying one module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// The file and the name of the module.
    #[serde(flatten)]
    pub module: Module,
    /// The outcome of the trial.
    pub outcome: TrialOutcome,
    /// Seconds that the trial took; `None` if the module was not tried.
    pub duration_s: Option<f64>,
    /// The number of doctests that ran.
    #[serde(default)]
    pub doctests: u64,
    /// The number of tests of its own that ran.
    #[serde(default)]
    pub tests: u64,
    /// One line that says what went wrong.
    pub message: Option<String>,
    /// The traceback, or the stacks of a time-out.
    pub report: Option<String>,
    /// The end of what it printed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// The things that it tried to touch, and what it did that cannot be watched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<Touch>,
}

impl Trial {
    /// A module that was not tried, for the reason `message`.
    pub fn not_run(module: Module, message: &str) -> Self {
        Self {
            module,
            outcome: TrialOutcome::NotRun,
            duration_s: None,
            doctests: 0,
            tests: 0,
            message: Some(message.to_owned()),
            report: None,
            output: String::new(),
            touched: Vec::new(),
        }
    }
}

/// The places that the passing orphans of a run were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Integration {
    /// The files of modules that joined the module map.
    pub integrated: Vec<String>,
    /// The files of modules that pass and have no place of their own: they repeat another module.
    pub redundant: Vec<String>,
}
