//! The lines of `agent status`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::palette::paint;
use super::text::{inline, push_line};
use crate::diag::Palette;
use crate::model::CycleReason;
use crate::model::status::{CycleStatus, Keeping, RunStatus, ScheduleStatus, StatusReport};

const TIME: &str = "%Y-%m-%d %H:%M:%S";

/// What goes on, times in `zone`.
pub fn status_lines(report: &StatusReport, zone: &TimeZone, palette: &Palette) -> String {
    let mut text = String::new();
    let mut line = |label: &str, rest: &str| {
        let label = paint(palette.strong, format!("{label:<10}"));
        push_line(&mut text, &format!("{label}{rest}"));
    };
    match &report.schedule {
        Some(schedule) => {
            line("schedule", &inline(&schedule.spec));
            line("agent", &keeper(schedule, zone, palette));
            let due = local(&schedule.due_at, zone);
            line("next", &next(schedule, &due, report.cycle.is_some()));
            if let Some(listen) = &schedule.listen {
                line("metrics", &format!("http://{}/metrics", inline(listen)));
            }
        }
        None => line("schedule", "none yet; `agent run-scheduled` begins one"),
    }
    if let Some(cycle) = &report.cycle {
        line("cycle", &running(cycle, zone));
    }
    if let Some(cycle) = &report.last_cycle {
        line("last", &ended(cycle, zone));
        if let Some(message) = &cycle.message {
            line("", &inline(message));
        }
    }
    for run in &report.runs {
        line("run", &run_line(run, zone, palette));
    }
    for lease in &report.leases {
        if let (Some(host), Some(pid)) = (&lease.host, lease.pid) {
            let run = lease.run_id.map(|run| format!(" for run {run}"));
            let holder = format!("process {pid} on {host}{}", run.unwrap_or_default());
            let lease = format!("`{}` has {holder}", lease.name);
            line("lease", &inline(&lease));
        }
    }
    text
}

fn keeper(schedule: &ScheduleStatus, zone: &TimeZone, palette: &Palette) -> String {
    let since = local(&schedule.started_at, zone);
    match (schedule.state, &schedule.host, schedule.pid) {
        (Keeping::Live, Some(host), Some(pid)) => {
            let word = paint(palette.good, "at work");
            let host = inline(host);
            format!("{word} since {since}, process {pid} on {host}")
        }
        (Keeping::Stopped, ..) => {
            let stopped = schedule.stopped_at.as_deref().unwrap_or_default();
            format!("stopped at {}", local(stopped, zone))
        }
        _ => {
            let word = paint(palette.error, "gone");
            format!("{word} without a goodbye, was at work since {since}")
        }
    }
}

fn next(schedule: &ScheduleStatus, due: &str, runs: bool) -> String {
    let failures = match schedule.failures {
        0 => String::new(),
        1 => ", a retry: the last cycle could not be carried out".to_owned(),
        n => format!(", a retry: {n} cycles in a row could not be carried out"),
    };
    match schedule.state {
        Keeping::Live if runs => "after the cycle that runs".to_owned(),
        Keeping::Live => format!("{due}{failures}"),
        Keeping::Stopped | Keeping::Gone => format!("nothing; {due} was next"),
    }
}

fn running(cycle: &CycleStatus, zone: &TimeZone) -> String {
    let run = cycle.run_id.map(|run| format!(", run {run}"));
    format!(
        "{} since {}{}{}",
        cycle.cycle_id,
        local(&cycle.started_at, zone),
        reason(cycle),
        run.unwrap_or_default()
    )
}

fn ended(cycle: &CycleStatus, zone: &TimeZone) -> String {
    let finished = cycle.finished_at.as_deref().unwrap_or_default();
    let run = cycle.run_id.map(|run| format!(", run {run}"));
    format!(
        "cycle {} {} at {}{}{}",
        cycle.cycle_id,
        cycle
            .outcome
            .as_deref()
            .unwrap_or_default()
            .replace('_', " "),
        local(finished, zone),
        reason(cycle),
        run.unwrap_or_default()
    )
}

fn reason(cycle: &CycleStatus) -> String {
    match (cycle.reason, cycle.missed) {
        (CycleReason::Due, 0) => String::new(),
        (CycleReason::Asked, 0) => ", asked for".to_owned(),
        (CycleReason::Retry, 0) => ", a retry".to_owned(),
        (CycleReason::CatchUp, 0) => ", late".to_owned(),
        (_, 1) => ", 1 due time before it was missed".to_owned(),
        (_, missed) => format!(", {missed} due times before it were missed"),
    }
}

fn run_line(run: &RunStatus, zone: &TimeZone, palette: &Palette) -> String {
    let since = local(&run.started_at, zone);
    let id = run.run_id;
    if run.gone {
        let word = paint(palette.warning, "left behind");
        return format!("{id} {word} since {since}; the next run or `agent cleanup` closes it");
    }
    let failed = match run.failed {
        0 => String::new(),
        failed => paint(palette.error, format!(", {failed} failed")),
    };
    format!(
        "{id} ({}, {}) since {since}: {} of {} tests{failed}",
        inline(&run.trigger),
        inline(&run.executor),
        run.reported,
        run.tests
    )
}

fn local(rfc3339: &str, zone: &TimeZone) -> String {
    rfc3339.parse::<Timestamp>().map_or_else(
        |_| "?".to_owned(),
        |at| at.to_zoned(zone.clone()).strftime(TIME).to_string(),
    )
}
