//! `agent run-scheduled`: wires the scheduler to the log and to the processes of its cycles.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;

use super::args::{Cli, RunScheduledArgs};
use super::failure::Failure;
use super::log::{self, Log};
use crate::diag;
use crate::engine::process::ProcessSpec;
use crate::model::log::{LogFields, LogLevel};
use crate::model::{CycleId, ExitCode, Notice};
use crate::service::scheduler::{Scheduler, SchedulerEvent};
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
    let command = command(layers.cwd.clone(), settings.db.clone())?;
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
fn command(cwd: PathBuf, db: PathBuf) -> Result<impl Fn(CycleId) -> ProcessSpec, Failure> {
    let program = std::env::current_exe().context("cannot find the agent's own program");
    let program = program.map_err(Failure::environment)?;
    Ok(move |cycle: CycleId| {
        let number = cycle.to_string();
        let cycle = ["--cycle", &number, "--cycle-db"].map(OsString::from);
        let cycle = cycle.into_iter().chain([db.clone().into_os_string()]);
        let given = std::env::args_os().skip(1);
        ProcessSpec::new(&program, &cwd).args(cycle.chain(given))
    })
}
