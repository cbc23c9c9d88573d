//! The lines of `agent status`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::palette::paint;
use super::text::{inline, push_line};
use crate::diag::Palette;
use crate::model::status::{CycleStatus, RunStatus, ScheduleState, ScheduleStatus, StatusReport};
use crate::model::{CycleReason, LeaseState};

const TIME: &str = "%Y-%m-%d %H:%M:%S %Z";

/// The report of `agent status` as aligned lines, times in `zone`.
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
            let runs = report.cycle.as_ref().is_some_and(|cycle| !cycle.gone);
            line("next", &next(schedule, &due, runs));
            if let Some(listen) = &schedule.listen {
                line("metrics", &format!("http://{}/metrics", inline(listen)));
            }
        }
        None => line("schedule", "none yet; `agent run-scheduled` begins one"),
    }
    if let Some(cycle) = &report.cycle {
        let goes_on = report
            .schedule
            .as_ref()
            .is_some_and(|schedule| schedule.state == ScheduleState::Live);
        let end = match (goes_on, cycle.gone) {
            (true, false) => String::new(),
            (true, true) => paint(palette.warning, ", ended, which is not stored yet"),
            (false, _) => paint(palette.warning, ", cut off"),
        };
        line("cycle", &format!("{}{end}", running(cycle, zone)));
    }
    if let Some(cycle) = &report.last_cycle {
        line("last", &ended(cycle, zone));
        if let Some(message) = &cycle.message {
            line("", &inline(message));
        }
    }
    for run in &report.runs {
        line("run", &run_line(run, zone, palette));
        if !run.gone {
            line("", &progress(run, palette));
        }
    }
    for lease in &report.leases {
        if let (Some(host), Some(pid)) = (&lease.host, lease.pid) {
            let run = lease.run_id.map(|run| format!(" for run {run}"));
            let holder = format!("process {pid} on {host}{}", run.unwrap_or_default());
            let name = &lease.name;
            let text = match lease.state {
                LeaseState::Held | LeaseState::Free => format!("`{name}` is held by {holder}"),
                LeaseState::Expired => {
                    let since = local(lease.heartbeat_at.as_deref().unwrap_or_default(), zone);
                    format!("`{name}` was not renewed since {since} by {holder}")
                }
                LeaseState::Abandoned => format!("`{name}` was left behind by {holder}"),
            };
            line("lease", &inline(&text));
        }
    }
    text
}

fn keeper(schedule: &ScheduleStatus, zone: &TimeZone, palette: &Palette) -> String {
    let since = local(&schedule.started_at, zone);
    match (schedule.state, &schedule.host, schedule.pid) {
        (ScheduleState::Live, Some(host), Some(pid)) => {
            let word = paint(palette.good, "at work");
            let host = inline(host);
            format!("{word} since {since}, process {pid} on {host}")
        }
        (ScheduleState::Stopped, ..) => {
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
        1 => ", a retry: the last one could not be carried out".to_owned(),
        n => format!(", a retry: {n} could not be carried out"),
    };
    match schedule.state {
        ScheduleState::Live if runs => "after the cycle that runs".to_owned(),
        ScheduleState::Live => format!("{due}{failures}"),
        ScheduleState::Stopped | ScheduleState::Gone => format!("nothing; {due} was next"),
    }
}

fn running(cycle: &CycleStatus, zone: &TimeZone) -> String {
    let run = cycle.run_id.map(|run| format!(", run {run}"));
    format!(
        "{}{} since {}{}",
        cycle.cycle_id,
        run.unwrap_or_default(),
        local(&cycle.started_at, zone),
        reason(cycle)
    )
}

fn ended(cycle: &CycleStatus, zone: &TimeZone) -> String {
    let finished = cycle.finished_at.as_deref().unwrap_or_default();
    let run = cycle.run_id.map(|run| format!(", run {run}"));
    format!(
        "cycle {}{} {} at {}{}",
        cycle.cycle_id,
        run.unwrap_or_default(),
        cycle
            .outcome
            .as_deref()
            .unwrap_or_default()
            .replace('_', " "),
        local(finished, zone),
        reason(cycle)
    )
}

fn reason(cycle: &CycleStatus) -> String {
    match (cycle.reason, cycle.missed) {
        (CycleReason::Due, 0) => String::new(),
        (CycleReason::Asked, 0) => ", asked for".to_owned(),
        (CycleReason::Retry, 0) => ", a retry".to_owned(),
        (CycleReason::CatchUp, 0) => ", late".to_owned(),
        (_, 1) => ", 1 due time missed before".to_owned(),
        (_, missed) => format!(", {missed} due times missed before"),
    }
}

fn run_line(run: &RunStatus, zone: &TimeZone, palette: &Palette) -> String {
    let since = local(&run.started_at, zone);
    let id = run.run_id;
    if run.gone {
        let word = paint(palette.warning, "left behind");
        return format!("{id} {word} since {since}; the next run or `agent cleanup` closes it");
    }
    let (trigger, executor) = (inline(&run.trigger), inline(&run.executor));
    format!("{id} ({trigger}, {executor}) since {since}")
}

fn progress(run: &RunStatus, palette: &Palette) -> String {
    let failed = match run.failed {
        0 => String::new(),
        failed => paint(palette.error, format!(", {failed} failed")),
    };
    format!("{} of {} tests{failed}", run.reported, run.tests)
}

fn local(rfc3339: &str, zone: &TimeZone) -> String {
    rfc3339.parse::<Timestamp>().map_or_else(
        |_| "?".to_owned(),
        |at| at.to_zoned(zone.clone()).strftime(TIME).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lease::LeaseEntry;
    use crate::model::status::STATUS_VERSION;
    use crate::model::{CycleId, LeaseToken, RunId};

    fn schedule(state: ScheduleState) -> ScheduleStatus {
        let live = state == ScheduleState::Live;
        ScheduleStatus {
            state,
            spec: "cron 30 2 * * 1-5".to_owned(),
            due_at: "2026-11-26T02:30:00Z".to_owned(),
            failures: 0,
            host: live.then(|| "lab-7".to_owned()),
            pid: live.then_some(4242),
            started_at: "2026-11-01T08:00:00Z".to_owned(),
            stopped_at: (state == ScheduleState::Stopped)
                .then(|| "2026-11-25T08:00:00Z".to_owned()),
            listen: live.then(|| "127.0.0.1:8004".to_owned()),
            agent_version: "1.2.3".to_owned(),
        }
    }

    fn cycle(reason: CycleReason, missed: u64) -> CycleStatus {
        CycleStatus {
            cycle_id: CycleId(12),
            reason,
            due_at: "2026-11-25T02:30:00Z".to_owned(),
            missed,
            started_at: "2026-11-25T02:30:01Z".to_owned(),
            finished_at: None,
            outcome: None,
            exit_code: None,
            run_id: Some(RunId(31)),
            gone: false,
            message: None,
        }
    }

    fn report(schedule: Option<ScheduleStatus>) -> StatusReport {
        StatusReport {
            v: STATUS_VERSION,
            schedule,
            cycle: None,
            last_cycle: None,
            runs: Vec::new(),
            leases: Vec::new(),
        }
    }

    fn lines(report: &StatusReport) -> String {
        status_lines(report, &TimeZone::UTC, &Palette::PLAIN)
    }

    #[test]
    fn an_agent_at_work_says_what_runs_and_what_is_next() {
        let run = RunStatus {
            run_id: RunId(31),
            trigger: "schedule".to_owned(),
            executor: "podman".to_owned(),
            pid: 4243,
            gone: false,
            started_at: "2026-11-25T02:30:02Z".to_owned(),
            tests: 400,
            reported: 120,
            failed: 2,
        };
        let mut working = report(Some(schedule(ScheduleState::Live)));
        working.cycle = Some(cycle(CycleReason::CatchUp, 3));
        working.last_cycle = Some(CycleStatus {
            cycle_id: CycleId(11),
            finished_at: Some("2026-11-24T02:31:00Z".to_owned()),
            outcome: Some("not_started".to_owned()),
            run_id: None,
            message: Some("there is no Python".to_owned()),
            ..cycle(CycleReason::Retry, 0)
        });
        working.runs = vec![run];
        working.leases = vec![LeaseEntry {
            name: "containers".to_owned(),
            token: LeaseToken(3),
            state: LeaseState::Held,
            host: Some("lab-7".to_owned()),
            pid: Some(4243),
            run_id: Some(RunId(31)),
            acquired_at: None,
            heartbeat_at: None,
            expires_at: None,
        }];
        insta::assert_snapshot!(lines(&working), @"
        schedule  cron 30 2 * * 1-5
        agent     at work since 2026-11-01 08:00:00 UTC, process 4242 on lab-7
        next      after the cycle that runs
        metrics   http://127.0.0.1:8004/metrics
        cycle     12, run 31 since 2026-11-25 02:30:01 UTC, 3 due times missed before
        last      cycle 11 not started at 2026-11-24 02:31:00 UTC, a retry
                  there is no Python
        run       31 (schedule, podman) since 2026-11-25 02:30:02 UTC
                  120 of 400 tests, 2 failed
        lease     `containers` is held by process 4243 on lab-7 for run 31
        ");
    }

    #[test]
    fn an_agent_that_is_not_there_is_said_to_be() {
        insta::assert_snapshot!(lines(&report(Some(schedule(ScheduleState::Gone)))), @"
        schedule  cron 30 2 * * 1-5
        agent     gone without a goodbye, was at work since 2026-11-01 08:00:00 UTC
        next      nothing; 2026-11-26 02:30:00 UTC was next
        ");
        insta::assert_snapshot!(lines(&report(Some(schedule(ScheduleState::Stopped)))), @"
        schedule  cron 30 2 * * 1-5
        agent     stopped at 2026-11-25 08:00:00 UTC
        next      nothing; 2026-11-26 02:30:00 UTC was next
        ");
        insta::assert_snapshot!(lines(&report(None)), @"schedule  none yet; `agent run-scheduled` begins one");
    }

    #[test]
    fn a_retry_says_why_it_is_one() {
        let mut failing = schedule(ScheduleState::Live);
        failing.failures = 2;
        insta::assert_snapshot!(lines(&report(Some(failing))), @"
        schedule  cron 30 2 * * 1-5
        agent     at work since 2026-11-01 08:00:00 UTC, process 4242 on lab-7
        next      2026-11-26 02:30:00 UTC, a retry: 2 could not be carried out
        metrics   http://127.0.0.1:8004/metrics
        ");
    }
}
