//! The style of the [`Palette`] for each verdict.

use std::fmt::Display;

use anstyle::Style;

use crate::diag::Palette;
use crate::model::{Outcome, RunOutcome};

/// The style of a verdict.
pub(super) fn outcome_style(palette: &Palette, outcome: Outcome) -> Style {
    match outcome {
        Outcome::Passed => palette.good,
        Outcome::Failed | Outcome::Error | Outcome::Crashed | Outcome::TimedOut => palette.error,
        Outcome::Xpassed | Outcome::NotRun => palette.warning,
        Outcome::Skipped | Outcome::Xfailed => palette.faint,
    }
}

/// The style of the verdict of a run.
pub(super) fn run_style(palette: &Palette, outcome: RunOutcome) -> Style {
    match outcome {
        RunOutcome::Passed => palette.good,
        RunOutcome::Failed | RunOutcome::Error | RunOutcome::Incomplete => palette.error,
        RunOutcome::Interrupted | RunOutcome::Empty => palette.warning,
    }
}

/// `text` in `style`; the text alone when the style is empty.
pub(super) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
