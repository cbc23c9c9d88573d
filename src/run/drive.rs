//! The loop around the dispatcher: waits for something to happen, asks what to do, does it.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::dispatch::{Dispatcher, Verdict};
use super::effect::{Effect, EnvironmentReady, Failure, Input, Notify, Target};
use super::job::Job;
use super::lease::LeaseKeeper;
use super::mailbox::Mailbox;
use crate::clock::{Stopwatch, now_ms};
use crate::diag::Hint;
use crate::engine::child::Cancel;
use crate::engine::managed::provide;
use crate::engine::{HarnessProcess, HarnessSpec, HostSpec, git};
use crate::model::write::{NewRun, Write};
use crate::model::{Event, ExitCode, RunId, ShardIndex};
use crate::pytest::protocol::{Command, RunCommand};
use crate::pytest::source::DUMP_SIGNAL;
use crate::store::{Baseline, Store, StoreError, Writer};

/// How long the loop sleeps at most: the store may fail while nothing else happens.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Inputs that are taken before their writes are handed on.
const BATCH: usize = 256;
/// How long the end of a run waits for git, which a cold disk can make slow.
const GIT_GRACE: Duration = Duration::from_secs(5);

/// A run that is carried out.
pub(super) struct Driver<'a> {
    dispatcher: Dispatcher,
    job: &'a Job,
    new: &'a NewRun,
    run: RunId,
    python: PathBuf,
    mailbox: &'a Mailbox,
    writer: Writer,
    watch: Stopwatch,
    processes: HashMap<ShardIndex, HarnessProcess>,
    baseline: Option<Baseline>,
    expected_ms: HashMap<ShardIndex, u64>,
    /// Inputs that effects gave rise to; they come before anything else.
    pending: VecDeque<Input>,
    writes: Vec<Write>,
    events: Vec<Event>,
    cancel: Option<Cancel>,
    git_pending: bool,
    store_failed: bool,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        job: &'a Job,
        (new, run): (&'a NewRun, RunId),
        mailbox: &'a Mailbox,
        writer: Writer,
        baseline: Option<Baseline>,
    ) -> Self {
        let policy = job
            .container
            .as_ref()
            .map(|container| container.policy.clone());
        Self {
            dispatcher: Dispatcher::new(&job.plan, policy),
            python: job.python.clone(),
            job,
            new,
            run,
            mailbox,
            writer,
            watch: Stopwatch::start(),
            processes: HashMap::new(),
            baseline,
            expected_ms: HashMap::new(),
            pending: VecDeque::new(),
            writes: Vec::new(),
            events: Vec::new(),
            cancel: job.managed.as_ref().map(|managed| managed.cancel.clone()),
            git_pending: false,
            store_failed: false,
        }
    }

    /// Blocks until every shard is over and every result is stored. Returns as well the interpreter
    /// that the tests ran in.
    pub(super) fn drive(mut self) -> Result<(Store, Verdict, PathBuf), StoreError> {
        self.mailbox.forget_the_past();
        self.ask_git();
        self.open();
        self.until_over();
        self.wait_for_git();
        let verdict = self.dispatcher.verdict();
        Ok((self.writer.finish()?, verdict, self.python))
    }

    /// git is asked while the tests start.
    fn ask_git(&mut self) {
        self.git_pending = true;
        let project = self.job.plan.request.project.clone();
        let sender = self.mailbox.sender();
        thread::spawn(move || {
            // A run that is over does not hear it any more.
            let _ = sender.send(Some(Input::Git(git::state(&project))));
        });
    }

    fn open(&mut self) {
        let new = self.new;
        self.events.push(Event::RunStarted {
            uuid: new.uuid.clone(),
            project: new.project.clone(),
            shards: new.shards.clone(),
            workers: new.workers,
            started_ms: new.started_ms,
            expected_tests: self.baseline.as_ref().map(|baseline| baseline.tests),
            expected_s: self.baseline.as_ref().map(|baseline| baseline.duration_s),
        });
        for notice in &self.job.notices {
            self.writes.push(Write::Notice(notice.clone()));
            self.events.push(Event::Notice(notice.clone()));
        }
        let effects = self.dispatcher.start(self.watch.now(), now_ms());
        self.perform(effects);
        self.submit();
    }

    fn until_over(&mut self) {
        while !self.dispatcher.is_over() {
            let now = self.watch.now();
            let due = self
                .dispatcher
                .deadline()
                .map(|deadline| deadline.since(now));
            let limit = due.unwrap_or(HEARTBEAT).min(HEARTBEAT);
            let mut next = self.mailbox.next(limit);
            for _ in 0..BATCH {
                let Some(input) = next else { break };
                self.take(input);
                next = self.mailbox.next(Duration::ZERO);
            }
            if let Some(input) = next {
                self.take(input);
            }
            // A run that lost its lease can store nothing more.
            let lost = self.job.lease.as_ref().is_some_and(LeaseKeeper::is_lost);
            let failed = lost || self.writer.failed();
            if failed && !std::mem::replace(&mut self.store_failed, true) {
                self.take(Input::StoreFailed);
            }
            let effects = self.dispatcher.tick(self.watch.now(), now_ms());
            self.perform(effects);
            self.submit();
        }
    }

    fn wait_for_git(&mut self) {
        let deadline = self.watch.now().plus(GIT_GRACE);
        while self.git_pending && !self.store_failed && self.watch.now() < deadline {
            let left = deadline.since(self.watch.now());
            match self.mailbox.next(left) {
                Some(input @ (Input::Stop(_) | Input::Drain(_))) => {
                    self.take(input);
                    break;
                }
                Some(input) => self.take(input),
                None => {}
            }
        }
        self.submit();
    }

    fn take(&mut self, input: Input) {
        self.pending.push_back(input);
        while let Some(input) = self.pending.pop_front() {
            if matches!(input, Input::Git(_)) {
                self.git_pending = false;
            }
            let ends = matches!(input, Input::Stop(_) | Input::Drain(_) | Input::StoreFailed);
            if let (true, Some(cancel)) = (ends, &self.cancel) {
                cancel.cancel();
            }
            if let Input::Environment(Ok(ready)) = &input {
                self.python = PathBuf::from(&ready.python);
            }
            let effects = self.dispatcher.handle(input, self.watch.now(), now_ms());
            self.perform(effects);
        }
    }

    fn submit(&mut self) {
        if !self.writes.is_empty() || !self.events.is_empty() {
            let writes = std::mem::take(&mut self.writes);
            self.writer.submit(writes, std::mem::take(&mut self.events));
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Start {
                    shard,
                    serial,
                    command,
                } => {
                    let input = self.start(shard, serial, command);
                    self.pending.push_back(input);
                }
                Effect::Send { shard, command } => {
                    if let Some(process) = self.processes.get(&shard) {
                        process.send(command);
                    }
                }
                Effect::Signal {
                    shard,
                    target,
                    signal,
                } => self.signal(shard, target, signal),
                Effect::ReadStderr { shard } => {
                    if let Some(process) = self.processes.get(&shard) {
                        let tail = process.stderr_tail();
                        self.pending.push_back(Input::Stderr { shard, tail });
                    }
                }
                Effect::ProvideEnvironment => self.provide_environment(),
                Effect::Write(write) => self.write(write),
                Effect::Announce(event) => self.announce(event),
            }
        }
        while let Some(input) = self.pending.pop_front() {
            self.take(input);
        }
    }

    fn start(&mut self, shard: ShardIndex, serial: u32, mut command: Box<RunCommand>) -> Input {
        let spec = self.spec(serial, &mut command);
        let sender = self.mailbox.sender();
        let deliver = move |event| {
            // A run that is over does not listen any more.
            let _ = sender.send(Some(Input::Engine {
                shard,
                serial,
                event,
            }));
        };
        match HarnessProcess::start(&spec, deliver) {
            Ok(process) => {
                process.send(Command::Run(command));
                let identity = process.identity().clone();
                self.processes.insert(shard, process);
                Input::Started {
                    shard,
                    process: identity,
                }
            }
            Err(error) => {
                let hint = match spec {
                    HarnessSpec::Host(_) => "pass `--python` the interpreter of the project",
                    HarnessSpec::Container(_) => "`--container-runtime` names the engine's program",
                };
                let failure =
                    Failure::of_error(&error, ExitCode::ENVIRONMENT, Some(hint.to_owned()));
                Input::StartFailed { shard, failure }
            }
        }
    }

    fn spec(&self, serial: u32, command: &mut RunCommand) -> HarnessSpec {
        let Some(container) = &self.job.container else {
            return HarnessSpec::Host(HostSpec {
                python: self.python.clone(),
                project: self.job.plan.request.project.clone(),
            });
        };
        let name = format!("selftest_{}_{serial}", self.new.uuid);
        let spec = container.named(name, self.run, self.new.lease.as_ref());
        // The project cannot be written to; options of the user come later and win.
        let cache = ["-o", "cache_dir=/tmp/.pytest_cache"];
        command.argv.splice(0..0, cache.map(str::to_owned));
        HarnessSpec::Container(Box::new(spec))
    }

    fn signal(&self, shard: ShardIndex, target: Target, notify: Notify) {
        let signal = match notify {
            Notify::DumpStacks => Signal::try_from(DUMP_SIGNAL).ok(),
            Notify::Interrupt => Some(Signal::SIGINT),
            Notify::Terminate => Some(Signal::SIGTERM),
            Notify::Kill => Some(Signal::SIGKILL),
        };
        if let (Some(signal), Some(process)) = (signal, self.processes.get(&shard)) {
            match target {
                Target::Group => process.signal_group(signal),
                Target::Member(pid) => process.signal_member(pid, signal),
            }
        }
    }

    fn provide_environment(&mut self) {
        let Some(spec) = self.job.managed.clone() else {
            let failure = Failure::environment(
                format!("the interpreter `{}` has no pytest", self.python.display()),
                "install pytest into it, or let the agent keep a private environment: \
                 `--managed-env`",
            );
            self.pending.push_back(Input::Environment(Err(failure)));
            return;
        };
        let sender = self.mailbox.sender();
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

    fn write(&mut self, write: Write) {
        if let (Write::Collected { shard, root, tests }, Some(baseline)) = (&write, &self.baseline)
        {
            let durations = tests
                .iter()
                .filter_map(|test| baseline.durations.get(root, &test.nodeid))
                .map(u64::from);
            *self.expected_ms.entry(*shard).or_default() += durations.sum::<u64>();
        }
        self.writes.push(write);
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of a run are far below 2^52"
    )]
    fn announce(&mut self, mut event: Event) {
        if let Event::Collected {
            shard, expected_s, ..
        } = &mut event
        {
            *expected_s = self.expected_ms.get(shard).map(|ms| *ms as f64 / 1000.0);
        }
        self.events.push(event);
    }
}
