//! `agent run-scheduled`: wires the scheduler to the log and to the processes of its cycles.

use std::cell::Cell;
use std::ffi::OsString;
use std::rc::Rc;

use anyhow::Context;

use super::args::{Cli, RunScheduledArgs, cycle_line};
use super::failure::Failure;
use super::log::{self, Log};
use crate::diag;
use crate::engine::process::ProcessSpec;
use crate::model::log::{LogFields, LogLevel};
use crate::model::{CycleId, ExitCode, Notice};
use crate::service::metrics;
use crate::service::scheduler::{Scheduler, SchedulerEvent};
use crate::settings::{Layers, LogFormat, Settings, Verbosity};

pub(super) fn run(
    args: &RunScheduledArgs,
    layers: Layers,
    settings: Settings,
    notices: &[Notice],
) -> Result<ExitCode, Failure> {
    let log = Log::new(settings.log_format);
    for notice in notices.iter().chain(&metrics::exposure(&settings)) {
        log.entry(&log::of_notice(notice));
    }
    let manner = Rc::new(Cell::new(Manner::of(&settings)));
    let command = command(&layers, &settings, Rc::clone(&manner))?;
    let read = Rc::new(Cell::new(manner.get()));
    let reload = {
        let read = Rc::clone(&read);
        move || {
            let (settings, notices) = Settings::load(&layers)?;
            for notice in &notices {
                Log::new(settings.log_format).entry(&log::of_notice(notice));
            }
            read.set(Manner::of(&settings));
            Ok(settings)
        }
    };
    let tell = move |event| {
        if let SchedulerEvent::Reloaded { .. } = event {
            manner.set(read.get());
        }
        manner.get().tell(event);
    };
    let scheduler = Scheduler::new(settings, command, reload, tell);
    Ok(scheduler.run_now(args.schedule.run_now).run()?)
}

/// The form of the log, for the supervisor and for the cycles that it starts.
#[derive(Debug, Clone, Copy)]
struct Manner {
    format: LogFormat,
    verbosity: Verbosity,
}

impl Manner {
    fn of(settings: &Settings) -> Self {
        Self {
            format: settings.log_format,
            verbosity: settings.verbosity,
        }
    }

    fn tell(self, event: SchedulerEvent) {
        use SchedulerEvent as Event;
        // Logged even if quiet: the end of a cycle, and answers to SIGUSR1.
        let is_due = matches!(
            event,
            Event::CycleFinished(_) | Event::Idle { .. } | Event::Preparing { .. }
        );
        let entry = log::of_scheduler(event);
        if is_due || self.verbosity != Verbosity::Quiet || entry.level < LogLevel::Info {
            Log::new(self.format).entry(&entry);
        }
    }
}

/// Logs why the service failed, and returns true, if the log is in JSON or goes to the journal.
/// Otherwise returns false, and the caller shows the failure as that of any other command.
pub(super) fn log_failure(cli: &Cli, failure: &Failure) -> bool {
    let log = log::early(cli);
    if log.is_for_people() {
        return false;
    }
    let message = diag::in_one_line(failure.error.as_ref());
    let fields = LogFields {
        hint: failure.hint.clone(),
        ..LogFields::default()
    };
    log.write(LogLevel::Error, "service-failed", &message, &fields);
    true
}

/// A function that makes the process of a cycle: this program, with a command line made from ours.
fn command(
    layers: &Layers,
    settings: &Settings,
    manner: Rc<Cell<Manner>>,
) -> Result<impl Fn(CycleId) -> ProcessSpec + use<>, Failure> {
    let (cwd, db) = (layers.cwd.clone(), settings.db.clone());
    let program = std::env::current_exe().context("cannot find the agent's own program");
    let program = program.map_err(Failure::environment)?;
    let own: Vec<OsString> = std::env::args_os().skip(1).collect();
    Ok(move |cycle: CycleId| {
        let Manner { format, verbosity } = manner.get();
        let line = cycle_line(&own, cycle, &db, format, verbosity);
        ProcessSpec::new(&program, &cwd).args(line)
    })
}
