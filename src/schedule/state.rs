//! [`Schedule`] and its [`State`], which goes on with time and with cycles.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::spec::{Spec, interval_ms};
use crate::model::CycleReason;

/// A clock that is set back by less than this was corrected; by more, it is another time.
const CORRECTION_MS: i64 = 300_000;

/// The settings of a schedule, from which due times are computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The rule that due times follow.
    pub spec: Spec,
    /// The most that each is put off by chance.
    pub jitter: Duration,
    /// The time zone of the wall clock that a cron means.
    pub zone: TimeZone,
}

/// The state of a schedule that is remembered, in UTC milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The number that jitter is computed from.
    pub seed: u64,
    /// Up to here all due times have had a cycle, or are counted as missed by one.
    pub last_ms: Option<i64>,
    /// The next due time, without jitter.
    pub next_ms: i64,
    /// The time at which the next cycle begins: with jitter, or as a retry.
    pub due_ms: i64,
    /// Cycles in a row that could not be carried out.
    pub failures: u32,
}

/// The answer of a schedule at a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing is due at that time.
    Wait {
        /// The time at which the next cycle is due.
        until_ms: i64,
    },
    /// A cycle is to begin.
    Due(Due),
}

/// A cycle that is due, as its row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub reason: CycleReason,
    /// The time at which it was due: with jitter, and the last one if several went by.
    pub due_ms: i64,
    /// The number of due times that went by without a cycle, since the one before and until this
    /// one.
    ///
    /// Exact for an interval. Of a cron 10,000 are counted, which is a week of every minute.
    pub missed: u64,
    /// Up to here all due times have had a cycle, or are counted as missed.
    pub covers_ms: i64,
}

impl Schedule {
    /// The state of a new schedule: due after one interval, or at the next time of its cron.
    ///
    /// Also for a schedule whose [`Spec`] reads otherwise than the one that was kept.
    pub fn begin(&self, seed: u64, at_ms: i64) -> State {
        let next_ms = self.next_time(at_ms, at_ms);
        State {
            seed,
            last_ms: None,
            next_ms,
            due_ms: self.with_jitter(seed, next_ms),
            failures: 0,
        }
    }

    /// Brings a state in line with the clock, the zone and the jitter of the present.
    ///
    /// The next due time of an interval is one interval away at most, and a cron takes the first
    /// one to come, so that a clock that was far ahead holds nothing up. A time of a cron that was
    /// dealt with does not come again because the clock is corrected by less than 5 minutes.
    #[must_use]
    pub fn settle(&self, state: &State, at_ms: i64) -> State {
        let (last_ms, next_ms) = match &self.spec {
            Spec::Every(interval) => {
                let furthest = at_ms.saturating_add(interval_ms(*interval));
                if state.next_ms > furthest {
                    (state.last_ms.map(|last| last.min(at_ms)), furthest)
                } else {
                    (state.last_ms, state.next_ms)
                }
            }
            Spec::Cron(_) => self.settled_cron(state, at_ms),
        };
        let mut due_ms = self.with_jitter(state.seed, next_ms);
        if state.failures > 0 {
            let backoff = self.backoff(state.failures);
            let retry = state.due_ms.min(at_ms.saturating_add(backoff));
            due_ms = self.sooner(next_ms, due_ms, retry, backoff);
        }
        State {
            last_ms,
            next_ms,
            due_ms,
            ..*state
        }
    }

    /// The state after a cycle that ended at `at_ms`; `carried_out` if it had a run to its end.
    ///
    /// Due times that went by meanwhile are skipped, and counted as missed by the next cycle.
    #[must_use]
    pub fn done(&self, state: &State, due: &Due, at_ms: i64, carried_out: bool) -> State {
        let covered = due.covers_ms;
        let pending = self
            .latest_time(state.next_ms, covered, at_ms)
            .filter(|time| self.with_jitter(state.seed, *time) > at_ms);
        let next_ms = pending.unwrap_or_else(|| self.next_time(state.next_ms, covered.max(at_ms)));
        let regular = self.with_jitter(state.seed, next_ms);
        let failures = if carried_out {
            0
        } else {
            state.failures.saturating_add(1)
        };
        let due_ms = if carried_out {
            regular
        } else {
            let backoff = self.backoff(failures);
            let retry = at_ms.saturating_add(backoff);
            self.sooner(next_ms, regular, retry, backoff)
        };
        let state = State {
            seed: state.seed,
            last_ms: Some(covered),
            next_ms,
            due_ms,
            failures,
        };
        self.settle(&state, at_ms)
    }

    fn settled_cron(&self, state: &State, at_ms: i64) -> (Option<i64>, i64) {
        let next_after = |after| self.next_time(after, after);
        match state.last_ms {
            Some(last) if last.saturating_sub(at_ms) >= CORRECTION_MS => {
                (Some(at_ms), next_after(at_ms))
            }
            last if state.next_ms <= at_ms => (last, state.next_ms),
            last => (last, next_after(last.unwrap_or(at_ms).max(at_ms))),
        }
    }

    /// The retry or the regular time, whichever is sooner. A schedule that is denser than its
    /// retries waits for these, or it would never wait.
    fn sooner(&self, next_ms: i64, regular: i64, retry: i64, backoff: i64) -> i64 {
        if self.is_denser_than(backoff, next_ms) {
            retry
        } else {
            retry.min(regular)
        }
    }
}
