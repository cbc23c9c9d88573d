//! Tries the orphans of a run after its tests, in processes of the run's engine.
//!
//! ```text
//!   [TrialJob] ─► queue ──start, kill──► trial process ─► one child a module
//!                   ▲                        │
//!                   └──── started, finished ─┘        settled ─► store ──commit──► events
//! ```
//!
//! The `queue` decides, and never loses a module: what gets no verdict is `not_run`, with the
//! reason. Nobody hears of a trial before it is stored.
//!
//! A module's process is guarded (`src/pytest/trial_guard.py`): writes outside of a scratch folder,
//! process starts, the network and signals are refused and recorded. That keeps honest modules from
//! doing harm when they are imported; it is no sandbox, for native code and `ctypes` go around it.
//! Containers are the stronger wall: there the project cannot be written to at all.
//!
//! **Invariant:** the outcome of a run is that of its tests. A trial that fails changes it only
//! where the job is strict and everything else passed.

mod queue;

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::dispatch::Verdict;
use super::effect::{Input, StopSignal};
use super::job::Job;
use super::lease::LeaseKeeper;
use super::mailbox::Mailbox;
use super::orphans::OrphanStage;
use crate::clock::{Stopwatch, now_ms};
use crate::engine::{EngineEvent, HarnessSpec, HostSpec, TrialProcess};
use crate::model::record::Level;
use crate::model::write::{NewRun, Write};
use crate::model::{Event, ExitCode, Module, Notice, RunId, RunOutcome, TrialOutcome};
use crate::pytest::trial_protocol::{TrialCommand, TrialEvent, TryCommand};
use crate::store::{Store, StoreError, Writer};
use queue::{Queue, Step};

/// How long an interpreter of the host may take to its first words; a cold disk is slow.
const HELLO_LIMIT: Duration = Duration::from_mins(1);
/// How long the loop sleeps at most: the store may fail while nothing else happens.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The modules that a run tries after its tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrialJob {
    /// The modules; none where they were looked for and not found.
    pub(super) modules: Vec<Module>,
    /// Folders that go first on `sys.path`, in this order; relative to the project.
    pub(super) roots: Vec<String>,
    /// The time for each.
    pub(super) limit: Duration,
    /// The time for all of them, where that is limited.
    pub(super) budget: Option<Duration>,
    /// Whether an orphan that fails makes a run that passed fail.
    pub(super) strict: bool,
}

/// What the run needs to know of its trials.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// Every module and its outcome, in the order of the verdicts.
    pub outcomes: Vec<(Module, TrialOutcome)>,
    /// The signal that ended them.
    pub signal: Option<StopSignal>,
    /// Whether the lease was lost meanwhile.
    pub abandoned: bool,
}

impl Tried {
    /// Whether nothing ended the trials early.
    pub(super) fn is_whole(&self) -> bool {
        self.signal.is_none() && !self.abandoned
    }

    fn is_missing(&self) -> bool {
        let mut outcomes = self.outcomes.iter();
        outcomes.any(|(_, outcome)| *outcome == TrialOutcome::NotRun)
    }

    /// The modules that passed.
    pub(super) fn passed(&self) -> Vec<Module> {
        let passed = self
            .outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == TrialOutcome::Passed);
        passed.map(|(module, _)| module.clone()).collect()
    }

    /// The verdict over the run, in the light of its trials.
    pub(super) fn weigh(&self, mut verdict: Verdict, trials: &TrialJob) -> Verdict {
        let failed = self
            .outcomes
            .iter()
            .any(|(_, outcome)| outcome.is_failure());
        if let Some(signal) = self.signal {
            verdict.outcome = RunOutcome::Interrupted;
            verdict.exit_code = signal.exit_code();
        } else if self.abandoned {
            verdict.outcome = RunOutcome::Incomplete;
            verdict.exit_code = ExitCode::INCOMPLETE;
        } else if trials.strict && self.is_missing() && verdict.outcome == RunOutcome::Passed {
            // What was not tried may fail.
            verdict.outcome = RunOutcome::Incomplete;
            verdict.exit_code = ExitCode::INCOMPLETE;
        } else if trials.strict && failed && verdict.outcome == RunOutcome::Passed {
            verdict.outcome = RunOutcome::Failed;
            verdict.exit_code = ExitCode::TEST_FAILED;
        }
        verdict
    }
}

/// Tries modules, and blocks until each has its verdict and that is stored. The run had so many
/// processes before.
pub(super) fn try_orphans(
    of: &OrphanStage<'_>,
    trials: &TrialJob,
    processes: u32,
    store: Store,
    announce: impl FnMut(Event) + Send + 'static,
) -> Result<(Store, Tried), StoreError> {
    let watch = Stopwatch::start();
    let policy = of.job.container.as_ref().map(|container| &container.policy);
    let hello_limit = policy.map_or(HELLO_LIMIT, |policy| policy.hello_limit);
    let at_once = of.job.plan.request.workers;
    let mut stage = Stage {
        queue: Queue::new(trials, at_once, hello_limit, processes, watch.now()),
        job: of.job,
        new: of.new,
        run: of.run,
        python: of.python,
        mailbox: of.mailbox,
        writer: Writer::spawn(store, of.run, announce)?,
        watch,
        process: None,
        tried: Tried::default(),
        noted: Vec::new(),
    };
    stage.open(trials.modules.len() as u64);
    if of.mailbox.asked_to_stop().is_none() {
        stage.queue.begin(stage.watch.now());
    }
    stage.until_over();
    Ok((stage.writer.finish()?, stage.tried))
}

struct Stage<'a> {
    queue: Queue,
    job: &'a Job,
    new: &'a NewRun,
    run: RunId,
    python: &'a Path,
    mailbox: &'a Mailbox,
    writer: Writer,
    watch: Stopwatch,
    process: Option<(u32, TrialProcess)>,
    tried: Tried,
    /// Codes of notices, which are said once.
    noted: Vec<&'static str>,
}

impl Stage<'_> {
    fn open(&self, orphans: u64) {
        let events = (orphans > 0).then_some(Event::OrphansStarted { orphans });
        let total = Write::Orphans { total: orphans };
        self.writer
            .submit(vec![total], events.into_iter().collect());
    }

    fn until_over(&mut self) {
        self.perform();
        while !self.queue.is_over() {
            let now = self.watch.now();
            let due = self.queue.deadline().map(|due| due.since(now));
            let limit = due.unwrap_or(HEARTBEAT).min(HEARTBEAT);
            match self.mailbox.next(limit) {
                Some(Input::Trial { serial, event }) => {
                    let now = self.watch.now();
                    self.ended(serial, &event);
                    self.queue.handle(serial, event, now);
                }
                Some(Input::Stop(signal)) => {
                    self.tried.signal = Some(signal);
                    self.queue.stop("not tried: the run was stopped");
                }
                // A trial that is cut short is made up for by the next run.
                Some(Input::Drain(signal)) => {
                    self.tried.signal = Some(signal);
                    self.queue.stop("not tried: the agent was asked to end");
                }
                // Anything else is of the tests, and too late.
                Some(_) | None => {}
            }
            let lost = self.job.lease.as_ref().is_some_and(LeaseKeeper::is_lost);
            if (lost || self.writer.failed()) && !self.tried.abandoned {
                self.tried.abandoned = true;
                self.queue.stop("not tried: the run was abandoned");
            }
            self.queue.tick(self.watch.now());
            self.queue.begin(self.watch.now());
            self.perform();
        }
    }

    fn perform(&mut self) {
        let mut steps = self.queue.take_steps();
        while !steps.is_empty() {
            for step in steps {
                match step {
                    Step::Start { serial, command } => self.start(serial, command),
                    Step::Kill => {
                        if let Some((_, process)) = &self.process {
                            process.signal_group(Signal::SIGKILL);
                        }
                    }
                    Step::Settled(trial) => {
                        let module = trial.module.clone();
                        self.tried.outcomes.push((module, trial.outcome));
                        let event = Event::OrphanFinished(trial.clone());
                        self.writer.submit(vec![Write::Trial(trial)], vec![event]);
                    }
                    Step::Trouble { code, message } => self.notice(code, message),
                }
            }
            steps = self.queue.take_steps();
        }
    }

    fn start(&mut self, serial: u32, command: TryCommand) {
        let spec = match &self.job.container {
            None => HarnessSpec::Host(HostSpec {
                python: self.python.to_owned(),
                project: self.job.plan.request.project.clone(),
            }),
            Some(container) => {
                let name = format!("selftest_{}_orphans_{serial}", self.new.uuid);
                let spec = container.named(name, self.run, self.new.lease.as_ref());
                HarnessSpec::Container(Box::new(spec))
            }
        };
        let sender = self.mailbox.sender();
        let deliver = move |event| {
            // A run that is over does not listen any more.
            let _ = sender.send(Some(Input::Trial { serial, event }));
        };
        match TrialProcess::start_trials(&spec, deliver) {
            Ok(process) => {
                process.send(TrialCommand::Try(command));
                let started = Write::ProcessStarted {
                    serial,
                    shard: None,
                    process: process.identity().clone(),
                    started_ms: now_ms(),
                };
                self.writer.submit(vec![started], Vec::new());
                self.process = Some((serial, process));
            }
            Err(error) => self.queue.start_failed(&error.to_string()),
        }
    }

    /// Notes the end of the process.
    fn ended(&mut self, serial: u32, event: &EngineEvent<TrialEvent>) {
        let EngineEvent::Exited { exit, .. } = event else {
            return;
        };
        if self
            .process
            .take_if(|(known, _)| *known == serial)
            .is_some()
        {
            let ended = Write::ProcessEnded {
                serial,
                ended_ms: now_ms(),
                status: exit.to_string(),
            };
            self.writer.submit(vec![ended], Vec::new());
        }
    }

    fn notice(&mut self, code: &'static str, message: String) {
        if self.noted.contains(&code) {
            return;
        }
        self.noted.push(code);
        let notice = Notice {
            level: Level::Warning,
            code: code.to_owned(),
            message,
            hint: (code == "container-left")
                .then(|| "`agent cleanup` removes what is left".to_owned()),
        };
        let event = Event::Notice(notice.clone());
        self.writer.submit(vec![Write::Notice(notice)], vec![event]);
    }
}
