//! Deadlines of a shard, and the steps by which a process is ended.
//!
//! A test that runs out of time in a process of its own, a worker of pytest-xdist, costs that
//! process only: the harness outlives it. Anywhere else it costs the process of the shard.

use std::time::Duration;

use super::{Live, Phase, Shard};
use crate::clock::Mono;
use crate::model::Outcome;
use crate::plan::ShardLimit;
use crate::pytest::reconcile::Doom;
use crate::pytest::stacks::python_stacks;
use crate::run::accounts::Accounts;
use crate::run::effect::{Effect, Notify, Target};

/// The stacks are written by a signal handler at once; this is for the pipe and a loaded machine.
const STACKS_GRACE: Duration = Duration::from_secs(1);
/// The time for pytest to tear its fixtures down, as after a Ctrl-C at the terminal.
const INTERRUPT_GRACE: Duration = Duration::from_secs(5);
/// The time between SIGTERM and SIGKILL.
const TERMINATE_GRACE: Duration = Duration::from_secs(2);
/// After pytest ended, `atexit` handlers and threads that are no daemons may still work: so long
/// that nobody wonders.
const EXIT_PATIENCE: Duration = Duration::from_secs(10);
/// The longest time that pytest-xdist may take to notice that a worker was killed.
const WORKER_GRACE: Duration = Duration::from_secs(15);

/// The reason to end a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    TestTimeout,
    ShardTimeout,
    NoHello,
    ExitHang,
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Only [`Cause::ExitHang`]: the process may end by itself, and nobody was told of it.
    Wait,
    Stacks,
    Interrupt,
    Terminate,
    Kill,
}

/// A process that is being ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) cause: Cause,
    step: Step,
    until: Mono,
}

impl Ending {
    /// True if pytest is done and the process still has its moment to end by itself.
    pub(super) fn is_only_planned(&self) -> bool {
        self.cause == Cause::ExitHang && matches!(self.step, Step::Wait | Step::Interrupt)
    }
}

/// An xdist worker that is being ended.
#[derive(Debug)]
pub(super) struct WorkerEnding {
    pub(super) nodeid: String,
    pub(super) pid: u32,
    killed: bool,
    until: Mono,
}

impl Shard {
    /// The time at which [`Shard::tick`] has something to do.
    pub(in crate::run) fn deadline(&self) -> Option<Mono> {
        let live = match &self.phase {
            Phase::Running(live) => live,
            Phase::Waiting => return self.not_before,
            Phase::Provisioning | Phase::Over => return None,
        };
        if let Some(ending) = &live.ending {
            return (ending.step != Step::Kill).then_some(ending.until);
        }
        let hello = live
            .hello
            .is_none()
            .then(|| live.started.plus(self.policy.executor.hello_limit()));
        let shard = self.end_of_time(live);
        let workers = live.workers.iter().map(|worker| worker.until);
        workers
            .chain(hello)
            .chain(shard)
            .chain(self.next_test_deadline(live))
            .min()
    }

    /// When the shard is out of time, as things are.
    fn end_of_time(&self, live: &Live) -> Option<Mono> {
        match self.policy.limit {
            ShardLimit::Total(limit) => self.began.map(|began| began.plus(limit)),
            ShardLimit::Silence(limit) => Some(live.heard.plus(limit)),
        }
    }

    fn next_test_deadline(&self, live: &Live) -> Option<Mono> {
        let limit = self.policy.test_timeout?;
        let ended = |nodeid: &str| live.workers.iter().any(|worker| worker.nodeid == nodeid);
        let running = self
            .ledger
            .running()
            .iter()
            .filter(|running| !ended(&running.nodeid));
        running.map(|running| running.since.plus(limit)).min()
    }

    /// Takes the step that is due at `now`, if any.
    pub(in crate::run) fn tick(&mut self, now: Mono, accounts: &mut Accounts) {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        let hello_limit = self.policy.executor.hello_limit();
        let Phase::Running(live) = &self.phase else {
            return;
        };
        let out_of_time = self.end_of_time(live).is_some_and(|end| end <= now);
        if live.ending.is_some() {
            self.next_step(now, accounts);
        } else if live.hello.is_none() && live.started.plus(hello_limit) <= now {
            self.end(Cause::NoHello, Step::Terminate, now, accounts);
        } else if out_of_time {
            self.end(Cause::ShardTimeout, Step::Stacks, now, accounts);
        } else {
            self.tick_workers(now, accounts);
            self.tick_tests(now, accounts);
        }
    }

    fn tick_tests(&mut self, now: Mono, accounts: &mut Accounts) {
        let (Some(limit), Phase::Running(live)) = (self.policy.test_timeout, &self.phase) else {
            return;
        };
        let due: Vec<_> = self
            .ledger
            .running()
            .iter()
            .filter(|running| running.since.plus(limit) <= now)
            .filter(|running| {
                live.workers
                    .iter()
                    .all(|worker| *worker.nodeid != *running.nodeid)
            })
            .cloned()
            .collect();
        for running in due {
            let doom = Doom {
                outcome: Outcome::TimedOut,
                message: format!("ran longer than {}s (--test-timeout)", limit.as_secs_f64()),
                longrepr: None,
            };
            self.ledger.doom(&running.nodeid, &doom);
            if !self.outlives(&running) {
                self.end(Cause::TestTimeout, Step::Stacks, now, accounts);
                continue;
            }
            let target = Target::Member(running.pid);
            self.signal(target, Notify::DumpStacks, accounts);
            let ending = WorkerEnding {
                nodeid: running.nodeid.to_string(),
                pid: running.pid,
                killed: false,
                until: now.plus(STACKS_GRACE),
            };
            self.live(|live| live.workers.push(ending));
        }
    }

    fn tick_workers(&mut self, now: Mono, accounts: &mut Accounts) {
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        let mut stuck = false;
        for worker in live.workers.iter_mut().filter(|worker| worker.until <= now) {
            stuck |= worker.killed;
            worker.killed = true;
            worker.until = now.plus(WORKER_GRACE);
            accounts.effect(Effect::ReadStderr {
                serial: live.serial,
            });
            let target = Target::Member(worker.pid);
            accounts.effect(Effect::Signal {
                serial: live.serial,
                target,
                signal: Notify::Kill,
            });
        }
        if stuck {
            self.end(Cause::TestTimeout, Step::Terminate, now, accounts);
        }
    }

    /// The standard error that [`Effect::ReadStderr`] asked for: stacks of workers that end.
    pub(in crate::run) fn stderr(&mut self, tail: &str) {
        if let Phase::Running(live) = &mut self.phase
            && let Some(stacks) = python_stacks(tail)
            && live.stacks.as_ref() != Some(&stacks)
        {
            let killed = live.workers.iter().filter(|worker| worker.killed);
            let killed = killed.map(|worker| &worker.nodeid);
            for nodeid in killed.chain(&live.fallen) {
                self.ledger.add_stacks(nodeid, &stacks);
            }
            live.stacks = Some(stacks);
        }
    }

    /// pytest is done: the rest of the process gets a moment.
    pub(super) fn after_bye(&mut self, now: Mono) {
        self.live(|live| {
            live.ending.get_or_insert(Ending {
                cause: Cause::ExitHang,
                step: Step::Wait,
                until: now.plus(EXIT_PATIENCE),
            });
        });
    }

    /// Says that the process works on although pytest is done, and lets it: under pytest alone nobody
    /// would end it. The limit of the shard counts for it as well.
    fn wait_for_exit(&mut self, now: Mono, accounts: &mut Accounts) {
        let Phase::Running(live) = &self.phase else {
            return;
        };
        let end = self.end_of_time(live).unwrap_or(now);
        let message = "pytest has ended and its process has not: threads or `atexit` handlers are \
                       at work";
        let hint = "the agent waits for them as long as for a test; `--timeout SECONDS` is a limit";
        accounts.note("exit-waits", message.to_owned(), Some(hint.to_owned()));
        self.live(|live| {
            if let Some(ending) = &mut live.ending {
                ending.step = Step::Interrupt;
                ending.until = end.max(now);
            }
        });
    }

    /// Ends the process as Ctrl-C would; asked again, at once.
    pub(super) fn interrupt(&mut self, at_once: bool, now: Mono, accounts: &mut Accounts) {
        let again = matches!(
            &self.phase,
            Phase::Running(live) if live.ending.as_ref().is_some_and(|e| e.cause == Cause::Stop)
        );
        self.live(|live| live.ending = None);
        let step = if again || at_once {
            Step::Kill
        } else {
            Step::Interrupt
        };
        self.end(Cause::Stop, step, now, accounts);
    }

    fn end(&mut self, cause: Cause, step: Step, now: Mono, accounts: &mut Accounts) {
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        if live.ending.is_some() {
            return;
        }
        live.ending = Some(Ending {
            cause,
            step,
            until: now,
        });
        self.take_step(step, now, accounts);
    }

    fn next_step(&mut self, now: Mono, accounts: &mut Accounts) {
        let Phase::Running(live) = &self.phase else {
            return;
        };
        let next = match live.ending.as_ref().map(|ending| ending.step) {
            Some(Step::Wait) => return self.wait_for_exit(now, accounts),
            Some(Step::Interrupt) if live.ended_by_itself() => {
                let message = "a process was ended because it went on after pytest had ended";
                let hint = "a thread that is no daemon, or an `atexit` handler, did not end";
                accounts.notice("exit-hang", message.to_owned(), Some(hint.to_owned()));
                Step::Terminate
            }
            Some(Step::Stacks | Step::Interrupt) => Step::Terminate,
            Some(Step::Terminate) => Step::Kill,
            Some(Step::Kill) | None => return,
        };
        self.take_step(next, now, accounts);
    }

    fn take_step(&mut self, step: Step, now: Mono, accounts: &mut Accounts) {
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        let leader = live.hello.as_ref().map(|hello| hello.pid);
        let (grace, target, signal) = match step {
            Step::Wait => return,
            Step::Stacks => {
                let member = leader.map_or(Target::Group, Target::Member);
                (STACKS_GRACE, member, Notify::DumpStacks)
            }
            Step::Interrupt => (INTERRUPT_GRACE, Target::Group, Notify::Interrupt),
            Step::Terminate => (TERMINATE_GRACE, Target::Group, Notify::Terminate),
            Step::Kill => (Duration::ZERO, Target::Group, Notify::Kill),
        };
        if let Some(ending) = &mut live.ending {
            ending.step = step;
            ending.until = now.plus(grace);
        }
        if step == Step::Stacks && live.hello.is_none() {
            // Before its first words the process would die of the signal.
            return;
        }
        let workers: Vec<u32> = match step {
            Step::Stacks => self
                .ledger
                .running()
                .iter()
                .map(|running| running.pid)
                .collect(),
            _ => Vec::new(),
        };
        self.signal(target, signal, accounts);
        for pid in workers.into_iter().filter(|pid| Some(*pid) != leader) {
            self.signal(Target::Member(pid), signal, accounts);
        }
    }

    fn signal(&self, target: Target, signal: Notify, accounts: &mut Accounts) {
        if let Phase::Running(live) = &self.phase {
            accounts.effect(Effect::Signal {
                serial: live.serial,
                target,
                signal,
            });
        }
    }
}
