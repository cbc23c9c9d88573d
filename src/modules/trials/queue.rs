//! The order of trials, and what becomes of modules whose process dies: inputs go in, steps come
//! out. No I/O, no clock, no thread.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Mono;
use crate::engine::EngineEvent;
use crate::engine::child::Exit;
use crate::model::{Module, Trial, TrialOutcome};
use crate::pytest::trial_protocol::{TrialEvent, TryCommand};

/// The longest time after its limit that a verdict may take: stacks are dumped, folders removed.
const GRACE: Duration = Duration::from_secs(15);
/// Processes in a row that end without a verdict, after which there will be none.
const MOST_IN_VAIN: u32 = 2;

/// The modules that a run tries after its tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::modules) struct TrialJob {
    /// The modules; none if they were looked for and not found.
    pub(in crate::modules) modules: Vec<Module>,
    /// Folders that go first on `sys.path`, in this order; relative to the project.
    pub(in crate::modules) roots: Vec<String>,
    /// The time for each module.
    pub(in crate::modules) limit: Duration,
    /// The time for all of them; `None` for no limit.
    pub(in crate::modules) budget: Option<Duration>,
}

/// An order to whoever carries out the trials.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Start a process, and send it this command.
    Start { serial: u32, command: TryCommand },
    /// Kill the process that is at work.
    Kill,
    /// Store and tell what came of a module.
    Settled(Box<Trial>),
    /// Something went wrong that is no module's.
    Trouble { code: &'static str, message: String },
}

/// The modules of a run on their way through one process after the other.
#[derive(Debug)]
pub(super) struct Queue {
    roots: Vec<String>,
    limit: Duration,
    hello_limit: Duration,
    at_once: u32,
    end: Option<Mono>,
    budget: Duration,
    waiting: VecDeque<Module>,
    /// One of them ended its process, which one is not known: they are tried one at a time.
    suspects: VecDeque<Module>,
    live: Option<Live>,
    serial: u32,
    in_vain: u32,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Live {
    serial: u32,
    started: Mono,
    heard: Mono,
    hello: bool,
    alone: bool,
    unsupported: Option<String>,
    batch: VecDeque<Module>,
    running: Vec<(Module, Mono)>,
    /// The modules that were running too long when the process was killed.
    overdue: Vec<Module>,
    killed: bool,
}

impl Queue {
    pub(super) fn new(
        job: &TrialJob,
        at_once: u32,
        hello_limit: Duration,
        processes: u32,
        now: Mono,
    ) -> Self {
        Self {
            roots: job.roots.clone(),
            limit: job.limit,
            hello_limit,
            at_once: at_once.max(1),
            end: job.budget.map(|budget| now.plus(budget)),
            budget: job.budget.unwrap_or_default(),
            waiting: job.modules.iter().cloned().collect(),
            suspects: VecDeque::new(),
            live: None,
            serial: processes,
            in_vain: 0,
            steps: Vec::new(),
        }
    }

    /// True if nothing more will happen.
    pub(super) fn is_over(&self) -> bool {
        self.live.is_none() && self.waiting.is_empty() && self.suspects.is_empty()
    }

    /// Takes the steps that were decided since the last call.
    pub(super) fn take_steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// Starts the next process if there is none and something is left.
    pub(super) fn begin(&mut self, now: Mono) {
        if self.live.is_some() || self.is_over() {
            return;
        }
        let alone = !self.suspects.is_empty();
        let batch = std::mem::take(if alone {
            &mut self.suspects
        } else {
            &mut self.waiting
        });
        self.serial += 1;
        self.steps.push(Step::Start {
            serial: self.serial,
            command: TryCommand {
                roots: self.roots.clone(),
                modules: batch.iter().cloned().collect(),
                limit_s: self.limit.as_secs_f64(),
                at_once: if alone { 1 } else { self.at_once },
            },
        });
        self.live = Some(Live {
            serial: self.serial,
            started: now,
            heard: now,
            hello: false,
            alone,
            unsupported: None,
            batch,
            running: Vec::new(),
            overdue: Vec::new(),
            killed: false,
        });
    }

    /// The process could not be started.
    pub(super) fn start_failed(&mut self, why: &str) {
        self.give_up(&format!("not tried: {why}"));
        self.live = None;
    }

    /// Takes what a process said or did.
    pub(super) fn handle(&mut self, serial: u32, event: EngineEvent<TrialEvent>, now: Mono) {
        let Some(live) = self.live.as_mut().filter(|live| live.serial == serial) else {
            return;
        };
        live.heard = now;
        match event {
            EngineEvent::Line(event) => self.line(*event, now),
            EngineEvent::BadLine(problem) => self.steps.push(Step::Trouble {
                code: "trial-line",
                message: format!("a line of the trial process is not of its protocol: {problem}"),
            }),
            EngineEvent::Leftover { problem } => self.steps.push(Step::Trouble {
                code: "container-left",
                message: problem,
            }),
            EngineEvent::Exited { exit, stderr_tail } => {
                if let Some(live) = self.live.take() {
                    self.exited(live, exit, &stderr_tail);
                }
            }
        }
    }

    fn line(&mut self, event: TrialEvent, now: Mono) {
        let Some(live) = &mut self.live else { return };
        match event {
            TrialEvent::Unsupported { python } => live.unsupported = Some(python),
            TrialEvent::Hello { .. } => live.hello = true,
            TrialEvent::Started { module, .. } => {
                if let Some(known) = remove(&mut live.batch, &module) {
                    live.running.push((known, now));
                }
            }
            TrialEvent::Finished(trial) => {
                let running = &mut live.running;
                let at = running.iter().position(|(it, _)| *it == trial.module);
                let known = match at {
                    Some(at) => Some(running.swap_remove(at).0),
                    None => remove(&mut live.batch, &trial.module),
                };
                // A verdict over something else, or a second one, is not asked for.
                if known.is_some() {
                    self.in_vain = 0;
                    self.settle(*trial);
                }
            }
            TrialEvent::Bye => {}
        }
    }

    fn exited(&mut self, live: Live, exit: Exit, stderr: &str) {
        let last_words = stderr.lines().rev().map(str::trim);
        let last_words = last_words
            .clone()
            .find(|line| !line.is_empty())
            .map_or_else(String::new, |line| format!(": {line}"));
        let left = live.batch.len() + live.running.len();
        if left == 0 {
            return;
        }
        self.put_back(live.alone, live.batch);
        if let Some(python) = live.unsupported {
            self.take_back(live.running);
            self.give_up(&format!(
                "not tried: Python {python} is too old, 3.8 is needed"
            ));
            return;
        }
        match exit {
            Exit::NotStarted(_) | Exit::EngineLost => {
                self.take_back(live.running);
                self.give_up(&format!("not tried: its container was {exit}{last_words}"));
                return;
            }
            Exit::ContainerKilled => self.take_back(live.running),
            _ if live.killed => self.hung(live.running, &live.overdue),
            _ => self.died(live.running, exit),
        }
        if self.in_vain >= MOST_IN_VAIN {
            self.give_up(&format!(
                "not tried: the process that tries modules ended ({exit}){last_words}"
            ));
        }
    }

    /// It was killed because it did not answer any more.
    fn hung(&mut self, running: Vec<(Module, Mono)>, overdue: &[Module]) {
        self.in_vain += u32::from(overdue.is_empty());
        let (late, innocent) = running
            .into_iter()
            .partition(|(module, _)| overdue.contains(module));
        let late: Vec<(Module, Mono)> = late;
        let limit = self.limit.as_secs_f64();
        for (module, _) in late {
            let message = format!("it did not end within {limit}s, and nothing could end it");
            self.settle(Trial {
                outcome: TrialOutcome::TimedOut,
                ..Trial::not_run(module, &message)
            });
        }
        self.put_back(false, innocent.into_iter().map(|(module, _)| module));
    }

    /// It died by itself: of one module that was at work it is known who did it.
    fn died(&mut self, mut running: Vec<(Module, Mono)>, exit: Exit) {
        if running.len() > 1 {
            self.put_back(true, running.into_iter().map(|(module, _)| module));
            return;
        }
        let Some((module, _)) = running.pop() else {
            self.in_vain += 1;
            return;
        };
        let message = match exit {
            Exit::OutOfMemory => "its container ran out of memory".to_owned(),
            _ => format!("it ended the process that tries modules ({exit})"),
        };
        self.settle(Trial {
            outcome: TrialOutcome::Crashed,
            ..Trial::not_run(module, &message)
        });
    }

    /// Takes modules back that the end of their process says nothing about.
    fn take_back(&mut self, running: Vec<(Module, Mono)>) {
        self.in_vain += 1;
        self.put_back(false, running.into_iter().map(|(module, _)| module));
    }

    /// Puts modules in front of the others, in their order.
    fn put_back(
        &mut self,
        alone: bool,
        modules: impl IntoIterator<Item = Module, IntoIter: DoubleEndedIterator>,
    ) {
        let queue = if alone {
            &mut self.suspects
        } else {
            &mut self.waiting
        };
        for module in modules.into_iter().rev() {
            queue.push_front(module);
        }
    }

    /// Ends everything: a module without a verdict gets none.
    pub(super) fn stop(&mut self, why: &str) {
        self.give_up(why);
        if let Some(live) = &mut self.live
            && !std::mem::replace(&mut live.killed, true)
        {
            self.steps.push(Step::Kill);
        }
    }

    fn give_up(&mut self, message: &str) {
        let mut left = Vec::new();
        if let Some(live) = &mut self.live {
            left.extend(live.running.drain(..).map(|(module, _)| module));
            left.extend(live.batch.drain(..));
        }
        left.extend(self.suspects.drain(..));
        left.extend(self.waiting.drain(..));
        for module in left {
            self.settle(Trial::not_run(module, message));
        }
    }

    fn settle(&mut self, trial: Trial) {
        self.steps.push(Step::Settled(Box::new(trial)));
    }

    /// Ends the trials if the time for all is over, and kills a process that is late.
    pub(super) fn tick(&mut self, now: Mono) {
        if self.end.is_some_and(|end| end <= now) {
            self.end = None;
            self.settle_slow(now);
            self.stop("not tried: the time for trying orphans was over");
        }
        let late = self.limit + GRACE;
        let Some(live) = self.live.as_mut().filter(|live| !live.killed) else {
            return;
        };
        if live.due(self.hello_limit, late) > now {
            return;
        }
        live.killed = true;
        let overdue = live
            .running
            .iter()
            .filter(|(_, since)| since.plus(late) <= now);
        live.overdue = overdue.map(|(module, _)| module.clone()).collect();
        self.steps.push(Step::Kill);
    }

    /// At the end of the time for all, a module that took half of it alone is to blame, and is
    /// tried last the next time.
    fn settle_slow(&mut self, now: Mono) {
        let Some(live) = &mut self.live else { return };
        let most = self.budget / 2;
        let (slow, others) = std::mem::take(&mut live.running)
            .into_iter()
            .partition(|(_, since)| now.since(*since) >= most);
        live.running = others;
        let slow: Vec<(Module, Mono)> = slow;
        for (module, since) in slow {
            let seconds = now.since(since).as_secs_f64();
            let message = "it was at work when the time for trying orphans was over";
            self.settle(Trial {
                outcome: TrialOutcome::TimedOut,
                duration_s: Some(seconds),
                ..Trial::not_run(module, message)
            });
        }
    }

    /// The time at which [`Queue::tick`] or [`Queue::begin`] has something to do.
    pub(super) fn deadline(&self) -> Option<Mono> {
        if self.live.is_none() && !self.is_over() {
            return Some(Mono::default());
        }
        let live = self.live.as_ref().filter(|live| !live.killed);
        let due = live.map(|live| live.due(self.hello_limit, self.limit + GRACE));
        due.into_iter().chain(self.end).min()
    }
}

impl Live {
    /// The time at which it is killed if it says nothing more.
    fn due(&self, hello_limit: Duration, late: Duration) -> Mono {
        if !self.hello {
            return self.started.plus(hello_limit);
        }
        let first = self.running.iter().map(|(_, since)| *since).min();
        first.unwrap_or(self.heard).plus(late)
    }
}

fn remove(modules: &mut VecDeque<Module>, module: &Module) -> Option<Module> {
    let at = modules.iter().position(|it| it == module)?;
    modules.remove(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::child::NotStarted;

    fn module(name: &str) -> Module {
        Module {
            file: format!("{name}.py"),
            name: name.to_owned(),
        }
    }

    fn queue(names: &[&str]) -> Queue {
        let job = TrialJob {
            modules: names.iter().map(|name| module(name)).collect(),
            roots: vec![".".to_owned()],
            limit: Duration::from_secs(10),
            budget: Some(Duration::from_secs(100)),
        };
        let mut queue = Queue::new(&job, 2, Duration::from_mins(1), 0, Mono(0));
        queue.begin(Mono(0));
        queue
    }

    impl Queue {
        fn says(&mut self, event: TrialEvent) {
            let serial = self.serial;
            self.handle(serial, EngineEvent::Line(Box::new(event)), Mono(1_000));
        }

        fn starts(&mut self, name: &str) {
            let module = module(name);
            self.says(TrialEvent::Started { module, pid: 2 });
        }

        fn passes(&mut self, name: &str) {
            self.says(TrialEvent::Finished(Box::new(Trial {
                outcome: TrialOutcome::Passed,
                ..Trial::not_run(module(name), "")
            })));
        }

        fn hello(&mut self) {
            let python = "3.13.0".to_owned();
            self.says(TrialEvent::Hello { pid: 1, python });
        }

        fn ends(&mut self, exit: Exit) {
            let stderr_tail = "last words\n".to_owned();
            let event = EngineEvent::Exited { exit, stderr_tail };
            let serial = self.serial;
            self.handle(serial, event, Mono(2_000));
            self.begin(Mono(2_000));
        }

        /// Takes the steps, and writes a line for each.
        fn log(&mut self) -> Vec<String> {
            let steps = self.take_steps().into_iter();
            let words = steps.map(|step| match step {
                Step::Start { command, .. } => {
                    let names = command.modules.iter().map(|it| it.name.as_str());
                    let names: Vec<&str> = names.collect();
                    format!("start {} by {}", names.join(" "), command.at_once)
                }
                Step::Kill => "kill".to_owned(),
                Step::Settled(trial) => {
                    let message = trial.message.unwrap_or_default();
                    let (name, outcome) = (trial.module.name, trial.outcome.as_str());
                    format!("{name} {outcome} {message}").trim_end().to_owned()
                }
                Step::Trouble { code, .. } => code.to_owned(),
            });
            words.collect()
        }
    }

    #[test]
    fn every_module_gets_its_verdict_in_one_process() {
        let mut queue = queue(&["a", "b"]);
        queue.hello();
        queue.starts("a");
        queue.starts("b");
        queue.passes("b");
        queue.passes("a");
        queue.passes("a");
        queue.ends(Exit::Code(0));
        assert_eq!(queue.log(), ["start a b by 2", "b passed", "a passed"]);
        assert!(queue.is_over());
    }

    #[test]
    fn of_two_that_were_at_work_the_one_that_ends_the_process_is_found() {
        let mut queue = queue(&["a", "b", "c"]);
        queue.hello();
        queue.starts("a");
        queue.starts("b");
        queue.ends(Exit::Signal(9));
        assert_eq!(queue.log(), ["start a b c by 2", "start a b by 1"]);
        queue.hello();
        queue.starts("a");
        queue.passes("a");
        queue.starts("b");
        queue.ends(Exit::Signal(9));
        assert_eq!(
            queue.log(),
            [
                "a passed",
                "b crashed it ended the process that tries modules (killed by SIGKILL)",
                "start c by 2"
            ]
        );
    }

    #[test]
    fn a_process_that_ends_again_and_again_is_not_started_for_ever() {
        let mut queue = queue(&["a"]);
        queue.ends(Exit::Code(1));
        queue.ends(Exit::Code(1));
        let why =
            "a not_run not tried: the process that tries modules ended (exit status 1): last words";
        assert_eq!(queue.log(), ["start a by 2", "start a by 2", why]);
        assert!(queue.is_over());
    }

    #[test]
    fn what_a_lost_engine_leaves_is_not_run() {
        let mut queue = queue(&["a", "b", "c"]);
        queue.hello();
        queue.starts("a");
        queue.passes("a");
        queue.starts("b");
        queue.ends(Exit::EngineLost);
        let log = queue.log();
        assert_eq!(log.len(), 4, "{log:?}");
        assert!(log[2].starts_with("b not_run not tried: its container was lost"));
        assert!(log[3].starts_with("c not_run"));
        assert!(queue.is_over());
    }

    #[test]
    fn a_container_that_is_refused_leaves_nothing_unsaid() {
        let mut queue = queue(&["a"]);
        queue.ends(Exit::NotStarted(NotStarted::Refused));
        let why = "a not_run not tried: its container was not started: last words";
        assert_eq!(queue.log(), ["start a by 2", why]);
        assert!(queue.is_over());
    }

    #[test]
    fn a_container_that_somebody_killed_is_no_fault_of_its_modules() {
        let mut queue = queue(&["a"]);
        queue.hello();
        queue.starts("a");
        queue.ends(Exit::ContainerKilled);
        assert_eq!(queue.log(), ["start a by 2", "start a by 2"]);
    }

    #[test]
    fn a_process_that_does_not_answer_is_killed_and_the_rest_goes_on() {
        let mut queue = queue(&["a", "b", "c"]);
        queue.hello();
        queue.starts("a");
        queue.handle(
            1,
            EngineEvent::Line(Box::new(TrialEvent::Started {
                module: module("b"),
                pid: 3,
            })),
            Mono(9_000),
        );
        assert_eq!(queue.deadline(), Some(Mono(26_000)));
        queue.tick(Mono(25_999));
        assert_eq!(queue.log(), ["start a b c by 2"]);
        queue.tick(Mono(26_000));
        queue.ends(Exit::Signal(9));
        assert_eq!(
            queue.log(),
            [
                "kill",
                "a timed_out it did not end within 10s, and nothing could end it",
                "start b c by 2"
            ]
        );
    }

    #[test]
    fn the_time_for_all_is_not_exceeded() {
        let mut queue = queue(&["a", "b"]);
        queue.hello();
        queue.starts("a");
        queue.says(TrialEvent::Bye);
        queue.live.as_mut().unwrap().running[0].1 = Mono(99_000);
        queue.tick(Mono(100_000));
        queue.tick(Mono(100_001));
        let over = "not_run not tried: the time for trying orphans was over";
        assert_eq!(
            queue.log(),
            [
                "start a b by 2".to_owned(),
                format!("a {over}"),
                format!("b {over}"),
                "kill".to_owned()
            ]
        );
        assert!(!queue.is_over());
        queue.ends(Exit::Signal(9));
        assert!(queue.is_over());
    }

    #[test]
    fn a_verdict_that_was_not_asked_for_is_not_heard() {
        let mut queue = queue(&["a"]);
        queue.hello();
        queue.passes("other");
        assert_eq!(queue.log(), ["start a by 2"]);
    }

    #[test]
    fn an_interpreter_that_is_too_old_is_told_once_for_each_module() {
        let mut queue = queue(&["a"]);
        queue.says(TrialEvent::Unsupported {
            python: "3.7.1".to_owned(),
        });
        queue.ends(Exit::Code(0));
        assert_eq!(
            queue.log()[1],
            "a not_run not tried: Python 3.7.1 is too old, 3.8 is needed"
        );
    }
}
