//! [`Scheduler`]: runs the suites of a project on a schedule, for as long as it lives.
//!
//! It is a small process that outlives its cycles. Each cycle is a process of the same program,
//! `agent cycle N …`, so that a cycle that crashes, leaks or is killed for want of memory costs the
//! service nothing, and what it used is given back.
//!
//! ```text
//!            due, or asked for
//!     Idle ────────────────────► Running ── SIGTERM ──► draining ── time over, or again ──► told
//!      ▲                            │                      │                                 │
//!      └───────── closed ◄──────────┴──── its process ended ────────────◄── killed ◄─────────┘
//! ```
//!
//! One loop takes inputs - signals, the end of a process - and looks at the time: at most a
//! minute goes by between two looks, so that a machine that slept, or whose clock was set, is
//! noticed. The loop feeds the watchdog and renews its lease itself, so that one that hangs is
//! found out by both.
//!
//! **Crash points.** The row of a cycle is there before its process, and the schedule moves on when
//! the row is closed. The standard input of the process ends with this one, and it ends then too.
//! The next scheduler waits for it, closes its run and its row, and lets the cycle count as one
//! that could not be carried out.
//!
//! **Invariant:** no cycle begins without a row, and a state file that cannot be written to ends no
//! service, unless it is the one of a newer or older agent: it is tried again, and the first row
//! after that says since when there was none.

mod cycle;
mod error;
mod event;
mod lease;
mod leftovers;
mod notify;
mod reload;
mod show;
mod state_file;
mod supervisor;

use std::io;
use std::sync::mpsc::channel;

pub use self::error::{AnotherStateFile, SchedulerError};
pub use self::event::{CycleReport, SchedulerEvent};
use self::lease::ScheduleLease;
use self::notify::Notifier;
use self::state_file::StateFile;
use self::supervisor::Supervisor;
use super::metrics::start_exporter;
use super::signals::{self, Caught};
use crate::clock::{Stopwatch, local_time_zone, now_ms};
use crate::engine::child::Exit;
use crate::engine::process::ProcessSpec;
use crate::exporter::Exporter;
use crate::model::{CycleId, ExitCode};
use crate::schedule::{Schedule, Spec};
use crate::settings::{Settings, SettingsError};
use crate::store::Store;

/// Something that the loop waits for.
#[derive(Debug)]
enum Input {
    Caught(Caught),
    Ended {
        cycle: CycleId,
        exit: io::Result<Exit>,
    },
}

type Listener = Box<dyn FnMut(SchedulerEvent)>;
type Reload = Box<dyn FnMut() -> Result<Settings, SettingsError>>;
type Command = Box<dyn Fn(CycleId) -> ProcessSpec>;

/// Keeps the schedule of a project.
pub struct Scheduler {
    settings: Settings,
    command: Command,
    tell: Listener,
    reload: Reload,
    run_now: bool,
}

impl Scheduler {
    /// A scheduler for the project of `settings`, which `reload` reads again. `command` is the
    /// process that carries out a cycle; it has to end when its standard input does. `tell` hears
    /// what happens.
    pub fn new(
        settings: Settings,
        command: impl Fn(CycleId) -> ProcessSpec + 'static,
        reload: impl FnMut() -> Result<Settings, SettingsError> + 'static,
        tell: impl FnMut(SchedulerEvent) + 'static,
    ) -> Self {
        Self {
            settings,
            command: Box::new(command),
            tell: Box::new(tell),
            reload: Box::new(reload),
            run_now: false,
        }
    }

    /// If `run_now`, begins with a cycle at once.
    #[must_use]
    pub fn run_now(mut self, run_now: bool) -> Self {
        self.run_now = run_now;
        self
    }

    /// Runs until a signal ends it, and returns the exit code of that.
    ///
    /// # Errors
    ///
    /// An error that keeps it from starting: the state file, signal handlers, a busy port, another
    /// scheduler. Later only that another one took over, or that the state file is now the one of a
    /// newer or older agent.
    pub fn run(self) -> Result<ExitCode, SchedulerError> {
        let (sender, inputs) = channel();
        let caught = sender.clone();
        let hear = move |signal| caught.send(Input::Caught(signal)).is_ok();
        signals::listen(hear).map_err(SchedulerError::Runtime)?;
        let db = Store::open(&self.settings.db, now_ms())?.path().to_owned();
        let schedule = schedule_of(&self.settings);
        let lease = ScheduleLease::take(&db)?;
        let exporter = start_exporter(&self.settings)?;
        let listen = exporter.as_ref().map(Exporter::addr);
        let state_file = StateFile::new(&db, lease.claim(), listen);
        let watch = Stopwatch::start();
        let mut supervisor = Supervisor {
            state: state_file.state(&schedule)?,
            schedule,
            state_file,
            lease,
            exporter,
            sender,
            inputs,
            watch,
            notifier: Notifier::new(),
            running: None,
            unclosed: None,
            blocked: None,
            outage: None,
            asked: self.run_now,
            reload_later: false,
            textfile_lost: false,
            stopping: None,
            settings: self.settings,
            command: self.command,
            tell: self.tell,
            reload: self.reload,
        };
        supervisor.close_leftovers()?;
        supervisor.begin()?;
        let ended = supervisor.keep();
        supervisor.finish();
        ended
    }
}

/// The schedule that settings ask for.
fn schedule_of(settings: &Settings) -> Schedule {
    let wishes = &settings.schedule;
    let spec = match &wishes.cron {
        Some(cron) if settings.uses_cron() => Spec::Cron(cron.clone()),
        _ => Spec::Every(wishes.interval),
    };
    Schedule {
        spec,
        jitter: wishes.jitter,
        zone: local_time_zone(),
    }
}
