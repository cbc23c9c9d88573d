//! The forked children of a process that collected its tests: who runs what, and what is left
//! behind when one dies.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Live, Phase, Shard, Stage};
use crate::clock::Mono;
use crate::engine::child::Exit;
use crate::model::{Event, Isolation, Outcome};
use crate::plan::portions::{Candidate, Portion, portions, ranges};
use crate::pytest::protocol::{ChildEnded, Command, More};
use crate::pytest::reconcile::Doom;
use crate::pytest::stacks::python_stacks;
use crate::run::accounts::Accounts;
use crate::run::effect::Effect;

/// Children in a row that may die without a verdict for any test.
const MAX_DEATHS: u32 = 3;

/// The children of one process.
#[derive(Debug, Default)]
pub(super) struct Children {
    /// What waits for a worker.
    queue: VecDeque<Portion>,
    workers: Vec<Worker>,
    /// The number of children so far.
    count: u32,
    /// A fixture that several files share took its time: the next children take several files.
    is_costly: bool,
    is_done: bool,
    deaths_without_verdict: u32,
}

#[derive(Debug)]
struct Worker {
    name: String,
    /// The child that works in its name.
    child: Option<Child>,
}

#[derive(Debug)]
struct Child {
    number: u32,
    /// The places of all tests that it was given.
    places: Vec<u32>,
}

impl Children {
    fn of_workers(count: u32) -> Self {
        let names = (0..count).map(|index| match count {
            1 => "main".to_owned(),
            _ => format!("gw{index}"),
        });
        Self {
            workers: names.map(|name| Worker { name, child: None }).collect(),
            ..Self::default()
        }
    }

    fn child(&mut self, number: u32) -> Option<&mut Child> {
        let children = self.workers.iter_mut().filter_map(|it| it.child.as_mut());
        children.into_iter().find(|child| child.number == number)
    }

    fn is_idle(&self) -> bool {
        self.workers.iter().all(|worker| worker.child.is_none())
    }
}

impl Live {
    fn send(&self, command: Command, accounts: &mut Accounts) {
        accounts.effect(Effect::Send {
            serial: self.serial,
            command,
        });
    }
}

impl Shard {
    /// The process has collected and can fork: its workers begin.
    pub(super) fn serving(&mut self, accounts: &mut Accounts) {
        let workers = self.plan.workers;
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        if live.children.is_some() || live.stage != Stage::Collected {
            self.refuse("`serving`", "it is not the time for it", accounts);
            return;
        }
        let mut children = Children::of_workers(workers);
        children.queue = self.waiting_portions(accounts).into();
        self.live(|live| live.children = Some(children));
        self.employ(accounts);
    }

    /// The tests of this process that are still to report, in portions.
    fn waiting_portions(&self, accounts: &Accounts) -> Vec<Portion> {
        let Phase::Running(live) = &self.phase else {
            return Vec::new();
        };
        let places = (0..).zip(&live.places);
        let expected = places.filter(|(_, nodeid)| self.ledger.is_expected(nodeid));
        let candidates: Vec<Candidate<'_>> = expected
            .map(|(place, nodeid)| Candidate {
                place,
                together: self.ledger.file_of(nodeid).map_or("", |file| file),
                expected_ms: accounts.expected_ms(self.ledger.root(), nodeid),
            })
            .collect();
        portions(&candidates, self.plan.workers)
    }

    /// Gives idle workers something to do; ends the session when nothing is left.
    fn employ(&mut self, accounts: &mut Accounts) {
        self.begin_next_round(accounts);
        let isolation = self.isolation;
        let is_stopped = self.stop.is_some();
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        let Some(mut children) = live.children.take() else {
            return;
        };
        if is_stopped {
            children.queue.clear();
        }
        let Children {
            queue,
            workers,
            count,
            is_costly,
            ..
        } = &mut children;
        for worker in workers.iter_mut().filter(|worker| worker.child.is_none()) {
            let Some(Portion { places, .. }) = queue.pop_front() else {
                break;
            };
            *count += 1;
            let more = match isolation {
                Isolation::Worker => More::Always,
                Isolation::Auto if *is_costly => More::Always,
                Isolation::Auto => More::Costly,
                Isolation::File | Isolation::None => More::Never,
            };
            let command = Command::Fork {
                child: *count,
                worker: worker.name.clone(),
                tests: ranges(&places),
                more,
                to_come: u32::try_from(queue.len()).unwrap_or(u32::MAX),
            };
            live.send(command, accounts);
            worker.child = Some(Child {
                number: *count,
                places,
            });
        }
        if children.is_idle() && !std::mem::replace(&mut children.is_done, true) {
            live.send(Command::Done, accounts);
        }
        live.children = Some(children);
    }

    /// Tests that failed are tried again by children of the same process.
    fn begin_next_round(&mut self, accounts: &Accounts) {
        let Phase::Running(live) = &self.phase else {
            return;
        };
        let is_over = live.children.as_ref().is_some_and(|children| {
            children.is_idle() && children.queue.is_empty() && !children.is_done
        });
        if is_over
            && self.stop.is_none()
            && !self.is_last_round()
            && self.ledger.pending() == 0
            && self.ledger.next_round() > 0
        {
            self.round += 1;
            let queue = self.waiting_portions(accounts).into();
            self.live(|live| {
                if let Some(children) = &mut live.children {
                    children.queue = queue;
                }
            });
        }
    }

    /// A child has a last test to begin, and takes more if there is any.
    pub(super) fn child_wants(&mut self, number: u32, accounts: &mut Accounts) {
        let is_stopped = self.stop.is_some();
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        let Some(children) = &mut live.children else {
            return;
        };
        if children.child(number).is_none() {
            self.refuse("`wants`", "there is no such child", accounts);
            return;
        }
        let next = children.queue.pop_front().filter(|_| !is_stopped);
        let places = next.map(|portion| portion.places).unwrap_or_default();
        let tests = ranges(&places);
        if let Some(child) = children.child(number) {
            child.places.extend(places);
        }
        let command = Command::Give {
            child: number,
            tests,
        };
        live.send(command, accounts);
    }

    /// A fixture that tests of several files share took its time.
    pub(super) fn fixture_costs(&mut self, scope: &str) {
        if matches!(scope, "session" | "package") {
            self.live(|live| {
                if let Some(children) = &mut live.children {
                    children.is_costly = true;
                }
            });
        }
    }

    /// The tests of a child that died continue in another one, but for the one that it ran.
    pub(super) fn child_ended(&mut self, ended: &ChildEnded, now: Mono, accounts: &mut Accounts) {
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        let worker = live.children.as_mut().and_then(|children| {
            let mut workers = children.workers.iter_mut();
            workers.find(|it| it.child.as_ref().is_some_and(|it| it.number == ended.child))
        });
        let Some(child) = worker.and_then(|worker| worker.child.take()) else {
            self.refuse("the end of a child", "there is no such child", accounts);
            return;
        };
        if ended.died {
            self.child_died(ended, now, accounts);
        }
        self.return_tests(&child, ended, accounts);
        self.employ(accounts);
    }

    fn child_died(&mut self, ended: &ChildEnded, now: Mono, accounts: &mut Accounts) {
        let exit = match (ended.signal, ended.code) {
            (Some(signal), _) => Exit::Signal(signal),
            (None, code) => Exit::Code(code.unwrap_or(-1)),
        };
        let running = self.ledger.running().iter();
        let mut running = running.filter(|it| it.worker == ended.worker && it.pid == ended.pid);
        let nodeid = running.next().map(|it| Arc::clone(&it.nodeid));
        accounts.announce(Event::ProcessDied {
            shard: self.index(),
            status: exit.to_string(),
            nodeid: nodeid.as_ref().map(ToString::to_string),
            stderr_tail: String::new(),
        });
        if let Phase::Running(live) = &self.phase
            && self.measures(live)
        {
            Self::partial_coverage(accounts);
        }
        self.deaths += 1;
        let Some(nodeid) = nodeid else {
            // Without a test that keeps the run from being green, the shard has to.
            self.findings.incomplete = true;
            let message = format!("a process ended ({exit}) when it ran no test");
            accounts.notice_each("unexplained-exit", message, None);
            return;
        };
        let stacks = python_stacks(&ended.stacks);
        if let Some(stacks) = &stacks {
            self.ledger.add_stacks(&nodeid, stacks);
        }
        self.ledger.printed(&ended.worker, ended.sections.clone());
        let message = match exit {
            Exit::Signal(_) => {
                let hint = self.policy.executor.hint_at_death(exit).unwrap_or_default();
                format!("the interpreter was {exit} in this test{hint}")
            }
            _ => format!("the interpreter ended with {exit} in this test"),
        };
        let blame = Doom {
            outcome: Outcome::Crashed,
            message,
            longrepr: stacks,
        };
        if let Some(settled) = self.ledger.child_ended(ended.pid, &blame, now) {
            self.live(|live| {
                live.progress = true;
                live.failed = true;
                live.workers.retain(|worker| worker.pid != ended.pid);
            });
            accounts.settle(settled, self.is_last_round());
        }
    }

    /// Puts what a child has not run before everything else that waits.
    fn return_tests(&mut self, child: &Child, ended: &ChildEnded, accounts: &mut Accounts) {
        let Phase::Running(live) = &self.phase else {
            return;
        };
        let is_left = |place: &&u32| {
            let nodeid = live.places.get(**place as usize);
            nodeid.is_some_and(|nodeid| self.ledger.is_expected(nodeid))
        };
        let left: Vec<u32> = child.places.iter().filter(is_left).copied().collect();
        let is_early = left.len() == child.places.len();
        let mut is_given_up = false;
        if let Some(children) = self.children() {
            children.deaths_without_verdict = if ended.died && is_early {
                children.deaths_without_verdict + 1
            } else {
                0
            };
            is_given_up = children.deaths_without_verdict >= MAX_DEATHS;
            if is_given_up {
                children.queue.clear();
            } else if ended.died && !left.is_empty() {
                children.queue.push_front(Portion {
                    places: left,
                    expected_ms: 0,
                });
            }
        }
        if is_given_up {
            self.findings.incomplete = true;
            let message =
                format!("{MAX_DEATHS} processes in a row ended before they settled a test");
            accounts.notice_each("deaths", message, None);
        }
    }

    fn children(&mut self) -> Option<&mut Children> {
        match &mut self.phase {
            Phase::Running(live) => live.children.as_mut(),
            Phase::Waiting | Phase::Provisioning | Phase::Over => None,
        }
    }

    /// The process cannot fork. If it has several workers, the next one is asked not to.
    pub(super) fn unfit(&mut self, reason: &str, accounts: &mut Accounts) {
        self.isolation = Isolation::None;
        let asked = match self.policy.harness.isolate {
            Isolation::File => "file",
            Isolation::Worker => "worker",
            Isolation::Auto | Isolation::None => {
                let message = format!("the tests have no processes of their own: {reason}");
                return accounts.note("in-process", message, None);
            }
        };
        let message = format!("`--isolate {asked}` is not possible: {reason}");
        let hint = "the tests run as with `--isolate none`, which says nothing of this";
        accounts.notice("in-process", message, Some(hint.to_owned()));
    }
}
