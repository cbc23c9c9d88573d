//! `agent run-scheduled`: wires the scheduler to the log and to the processes of its cycles.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context;

use super::args::{Cli, RunScheduledArgs};
use super::failure::Failure;
use super::log::{self, Log};
use crate::diag;
use crate::engine::process::ProcessSpec;
use crate::model::log::{LogFields, LogLevel};
use crate::model::{ExitCode, Notice};
use crate::service::scheduler::{CycleCommand, Scheduler, SchedulerEvent};
use crate::settings::{Layers, Settings, Verbosity};

pub(super) fn run(
    args: &RunScheduledArgs,
    layers: Layers,
    settings: Settings,
    notices: &[Notice],
) -> Result<ExitCode, Failure> {
    let log = Log::new(settings.log_format);
    for notice in notices {
        log.entry(&log::of_notice(notice));
    }
    let command = command(&layers.cwd, &settings.db)?;
    let reload = move || Settings::load(&layers).map(|(settings, _)| settings);
    let quiet = settings.verbosity == Verbosity::Quiet;
    let tell = move |event| {
        let is_end = matches!(event, SchedulerEvent::CycleFinished(_));
        let entry = log::of_scheduler(event);
        if !quiet || is_end || entry.level < LogLevel::Info {
            log.entry(&entry);
        }
    };
    let scheduler = Scheduler::new(settings, command, reload, tell);
    Ok(scheduler.run_now(args.schedule.run_now).run()?)
}

/// Logs why there is no service, unless a person reads it, who is told like anywhere else.
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

/// This command line once more, as that of a cycle.
fn command(cwd: &Path, db: &Path) -> Result<CycleCommand, Failure> {
    let program = std::env::current_exe().context("cannot find the agent's own program");
    let program = program.map_err(Failure::environment)?;
    let cycle = ["--cycle", CycleCommand::NUMBER, "--cycle-db"].map(OsString::from);
    let cycle = cycle.into_iter().chain([db.as_os_str().to_owned()]);
    let given = std::env::args_os().skip(1);
    let spec = ProcessSpec::new(program, cwd).args(cycle.chain(given));
    Ok(CycleCommand { spec })
}
