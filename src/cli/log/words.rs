//! The sentences of the log about a run.

use crate::cli::terminal::{Live, count, duration, tally, whole_seconds};
use crate::diag::and_more;
use crate::model::{Comparison, RunOutcome, RunSummary};

/// The most running tests that an entry names.
const NAMED: usize = 5;

/// `started on 2 paths with 4 workers; the last run like it had 240 tests and took 12.3s`.
pub(super) fn started(paths: usize, workers: u32, expected: Option<(u64, f64)>) -> String {
    let on = if paths > 1 {
        format!(" on {}", count(paths as u64, "path"))
    } else {
        String::new()
    };
    let workers = count(u64::from(workers), "worker");
    let expected = expected.map_or_else(String::new, |(tests, seconds)| {
        let (tests, time) = (count(tests, "test"), duration(seconds));
        format!("; the last run like it had {tests} and took {time}")
    });
    format!("started{on} with {workers}{expected}")
}

/// `12 of 240 tests done in 2m 05s; running: t.py::test_x (12s)`. Before the first test or trial,
/// `otherwise` takes the place of `running: …`.
pub(super) fn running(live: &Live, otherwise: &str) -> String {
    let (total, is_final) = live.total();
    let about = if is_final || total == 0 { "" } else { "about " };
    let (done, total) = (live.done(), count(total, "test"));
    let since = whole_seconds(live.elapsed().as_secs_f64());
    let tests = format!("{done} of {about}{total} done in {since}");
    let orphans = live.orphans().map(|orphans| {
        let total = count(orphans.total, "orphan");
        format!("; {} of {total} tried", orphans.done)
    });
    let running = live.running();
    let named = running.iter().take(NAMED).map(|test| {
        let since = whole_seconds(live.running_for(test).as_secs_f64());
        format!("{} ({since})", test.nodeid)
    });
    let named: Vec<String> = named.collect();
    let more = and_more(running.len() - named.len());
    let now = if !named.is_empty() {
        format!("; running: {}{more}", named.join(", "))
    } else if orphans.is_none() && done == 0 {
        format!("; {otherwise}")
    } else {
        String::new()
    };
    [tests, orphans.unwrap_or_default(), now].concat()
}

/// `failed: 3 failed, 240 passed in 12.3s, coverage 87.4% (+0.3); since run 30: 2 newly failing`.
pub(super) fn finished(summary: &RunSummary) -> String {
    let tests = tally(&summary.run.counts).unwrap_or_else(|| "no test ran".to_owned());
    let time = duration(summary.runtime);
    let verdict = match summary.outcome() {
        RunOutcome::Error => "not carried out",
        outcome => outcome.as_str(),
    };
    let verdict = format!("{verdict}: {tests} in {time}");
    let comparison = summary.comparison.as_ref();
    let change = comparison.and_then(|comparison| comparison.coverage_change);
    let change = change
        .filter(|change| change.abs() >= 0.05)
        .map_or_else(String::new, |change| format!(" ({change:+.1})"));
    let coverage = summary.run.coverage_in_words();
    let coverage = coverage.map_or_else(String::new, |coverage| {
        format!(", coverage {coverage}{change}")
    });
    let orphans = match (summary.run.orphan_total, summary.run.orphan_failed) {
        (Some(total @ 1..), Some(failed)) => {
            format!("; {failed} of {} failed", count(total, "orphan"))
        }
        _ => String::new(),
    };
    let since = comparison.map_or_else(String::new, changes);
    [verdict, coverage, orphans, since].concat()
}

fn changes(comparison: &Comparison) -> String {
    let changes = [
        (comparison.newly_failing.len() as u64, "newly failing"),
        (comparison.fixed.len() as u64, "fixed"),
        (comparison.still_failing.len() as u64, "still failing"),
        (comparison.added, "added"),
        (comparison.removed, "gone"),
    ];
    let changes = changes.into_iter().filter(|(number, _)| *number > 0);
    let changes: Vec<String> = changes
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    let changes = if changes.is_empty() {
        "no change".to_owned()
    } else {
        changes.join(", ")
    };
    format!("; since run {}: {changes}", comparison.previous_run)
}

/// The next step after a run that did not pass: the command that shows more, or what to check if
/// there was no test. None if the run passed or was not carried out.
pub(super) fn hint(summary: &RunSummary) -> Option<String> {
    let run = summary.run.run_id;
    match summary.outcome() {
        RunOutcome::Passed | RunOutcome::Error => None,
        RunOutcome::Failed => Some(format!("`agent show {run}` shows what failed")),
        RunOutcome::Incomplete => Some(format!("`agent show {run}` shows what is missing")),
        RunOutcome::Interrupted => Some(format!("`agent show {run}` shows the results so far")),
        RunOutcome::Empty => {
            Some("check the paths, and pytest's settings testpaths and python_files".to_owned())
        }
    }
}

/// Rounds to milliseconds: more digits help nobody who reads the log.
pub(super) fn seconds(exact: f64) -> f64 {
    (exact * 1000.0).round() / 1000.0
}

/// `t.py::test_x failed: assert 1 == 2`.
pub(super) fn sentence(subject: &str, verdict: &str, message: Option<&str>) -> String {
    match message.filter(|message| !message.is_empty()) {
        Some(message) if message.starts_with(verdict) => format!("{subject} {message}"),
        Some(message) => format!("{subject} {verdict}: {message}"),
        None => format!("{subject} {verdict}"),
    }
}
