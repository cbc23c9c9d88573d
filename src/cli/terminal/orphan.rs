//! The blocks and lines of orphans: like failing tests, but shorter, because they are not the run's
//! verdict.

use super::failure::{whole_report, whole_section};
use super::lines::{self, word};
use super::palette::{outcome_style, paint};
use super::text::{block, count, duration, inline, push_line, within_reason};
use crate::diag::{Palette, and_more};
use crate::model::{Outcome, RunRecord, Section, Touch, Trial, TrialOutcome};

/// The indentation of each line of a block.
const INDENT: &str = "    ";
/// Lines of a traceback: the last ones say where it broke.
const REPORT_LINES: usize = 6;
/// Things that it tried to touch which are named.
const NAMED_TOUCHES: usize = 5;
/// Failing orphans that the summary names; `agent show` has all of them.
const LISTED: usize = 10;

/// The outcome of a test that means the same.
fn as_test(outcome: TrialOutcome) -> Outcome {
    match outcome {
        TrialOutcome::Passed => Outcome::Passed,
        TrialOutcome::Failed => Outcome::Failed,
        TrialOutcome::Crashed => Outcome::Crashed,
        TrialOutcome::TimedOut => Outcome::TimedOut,
        TrialOutcome::NotRun => Outcome::NotRun,
    }
}

/// The line of a trial: `PASS pkg/mod.py (orphan, 0.05s)`.
pub(super) fn orphan_line(trial: &Trial, palette: &Palette) -> String {
    let outcome = as_test(trial.outcome);
    // It is beside the run, and does not make it red.
    let style = if trial.outcome.is_failure() {
        palette.warning
    } else {
        outcome_style(palette, outcome)
    };
    let word = paint(style, word(outcome));
    let mut facts = vec!["orphan".to_owned()];
    facts.extend(trial.duration_s.map(duration));
    let facts = paint(palette.faint, format!("({})", facts.join(", ")));
    format!("{word} {} {facts}\n", inline(&trial.module.file))
}

/// The block of an orphan that does not work: message, where it broke, what it tried to touch.
pub(super) fn failed_orphan(trial: &Trial, show_command: &str, palette: &Palette) -> String {
    let mut text = orphan_line(trial, palette);
    let mut push = |line: &str| push_line(&mut text, &format!("{INDENT}{line}"));
    let message = inline(trial.message.as_deref().unwrap_or_default());
    if !message.is_empty() {
        push(&paint(palette.warning, &message));
    }
    let report = block(trial.report.as_deref().unwrap_or_default());
    let lines: Vec<&str> = report
        .lines()
        .filter(|line| !line.trim().is_empty())
        // The message says it already.
        .filter(|line| !message.ends_with(line.trim()))
        .collect();
    let left_out = lines.len().saturating_sub(REPORT_LINES);
    // If it broke in a library, its own line says more than the library's.
    let is_own = |line: &&str| line.contains(&*trial.module.file);
    let own = lines.iter().rposition(is_own).filter(|own| *own < left_out);
    if let Some(own) = own {
        for line in lines.iter().skip(own).take(2) {
            push(&within_reason(line));
        }
    }
    // Of stacks the first lines are the place, of a traceback the last ones.
    let is_stacks = matches!(
        trial.outcome,
        TrialOutcome::Crashed | TrialOutcome::TimedOut
    );
    let shown = if is_stacks {
        &lines[..lines.len() - left_out]
    } else {
        &lines[left_out..]
    };
    for line in shown {
        push(&within_reason(line));
    }
    for line in touches(&trial.touched, NAMED_TOUCHES) {
        push(&paint(palette.faint, line));
    }
    if left_out > 0 {
        let more = count(left_out as u64, "more line");
        let more = format!("… {more}: {show_command}");
        push(&paint(palette.faint, more));
    }
    text
}

/// The block of an orphan that passed although it was kept from something: the things that it was
/// kept from.
pub(super) fn kept_orphan(trial: &Trial, palette: &Palette) -> String {
    let mut text = orphan_line(trial, palette);
    for line in touches(&trial.touched, NAMED_TOUCHES) {
        let line = paint(palette.faint, line);
        push_line(&mut text, &format!("{INDENT}{line}"));
    }
    text
}

/// The block of an orphan, with nothing cut.
pub(super) fn whole_orphan(trial: &Trial, palette: &Palette) -> String {
    let mut text = orphan_line(trial, palette);
    for report in trial.message.iter().chain(&trial.report) {
        text += &whole_report(report, palette);
    }
    for line in touches(&trial.touched, usize::MAX) {
        push_line(&mut text, &format!("{INDENT}{line}"));
    }
    if !trial.output.trim().is_empty() {
        text += &whole_section(
            &Section {
                title: "end of its output".to_owned(),
                text: trial.output.clone(),
            },
            palette,
        );
    }
    text
}

/// `tried and was kept from: open x.txt`, a line each.
fn touches(touched: &[Touch], most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for touch in touched.iter().take(most) {
        let times = if touch.times > 1 {
            format!(" ({} times)", touch.times)
        } else {
            String::new()
        };
        let target = inline(&touch.target);
        let what = if touch.refused {
            "kept from"
        } else {
            "not watched"
        };
        let line = format!("{what}: {} {target}", inline(&touch.event));
        lines.push(format!("{}{times}", line.trim_end()));
    }
    if touched.len() > most {
        lines.push(format!("and {} more", touched.len() - most));
    }
    lines
}

/// The end of a run's orphans: `3 passed (2 integrated), 1 failed`; `None` if there was none.
pub(super) fn orphans_in_words(run: &RunRecord) -> Option<String> {
    let total = run.orphan_total.filter(|total| *total > 0)?;
    let (passed, failed) = (
        run.orphan_passed.unwrap_or(0),
        run.orphan_failed.unwrap_or(0),
    );
    let not_run = total.saturating_sub(passed + failed);
    let merged = run.integration.as_ref().map_or([0, 0], |integration| {
        [integration.integrated.len(), integration.redundant.len()]
    });
    let merged: Vec<String> = merged
        .into_iter()
        .zip(["integrated", "redundant"])
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    let mut parts = Vec::new();
    if passed > 0 {
        let merged = if merged.is_empty() {
            String::new()
        } else {
            format!(" ({})", merged.join(", "))
        };
        parts.push(format!("{passed} passed{merged}"));
    }
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if not_run > 0 {
        let word = lines::verdict(Outcome::NotRun, not_run);
        parts.push(format!("{not_run} {word}"));
    }
    Some(parts.join(", "))
}

/// The lines of the summary: the numbers of orphans by their end, and the names of those that
/// failed.
pub(super) fn summary_lines(
    run: &RunRecord,
    failures: &[Trial],
    show_command: &str,
    palette: &Palette,
) -> String {
    let Some(words) = orphans_in_words(run) else {
        return String::new();
    };
    let failed = run.orphan_failed.unwrap_or(0);
    let style = if failed > 0 {
        palette.warning
    } else {
        palette.strong
    };
    let mut text = String::from("\n");
    push_line(&mut text, &format!("{} {words}", paint(style, "orphans:")));
    let shown = failures.len().min(LISTED);
    for orphan in &failures[..shown] {
        push_line(&mut text, &format!("  {}", inline(&orphan.module.file)));
        let message = inline(orphan.message.as_deref().unwrap_or_default());
        if !message.is_empty() {
            push_line(
                &mut text,
                &format!("      {}", paint(palette.faint, message)),
            );
        }
    }
    let more = failed.saturating_sub(shown as u64);
    if more > 0 {
        push_line(&mut text, &format!(" {}: {show_command}", and_more(more)));
    }
    text
}
