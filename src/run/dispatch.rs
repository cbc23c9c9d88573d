//! The one place where the tests of a run are decided: everything that happens goes into
//! [`Dispatcher::handle`], everything that is to be done comes out of it. No I/O, no clock, no
//! thread.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::Accounts;
use super::effect::{Effect, EnvironmentReady, Input, ProcessEvent, StopSignal};
use super::phase::Phase;
use super::shard::{Policy, Shard, Stop};
use super::verdict::Verdict;
use crate::clock::Mono;
use crate::engine::Executor;
use crate::engine::git::GitState;
use crate::model::{Event, ExitCode, Failure, RunOutcome, Write};
use crate::plan::RunPlan;
use crate::store::Baseline;

/// The longest time that the end of the tests waits for git, which a cold disk can make slow.
const GIT_GRACE: Duration = Duration::from_secs(5);

/// The state of the tests of a run.
#[derive(Debug)]
pub(super) struct Dispatcher {
    shards: Vec<Shard>,
    /// For each shard, true if its end was told.
    told: Vec<bool>,
    accounts: Accounts,
    parallel: usize,
    serial: u32,
    max_fail: Option<u32>,
    stopped_for_failures: bool,
    signal: Option<StopSignal>,
    abandoned: bool,
    providing: bool,
    /// The interpreter of the private environment.
    python: Option<String>,
    git: Git,
}

/// The state of the question for the project's commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Git {
    Asked,
    /// The tests are over, and it has until then.
    Late(Mono),
    /// It answered, or nobody waits any more.
    Over,
}

impl Dispatcher {
    /// A run of `plan` on `executor`; `baseline` is what an earlier one says about it.
    pub(super) fn new(
        plan: &RunPlan,
        executor: &Arc<Executor>,
        baseline: Option<Baseline>,
    ) -> Self {
        let request = &plan.request;
        let policy = Policy {
            project: request.project.to_string_lossy().into_owned(),
            limit: request.limit,
            test_timeout: request.test_timeout,
            reruns: request.reruns,
            harness: request.harness,
            executor: Arc::clone(executor),
        };
        let shards: Vec<Shard> = plan
            .shards
            .iter()
            .map(|shard| Shard::new(shard.clone(), policy.clone()))
            .collect();
        Self {
            told: vec![false; shards.len()],
            shards,
            accounts: Accounts::new(baseline.map(|baseline| baseline.durations)),
            parallel: plan.parallel as usize,
            serial: 0,
            max_fail: request.max_fail,
            stopped_for_failures: false,
            signal: None,
            abandoned: false,
            providing: false,
            python: None,
            git: Git::Asked,
        }
    }

    /// The shard that a process works for; none does for one that was replaced.
    fn shard(&mut self, serial: u32) -> Option<(&mut Shard, &mut Accounts)> {
        let shard = self.shards.iter_mut().find(|shard| shard.runs(serial))?;
        Some((shard, &mut self.accounts))
    }

    fn environment(&mut self, answer: &Result<EnvironmentReady, Failure>) {
        self.providing = false;
        if let Ok(ready) = answer {
            let how = if ready.created { "made" } else { "used" };
            let message = format!(
                "the project's interpreter has no pytest: {how} a private environment, {}",
                ready.python
            );
            let hint = "install pytest into the project's own environment to use that";
            let (code, hint) = ("managed-env", Some(hint.to_owned()));
            // Once it is known, it is no news.
            if ready.created {
                self.accounts.notice(code, message, hint);
            } else {
                self.accounts.note(code, message, hint);
            }
            self.python = Some(ready.python.clone());
        }
        for shard in &mut self.shards {
            shard.environment(answer, &mut self.accounts);
        }
    }

    fn stop_all(&mut self, stop: Stop, now: Mono) {
        if stop.ends_the_run() {
            if self.providing {
                self.accounts.effect(Effect::CancelEnvironment);
            }
            if self.tests_are_over() {
                self.git = Git::Over;
            }
        }
        for shard in &mut self.shards {
            shard.stop(stop, now, &mut self.accounts);
        }
    }

    /// Follows up on what changed: limits that were reached, shards that ended or can begin.
    fn settle(&mut self, now: Mono, now_ms: i64) -> Vec<Effect> {
        self.check_max_fail(now);
        self.check_environment(now);
        self.provide_once();
        self.begin_waiting(now);
        self.tell_ends(now_ms);
        if self.git == Git::Asked && self.tests_are_over() {
            self.git = Git::Late(now.plus(GIT_GRACE));
        }
        self.accounts.take_effects()
    }

    fn check_max_fail(&mut self, now: Mono) {
        let Some(limit) = self.max_fail else {
            return;
        };
        if !self.stopped_for_failures && self.accounts.counts().failures() >= u64::from(limit) {
            self.stopped_for_failures = true;
            self.stop_all(Stop::MaxFail(limit), now);
        }
    }

    /// An interpreter that does not work does not work for any shard.
    fn check_environment(&mut self, now: Mono) {
        let broken = self.shards.iter().any(|shard| {
            let failure = shard.findings().failure.as_ref();
            failure.is_some_and(|failure| failure.exit_code == ExitCode::ENVIRONMENT)
        });
        if broken && !self.abandoned {
            self.abandoned = true;
            self.stop_all(Stop::Abandoned, now);
        }
    }

    fn provide_once(&mut self) {
        if !self.providing && self.shards.iter().any(Shard::is_provisioning) {
            self.providing = true;
            self.accounts.effect(Effect::ProvideEnvironment);
        }
    }

    fn begin_waiting(&mut self, now: Mono) {
        let busy = |shard: &&Shard| !shard.is_waiting() && !shard.is_over();
        let mut free = self
            .parallel
            .saturating_sub(self.shards.iter().filter(busy).count());
        if self.providing {
            free = 0;
        }
        for shard in self
            .shards
            .iter_mut()
            .filter(|shard| shard.may_begin(now))
            .take(free)
        {
            self.serial += 1;
            let work = shard.begin(self.serial, now);
            self.accounts.effect(Effect::Start {
                serial: self.serial,
                python: self.python.clone(),
                work,
            });
        }
    }

    fn tell_ends(&mut self, now_ms: i64) {
        for (shard, told) in self.shards.iter().zip(&mut self.told) {
            if shard.is_over() && !std::mem::replace(told, true) {
                self.accounts.close_shard(shard.index());
                self.accounts.write(shard.end_record(now_ms));
                self.accounts.announce(Event::ShardFinished {
                    shard: shard.index(),
                });
            }
        }
        let empty: Vec<String> = self
            .shards
            .iter()
            .filter(|shard| shard.is_over() && shard.is_empty_handed() && !shard.holds_modules())
            .map(|shard| format!("`{}`", shard.label()))
            .collect();
        let suites = self.shards.iter().filter(|shard| !shard.holds_modules());
        if self.tests_are_over() && !empty.is_empty() && empty.len() < suites.count() {
            let message = format!("no test was collected in {}", empty.join(", "));
            self.accounts.notice("empty-path", message, None);
        }
    }

    /// An installation that was called off still has a process to end.
    fn tests_are_over(&self) -> bool {
        !self.providing && self.shards.iter().all(Shard::is_over)
    }

    /// The verdict over a run that is over. Missing results weigh more than failures, because a
    /// list of failures with gaps cannot be trusted.
    pub(super) fn verdict(&self) -> Verdict {
        let failure = self.failure().cloned();
        let counts = self.accounts.counts();
        // That modules import does not make up for a suite that is not there, if one was wanted.
        let has_suites = self.shards.iter().any(|shard| !shard.holds_modules());
        let suites = self.shards.iter();
        let suites = suites.filter(|shard| !has_suites || !shard.holds_modules());
        let tests: u64 = suites.map(|shard| shard.findings().tests).sum();
        let outcome = if self.signal.is_some() {
            RunOutcome::Interrupted
        } else if failure.is_some() {
            RunOutcome::Error
        } else if self.shards.iter().any(|shard| shard.findings().incomplete)
            || counts.crashed + counts.timed_out > 0
        {
            RunOutcome::Incomplete
        } else if counts.failures() > 0 || self.shards.iter().any(|shard| shard.findings().failed) {
            RunOutcome::Failed
        } else if counts.not_run > 0 {
            RunOutcome::Incomplete
        } else if tests == 0 {
            RunOutcome::Empty
        } else {
            RunOutcome::Passed
        };
        let exit_code = match (self.signal, &failure) {
            (Some(signal), _) => signal.exit_code(),
            (None, Some(failure)) => failure.exit_code,
            (None, None) => ExitCode::of_outcome(outcome),
        };
        Verdict {
            outcome,
            exit_code,
            failure,
            troubles: self.accounts.troubles(),
            processes: self.serial,
            python: self.python.clone(),
        }
    }

    fn failure(&self) -> Option<&Failure> {
        self.shards
            .iter()
            .find_map(|shard| shard.findings().failure.as_ref())
    }
}

impl Phase for Dispatcher {
    fn start(&mut self, now: Mono, now_ms: i64) -> Vec<Effect> {
        self.accounts.effect(Effect::AskGit);
        self.settle(now, now_ms)
    }

    fn handle(&mut self, input: Input, now: Mono, now_ms: i64) -> Vec<Effect> {
        match input {
            Input::Process { serial, event } => match event {
                ProcessEvent::Tests(event) => {
                    if let Some((shard, accounts)) = self.shard(serial) {
                        shard.process(event, now, now_ms, accounts);
                    }
                }
                // Trials begin when the tests are over.
                ProcessEvent::Trials(_) => {}
            },
            Input::Started { serial, process } => {
                if let Some((shard, accounts)) = self.shard(serial) {
                    shard.started(process, now_ms, accounts);
                }
            }
            Input::StartFailed { serial, failure } => {
                if let Some((shard, accounts)) = self.shard(serial) {
                    shard.start_failed(failure, accounts);
                }
            }
            Input::Stderr { serial, tail } => {
                if let Some((shard, _)) = self.shard(serial) {
                    shard.stderr(&tail);
                }
            }
            Input::Printed { serial, printed } => {
                if let Some((shard, _)) = self.shard(serial) {
                    shard.printed(printed);
                }
            }
            Input::Leave { serial, word } => {
                if let Some((shard, _)) = self.shard(serial) {
                    shard.may_leave(word);
                }
            }
            Input::Environment(answer) => self.environment(&answer),
            Input::Git(state) => {
                self.git = Git::Over;
                if let Some(GitState { commit, dirty }) = state {
                    self.accounts.write(Write::Git { commit, dirty });
                }
            }
            Input::Stop(signal) => {
                self.signal = Some(signal);
                self.stop_all(Stop::Signal(signal), now);
            }
            Input::Drain(signal) => {
                self.signal.get_or_insert(signal);
                self.stop_all(Stop::Drain, now);
            }
            Input::StoreFailed => {
                self.abandoned = true;
                self.stop_all(Stop::Abandoned, now);
            }
        }
        self.settle(now, now_ms)
    }

    fn tick(&mut self, now: Mono, now_ms: i64) -> Vec<Effect> {
        for shard in &mut self.shards {
            shard.tick(now, &mut self.accounts);
        }
        if let Git::Late(until) = self.git
            && until <= now
        {
            self.git = Git::Over;
        }
        self.settle(now, now_ms)
    }

    fn deadline(&self) -> Option<Mono> {
        let git = match self.git {
            Git::Late(until) => Some(until),
            Git::Asked | Git::Over => None,
        };
        self.shards
            .iter()
            .filter_map(Shard::deadline)
            .chain(git)
            .min()
    }

    fn is_over(&self) -> bool {
        self.tests_are_over() && self.git == Git::Over
    }
}
