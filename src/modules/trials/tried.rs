//! The results of the trials of a run, and what they mean for its verdict.

use crate::model::{ExitCode, Module, RunOutcome, TrialOutcome};
use crate::run::{StopSignal, Verdict};

/// The facts about its trials that a run needs.
#[derive(Debug, Default)]
pub(in crate::modules) struct Tried {
    /// Every module and its outcome, in the order of the verdicts.
    pub(super) outcomes: Vec<(Module, TrialOutcome)>,
    /// The signal that ended them.
    pub(super) signal: Option<StopSignal>,
    /// True if the lease was lost meanwhile.
    pub(super) abandoned: bool,
}

impl Tried {
    /// True if nothing ended the trials early.
    pub(in crate::modules) fn is_whole(&self) -> bool {
        self.signal.is_none() && !self.abandoned
    }

    fn is_missing(&self) -> bool {
        let mut outcomes = self.outcomes.iter();
        outcomes.any(|(_, outcome)| *outcome == TrialOutcome::NotRun)
    }

    pub(in crate::modules) fn passed(&self) -> Vec<Module> {
        let passed = self
            .outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == TrialOutcome::Passed);
        passed.map(|(module, _)| module.clone()).collect()
    }

    /// The verdict over the run, in the light of its trials. If they are `strict`, one that fails
    /// makes a run fail that passed.
    pub(in crate::modules) fn weigh(&self, mut verdict: Verdict, strict: bool) -> Verdict {
        let failed = self
            .outcomes
            .iter()
            .any(|(_, outcome)| outcome.is_failure());
        if let Some(signal) = self.signal {
            verdict.outcome = RunOutcome::Interrupted;
            verdict.exit_code = signal.exit_code();
        } else if self.abandoned {
            verdict.outcome = RunOutcome::Incomplete;
            verdict.exit_code = ExitCode::INCOMPLETE;
        } else if strict && self.is_missing() && verdict.outcome == RunOutcome::Passed {
            // A module that was not tried may fail.
            verdict.outcome = RunOutcome::Incomplete;
            verdict.exit_code = ExitCode::INCOMPLETE;
        } else if strict && failed && verdict.outcome == RunOutcome::Passed {
            verdict.outcome = RunOutcome::Failed;
            verdict.exit_code = ExitCode::TEST_FAILED;
        }
        verdict
    }
}
