//! `agent show RUN`: one run with everything that is known of its failures.

use jiff::tz::TimeZone;

use super::failure::{whole_report, whole_section};
use super::history::{local_time, short_commit};
use super::lines::{notice, tallies, test_line};
use super::orphan::{orphans_in_words, whole_orphan};
use super::palette::{paint, run_style};
use super::text::{count, duration, inline, push_line};
use crate::diag::{Palette, render_parts};
use crate::model::{AttemptRecord, Notice, Outcome, RunRecord, Trial};

/// A run with all that is shown of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownRun {
    pub run: RunRecord,
    /// Notices of the run, which the user should know besides.
    pub notices: Vec<Notice>,
    /// Attempts of the tests that need attention, in the order of their reports.
    pub failures: Vec<AttemptRecord>,
    /// The trials of orphans that do not work, or were kept from something.
    pub notable_trials: Vec<Trial>,
}

/// The run in full, times in `zone`.
pub fn show_run(shown: &ShownRun, zone: &TimeZone, palette: &Palette) -> String {
    let run = &shown.run;
    let mut text = head(run, palette);
    for (name, value) in facts(run, zone) {
        let name = format!("{name:<10}");
        let line = format!("  {} {}", paint(palette.faint, name), inline(&value));
        push_line(&mut text, &line);
    }
    if let Some(failure) = run.failure() {
        let (causes, hint) = (&failure.causes, failure.hint.as_deref());
        text.push('\n');
        text += &render_parts(&failure.message, causes, hint, palette);
    }
    if !shown.notices.is_empty() {
        text.push('\n');
        text.extend(shown.notices.iter().map(|message| notice(message, palette)));
    }
    for record in &shown.failures {
        text.push('\n');
        text += &whole_attempt(record, palette);
    }
    for trial in &shown.notable_trials {
        text.push('\n');
        text += &whole_orphan(trial, palette);
    }
    text
}

/// Attempts of tests, with all that is kept of each.
pub fn show_attempts(attempts: &[AttemptRecord], palette: &Palette) -> String {
    let blocks: Vec<String> = attempts
        .iter()
        .map(|record| whole_attempt(record, palette))
        .collect();
    blocks.join("\n")
}

fn head(run: &RunRecord, palette: &Palette) -> String {
    let title = paint(palette.strong, format!("run {}:", run.run_id));
    let outcome = match run.outcome() {
        Some(outcome) => paint(run_style(palette, outcome), outcome),
        None => paint(palette.faint, "running"),
    };
    let time = run
        .duration_s()
        .map_or_else(String::new, |seconds| format!(" in {}", duration(seconds)));
    format!("{title} {outcome}{time}\n")
}

fn facts(run: &RunRecord, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let asked = &run.facts;
    let tests: Vec<String> = tallies(&run.counts)
        .into_iter()
        .map(|tally| tally.text)
        .collect();
    let tests = if tests.is_empty() {
        "none".to_owned()
    } else {
        tests.join(", ")
    };
    let mut facts = vec![("tests", tests)];
    facts.extend(orphans_in_words(run).map(|words| ("orphans", words)));
    facts.extend(run.coverage_in_words().map(|words| ("coverage", words)));
    let started = local_time(asked.started_ms, zone, "%Y-%m-%d %H:%M:%S %Z");
    facts.push(("started", format!("{started} ({})", asked.trigger)));
    facts.push(("project", asked.project.clone()));
    let paths = asked.paths.iter().filter(|path| !path.is_empty());
    facts.extend(paths.map(|path| ("path", path.clone())));
    if !asked.narrowed_by.is_empty() {
        facts.push(("part", asked.narrowed_by.join(" ")));
    }
    let mut machine = vec![
        asked.executor.clone(),
        count(u64::from(asked.workers), "worker"),
    ];
    machine.extend(run.python.iter().map(|version| format!("Python {version}")));
    machine.extend(run.pytest.iter().map(|version| format!("pytest {version}")));
    facts.push(("ran on", machine.join(", ")));
    if let Some(commit) = &run.git_commit {
        let changes = match run.git_dirty {
            Some(true) => " with changes",
            Some(false) | None => "",
        };
        facts.push(("commit", format!("{}{changes}", short_commit(commit))));
    }
    if let Some(code) = run.exit_code() {
        facts.push(("exit code", code.0.to_string()));
    }
    facts.push(("uuid", asked.uuid.clone()));
    facts
}

fn whole_attempt(record: &AttemptRecord, palette: &Palette) -> String {
    let mut text = test_line(record, palette);
    // Stacks do not say what ended the test; a traceback repeats its message.
    let ended = matches!(record.outcome, Outcome::Crashed | Outcome::TimedOut);
    let message = record.message.as_ref();
    let message = message.filter(|_| ended || record.longrepr.is_none());
    for report in message.into_iter().chain(&record.longrepr) {
        text += &whole_report(report, palette);
    }
    for section in &record.sections {
        text += &whole_section(section, palette);
    }
    text
}
