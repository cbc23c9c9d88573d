//! The ends of containers that the tests did not cause: the container did not start, somebody
//! killed it, or the engine went away.
//!
//! The tests are not to blame. If the engine refused to start a container, that is tried again; if
//! somebody killed a container, the tests that ran in it run again; if the engine went away, they
//! count as not run.

use std::time::Duration;

use super::{Live, Phase, Shard};
use crate::clock::{Mono, Pauses};
use crate::engine::child::{Exit, NotStarted};
use crate::model::Outcome;
use crate::run::accounts::Accounts;

/// The pauses before the engine is asked again.
const PAUSES: Pauses = Pauses {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(30),
};

impl Shard {
    /// The container did not start: its process ended, or was ended, before its first words. If the
    /// engine refused it, that is tried again a few times; in all other cases the shard ends.
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

    /// The engine went away while tests ran: the results that they reported stay, and the shard
    /// ends.
    pub(super) fn engine_lost(&mut self, stderr: &str, now: Mono, accounts: &mut Accounts) {
        let failure = self.policy.executor.explain_loss(stderr);
        let message = "not run: the container engine went away";
        self.settle_running(Some((Outcome::NotRun, message)), None, now, accounts);
        self.findings.failure.get_or_insert(failure);
        self.findings.incomplete = true;
        self.deaths += 1;
        self.finish(message, accounts);
    }

    /// Somebody killed the container: the tests that ran in it are not to blame, and run again.
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
            Some("its tests continue in another one".to_owned()),
        );
        self.settle_running(None, None, now, accounts);
        self.deaths += 1;
        self.deaths_without_progress = if live.progress {
            0
        } else {
            self.deaths_without_progress + 1
        };
        self.continue_or_finish(live, accounts);
    }
}
