//! What a scheduler says, as entries of the log.

use std::time::Duration;

use super::Entry;
use crate::cli::terminal::duration;
use crate::clock::rfc3339;
use crate::model::log::{LogFields, LogLevel};
use crate::model::record::Level;
use crate::model::{CycleId, CycleOutcome, CycleReason, Notice, RunOutcome};
use crate::run::StopSignal;
use crate::service::scheduler::{CycleReport, SchedulerEvent};

/// The entry of an event.
pub(in crate::cli) fn of_scheduler(event: SchedulerEvent) -> Entry {
    match event {
        SchedulerEvent::CycleStarted {
            cycle,
            reason,
            due_ms,
            missed,
        } => started(cycle, reason, due_ms, missed),
        SchedulerEvent::CycleFinished(report) => finished(report),
        SchedulerEvent::Recovered { cycle, outcome } => {
            let message = format!("{}; its agent is gone, and it was closed", words(outcome));
            let fields = LogFields {
                outcome: Some(outcome.as_str().to_owned()),
                ..of_cycle(cycle)
            };
            Entry::new(LogLevel::Warning, "cycle-recovered", message, fields)
        }
        SchedulerEvent::Preparing { cycle } => {
            let message = "is being prepared; its run has not begun";
            Entry::new(LogLevel::Info, "running", message, of_cycle(cycle))
        }
        SchedulerEvent::Ending { cycle } => {
            let message = "is ended at once: its running tests do not finish";
            Entry::new(LogLevel::Warning, "cycle-ended", message, of_cycle(cycle))
        }
        SchedulerEvent::Notice(notice) => of_notice(&notice),
        SchedulerEvent::Stopping { signal, draining } => stopping(signal, draining),
        SchedulerEvent::Stopped => Entry::new(
            LogLevel::Info,
            "service-stopped",
            "stopped",
            LogFields::default(),
        ),
        other => of_schedule(other),
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

/// What is about the schedule as a whole.
fn of_schedule(event: SchedulerEvent) -> Entry {
    let info = |event: &str, message: String, due_ms| {
        Entry::new(LogLevel::Info, event, message, of_due(due_ms))
    };
    match event {
        SchedulerEvent::Started {
            spec,
            due_ms,
            listen,
        } => {
            let metrics = listen.map(|addr| format!("; metrics at http://{addr}/metrics"));
            let message = format!(
                "keeps the schedule `{spec}`; the next cycle begins at {}{}",
                rfc3339(due_ms),
                metrics.unwrap_or_default()
            );
            info("service-started", message, due_ms)
        }
        SchedulerEvent::Reloaded { spec, due_ms } => {
            let due = rfc3339(due_ms);
            let message =
                format!("read the settings anew: `{spec}`; the next cycle begins at {due}");
            info("reloaded", message, due_ms)
        }
        SchedulerEvent::Idle { due_ms } => {
            let message = format!("nothing runs; the next cycle begins at {}", rfc3339(due_ms));
            info("idle", message, due_ms)
        }
        SchedulerEvent::ClockSet { due_ms } => {
            let due = rfc3339(due_ms);
            let message = format!("the clock was set; the next cycle begins at {due}");
            Entry::new(LogLevel::Warning, "clock-set", message, of_due(due_ms))
        }
        SchedulerEvent::NotReloaded { error, hint } => {
            let message = format!("the settings stay as they were: {error}");
            Entry::new(LogLevel::Error, "not-reloaded", message, of_hint(hint))
        }
        SchedulerEvent::Blocked {
            error,
            hint,
            retry_ms,
        } => {
            let retry = rfc3339(retry_ms);
            let message = format!("no cycle can begin: {error}; it is tried again at {retry}");
            Entry::new(LogLevel::Error, "state-file-lost", message, of_hint(hint))
        }
        SchedulerEvent::Unblocked { since_ms } => {
            let since = rfc3339(since_ms);
            let message = format!("the state file can be used again; it could not since {since}");
            let fields = LogFields::default();
            Entry::new(LogLevel::Info, "state-file-back", message, fields)
        }
        // Everything else is dealt with above.
        _ => Entry::new(LogLevel::Debug, "other", "", LogFields::default()),
    }
}

fn started(cycle: CycleId, reason: CycleReason, due_ms: i64, missed: u64) -> Entry {
    let due = rfc3339(due_ms);
    let why = match reason {
        CycleReason::Due => String::new(),
        CycleReason::CatchUp => format!(" late, it was due at {due}"),
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
    let level = match outcome {
        CycleOutcome::Run(RunOutcome::Passed) => LogLevel::Info,
        CycleOutcome::NotStarted | CycleOutcome::Run(RunOutcome::Error) => LogLevel::Error,
        CycleOutcome::Run(_) => LogLevel::Warning,
    };
    let duration_s = Duration::from_millis(report.duration_ms).as_secs_f64();
    let due = rfc3339(report.due_ms);
    let next = if report.failures == 0 {
        format!("the next one begins at {due}")
    } else {
        format!("it is tried again at {due}")
    };
    let reason = report.message.map(|text| format!(": {text}"));
    let message = format!(
        "{} after {}{}; {next}",
        words(outcome),
        duration(duration_s),
        reason.unwrap_or_default()
    );
    let fields = LogFields {
        run: report.run,
        outcome: Some(outcome.as_str().to_owned()),
        exit_code: report.exit_code,
        duration_s: Some(duration_s),
        due_at: Some(due),
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
