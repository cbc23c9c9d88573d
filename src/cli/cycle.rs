//! `agent cycle`: one cycle of `agent run-scheduled`, in a process of its own. It is a run that
//! logs in place of reporting, and that drains.
//!
//! ```text
//!  supervisor ── SIGTERM ─► drain: running tests finish, nothing new begins
//!             ── SIGTERM ─► again: the end at once
//!             ── SIGUSR1 ─► what is running is logged
//!             ── the end of the pipe on standard input ─► the end at once: the supervisor does not
//!                wait any longer, or is gone
//! ```
//!
//! The reason why a cycle ends before it has a run is noted in its row of the state file, where its
//! supervisor finds it.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::args::{Cli, CycleArgs, OutputArgs};
use super::failure::Failure;
use super::log::{self, Log, RunLog};
use super::outputs::{Outputs, print_summary};
use super::streams::Streams;
use crate::diag::{self, one_line};
use crate::model::log::{LogFields, LogLevel};
use crate::model::{self, CycleId, ExitCode, Level, Notice};
use crate::run::{StopHandle, StopSignal};
use crate::service::scheduler::AnotherStateFile;
use crate::service::{Request, SelfTestService, run_until_drained};
use crate::settings::Settings;
use crate::store::Store;

/// The longest note in the row of a cycle.
const NOTE_CHARS: usize = 1000;

pub(super) fn run(
    args: &CycleArgs,
    settings: &Settings,
    notices: Vec<Notice>,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    check_state_file(args, settings)?;
    let cycle = args.cycle;
    let log = Log::new(settings.log_format);
    let log = RunLog::new(log, cycle, settings.verbosity, &settings.db);
    let log = Shared(Arc::new(Mutex::new(log)));
    let outputs = &args.scheduled.run.output;
    let ended = carry_out(cycle, outputs, settings, notices, output, &log);
    Ok(ended.unwrap_or_else(|failure| {
        let message = in_one_line(&failure);
        match failure.exit {
            // The sender of the signal knows of the end: no error to report.
            ExitCode::SIGINT | ExitCode::SIGTERM => {
                log.lock().say(LogLevel::Info, "cycle-stopped", &message);
            }
            _ => log.lock().failure(&message, failure.hint.as_deref()),
        }
        note(&settings.db, cycle, &message);
        failure.exit
    }))
}

/// Refuses settings that lead to another state file than the one that has the row of the cycle.
fn check_state_file(args: &CycleArgs, settings: &Settings) -> Result<(), Failure> {
    match &args.cycle_db {
        Some(db) if *db != settings.db => {
            let other = AnotherStateFile(settings.db.clone());
            Err(other.into())
        }
        _ => Ok(()),
    }
}

/// Says why the settings of a cycle cannot be loaded.
pub(super) fn cannot_load(args: &CycleArgs, cli: &Cli, failure: &Failure) {
    let fields = LogFields {
        cycle: Some(args.cycle),
        hint: failure.hint.clone(),
        ..LogFields::default()
    };
    let message = in_one_line(failure);
    log::early(cli).write(LogLevel::Error, "cycle-failed", &message, &fields);
    if let Some(db) = &args.cycle_db {
        note(db, args.cycle, &message);
    }
}

fn carry_out(
    cycle: CycleId,
    args: &OutputArgs,
    settings: &Settings,
    notices: Vec<Notice>,
    output: &mut Streams,
    log: &Shared,
) -> Result<ExitCode, Failure> {
    let outputs = Arc::new(Mutex::new(Outputs::open(args)?));
    let (heard, wrote) = (log.clone(), Arc::clone(&outputs));
    let waits = log.clone();
    let mut service = SelfTestService::new(settings.clone())
        .trigger("schedule")
        .cycle(cycle)
        .prefer_container()
        .notices(notices)
        .on_event(move |line| {
            heard.lock().handle(line);
            lock(&wrote).handle(line);
        })
        .on_wait(move |waiting| {
            waits.lock().notice(&Notice {
                level: Level::Info,
                code: "waiting".to_owned(),
                message: format!("waits for {waiting}"),
                hint: None,
            });
        });
    end_with_the_supervisor(service.stop_handle(), log.clone());
    let asked = log.clone();
    let summary = run_until_drained(&mut service, move |request| asked.hear(request))?;
    lock(&outputs).take_problem()?;
    print_summary(args, &summary, output)?;
    if let Some(failure) = summary.run.failure() {
        let message = parts_in_one_line(failure);
        note(&settings.db, cycle, &message);
        log.lock().failure(&message, failure.hint.as_deref());
    }
    Ok(summary.exit_code())
}

/// Without a supervisor that waits nobody closes the row of the cycle, and the next one may begin.
fn end_with_the_supervisor(stop: StopHandle, log: Shared) {
    thread::spawn(move || {
        // An error is no supervisor either.
        let _end = io::copy(&mut io::stdin().lock(), &mut io::sink());
        stop.drain(StopSignal::Terminate);
        stop.stop(StopSignal::Terminate);
        let message = "the run ends at once: its supervisor does not wait, or is gone";
        log.lock().say(LogLevel::Warning, "not-waited-for", message);
    });
}

/// The log, which signals and events write to.
#[derive(Clone)]
struct Shared(Arc<Mutex<RunLog>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, RunLog> {
        lock(&self.0)
    }

    fn hear(&self, request: Request) {
        let mut log = self.lock();
        let name = |signal| match signal {
            StopSignal::Interrupt => "SIGINT",
            StopSignal::Terminate => "SIGTERM",
        };
        match request {
            Request::Report => log.say_running(),
            Request::Drain(signal) => {
                let signal = name(signal);
                let message = format!("{signal}: running tests finish, nothing new begins");
                log.say(LogLevel::Info, "draining", &message);
                log.say_running();
            }
            Request::Stop(signal) => {
                let message = format!("{} again: the run ends at once", name(signal));
                log.say(LogLevel::Warning, "stopping", &message);
            }
        }
    }
}

/// Notes in the row of the cycle the reason why there is no run. If the state file cannot be used,
/// the supervisor finds that out itself.
fn note(db: &Path, cycle: CycleId, message: &str) {
    let message: String = message.chars().take(NOTE_CHARS).collect();
    let _noted = Store::open_existing(db).and_then(|mut store| store.note_cycle(cycle, &message));
}

fn in_one_line(failure: &Failure) -> String {
    diag::in_one_line(failure.error.as_ref())
}

fn parts_in_one_line(failure: &model::Failure) -> String {
    let causes = failure.causes.iter().map(String::as_str);
    let parts: Vec<String> = std::iter::once(failure.message.as_str())
        .chain(causes)
        .map(one_line)
        .collect();
    parts.join(": ")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
