//! `agent show RUN`: one run with everything that is known of its failures.

use jiff::tz::TimeZone;

use super::failure::{whole_report, whole_section};
use super::history::{local_time, short_commit};
use super::lines::{notice, tallies, test_line};
use super::orphan::{OrphanTally, whole_orphan};
use super::palette::{paint, run_style};
use super::text::{count, duration, inline, push_line};
use crate::diag::Palette;
use crate::model::{AttemptRecord, Counts, Integration, Notice, Outcome, RunId, RunOutcome, Trial};

/// One run, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ShowRun {
    /// The run.
    pub run_id: RunId,
    /// Its UUID.
    pub uuid: String,
    /// What started it.
    pub trigger: String,
    /// The project folder, absolute.
    pub project: String,
    /// The paths, one a shard; an empty one is pytest's own choice.
    pub paths: Vec<String>,
    /// UTC milliseconds since the epoch.
    pub started_ms: i64,
    /// Seconds that it took; `None` while it goes on.
    pub duration_s: Option<f64>,
    /// The verdict; `None` while it goes on.
    pub outcome: Option<RunOutcome>,
    /// What the command returned.
    pub exit_code: Option<u8>,
    /// `host`, `docker` or `podman`.
    pub executor: String,
    /// The total of workers.
    pub workers: u32,
    /// The Python version.
    pub python: Option<String>,
    /// The pytest version.
    pub pytest: Option<String>,
    /// How its tests ended.
    pub counts: Counts,
    /// Coverage in percent, where it was measured.
    pub coverage: Option<f64>,
    /// The commit of the project.
    pub git_commit: Option<String>,
    /// Whether tracked files differed from that commit.
    pub git_dirty: bool,
    /// What the user should know besides.
    pub notices: Vec<Notice>,
    /// Attempts that were no success, in the order of their reports.
    pub failures: Vec<AttemptRecord>,
    /// Its orphans; `None` when none were looked for.
    pub orphan_total: Option<u64>,
    /// Those that passed.
    pub orphan_passed: Option<u64>,
    /// Those that do not work.
    pub orphan_failed: Option<u64>,
    /// What the passing ones were made part of.
    pub integration: Option<Integration>,
    /// The trials of those that do not work.
    pub notable_orphans: Vec<Trial>,
}

/// The run in full, times in `zone`.
pub fn show_run(run: &ShowRun, zone: &TimeZone, palette: &Palette) -> String {
    let mut text = head(run, palette);
    for (name, value) in facts(run, zone) {
        let name = format!("{name:<10}");
        let line = format!("  {} {}", paint(palette.faint, name), inline(&value));
        push_line(&mut text, &line);
    }
    if !run.notices.is_empty() {
        text.push('\n');
        text.extend(run.notices.iter().map(|message| notice(message, palette)));
    }
    for record in &run.failures {
        text.push('\n');
        text += &whole_failure(record, palette);
    }
    for trial in &run.notable_orphans {
        text.push('\n');
        text += &whole_orphan(trial, palette);
    }
    text
}

fn head(run: &ShowRun, palette: &Palette) -> String {
    let title = paint(palette.strong, format!("run {}:", run.run_id));
    let outcome = match run.outcome {
        Some(outcome) => paint(run_style(palette, outcome), outcome),
        None => paint(palette.faint, "running"),
    };
    let time = run
        .duration_s
        .map_or_else(String::new, |seconds| format!(" in {}", duration(seconds)));
    format!("{title} {outcome}{time}\n")
}

fn facts(run: &ShowRun, zone: &TimeZone) -> Vec<(&'static str, String)> {
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
    let orphans = OrphanTally {
        total: run.orphan_total,
        passed: run.orphan_passed,
        failed: run.orphan_failed,
        integration: run.integration.as_ref(),
    };
    facts.extend(orphans.in_words().map(|words| ("orphans", words)));
    if let Some(percent) = run.coverage {
        facts.push(("coverage", format!("{percent:.1}%")));
    }
    let started = local_time(run.started_ms, zone, "%Y-%m-%d %H:%M:%S %Z");
    facts.push(("started", format!("{started} ({})", run.trigger)));
    facts.push(("project", run.project.clone()));
    let paths = run.paths.iter().filter(|path| !path.is_empty());
    facts.extend(paths.map(|path| ("path", path.clone())));
    let mut machine = vec![
        run.executor.clone(),
        count(u64::from(run.workers), "worker"),
    ];
    machine.extend(run.python.iter().map(|version| format!("Python {version}")));
    machine.extend(run.pytest.iter().map(|version| format!("pytest {version}")));
    facts.push(("ran on", machine.join(", ")));
    if let Some(commit) = &run.git_commit {
        let changes = if run.git_dirty { " with changes" } else { "" };
        facts.push(("commit", format!("{}{changes}", short_commit(commit))));
    }
    if let Some(code) = run.exit_code {
        facts.push(("exit code", code.to_string()));
    }
    facts.push(("uuid", run.uuid.clone()));
    facts
}

fn whole_failure(record: &AttemptRecord, palette: &Palette) -> String {
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
