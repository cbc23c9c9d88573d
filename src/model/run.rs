//! The one record of a run: what it was asked to do, what came of it, how it ended.

use std::error::Error;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::coverage::CoverageTotals;
use super::cycle::CycleId;
use super::exit::ExitCode;
use super::ids::RunId;
use super::lease::LeaseClaim;
use super::orphan::Integration;
use super::outcome::{Counts, RunOutcome};
use super::process::ProcessIdentity;

/// What is known of a run before its first test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunFacts {
    /// A name that stays unique when state files are merged.
    pub uuid: String,
    /// What started it: `manual`, `schedule` or `library`.
    pub trigger: String,
    /// The project folder, absolute.
    pub project: String,
    /// The paths, one a shard; an empty one is pytest's own choice.
    pub paths: Vec<String>,
    /// The arguments handed to pytest.
    pub pytest_args: Vec<String>,
    /// Runs with the same key selected the same tests in the same way and can be compared.
    #[serde(skip)]
    pub selection_key: String,
    /// When it started: UTC milliseconds since the epoch, in JSON RFC 3339 in UTC.
    #[serde(rename = "started_at", with = "crate::clock::as_rfc3339")]
    #[schemars(with = "String")]
    pub started_ms: i64,
    /// `host`, `docker` or `podman`.
    pub executor: String,
    /// The id of the container image; null on the host.
    pub image: Option<String>,
    /// The total of workers.
    pub workers: u32,
    /// The version of the agent.
    pub agent_version: String,
}

/// A run as it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// What is known of it.
    pub facts: RunFacts,
    /// The process that holds it.
    pub holder: ProcessIdentity,
    /// The lease under which it runs; once that is lost, nothing more is written.
    pub lease: Option<LeaseClaim>,
    /// The cycle of the schedule that it is the run of.
    pub cycle: Option<CycleId>,
}

/// A run and what came of it so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// The run's number in the state file.
    pub run_id: RunId,
    /// What it was asked to do.
    #[serde(flatten)]
    pub facts: RunFacts,
    /// How it ended; `None` while it goes on.
    #[serde(flatten)]
    pub end: Option<RunEnd>,
    /// The Python version of the first shard that answered.
    pub python: Option<String>,
    /// The pytest version of the first shard that answered.
    pub pytest: Option<String>,
    /// How its tests ended.
    #[serde(flatten)]
    pub counts: Counts,
    /// What was executed, united over all processes; `None` when it was not measured.
    #[serde(flatten)]
    pub coverage: Option<CoverageTotals>,
    /// The commit of the project's repository.
    pub git_commit: Option<String>,
    /// Whether tracked files differed from that commit.
    pub git_dirty: Option<bool>,
    /// Modules that no test reaches and that were to be tried; null when none were looked for.
    pub orphan_total: Option<u64>,
    /// Those of them that import, and whose own tests pass.
    pub orphan_passed: Option<u64>,
    /// Those of them that failed, crashed or ran out of time.
    pub orphan_failed: Option<u64>,
    /// What the passing ones were made part of; null when nothing was merged.
    pub integration: Option<Integration>,
    /// How many Python warnings pytest recorded, repetitions included.
    pub warnings: u64,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunEnd {
    /// When it ended: UTC milliseconds since the epoch, in JSON RFC 3339 in UTC.
    #[serde(rename = "finished_at", with = "crate::clock::as_rfc3339")]
    #[schemars(with = "String")]
    pub finished_ms: i64,
    /// The verdict.
    pub outcome: RunOutcome,
    /// What the command returned.
    pub exit_code: ExitCode,
    /// Why the run could not be carried out, if it could not.
    pub failure: Option<Failure>,
}

/// Why a run could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What the command returns.
    pub exit_code: ExitCode,
    /// What went wrong.
    pub message: String,
    /// The causes, outermost first.
    pub causes: Vec<String>,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// A run without an end: one that goes on, or that an agent left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenRun {
    /// What came of it so far.
    pub record: RunRecord,
    /// The process that holds it.
    pub holder: ProcessIdentity,
    /// When it was last written to, UTC milliseconds since the epoch: the best guess at when it
    /// ended.
    pub active_ms: i64,
    /// Processes whose end nobody saw, in the order of their starts.
    pub processes: Vec<ProcessIdentity>,
}

impl RunRecord {
    /// Wall time in milliseconds, once the run has its end; 0 when the clock was set back
    /// meanwhile.
    pub fn duration_ms(&self) -> Option<u64> {
        let end = self.end.as_ref()?;
        let taken = end.finished_ms.saturating_sub(self.facts.started_ms);
        Some(u64::try_from(taken).unwrap_or(0))
    }

    /// The same in seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of a run are far below 2^52"
    )]
    pub fn duration_s(&self) -> Option<f64> {
        self.duration_ms().map(|ms| ms as f64 / 1000.0)
    }

    /// The verdict; `None` while the run goes on.
    pub fn outcome(&self) -> Option<RunOutcome> {
        self.end.as_ref().map(|end| end.outcome)
    }

    /// What the command returned; `None` while the run goes on.
    pub fn exit_code(&self) -> Option<ExitCode> {
        self.end.as_ref().map(|end| end.exit_code)
    }

    /// Why the run could not be carried out, if it could not.
    pub fn failure(&self) -> Option<&Failure> {
        self.end.as_ref()?.failure.as_ref()
    }

    /// Covered statements in percent; `None` when it was not measured.
    pub fn coverage_percent(&self) -> Option<f64> {
        self.coverage.as_ref().and_then(CoverageTotals::percent)
    }
}

impl Failure {
    /// The environment of the run is wrong.
    pub fn environment(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            exit_code: ExitCode::ENVIRONMENT,
            message: message.into(),
            causes: Vec::new(),
            hint: Some(hint.into()),
        }
    }

    /// An error with its causes.
    pub fn of_error(
        error: &(dyn Error + 'static),
        exit_code: ExitCode,
        hint: Option<String>,
    ) -> Self {
        let causes = std::iter::successors(error.source(), |cause| (**cause).source());
        Self {
            exit_code,
            message: error.to_string(),
            causes: causes.map(ToString::to_string).collect(),
            hint,
        }
    }
}
