//! One shard as a state machine: the events of its processes go in, orders come out.
//!
//! ```text
//! Waiting ──begin──► Running ──exited──► Running   for the tests that are left, or the next round
//!                      │  ▲                 │
//!          no pytest   ▼  │ environment     └────► Over
//!                 Provisioning
//! ```
//!
//! A process ends in one of three ways: it said goodbye; it was ended for a reason of ours
//! ([`deadline`]); it died. The tests that ran in it when it died are to blame, and the rest
//! continues in a new process ([`exit`]). A process may fork a child for each file, or each worker
//! ([`children`]). What it says out of order does not count ([`order`]).

mod children;
mod deadline;
mod exit;
mod harness;
mod order;
mod refusal;

use std::sync::Arc;
use std::time::Duration;

use children::Children;
use deadline::{Ending, WorkerEnding};
use order::Tally;

use super::accounts::Accounts;
use super::effect::{Effect, EnvironmentReady, StopSignal, Work};
use crate::clock::Mono;
use crate::engine::{EngineEvent, Executor, Printed};
use crate::model::{
    Failure, HarnessOptions, Isolation, Loaded, ProcessIdentity, ShardIndex, Write,
};
use crate::plan::orphans::trial_limit;
use crate::plan::{ShardLimit, ShardPlan};
use crate::pytest::protocol::{Bye, Command, HarnessEvent, Hello, RunCommand};
use crate::pytest::reconcile::{Ledger, Running};

/// The limits and the settings of a shard, the same for all shards of a run.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) project: String,
    pub(super) limit: ShardLimit,
    pub(super) test_timeout: Option<Duration>,
    pub(super) reruns: u32,
    pub(super) harness: HarnessOptions,
    pub(super) executor: Arc<Executor>,
}

/// Exit statuses of pytest (`pytest.ExitCode`).
const TESTS_FAILED: i32 = 1;
const NO_TESTS: i32 = 5;

/// The findings of a shard besides verdicts.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// A test was lost, or could not be collected, or pytest did not end as its tests would have it.
    pub(super) incomplete: bool,
    /// pytest says that the session failed, whatever its tests say.
    pub(super) failed: bool,
    /// Tests, as opposed to files that were skipped or could not be collected.
    pub(super) tests: u64,
    /// The shard could not be carried out.
    pub(super) failure: Option<Failure>,
}

#[derive(Debug)]
enum Phase {
    Waiting,
    Running(Box<Live>),
    Provisioning,
    Over,
}

/// A process of the shard.
#[derive(Debug)]
struct Live {
    serial: u32,
    started: Mono,
    /// The time of its last message.
    heard: Mono,
    process: Option<ProcessIdentity>,
    hello: Option<Hello>,
    unsupported: Option<String>,
    collecting: Option<String>,
    collected: u64,
    stage: Stage,
    /// It settled at least one test.
    progress: bool,
    /// It reported a failure.
    failed: bool,
    leave: Leave,
    bye: Option<Bye>,
    ending: Option<Ending>,
    workers: Vec<WorkerEnding>,
    /// Node ids of tests whose worker died.
    fallen: Vec<String>,
    /// The stacks that were found last: others are news.
    stacks: Option<String>,
    /// The files that it says to have loaded.
    loaded: Loaded,
    tally: Tally,
    /// The tests that it collected, in its order.
    places: Vec<Arc<str>>,
    /// Its children, once it forks.
    children: Option<Children>,
}

/// How far its session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begun,
    Session,
    /// It told the last of its tests.
    Collected,
}

/// The leave that a process asks for after its last test.
#[derive(Debug, PartialEq, Eq)]
enum Leave {
    NotAsked,
    Asked,
    /// The word that its `bye` has to repeat.
    Given(String),
}

impl Live {
    /// True if the harness goes on when the process of that test dies: it is another one.
    fn outlives(&self, test: &Running) -> bool {
        let hello = self.hello.as_ref();
        hello.is_some_and(|hello| hello.pid != test.pid)
    }

    /// True if the tests of this process explain how pytest ended.
    fn explains(&self, status: i32) -> bool {
        match status {
            0 => true,
            TESTS_FAILED => self.failed,
            NO_TESTS => !self.progress,
            _ => false,
        }
    }

    /// True if nothing was done to the process that could have ended it.
    fn ended_by_itself(&self) -> bool {
        self.ending.as_ref().is_none_or(Ending::is_only_planned)
    }
}

/// A shard of a run.
#[derive(Debug)]
pub(super) struct Shard {
    plan: ShardPlan,
    policy: Policy,
    ledger: Ledger,
    phase: Phase,
    began: Option<Mono>,
    inifile: Option<String>,
    round: u32,
    deaths: u32,
    deaths_without_progress: u32,
    provisioned: bool,
    /// Containers of it that could not be started.
    refusals: u32,
    /// The time from which the next one may be tried.
    not_before: Option<Mono>,
    known: bool,
    stop: Option<Stop>,
    exit_status: Option<i32>,
    findings: Findings,
    /// The tests that share a process, unless that turned out not to be possible.
    isolation: Isolation,
}

/// The reason to end a shard early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// This many tests failed.
    MaxFail(u32),
    Signal(StopSignal),
    /// A signal that lets running tests finish.
    Drain,
    /// The run cannot go on, for a reason that is told elsewhere.
    Abandoned,
}

impl Stop {
    /// True if nobody waits for more than the tests that run.
    pub(super) fn ends_the_run(self) -> bool {
        match self {
            Self::Signal(_) | Self::Drain | Self::Abandoned => true,
            Self::MaxFail(_) => false,
        }
    }

    /// True if it changes anything for a shard that was asked to end for `earlier`.
    fn adds_to(self, earlier: Self) -> bool {
        let is_gentle = matches!(self, Self::MaxFail(_) | Self::Drain);
        !is_gentle || matches!(earlier, Self::MaxFail(_))
    }

    /// The message of tests that did not run because of it.
    fn message(self) -> String {
        match self {
            Self::MaxFail(1) => "not run: stopped after the first failure".to_owned(),
            Self::MaxFail(count) => format!("not run: stopped after {count} failures"),
            Self::Signal(StopSignal::Interrupt) => "not run: interrupted".to_owned(),
            Self::Signal(StopSignal::Terminate) => "not run: terminated".to_owned(),
            Self::Drain => "not run: the agent was asked to end".to_owned(),
            Self::Abandoned => "not run: the run was abandoned".to_owned(),
        }
    }
}

impl Shard {
    pub(super) fn new(plan: ShardPlan, policy: Policy) -> Self {
        Self {
            ledger: Ledger::new(plan.index, &policy.project),
            isolation: policy.harness.isolate,
            plan,
            policy,
            phase: Phase::Waiting,
            began: None,
            inifile: None,
            round: 0,
            deaths: 0,
            deaths_without_progress: 0,
            provisioned: false,
            refusals: 0,
            not_before: None,
            known: false,
            stop: None,
            exit_status: None,
            findings: Findings::default(),
        }
    }

    pub(super) fn index(&self) -> ShardIndex {
        self.plan.index
    }

    /// The paths as users see them.
    pub(super) fn label(&self) -> &str {
        if self.plan.label.is_empty() {
            "the project"
        } else {
            &self.plan.label
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting)
    }

    /// True if its next process may be started.
    pub(super) fn may_begin(&self, now: Mono) -> bool {
        self.is_waiting() && self.not_before.is_none_or(|earliest| earliest <= now)
    }

    pub(super) fn is_provisioning(&self) -> bool {
        matches!(self.phase, Phase::Provisioning)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Takes what the tests of a process that ended had printed.
    pub(super) fn printed(&mut self, printed: Vec<Printed>) {
        for Printed { worker, sections } in printed {
            self.ledger.printed(&worker, sections);
        }
    }

    /// True if its tests come from modules of the module map.
    pub(super) fn holds_modules(&self) -> bool {
        !self.plan.modules.is_empty()
    }

    /// True if it ended in good order and had no test.
    pub(super) fn is_empty_handed(&self) -> bool {
        self.findings.tests == 0 && self.findings.failure.is_none() && !self.findings.incomplete
    }

    pub(super) fn findings(&self) -> &Findings {
        &self.findings
    }

    /// True if that process works for it now.
    pub(super) fn runs(&self, serial: u32) -> bool {
        matches!(&self.phase, Phase::Running(live) if live.serial == serial)
    }

    /// Begins with the shard's next process, and says what is to run in it. Serials are given out
    /// by the caller.
    pub(super) fn begin(&mut self, serial: u32, now: Mono) -> Work {
        self.began.get_or_insert(now);
        self.not_before = None;
        self.phase = Phase::Running(Box::new(Live {
            serial,
            started: now,
            heard: now,
            process: None,
            hello: None,
            unsupported: None,
            collecting: None,
            collected: 0,
            stage: Stage::Begun,
            progress: false,
            failed: false,
            leave: Leave::NotAsked,
            bye: None,
            ending: None,
            workers: Vec::new(),
            fallen: Vec::new(),
            stacks: None,
            loaded: Loaded::default(),
            tally: Tally::default(),
            places: Vec::new(),
            children: None,
        }));
        Work::Tests(Box::new(self.command()))
    }

    /// A later round is given the files of its tests only, under the settings of the first: to
    /// collect everything again for one test would take longer than the test.
    fn command(&self) -> RunCommand {
        let options = self.policy.executor.pytest_options();
        // Options of the user come later, and win.
        let options = options.iter().map(|option| (*option).to_owned());
        let mut argv: Vec<String> = options.chain(self.plan.argv.iter().cloned()).collect();
        if let (1.., Some(inifile)) = (self.round, &self.inifile) {
            argv.truncate(argv.len() - (self.plan.argv.len() - self.plan.options));
            let root = if self.ledger.root().is_empty() {
                "."
            } else {
                self.ledger.root()
            };
            argv.extend(["--rootdir", root, "-c", inifile.as_str()].map(str::to_owned));
            argv.extend(self.ledger.pending_files());
        }
        RunCommand {
            argv,
            workers: self.plan.workers,
            options: HarnessOptions {
                // That a module is imported here does not mean that a test of the project runs it.
                coverage: self.policy.harness.coverage && self.plan.modules.is_empty(),
                isolate: self.isolation,
                ..self.policy.harness
            },
            scratch: None,
            only: (self.round > 0).then(|| self.ledger.pending_ids()),
            skip: if self.round == 0 {
                self.ledger.reported()
            } else {
                Vec::new()
            },
            known: self.ledger.parametrized(),
            modules: self.plan.modules.clone(),
            roots: self.plan.roots.clone(),
            limit_s: self.module_limit().as_secs_f64(),
        }
    }

    /// The time for a module of the module map. It is over before the time for a test, so that
    /// the module is ended alone.
    fn module_limit(&self) -> Duration {
        let (ShardLimit::Total(all) | ShardLimit::Silence(all)) = self.policy.limit;
        trial_limit(self.policy.test_timeout, all).mul_f64(0.9)
    }

    pub(super) fn started(
        &mut self,
        process: ProcessIdentity,
        started_ms: i64,
        accounts: &mut Accounts,
    ) {
        let shard = self.index();
        if let Phase::Running(live) = &mut self.phase {
            live.process = Some(process.clone());
            accounts.write(Write::ProcessStarted {
                serial: live.serial,
                shard: Some(shard),
                process,
                started_ms,
            });
        }
    }

    pub(super) fn start_failed(&mut self, failure: Failure, accounts: &mut Accounts) {
        self.findings.failure.get_or_insert(failure);
        self.finish("not run: its process could not be started", accounts);
    }

    /// The private environment is there, or is not to be had.
    pub(super) fn environment(
        &mut self,
        answer: &Result<EnvironmentReady, Failure>,
        accounts: &mut Accounts,
    ) {
        if !self.is_provisioning() {
            return;
        }
        match answer {
            // The time that the installation took is not the shard's.
            Ok(_) if self.stop.is_none() => {
                self.provisioned = true;
                self.began = None;
                self.phase = Phase::Waiting;
            }
            Ok(_) => self.finish("", accounts),
            Err(failure) => self.start_failed(failure.clone(), accounts),
        }
    }

    /// Takes what its process said or did.
    pub(super) fn process(
        &mut self,
        event: EngineEvent<HarnessEvent>,
        now: Mono,
        now_ms: i64,
        accounts: &mut Accounts,
    ) {
        match event {
            EngineEvent::Line(event) => {
                self.live(|live| live.heard = now);
                self.harness(*event, now, now_ms, accounts);
            }
            EngineEvent::BadLine(problem) if self.has_greeted() => self.refuse(
                "a line of the test process",
                format!("it is not of its protocol: {problem}"),
                accounts,
            ),
            // It is no harness, as its end will show.
            EngineEvent::BadLine(problem) => accounts.notice(
                "harness-line",
                format!("a line of the test process is not of its protocol: {problem}"),
                None,
            ),
            EngineEvent::Leftover { problem } => {
                accounts.container_left();
                let hint = "`agent cleanup` removes what is left";
                accounts.notice_each("container-left", problem, Some(hint.to_owned()));
            }
            EngineEvent::Exited { exit, stderr_tail } => {
                self.exited(exit, &stderr_tail, now, now_ms, accounts);
            }
        }
    }

    /// True if the harness goes on when the process of that test dies.
    fn outlives(&self, test: &Running) -> bool {
        let Phase::Running(live) = &self.phase else {
            return false;
        };
        live.outlives(test)
    }

    fn has_greeted(&self) -> bool {
        matches!(&self.phase, Phase::Running(live) if live.hello.is_some())
    }

    fn live(&mut self, change: impl FnOnce(&mut Live)) {
        if let Phase::Running(live) = &mut self.phase {
            change(live);
        }
    }

    fn is_last_round(&self) -> bool {
        self.round >= self.policy.reruns
    }

    /// Ends the shard before its tests are done.
    pub(super) fn stop(&mut self, stop: Stop, now: Mono, accounts: &mut Accounts) {
        if self.stop.is_some_and(|earlier| !stop.adds_to(earlier)) {
            return;
        }
        // A user who let tests finish, and asks again, has waited long enough.
        let at_once = self.stop == Some(Stop::Drain);
        self.stop = Some(stop);
        match &self.phase {
            Phase::Waiting => self.finish("", accounts),
            Phase::Provisioning if stop != Stop::Abandoned => self.finish("", accounts),
            Phase::Provisioning | Phase::Over => {}
            Phase::Running(live) => match stop {
                // A process that has said nothing so far runs no test.
                Stop::Drain if live.hello.is_none() => self.interrupt(false, now, accounts),
                Stop::MaxFail(_) | Stop::Drain => {
                    let command = Command::Stop {
                        reason: stop.message(),
                    };
                    accounts.effect(Effect::Send {
                        serial: live.serial,
                        command,
                    });
                }
                Stop::Signal(_) => self.interrupt(at_once, now, accounts),
                Stop::Abandoned => self.interrupt(false, now, accounts),
            },
        }
    }
}
