//! The one record of a run: its task, its results and its end.

use std::error::Error;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::coverage::{CoverageTotals, percent_in_words};
use super::cycle::CycleId;
use super::exit::ExitCode;
use super::ids::RunId;
use super::lease::LeaseClaim;
use super::orphan::Integration;
use super::outcome::{Counts, RunOutcome};
use super::process::ProcessIdentity;

/// The facts of a run that are known before its first test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunFacts {
    /// A name that stays unique when state files are merged.
    pub uuid: String,
    /// The cause of the run: `manual`, `schedule` or `library`.
    pub trigger: String,
    /// The absolute path of the project folder.
    pub project: String,
    /// The paths of each shard, or `(module map)`; an empty text is pytest's own choice.
    pub paths: Vec<String>,
    /// The arguments handed to pytest.
    pub pytest_args: Vec<String>,
    /// What picks some of the configured tests - paths, options of pytest, a workflow -; empty if
    /// the run is whole.
    #[serde(default)]
    pub narrowed_by: Vec<String>,
    /// Runs with the same key selected the same tests in the same way and can be compared.
    #[serde(skip)]
    pub selection_key: String,
    /// The start: UTC milliseconds since the epoch, in JSON RFC 3339 in UTC.
    #[serde(rename = "started_at", with = "crate::clock::as_rfc3339")]
    #[schemars(with = "String")]
    pub started_ms: i64,
    /// The executor: `host`, `docker` or `podman`.
    pub executor: String,
    /// The id of the container image; null on the host.
    pub image: Option<String>,
    /// The total number of workers, over all shards.
    pub workers: u32,
    /// The version of the agent.
    pub agent_version: String,
}

/// A run as it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The facts that are known before its first test.
    pub facts: RunFacts,
    /// The process that holds it.
    pub holder: ProcessIdentity,
    /// The lease under which it runs; once that is lost, nothing more is written.
    pub lease: Option<LeaseClaim>,
    /// The cycle of the schedule that the run belongs to; `None` if no schedule began it.
    pub cycle: Option<CycleId>,
}

/// A run and its results so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// The run's number in the state file.
    pub run_id: RunId,
    /// The task of the run, and the circumstances of its start.
    #[serde(flatten)]
    pub facts: RunFacts,
    /// The end of the run; `None` while it goes on.
    #[serde(flatten)]
    pub end: Option<RunEnd>,
    /// The Python version of the first shard that answered.
    pub python: Option<String>,
    /// The pytest version of the first shard that answered.
    pub pytest: Option<String>,
    /// The tests of the run, counted by outcome.
    #[serde(flatten)]
    pub counts: Counts,
    /// The executed statements and branches, united over all processes; `None` if coverage was not
    /// measured.
    #[serde(flatten)]
    pub coverage: Option<CoverageTotals>,
    /// True if a process ended before it could report all lines that it executed.
    #[serde(default)]
    pub coverage_partial: bool,
    /// The commit of the project's repository.
    pub git_commit: Option<String>,
    /// True if tracked files differed from that commit.
    pub git_dirty: Option<bool>,
    /// Modules that no test reaches and that were to be tried; null if none were looked for.
    pub orphan_total: Option<u64>,
    /// The number of them that import, and whose own tests pass.
    pub orphan_passed: Option<u64>,
    /// The number of them that failed, crashed or ran out of time.
    pub orphan_failed: Option<u64>,
    /// The places that the passing ones were given; null if nothing was merged.
    pub integration: Option<Integration>,
    /// The number of Python warnings that pytest recorded, repetitions included.
    pub warnings: u64,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunEnd {
    /// The time of the end: UTC milliseconds since the epoch, in JSON RFC 3339 in UTC.
    #[serde(rename = "finished_at", with = "crate::clock::as_rfc3339")]
    #[schemars(with = "String")]
    pub finished_ms: i64,
    /// The verdict over the whole run.
    pub outcome: RunOutcome,
    /// The exit code that the command returned.
    pub exit_code: ExitCode,
    /// The reason for which the run could not be carried out; `None` if it could.
    pub failure: Option<Failure>,
}

/// The reason for which a run could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The exit code that the command returns.
    pub exit_code: ExitCode,
    /// The error in one sentence.
    pub message: String,
    /// The causes of the error, the outermost first.
    pub causes: Vec<String>,
    /// A next step for the user, if there is one.
    pub hint: Option<String>,
}

/// A run without an end: one that goes on, or that an agent left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenRun {
    /// The facts of the run and its results so far.
    pub record: RunRecord,
    /// The process that holds it.
    pub holder: ProcessIdentity,
    /// The time of the last write to it, UTC milliseconds since the epoch: the best guess at its
    /// end.
    pub active_ms: i64,
    /// Processes whose end nobody saw, in the order of their starts.
    pub processes: Vec<ProcessIdentity>,
}

impl RunRecord {
    /// Wall time in milliseconds; `None` while the run goes on, 0 if the clock was set back
    /// meanwhile.
    pub fn duration_ms(&self) -> Option<u64> {
        let end = self.end.as_ref()?;
        let taken = end.finished_ms.saturating_sub(self.facts.started_ms);
        Some(u64::try_from(taken).unwrap_or(0))
    }

    /// The same wall time in seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of a run are far below 2^52"
    )]
    pub fn duration_s(&self) -> Option<f64> {
        self.duration_ms().map(|ms| ms as f64 / 1000.0)
    }

    /// False for a run that was stopped before its first result: its numbers say nothing.
    pub fn has_figures(&self) -> bool {
        self.outcome() != Some(RunOutcome::Interrupted) || self.counts.total() > self.counts.not_run
    }

    /// The verdict; `None` while the run goes on.
    pub fn outcome(&self) -> Option<RunOutcome> {
        self.end.as_ref().map(|end| end.outcome)
    }

    /// The exit code that the command returned; `None` while the run goes on.
    pub fn exit_code(&self) -> Option<ExitCode> {
        self.end.as_ref().map(|end| end.exit_code)
    }

    /// The reason for which the run could not be carried out; `None` if it could, or still goes on.
    pub fn failure(&self) -> Option<&Failure> {
        self.end.as_ref()?.failure.as_ref()
    }

    /// Covered statements, and branches if they were measured, in percent; `None` if coverage was
    /// not measured.
    pub fn coverage_percent(&self) -> Option<f64> {
        self.coverage.as_ref().and_then(CoverageTotals::percent)
    }

    /// The same for people: `87.4%`, or `87.4% with branches (partial)`.
    pub fn coverage_in_words(&self) -> Option<String> {
        let percent = percent_in_words(self.coverage_percent()?);
        let branches = self.coverage.and_then(|totals| totals.branches);
        let branches = branches.map_or("", |_| " with branches");
        Some(format!("{percent}{branches}{}", self.coverage_mark()))
    }

    /// What stands behind a figure of coverage that lacks lines.
    pub fn coverage_mark(&self) -> &'static str {
        if self.coverage_partial {
            " (partial)"
        } else {
            ""
        }
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
