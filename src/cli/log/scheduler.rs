//! The events of a scheduler, as entries of the log.

use std::net::SocketAddr;
use std::time::Duration;

use super::Entry;
use crate::cli::terminal::duration;
use crate::clock::rfc3339;
use crate::model::log::{LogFields, LogLevel};
use crate::model::{CycleId, CycleOutcome, CycleReason, Level, Notice, RunOutcome};
use crate::run::StopSignal;
use crate::service::scheduler::{CycleReport, SchedulerEvent};

/// The entry of an event.
pub(in crate::cli) fn of_scheduler(event: SchedulerEvent) -> Entry {
    use SchedulerEvent as Event;
    match event {
        Event::Started {
            spec,
            due_ms,
            listen,
        } => service_started(&spec, due_ms, listen),
        Event::Recovered { cycle, outcome } => recovered(cycle, outcome),
        Event::CycleStarted {
            cycle,
            reason,
            due_ms,
            missed,
        } => started(cycle, reason, due_ms, missed),
        Event::CycleFinished(report) => finished(report),
        Event::ClockSet { due_ms } => {
            let next = next(due_ms);
            let message = format!("the clock was set; {next}");
            Entry::new(LogLevel::Warning, "clock-set", message, of_due(due_ms))
        }
        Event::Blocked {
            error,
            hint,
            retry_ms,
        } => {
            let retry = rfc3339(retry_ms);
            let message = format!("no cycle can begin: {error}; it is tried again at {retry}");
            Entry::new(LogLevel::Error, "state-file-lost", message, of_hint(hint))
        }
        Event::Unblocked { since_ms } => {
            let since = rfc3339(since_ms);
            let message = format!("the state file can be used again; it could not since {since}");
            info("state-file-back", message, LogFields::default())
        }
        Event::Notice(notice) => of_notice(&notice),
        Event::Reloaded { spec, due_ms } => {
            let message = format!("read the settings again: `{spec}`; {}", next(due_ms));
            info("reloaded", message, of_due(due_ms))
        }
        Event::NotReloaded { error, hint } => {
            let message = format!("the settings stay as they were: {error}");
            Entry::new(LogLevel::Error, "not-reloaded", message, of_hint(hint))
        }
        Event::Idle { due_ms } => {
            let message = format!("nothing runs; {}", next(due_ms));
            info("idle", message, of_due(due_ms))
        }
        Event::ReloadsLater { cycle } => {
            let message = "ends first, then the settings are read again".to_owned();
            info("reload-later", message, of_cycle(cycle))
        }
        Event::Preparing { cycle } => {
            let message = "is being prepared; its run has not begun".to_owned();
            info("running", message, of_cycle(cycle))
        }
        Event::Stopping { signal, draining } => stopping(signal, draining),
        Event::Ending { cycle } => {
            let message = "is ended at once: its running tests do not finish";
            Entry::new(LogLevel::Warning, "cycle-ended", message, of_cycle(cycle))
        }
        Event::Stopped => info(
            "service-stopped",
            "stopped".to_owned(),
            LogFields::default(),
        ),
    }
}

/// The entry of a notice.
pub(in crate::cli) fn of_notice(notice: &Notice) -> Entry {
    let level = match notice.level {
        Level::Info => LogLevel::Info,
        Level::Warning => LogLevel::Warning,
    };
    let hint = of_hint(notice.hint.clone());
    Entry::new(level, &notice.code, &notice.message, hint)
}

fn info(event: &str, message: String, fields: LogFields) -> Entry {
    Entry::new(LogLevel::Info, event, message, fields)
}

fn next(due_ms: i64) -> String {
    format!("the next cycle begins at {}", rfc3339(due_ms))
}

fn service_started(spec: &str, due_ms: i64, listen: Option<SocketAddr>) -> Entry {
    let metrics = listen.map(|addr| format!("; metrics at http://{addr}/metrics"));
    let message = format!(
        "keeps the schedule `{spec}`; {}{}",
        next(due_ms),
        metrics.unwrap_or_default()
    );
    info("service-started", message, of_due(due_ms))
}

fn recovered(cycle: CycleId, outcome: CycleOutcome) -> Entry {
    let message = format!("{}; its agent is gone, and it was closed", words(outcome));
    let fields = LogFields {
        outcome: Some(outcome.as_str().to_owned()),
        ..of_cycle(cycle)
    };
    Entry::new(LogLevel::Warning, "cycle-recovered", message, fields)
}

fn started(cycle: CycleId, reason: CycleReason, due_ms: i64, missed: u64) -> Entry {
    let due = rfc3339(due_ms);
    let why = match reason {
        CycleReason::Due => String::new(),
        CycleReason::CatchUp => format!(" to catch up, it was due at {due}"),
        CycleReason::Retry => ": a retry".to_owned(),
        CycleReason::Asked => ": asked for".to_owned(),
    };
    let missed = match missed {
        0 => String::new(),
        1 => "; 1 due time before it was missed".to_owned(),
        missed => format!("; {missed} due times before it were missed"),
    };
    let fields = LogFields {
        due_at: Some(due),
        ..of_cycle(cycle)
    };
    let message = format!("begins{why}{missed}");
    Entry::new(LogLevel::Info, "cycle-started", message, fields)
}

fn finished(report: CycleReport) -> Entry {
    let outcome = report.outcome;
    // A run that failed has said so itself, as loudly as that deserves.
    let level = if report.failures > 0 {
        LogLevel::Error
    } else {
        LogLevel::Info
    };
    let duration_s = Duration::from_millis(report.duration_ms).as_secs_f64();
    let due = report.due_ms.map(rfc3339);
    let next = due.as_ref().map(|due| match report.failures {
        0 => format!("; the next one begins at {due}"),
        _ => format!("; it is tried again at {due}"),
    });
    let reason = report.message.map(|text| format!(": {text}"));
    let message = format!(
        "{} after {}{}{}",
        words(outcome),
        duration(duration_s),
        reason.unwrap_or_default(),
        next.unwrap_or_default()
    );
    let fields = LogFields {
        run: report.run,
        outcome: Some(outcome.as_str().to_owned()),
        exit_code: report.exit_code,
        duration_s: Some(duration_s),
        due_at: due,
        ..of_cycle(report.cycle)
    };
    Entry::new(level, "cycle-finished", message, fields)
}

fn stopping(signal: StopSignal, draining: Option<(CycleId, Duration)>) -> Entry {
    let name = match signal {
        StopSignal::Interrupt => "SIGINT",
        StopSignal::Terminate => "SIGTERM",
    };
    let wait = draining.map(|(_, limit)| {
        let limit = limit.as_secs_f64();
        format!("; running tests may finish within {limit} s")
    });
    let message = format!("stops because of {name}{}", wait.unwrap_or_default());
    let fields = LogFields {
        cycle: draining.map(|(cycle, _)| cycle),
        ..LogFields::default()
    };
    Entry::new(LogLevel::Info, "stopping", message, fields)
}

fn words(outcome: CycleOutcome) -> &'static str {
    match outcome {
        CycleOutcome::Run(RunOutcome::Passed) => "passed",
        CycleOutcome::Run(RunOutcome::Failed) => "failed",
        CycleOutcome::Run(RunOutcome::Incomplete) => "is incomplete",
        CycleOutcome::Run(RunOutcome::Interrupted) => "was interrupted",
        CycleOutcome::Run(RunOutcome::Error) => "could not be carried out",
        CycleOutcome::Run(RunOutcome::Empty) => "found no test",
        CycleOutcome::NotStarted => "could not start",
    }
}

fn of_cycle(cycle: CycleId) -> LogFields {
    LogFields {
        cycle: Some(cycle),
        ..LogFields::default()
    }
}

fn of_due(due_ms: i64) -> LogFields {
    LogFields {
        due_at: Some(rfc3339(due_ms)),
        ..LogFields::default()
    }
}

fn of_hint(hint: Option<String>) -> LogFields {
    LogFields {
        hint,
        ..LogFields::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RunId;

    fn report(outcome: CycleOutcome, failures: u32, message: Option<&str>) -> SchedulerEvent {
        SchedulerEvent::CycleFinished(CycleReport {
            cycle: CycleId(12),
            run: Some(RunId(31)),
            outcome,
            exit_code: Some(1),
            message: message.map(str::to_owned),
            duration_ms: 12_345,
            due_ms: Some(1_795_633_200_000),
            failures,
        })
    }

    #[test]
    fn each_event_is_a_line_of_its_own_weight() {
        let due_ms = 1_795_633_200_000;
        let cycle = CycleId(12);
        let began = |reason, missed| SchedulerEvent::CycleStarted {
            cycle,
            reason,
            due_ms,
            missed,
        };
        let events = [
            SchedulerEvent::Started {
                spec: "every 60 s".to_owned(),
                due_ms,
                listen: Some(([127, 0, 0, 1], 8004).into()),
            },
            began(CycleReason::Due, 0),
            began(CycleReason::CatchUp, 0),
            began(CycleReason::Retry, 1),
            began(CycleReason::Asked, 7),
            report(CycleOutcome::Run(RunOutcome::Passed), 0, None),
            report(CycleOutcome::Run(RunOutcome::Failed), 0, None),
            report(CycleOutcome::NotStarted, 1, Some("there is no Python")),
            SchedulerEvent::Stopping {
                signal: StopSignal::Terminate,
                draining: Some((cycle, Duration::from_mins(1))),
            },
            SchedulerEvent::Blocked {
                error: "no space is left".to_owned(),
                hint: None,
                retry_ms: due_ms,
            },
        ];
        let lines = events.map(|event| {
            let entry = of_scheduler(event);
            format!(
                "{} {}: {}",
                entry.level.as_str(),
                entry.event,
                entry.message
            )
        });
        insta::assert_snapshot!(lines.join("\n"), @"
        info service-started: keeps the schedule `every 60 s`; the next cycle begins at 2026-11-25T19:00:00Z; metrics at http://127.0.0.1:8004/metrics
        info cycle-started: begins
        info cycle-started: begins to catch up, it was due at 2026-11-25T19:00:00Z
        info cycle-started: begins: a retry; 1 due time before it was missed
        info cycle-started: begins: asked for; 7 due times before it were missed
        info cycle-finished: passed after 12.3s; the next one begins at 2026-11-25T19:00:00Z
        info cycle-finished: failed after 12.3s; the next one begins at 2026-11-25T19:00:00Z
        error cycle-finished: could not start after 12.3s: there is no Python; it is tried again at 2026-11-25T19:00:00Z
        info stopping: stops because of SIGTERM; running tests may finish within 60 s
        error state-file-lost: no cycle can begin: no space is left; it is tried again at 2026-11-25T19:00:00Z
        ");
    }
}
