//! The end of the report: the verdict in one line, then what changed, what failed, what was slow.

use std::collections::HashMap;

use super::lines::{tallies, titled};
use super::orphan::summary_lines;
use super::palette::{outcome_style, paint, run_style};
use super::text::{REPORT_COLUMNS, count, duration, inline, push_line, width};
use crate::diag::{Palette, and_more};
use crate::model::{AttemptRecord, Counts, Outcome, RunOutcome, RunSummary};
use crate::plan::run::MODULES_LABEL;

/// Tests that a list names; `agent show` has all of them.
const LISTED: usize = 10;

/// Faster tests are not worth a line among the slowest.
const SLOW_S: f64 = 0.01;

/// `run 12: 3 failed, 1 flaky, 240 passed in 12.3s · coverage 87.4% (+0.3)`.
pub(super) fn verdict(summary: &RunSummary, palette: &Palette) -> String {
    let style = run_style(palette, summary.outcome());
    let title = match summary.outcome() {
        RunOutcome::Passed | RunOutcome::Failed => format!("run {}:", summary.run.run_id),
        other => format!("run {} {other}:", summary.run.run_id),
    };
    let mut words = vec![(title, palette.strong)];
    let tallies = if summary.outcome() == RunOutcome::Empty {
        // What passed is the modules of the map, which is no suite.
        Vec::new()
    } else {
        tallies(&summary.run.counts)
    };
    if tallies.is_empty() {
        words.push(("no test ran".to_owned(), style));
    }
    let last = tallies.len().saturating_sub(1);
    for (index, tally) in tallies.into_iter().enumerate() {
        let comma = if index < last { "," } else { "" };
        let style = tally
            .outcome
            .map_or(palette.warning, |outcome| outcome_style(palette, outcome));
        words.push((format!("{}{comma}", tally.text), style));
    }
    let plain = anstyle::Style::new();
    words.push((format!("in {}", duration(summary.runtime)), plain));
    if let Some(coverage) = summary.run.coverage_in_words() {
        let comparison = summary.comparison.as_ref();
        let change = comparison.and_then(|comparison| comparison.coverage_change);
        let change = change.map_or_else(String::new, coverage_change);
        words.push((format!("· coverage {coverage}{change}"), plain));
    }
    flow(&words)
}

/// The meaning of a verdict other than passed and failed, and what to do next.
pub(super) fn explanation(summary: &RunSummary, palette: &Palette) -> String {
    let counts = &summary.run.counts;
    let show = format!("agent show {}", summary.run.run_id);
    let not_run = count(counts.not_run, "test");
    let (message, hint) = match summary.outcome() {
        // The command itself says last why a run could not be carried out.
        RunOutcome::Passed | RunOutcome::Error => return String::new(),
        RunOutcome::Failed
            if counts.failures() + counts.not_run == 0
                && summary.run.orphan_failed.unwrap_or(0) == 0 =>
        {
            (
                "every test passed, and pytest says that the session failed".to_owned(),
                "a plug-in or a `conftest.py` said so; the warning above has its last words"
                    .to_owned(),
            )
        }
        RunOutcome::Failed if counts.failures() + counts.not_run == 0 => (
            "every test passed, and orphans failed".to_owned(),
            "leave out --strict-orphans, and orphans are reported beside the run".to_owned(),
        ),
        RunOutcome::Failed if counts.not_run == 0 => return String::new(),
        RunOutcome::Failed => (
            format!("the run stopped early: {not_run} did not run"),
            "leave out --fail-fast and --max-fail to run all of them".to_owned(),
        ),
        RunOutcome::Incomplete => (lost(summary), what_to_do(summary, &show)),
        RunOutcome::Interrupted => (
            format!("the run was stopped; what had finished is stored, {not_run} did not run"),
            format!("`agent run` starts a new run, `{show}` shows the results so far"),
        ),
        RunOutcome::Empty => (
            format!(
                "pytest found no test in {}{}",
                paths(summary),
                of_map(counts)
            ),
            "check the paths, -k, -m, and pytest's settings testpaths and python_files".to_owned(),
        ),
    };
    let style = run_style(palette, summary.outcome());
    titled(summary.outcome().as_str(), style, &message) + &titled("hint", palette.strong, &hint)
}

/// The lists: changes, failures, flaky and lost tests, the slowest.
pub(super) fn sections(summary: &RunSummary, palette: &Palette) -> String {
    let show = format!("agent show {}", summary.run.run_id);
    let mut sections = Sections {
        text: String::new(),
        messages: summary
            .failures
            .iter()
            .map(|test| (test.last.key().to_string(), &test.last))
            .collect(),
        show: &show,
        palette,
    };
    sections.changes(summary);
    let lost: Vec<String> = summary
        .failures
        .iter()
        .filter(|test| test.last.outcome == Outcome::NotRun)
        .map(|test| test.last.key().to_string())
        .collect();
    let all_lost = summary.run.counts.not_run.max(lost.len() as u64);
    sections.list("not run", palette.warning, &lost, all_lost);
    sections.orphans(summary);
    sections.slowest(summary);
    let mut text = sections.text;
    if summary.run.warnings > 0 {
        let warnings = count(summary.run.warnings, "Python warning");
        let line = format!("{warnings}: {show}");
        push_line(&mut text, "");
        push_line(&mut text, &paint(palette.faint, line));
    }
    text
}

struct Sections<'a> {
    text: String,
    messages: HashMap<String, &'a AttemptRecord>,
    show: &'a str,
    palette: &'a Palette,
}

impl Sections<'_> {
    fn changes(&mut self, summary: &RunSummary) {
        let bad = self.palette.error;
        let mut listed: Vec<&String> = Vec::new();
        let comparison = summary.comparison.as_ref();
        if let Some(comparison) = comparison {
            let since = format!("since run {}", comparison.previous_run);
            let newly = &comparison.newly_failing;
            let fixed = &comparison.fixed;
            let still = &comparison.still_failing;
            self.list(&format!("newly failing {since}"), bad, newly, 0);
            self.list(&format!("fixed {since}"), self.palette.good, fixed, 0);
            self.list("still failing", bad, still, 0);
            listed.extend(newly);
            listed.extend(still);
        }
        let failing = summary
            .failures
            .iter()
            .filter(|test| test.last.outcome.is_failure());
        let unlisted: Vec<String> = failing
            .map(|test| test.last.key().to_string())
            .filter(|name| !listed.contains(&name))
            .collect();
        let counts = &summary.run.counts;
        let all = counts.failures().saturating_sub(listed.len() as u64);
        self.list("failed", bad, &unlisted, all);
        let warning = self.palette.warning;
        self.list("flaky", warning, &summary.flaky_tests, counts.flaky);
        if let Some(comparison) = comparison {
            self.membership(comparison);
        }
    }

    fn membership(&mut self, comparison: &crate::model::Comparison) {
        let mut facts = Vec::new();
        if comparison.added > 0 {
            facts.push(format!("{} added", count(comparison.added, "test")));
        }
        if comparison.removed > 0 {
            facts.push(format!("{} gone", count(comparison.removed, "test")));
        }
        if !facts.is_empty() {
            let facts = format!("{} since run {}", facts.join(", "), comparison.previous_run);
            self.line("");
            self.line(&paint(self.palette.faint, facts));
        }
    }

    /// A titled list of tests with their messages; `all` is their number if `names` has fewer.
    fn list(&mut self, title: &str, style: anstyle::Style, names: &[String], all: u64) {
        let all = all.max(names.len() as u64);
        if names.is_empty() {
            return;
        }
        self.line("");
        self.line(&format!("{} ({all})", paint(style, title)));
        let shown = names.len().min(LISTED);
        for name in &names[..shown] {
            self.line(&format!("  {}", inline(name)));
            let test = self.messages.get(name);
            let message = test.and_then(|test| test.message.as_deref());
            if let Some(message) = message.filter(|message| !message.is_empty()) {
                let message = inline(message);
                self.line(&format!("      {}", paint(self.palette.faint, message)));
            }
        }
        let more = all - shown as u64;
        if more > 0 {
            self.line(&format!(" {}: {}", and_more(more), self.show));
        }
    }

    fn orphans(&mut self, summary: &RunSummary) {
        let failures = &summary.orphan_failures;
        self.text += &summary_lines(&summary.run, failures, self.show, self.palette);
    }

    fn slowest(&mut self, summary: &RunSummary) {
        let slow: Vec<_> = summary
            .slowest
            .iter()
            .filter(|test| test.duration_s >= SLOW_S)
            .collect();
        if slow.is_empty() {
            return;
        }
        self.line("");
        self.line(&paint(self.palette.strong, "slowest"));
        for test in slow {
            let time = format!("{:>8}", duration(test.duration_s));
            self.line(&format!("{time}  {}", inline(&test.nodeid)));
        }
    }

    fn line(&mut self, line: &str) {
        push_line(&mut self.text, line);
    }
}

fn coverage_change(change: f64) -> String {
    if change.abs() < 0.05 {
        " (unchanged)".to_owned()
    } else {
        format!(" ({change:+.1})")
    }
}

/// The next step after an incomplete run: files that could not be collected have no stacks.
fn what_to_do(summary: &RunSummary, show: &str) -> String {
    let counts = &summary.run.counts;
    if counts.crashed + counts.timed_out > 0 || counts.error == 0 {
        format!("`{show}` has their stacks and the exits of their processes")
    } else if counts.not_run > 0 {
        format!(
            "`{show}` has the whole reports; `agent run -- --continue-on-collection-errors` runs \
             the other tests"
        )
    } else {
        format!("`{show}` has the whole reports")
    }
}

/// The numbers of the tests that came to no end of their own, in words.
fn lost(summary: &RunSummary) -> String {
    let counts = &summary.run.counts;
    let facts = [
        (counts.crashed, "ended the interpreter"),
        (counts.timed_out, "ran out of time"),
        (counts.not_run, "did not run"),
    ];
    let facts: Vec<String> = facts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", count(number, "test")))
        .collect();
    if facts.is_empty() && counts.error == 0 {
        "every test came to its end, and pytest did not".to_owned()
    } else if facts.is_empty() {
        "not every test could be collected".to_owned()
    } else {
        let facts = facts.join(", ");
        format!("not every test came to an end of its own: {facts}")
    }
}

/// What an empty run says about the modules of the map.
fn of_map(counts: &Counts) -> String {
    let tests: Vec<String> = tallies(counts).into_iter().map(|it| it.text).collect();
    if tests.is_empty() {
        String::new()
    } else {
        format!(" (tests of the module map: {})", tests.join(", "))
    }
}

fn paths(summary: &RunSummary) -> String {
    let named: Vec<&str> = summary
        .run
        .facts
        .paths
        .iter()
        .map(String::as_str)
        .filter(|path| !path.is_empty() && *path != MODULES_LABEL)
        .collect();
    if named.is_empty() {
        summary.run.facts.project.clone()
    } else {
        named.join(", ")
    }
}

/// Joins `words` with spaces into lines of the report's width.
fn flow(words: &[(String, anstyle::Style)]) -> String {
    let mut text = String::new();
    let mut used = 0;
    for (word, style) in words {
        let columns = width(word);
        if used > 0 && used + 1 + columns > REPORT_COLUMNS {
            text += "\n  ";
            let word = word.strip_prefix("· ").unwrap_or(word);
            text += &paint(*style, word);
            used = 2 + width(word);
            continue;
        } else if used > 0 {
            text.push(' ');
            used += 1;
        }
        text += &paint(*style, word);
        used += columns;
    }
    text + "\n"
}
