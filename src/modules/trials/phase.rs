//! [`Trials`]: the queue as a phase of a run, and the results of the trials.

use std::time::Duration;

use super::queue::{Queue, Step, TrialJob};
use super::tried::Tried;
use crate::clock::Mono;
use crate::engine::EngineEvent;
use crate::model::{Event, Level, Notice, Write};
use crate::pytest::trial_protocol::TrialEvent;
use crate::run::Verdict;
use crate::run::effect::{Effect, Input, Notify, ProcessEvent, Target, Work};
use crate::run::phase::Phase;

/// The trials of a run.
#[derive(Debug)]
pub(in crate::modules) struct Trials {
    queue: Queue,
    total: u64,
    python: Option<String>,
    /// The process that was started last and has not ended.
    process: Option<u32>,
    tried: Tried,
    /// Codes of notices, which are said once.
    noted: Vec<&'static str>,
    effects: Vec<Effect>,
}

impl Trials {
    /// Trials after tests that came to `verdict`, so many of them at once.
    pub(in crate::modules) fn new(
        job: &TrialJob,
        at_once: u32,
        hello_limit: Duration,
        verdict: &Verdict,
    ) -> Self {
        Self {
            queue: Queue::new(
                job,
                at_once,
                hello_limit,
                verdict.processes,
                Mono::default(),
            ),
            total: job.modules.len() as u64,
            python: verdict.python.clone(),
            process: None,
            tried: Tried::default(),
            noted: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Hands over the outcomes of the trials, and the signal or the loss that ended them early.
    pub(in crate::modules) fn into_tried(self) -> Tried {
        self.tried
    }

    fn process(&mut self, serial: u32, event: EngineEvent<TrialEvent>, now: Mono, now_ms: i64) {
        if let EngineEvent::Exited { exit, .. } = &event
            && self.process.take_if(|known| *known == serial).is_some()
        {
            self.effects.push(Effect::Write(Write::ProcessEnded {
                serial,
                ended_ms: now_ms,
                status: exit.to_string(),
            }));
        }
        self.queue.handle(serial, event, now);
    }

    /// Turns the new steps of the queue into effects, and takes all effects that wait.
    fn take_effects(&mut self) -> Vec<Effect> {
        for step in self.queue.take_steps() {
            match step {
                Step::Start { serial, command } => self.effects.push(Effect::Start {
                    serial,
                    python: self.python.clone(),
                    work: Work::Trials(command),
                }),
                Step::Kill => self
                    .effects
                    .extend(self.process.map(|serial| Effect::Signal {
                        serial,
                        target: Target::Group,
                        signal: Notify::Kill,
                    })),
                Step::Settled(trial) => {
                    let module = trial.module.clone();
                    self.tried.outcomes.push((module, trial.outcome));
                    self.effects
                        .push(Effect::Write(Write::Trial(trial.clone())));
                    self.effects
                        .push(Effect::Announce(Event::OrphanFinished(trial)));
                }
                Step::Trouble { code, message } => self.notice(code, message),
            }
        }
        std::mem::take(&mut self.effects)
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
        self.effects
            .push(Effect::Write(Write::Notice(notice.clone())));
        self.effects.push(Effect::Announce(Event::Notice(notice)));
    }
}

impl Phase for Trials {
    fn start(&mut self, _now: Mono, _now_ms: i64) -> Vec<Effect> {
        let total = self.total;
        self.effects.push(Effect::Write(Write::Orphans { total }));
        if total > 0 {
            let started = Event::OrphansStarted { orphans: total };
            self.effects.push(Effect::Announce(started));
        }
        // The first process begins with the first tick: a signal that waits comes before it.
        self.take_effects()
    }

    fn handle(&mut self, input: Input, now: Mono, now_ms: i64) -> Vec<Effect> {
        match input {
            Input::Process { serial, event } => match event {
                ProcessEvent::Trials(event) => self.process(serial, event, now, now_ms),
                // The tests are over.
                ProcessEvent::Tests(_) => {}
            },
            Input::Started { serial, process } => {
                self.process = Some(serial);
                self.effects.push(Effect::Write(Write::ProcessStarted {
                    serial,
                    shard: None,
                    process,
                    started_ms: now_ms,
                }));
            }
            Input::StartFailed { failure, .. } => self.queue.start_failed(&failure.message),
            Input::Stop(signal) => {
                self.tried.signal = Some(signal);
                self.queue.stop("not tried: the run was stopped");
            }
            // A trial that is cut short is made up for by the next run.
            Input::Drain(signal) => {
                self.tried.signal = Some(signal);
                self.queue.stop("not tried: the agent was asked to end");
            }
            Input::StoreFailed => {
                self.tried.abandoned = true;
                self.queue.stop("not tried: the run was abandoned");
            }
            // Answers that the tests asked for, and that come too late.
            Input::Stderr { .. }
            | Input::Printed { .. }
            | Input::Leave { .. }
            | Input::Environment(_)
            | Input::Git(_) => {}
        }
        self.take_effects()
    }

    fn tick(&mut self, now: Mono, _now_ms: i64) -> Vec<Effect> {
        self.queue.tick(now);
        self.queue.begin(now);
        self.take_effects()
    }

    fn deadline(&self) -> Option<Mono> {
        self.queue.deadline()
    }

    fn is_over(&self) -> bool {
        self.queue.is_over()
    }
}
