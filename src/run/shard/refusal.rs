//! Ends that are the engine's doing: refused, killed from outside, lost with it.
//!
//! The engine's troubles are not the tests': a process that was refused is tried again, and a test
//! that was in a container which somebody killed runs again.

use std::time::Duration;

use super::{Live, Phase, Shard};
use crate::clock::{Mono, Pauses};
use crate::engine::child::{Exit, NotStarted};
use crate::model::Outcome;
use crate::run::accounts::Accounts;

/// The pauses before new tries.
const PAUSES: Pauses = Pauses {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(30),
};

impl Shard {
    /// A process that did not come to its first words because the engine refused it.
    pub(super) fn refused_to_start(
        &mut self,
        why: NotStarted,
        stderr: &str,
        now: Mono,
        accounts: &mut Accounts,
    ) {
        let executor = &self.policy.executor;
        let failure = executor.explain_refusal(why, stderr);
        if why == NotStarted::Refused && self.refusals < executor.retries() && self.stop.is_none() {
            let pause = PAUSES.nth(self.refusals);
            self.refusals += 1;
            self.not_before = Some(now.plus(pause));
            self.phase = Phase::Waiting;
            let message = format!("{}; tried again", failure.message);
            accounts.notice_each("container-refused", message, failure.causes.last().cloned());
            return;
        }
        self.findings.failure.get_or_insert(failure);
        self.finish("not run: its container did not start", accounts);
    }

    /// The engine went away under the tests: the results that they reported stay.
    pub(super) fn engine_lost(&mut self, stderr: &str, now: Mono, accounts: &mut Accounts) {
        let failure = self.policy.executor.explain_loss(stderr);
        let message = "not run: the container engine went away";
        self.settle_running(Some((Outcome::NotRun, message)), None, now, accounts);
        self.findings.failure.get_or_insert(failure);
        self.findings.incomplete = true;
        self.deaths += 1;
        self.partial_coverage(accounts);
        self.finish(message, accounts);
    }

    /// Somebody killed the container: its tests are innocent, and run again.
    pub(super) fn container_killed(
        &mut self,
        live: &Live,
        stderr: &str,
        now: Mono,
        accounts: &mut Accounts,
    ) {
        self.tell_death(Exit::ContainerKilled, stderr, accounts);
        accounts.notice_each(
            "container-killed",
            format!("a container of `{}` was killed from outside", self.label()),
            Some("its tests went on in another one".to_owned()),
        );
        self.settle_running(None, None, now, accounts);
        self.deaths += 1;
        self.deaths_without_progress = if live.progress {
            0
        } else {
            self.deaths_without_progress + 1
        };
        self.partial_coverage(accounts);
        self.continue_or_finish(live, accounts);
    }
}
