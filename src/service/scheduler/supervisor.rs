//! [`Supervisor`]: the loop that keeps a schedule, and what it does with cycles.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::cycle::CycleProcess;
use super::lease::ScheduleLease;
use super::notify::{self, Notifier};
use super::state_file::{Closed, StateFile};
use super::{Command, CycleReport, Input, Listener, Reload, SchedulerError, SchedulerEvent};
use crate::clock::{Mono, Pauses, Stopwatch, local_time_zone, now_ms, rfc3339};
use crate::diag::{self, Hint};
use crate::engine::child::Exit;
use crate::exporter::Exporter;
use crate::model::{CycleId, CycleOutcome, CycleReason, ExitCode, RunOutcome};
use crate::run::StopSignal;
use crate::schedule::{Due, Look, Schedule, State};
use crate::service::signals::Caught;
use crate::settings::Settings;
use crate::store::{CycleEnd, StoreError};

/// The longest time between two looks at the clocks.
const TICK: Duration = Duration::from_mins(1);
/// The pauses between two tries of a state file that cannot be used.
const PAUSES: Pauses = Pauses {
    first: Duration::from_secs(5),
    longest: Duration::from_mins(5),
};

/// A cycle that is being carried out.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) cycle: CycleId,
    due: Due,
    started: Mono,
    pub(super) started_ms: i64,
    process: CycleProcess,
}

/// A cycle whose process is gone and whose row could not be closed yet.
#[derive(Debug)]
pub(super) struct Unclosed {
    cycle: CycleId,
    due: Due,
    end: CycleEnd,
    duration: Duration,
}

/// A state file that cannot be used.
#[derive(Debug)]
pub(super) struct Blocked {
    since_ms: i64,
    pub(super) error: String,
    tries: u32,
    retry: Mono,
}

impl Blocked {
    /// The remark about it in the row of the next cycle.
    fn note(&self, until_ms: Option<i64>) -> String {
        let (since, error) = (rfc3339(self.since_ms), &self.error);
        match until_ms.map(rfc3339) {
            Some(until) => {
                format!("the state file could not be used from {since} to {until}: {error}")
            }
            None => format!("the state file could not be used since {since}: {error}"),
        }
    }
}

/// A schedule that is kept.
pub(super) struct Supervisor {
    pub(super) settings: Settings,
    pub(super) schedule: Schedule,
    pub(super) state: State,
    pub(super) state_file: StateFile,
    pub(super) lease: ScheduleLease,
    pub(super) exporter: Option<Exporter>,
    pub(super) command: Command,
    pub(super) notifier: Notifier,
    pub(super) tell: Listener,
    pub(super) reload: Reload,
    pub(super) sender: Sender<Input>,
    pub(super) inputs: Receiver<Input>,
    pub(super) watch: Stopwatch,
    pub(super) running: Option<Running>,
    pub(super) unclosed: Option<Unclosed>,
    pub(super) blocked: Option<Blocked>,
    /// The times and the error of an outage of the state file, until a row says so.
    pub(super) outage: Option<String>,
    /// Somebody asked for a cycle.
    pub(super) asked: bool,
    /// True if the settings are to be read again when the cycle has ended.
    pub(super) reload_later: bool,
    /// True if it was said that the text file cannot be written.
    pub(super) textfile_lost: bool,
    pub(super) stopping: Option<StopSignal>,
}

impl Supervisor {
    pub(super) fn begin(&mut self) -> Result<(), SchedulerError> {
        self.state = self.schedule.settle(&self.state, now_ms());
        self.state_file.save(&self.schedule, &self.state)?;
        self.write_history();
        self.say(SchedulerEvent::Started {
            spec: self.schedule.spec.to_string(),
            due_ms: self.state.due_ms,
            listen: self.state_file.listen,
        });
        self.show();
        notify::ready();
        Ok(())
    }

    /// Takes inputs and looks at the time, until the service ends.
    pub(super) fn keep(&mut self) -> Result<ExitCode, SchedulerError> {
        loop {
            self.notifier.feed_watchdog();
            self.renew()?;
            self.follow_up()?;
            if self.running.is_none()
                && let Some(signal) = self.stopping
            {
                return Ok(signal.exit_code());
            }
            match self.inputs.recv_timeout(self.pause()) {
                Ok(Input::Caught(signal)) => self.handle(signal),
                Ok(Input::Ended { cycle, exit }) => self.ended(cycle, &exit)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// The time for which there is nothing to do.
    fn pause(&self) -> Duration {
        let now = self.watch.now();
        let longest = self.notifier.every().map_or(TICK, |every| every.min(TICK));
        let deadline = self
            .running
            .as_ref()
            .and_then(|running| running.process.deadline());
        let mut pause = deadline.map_or(longest, |deadline| deadline.since(now).min(longest));
        if let Some(blocked) = &self.blocked {
            return pause.min(blocked.retry.since(now));
        }
        if self.running.is_none() {
            let left_ms = self.state.due_ms.saturating_sub(now_ms()).max(0);
            pause = pause.min(Duration::from_millis(left_ms.unsigned_abs()));
        }
        pause
    }

    /// Does what the time asks for.
    fn follow_up(&mut self) -> Result<(), SchedulerError> {
        let now = self.watch.now();
        if let Some(running) = &mut self.running {
            if running.process.tick(now) {
                let cycle = running.cycle;
                self.say(SchedulerEvent::Ending { cycle });
            }
            return Ok(());
        }
        if self.blocked.as_ref().is_some_and(|it| now < it.retry) {
            return Ok(());
        }
        if let Some(unclosed) = self.unclosed.take() {
            self.close(unclosed)?;
        }
        if self.unclosed.is_none() && std::mem::take(&mut self.reload_later) {
            self.reload();
        }
        self.settle();
        if self.stopping.is_some() || self.unclosed.is_some() {
            return Ok(());
        }
        let now_ms = now_ms();
        if std::mem::take(&mut self.asked) {
            let due = self.schedule.asked(&self.state, now_ms);
            return self.start(due, now_ms);
        }
        match self.schedule.look(&self.state, now_ms) {
            Look::Due(due) => self.start(due, now_ms),
            Look::Wait { .. } if self.blocked.is_some() => self.try_again(),
            Look::Wait { .. } => Ok(()),
        }
    }

    /// Sees whether the state file can be used again.
    fn try_again(&mut self) -> Result<(), SchedulerError> {
        match self.state_file.save(&self.schedule, &self.state) {
            Ok(()) => {
                self.unblock();
                self.show();
                Ok(())
            }
            Err(error) => self.block(error),
        }
    }

    /// Brings the schedule in line with the clock and the time zone.
    fn settle(&mut self) {
        self.schedule.zone = local_time_zone();
        let settled = self.schedule.settle(&self.state, now_ms());
        if settled == self.state {
            return;
        }
        self.state = settled;
        let due_ms = settled.due_ms;
        self.say(SchedulerEvent::ClockSet { due_ms });
        // The next start comes to the same result.
        let _ = self.state_file.save(&self.schedule, &self.state);
        self.show();
    }

    fn start(&mut self, due: Due, started_ms: i64) -> Result<(), SchedulerError> {
        let lasting = self.blocked.as_ref().map(|it| it.note(None));
        let message = self.outage.clone().or(lasting);
        let in_history = self.settings.schedule.history.is_some();
        let kept = (&self.schedule, &self.state);
        let begins = (&due, started_ms);
        let cycle = match self
            .state_file
            .open_cycle(kept, begins, in_history, message)
        {
            Ok(cycle) => cycle,
            Err(error) => {
                self.asked |= due.reason == CycleReason::Asked;
                return self.block(error);
            }
        };
        self.unblock();
        self.outage = None;
        self.say(SchedulerEvent::CycleStarted {
            cycle,
            reason: due.reason,
            due_ms: due.due_ms,
            missed: due.missed,
        });
        let started = self.watch.now();
        let spec = (self.command)(cycle);
        match CycleProcess::start(cycle, &spec, self.sender.clone()) {
            Ok(process) => {
                // Without it a later start only cannot wait for a process that is left over.
                let _ = self.state_file.set_process(cycle, &process.identity());
                self.running = Some(Running {
                    cycle,
                    due,
                    started,
                    started_ms,
                    process,
                });
                self.show();
                Ok(())
            }
            Err(error) => self.close(Unclosed {
                cycle,
                due,
                end: CycleEnd {
                    finished_ms: now_ms(),
                    exit_code: None,
                    was_ended: false,
                    message: Some(diag::in_one_line(&error)),
                },
                duration: Duration::ZERO,
            }),
        }
    }

    fn ended(&mut self, cycle: CycleId, exit: &io::Result<Exit>) -> Result<(), SchedulerError> {
        let Some(running) = self.running.take_if(|running| running.cycle == cycle) else {
            return Ok(());
        };
        let code = match exit {
            Ok(Exit::Code(code)) => u8::try_from(*code).ok(),
            _ => None,
        };
        let message = match exit {
            Ok(Exit::Code(code)) => format!("it ended with exit code {code}; its log says why"),
            Ok(exit) => format!("its process was {exit}"),
            Err(error) => format!("the end of its process could not be seen: {error}"),
        };
        self.close(Unclosed {
            cycle,
            due: running.due,
            end: CycleEnd {
                finished_ms: now_ms(),
                exit_code: code,
                was_ended: code.is_none() || running.process.was_asked_to_end(),
                message: Some(message),
            },
            duration: self.watch.now().since(running.started),
        })
    }

    /// Closes a cycle, now or when the state file can be used again.
    fn close(&mut self, unclosed: Unclosed) -> Result<(), SchedulerError> {
        let (cycle, due, at_ms) = (unclosed.cycle, &unclosed.due, now_ms());
        let after = |outcome| {
            let carried_out = self.was_carried_out(outcome);
            self.schedule.done(&self.state, due, at_ms, carried_out)
        };
        let closed = self
            .state_file
            .close_cycle(cycle, &unclosed.end, &self.schedule, after);
        let Closed {
            outcome,
            state,
            run,
            message,
        } = match closed {
            Ok(closed) => closed,
            Err(error) => {
                self.unclosed = Some(unclosed);
                return self.block(error);
            }
        };
        self.state = state;
        self.unblock();
        self.say(SchedulerEvent::CycleFinished(CycleReport {
            cycle: unclosed.cycle,
            run,
            outcome,
            exit_code: unclosed.end.exit_code,
            message,
            duration_ms: u64::try_from(unclosed.duration.as_millis()).unwrap_or(u64::MAX),
            due_ms: self.stopping.is_none().then_some(self.state.due_ms),
            failures: self.state.failures,
        }));
        self.write_history();
        self.show();
        Ok(())
    }

    /// True if a cycle dealt with its due time. If it was ended because the service ends, it did:
    /// it is not begun again after the next start.
    fn was_carried_out(&self, outcome: CycleOutcome) -> bool {
        match outcome {
            CycleOutcome::NotStarted | CycleOutcome::Run(RunOutcome::Error) => false,
            CycleOutcome::Run(RunOutcome::Interrupted) => self.stopping.is_some(),
            CycleOutcome::Run(_) => true,
        }
    }

    fn handle(&mut self, caught: Caught) {
        match caught {
            Caught::Stop(signal) => self.stop(signal),
            Caught::Hangup => match &self.running {
                Some(running) => {
                    let cycle = running.cycle;
                    self.reload_later = true;
                    self.say(SchedulerEvent::ReloadsLater { cycle });
                }
                None => self.reload(),
            },
            Caught::User => match &self.running {
                // Before that, a signal that nobody expects would end the process.
                Some(running) if self.state_file.has_run(running.cycle) => running.process.ask(),
                Some(running) => self.say(SchedulerEvent::Preparing {
                    cycle: running.cycle,
                }),
                None => self.say(SchedulerEvent::Idle {
                    due_ms: self.state.due_ms,
                }),
            },
        }
    }

    fn stop(&mut self, signal: StopSignal) {
        let now = self.watch.now();
        if self.stopping.is_some() {
            if let Some(running) = &mut self.running {
                let cycle = running.cycle;
                running.process.end(now);
                self.say(SchedulerEvent::Ending { cycle });
            }
            return;
        }
        self.stopping = Some(signal);
        notify::stopping();
        let limit = self.settings.schedule.drain_timeout;
        let draining = self.running.as_mut().map(|running| {
            running.process.drain(now, limit);
            (running.cycle, limit)
        });
        if draining.is_some() {
            // The limit may be longer than what the unit was installed with.
            notify::stops_within(limit.saturating_add(CycleProcess::KILL_GRACE));
        }
        self.say(SchedulerEvent::Stopping { signal, draining });
    }

    fn renew(&mut self) -> Result<(), SchedulerError> {
        match self.lease.renew() {
            Ok(false) if self.running.is_none() => Err(SchedulerError::Lost),
            Ok(false) => {
                // The running cycle is ended first; the loop comes here again.
                if self.stopping.is_none() {
                    self.stop(StopSignal::Terminate);
                }
                Ok(())
            }
            // A state file that cannot be used is found out, and told, when a cycle is due.
            Ok(true) | Err(_) => Ok(()),
        }
    }

    /// Waits for the state file, unless it will never be usable again.
    fn block(&mut self, error: StoreError) -> Result<(), SchedulerError> {
        match error {
            StoreError::LeaseLost { .. } => return Err(SchedulerError::Lost),
            // The agent was replaced by a newer one, or the file by a backup: a restart deals with
            // both.
            StoreError::Newer { .. } | StoreError::Older { .. } => return Err(error.into()),
            _ => {}
        }
        let text = diag::in_one_line(&error);
        let tries = self.blocked.as_ref().map_or(0, |it| it.tries);
        let pause = PAUSES.nth(tries);
        let is_news = self.blocked.as_ref().is_none_or(|it| it.error != text);
        let since_ms = self.blocked.as_ref().map_or_else(now_ms, |it| it.since_ms);
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        if is_news {
            self.say(SchedulerEvent::Blocked {
                error: text.clone(),
                hint: error.hint(),
                retry_ms: now_ms().saturating_add(pause_ms),
            });
        }
        self.blocked = Some(Blocked {
            since_ms,
            error: text,
            tries: tries.saturating_add(1),
            retry: self.watch.now().plus(pause),
        });
        self.show();
        Ok(())
    }

    fn unblock(&mut self) {
        if let Some(blocked) = self.blocked.take() {
            let since_ms = blocked.since_ms;
            // Of several, the first is the one that most was lost in.
            self.outage
                .get_or_insert_with(|| blocked.note(Some(now_ms())));
            self.say(SchedulerEvent::Unblocked { since_ms });
        }
    }

    pub(super) fn say(&mut self, event: SchedulerEvent) {
        (self.tell)(event);
    }
}
