//! The loop around a [`Phase`]: waits for something to happen, asks what to do, does it.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::effect::{Effect, EnvironmentReady, Input, Notify, ProcessEvent, Target, Work};
use super::job::Job;
use super::phase::Phase;
use super::recorder::Recorder;
use crate::clock::{Mono, Stopwatch, new_uuid, now_ms};
use crate::diag::Hint;
use crate::engine::managed::provide;
use crate::engine::{EngineEvent, HarnessProcess, Launch, Scratch, git, identity};
use crate::model::{ExitCode, Failure};
use crate::plan::cleanup::Owner;
use crate::pytest::protocol::Command;
use crate::pytest::source::{DUMP_SIGNAL, HARNESS, MEMBERS, TRIAL};
use crate::pytest::trial_protocol::TrialCommand;
use crate::store::StoreError;

/// The longest sleep of the loop: the store may fail while nothing else happens.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The time between two looks for signals while the tests wait for the state file.
const LOOK: Duration = Duration::from_millis(100);
/// Inputs that are taken before their writes are handed on.
const BATCH: usize = 256;

/// Carries out a phase of a run, and blocks until it is over. Its last writes may still be on their
/// way to the disk.
pub fn carry_out(
    phase: &mut impl Phase,
    job: &Job<'_>,
    recorder: &mut Recorder<'_>,
) -> Result<(), StoreError> {
    let mut stage = Stage {
        phase,
        job,
        recorder,
        watch: Stopwatch::start(),
        processes: HashMap::new(),
        scratches: HashMap::new(),
        pending: VecDeque::new(),
        held: Duration::ZERO,
        is_stopped: false,
        has_failed: false,
    };
    let effects = stage.phase.start(stage.now(), now_ms());
    stage.perform(effects);
    stage.recorder.flush()?;
    stage.until_over()
}

/// The beginning of the names of all processes of a run.
pub(super) fn names_of(uuid: &str) -> String {
    format!("selftest_{uuid}_")
}

struct Stage<'a, 'r, P> {
    phase: &'a mut P,
    job: &'a Job<'a>,
    recorder: &'a mut Recorder<'r>,
    watch: Stopwatch,
    processes: HashMap<u32, HarnessProcess>,
    /// The folders of processes that have not ended.
    scratches: HashMap<u32, Scratch>,
    /// Inputs that effects gave rise to; they come before anything else.
    pending: VecDeque<Input>,
    /// The time for which the tests waited for the state file.
    held: Duration,
    /// True once a signal asked the run to end.
    is_stopped: bool,
    has_failed: bool,
}

impl<P: Phase> Stage<'_, '_, P> {
    fn until_over(&mut self) -> Result<(), StoreError> {
        let mailbox = &self.job.mailbox;
        while !self.phase.is_over() {
            self.hold();
            let now = self.now();
            let due = self.phase.deadline().map(|deadline| deadline.since(now));
            let limit = due.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP);
            let mut next = mailbox.next(limit);
            for _ in 0..BATCH {
                let Some(input) = next else { break };
                self.take(input);
                next = mailbox.next(Duration::ZERO);
            }
            if let Some(input) = next {
                self.take(input);
            }
            if self.recorder.has_failed() && !std::mem::replace(&mut self.has_failed, true) {
                self.take(Input::StoreFailed);
            }
            let effects = self.phase.tick(self.now(), now_ms());
            self.perform(effects);
            self.recorder.flush()?;
        }
        Ok(())
    }

    /// Takes nothing of the processes while too much waits to be stored. So the tests wait, too,
    /// and their clock stands still. A signal that ends the run ends this.
    fn hold(&mut self) {
        while !self.is_stopped
            && !self.recorder.has_failed()
            && !self.recorder.has_room(Duration::ZERO)
        {
            let since = self.watch.now();
            self.recorder.has_room(LOOK);
            self.held += self.watch.now().since(since);
            if let Some(signal) = self.job.mailbox.signal() {
                self.take(signal);
            }
        }
    }

    /// The present on the clock of the tests.
    fn now(&self) -> Mono {
        let held_ms = u64::try_from(self.held.as_millis()).unwrap_or(u64::MAX);
        Mono(self.watch.now().0.saturating_sub(held_ms))
    }

    fn take(&mut self, input: Input) {
        self.pending.push_back(input);
        while let Some(input) = self.pending.pop_front() {
            self.is_stopped |= matches!(input, Input::Stop(_));
            let mut effects = self.printed_before(&input);
            effects.append(&mut self.phase.handle(input, self.now(), now_ms()));
            self.perform(effects);
        }
    }

    /// If a process of tests ended, hands on what these had printed, and removes its folder.
    fn printed_before(&mut self, input: &Input) -> Vec<Effect> {
        let Input::Process {
            serial,
            event: ProcessEvent::Tests(EngineEvent::Exited { .. }),
        } = input
        else {
            return Vec::new();
        };
        let cap = self.job.plan.request.harness.cap_bytes;
        let scratch = self.scratches.remove(serial);
        let printed = scratch.map_or_else(Vec::new, |scratch| scratch.printed(cap));
        if printed.is_empty() {
            return Vec::new();
        }
        let serial = *serial;
        let input = Input::Printed { serial, printed };
        self.phase.handle(input, self.now(), now_ms())
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Start {
                    serial,
                    python,
                    work,
                } => {
                    let input = self.start(serial, python, work);
                    self.pending.push_back(input);
                }
                Effect::Send { serial, command } => {
                    if let Some(process) = self.processes.get(&serial) {
                        process.send(&command);
                    }
                }
                Effect::Signal {
                    serial,
                    target,
                    signal,
                } => self.signal(serial, target, signal),
                Effect::ReadStderr { serial } => {
                    if let Some(process) = self.processes.get(&serial) {
                        let tail = process.stderr_tail();
                        self.pending.push_back(Input::Stderr { serial, tail });
                    }
                }
                Effect::LetLeave { serial } => {
                    if let Some(process) = self.processes.get(&serial) {
                        let word = new_uuid().to_string();
                        process.send(&Command::Leave { word: word.clone() });
                        self.pending.push_back(Input::Leave { serial, word });
                    }
                }
                Effect::ProvideEnvironment => self.provide_environment(),
                Effect::CancelEnvironment => {
                    if let Some(managed) = &self.job.managed {
                        managed.cancel.cancel();
                    }
                }
                Effect::AskGit => self.ask_git(),
                Effect::Write(write) => self.recorder.write(write),
                Effect::Announce(event) => self.recorder.announce(event),
            }
        }
        while let Some(input) = self.pending.pop_front() {
            self.take(input);
        }
    }

    fn start(&mut self, serial: u32, python: Option<String>, work: Work) -> Input {
        let launch = Launch {
            name: format!("{}{serial}", names_of(&self.recorder.facts().uuid)),
            labels: self.owner().to_labels().into_iter().collect(),
            python: python.map(PathBuf::from),
        };
        let executor = &self.job.executor;
        let started = match work {
            Work::Tests(mut command) => {
                let program = if command.modules.is_empty() {
                    HARNESS
                } else {
                    MEMBERS
                };
                let scratch = executor.scratch(&launch.name);
                command.scratch = Some(scratch.path().to_string_lossy().into_owned());
                self.scratches.insert(serial, scratch);
                executor
                    .start(
                        &launch,
                        program,
                        self.job.mailbox.deliver(serial, ProcessEvent::Tests),
                    )
                    .inspect(|process| process.send(&Command::Run(command)))
            }
            Work::Trials(command) => executor
                .start(
                    &launch,
                    TRIAL,
                    self.job.mailbox.deliver(serial, ProcessEvent::Trials),
                )
                .inspect(|process| process.send(&TrialCommand::Try(command))),
        };
        match started {
            Ok(process) => {
                let identity = process.identity().clone();
                self.processes.insert(serial, process);
                Input::Started {
                    serial,
                    process: identity,
                }
            }
            Err(error) => Input::StartFailed {
                serial,
                failure: executor.explain_call(&error),
            },
        }
    }

    /// By this `agent cleanup` knows whose a container is.
    fn owner(&self) -> Owner {
        Owner {
            run: Some(self.recorder.run()),
            lease: self.recorder.claim().map(|claim| claim.token),
            holder: Some(identity::holder()),
        }
    }

    fn signal(&self, serial: u32, target: Target, notify: Notify) {
        let signal = match notify {
            Notify::DumpStacks => Signal::try_from(DUMP_SIGNAL).ok(),
            Notify::Interrupt => Some(Signal::SIGINT),
            Notify::Terminate => Some(Signal::SIGTERM),
            Notify::Kill => Some(Signal::SIGKILL),
        };
        if let (Some(signal), Some(process)) = (signal, self.processes.get(&serial)) {
            match target {
                Target::Group => process.signal_group(signal),
                Target::Member(pid) => process.signal_member(pid, signal),
            }
        }
    }

    fn provide_environment(&mut self) {
        let Some(spec) = self.job.managed.clone() else {
            let python = self.job.executor.python().display();
            let failure = Failure::environment(
                format!("the interpreter `{python}` has no pytest"),
                "install pytest into it, or let the agent keep a private environment: \
                 `--managed-env`",
            );
            self.pending.push_back(Input::Environment(Err(failure)));
            return;
        };
        let sender = self.job.mailbox.sender();
        thread::spawn(move || {
            let answer = provide(&spec).map(|ready| EnvironmentReady {
                python: ready.python.to_string_lossy().into_owned(),
                created: ready.created,
            });
            let answer = answer
                .map_err(|error| Failure::of_error(&error, ExitCode::ENVIRONMENT, error.hint()));
            // A run that is over does not listen any more.
            let _ = sender.send(Some(Input::Environment(answer)));
        });
    }

    /// git is asked while the tests start.
    fn ask_git(&self) {
        let project = self.job.plan.request.project.clone();
        let sender = self.job.mailbox.sender();
        thread::spawn(move || {
            // A run that is over does not hear it any more.
            let _ = sender.send(Some(Input::Git(git::state(&project))));
        });
    }
}
