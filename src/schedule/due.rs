//! [`Schedule::look`]: says if a cycle is due, the reason, and the due times that it stands for.

use super::state::{Due, Look, Schedule, State};
use crate::model::CycleReason;

/// A cycle that begins later than this is one that catches up.
const TOLERANCE_MS: i64 = 60_000;

impl Schedule {
    /// Says if a cycle is due. However many due times went by, it is one cycle.
    pub fn look(&self, state: &State, at_ms: i64) -> Look {
        if state.due_ms > at_ms {
            return Look::Wait {
                until_ms: state.due_ms,
            };
        }
        let passed = self.last_passed(state, at_ms);
        let (covers_ms, missed) = self.covered(state, passed);
        let regular = self.with_jitter(state.seed, state.next_ms);
        let is_retry = state.failures > 0 && state.due_ms != regular;
        let is_late = |due_ms: i64| at_ms.saturating_sub(due_ms) > TOLERANCE_MS;
        let due = |reason, due_ms| {
            Look::Due(Due {
                reason,
                due_ms,
                missed,
                covers_ms,
            })
        };
        if is_retry && !is_late(state.due_ms) {
            return due(CycleReason::Retry, state.due_ms);
        }
        let due_ms = passed.map_or(state.due_ms, |time| self.with_jitter(state.seed, time));
        if missed > 0 || is_late(due_ms) {
            due(CycleReason::CatchUp, due_ms)
        } else {
            due(CycleReason::Due, due_ms)
        }
    }

    /// The cycle that somebody asks for. One that is due at that time anyhow is the same cycle.
    pub fn asked(&self, state: &State, at_ms: i64) -> Due {
        let (covers_ms, missed) = self.covered(state, self.last_passed(state, at_ms));
        Due {
            reason: CycleReason::Asked,
            due_ms: at_ms,
            missed,
            covers_ms,
        }
    }

    /// The last regular time, from the state's next one on, whose jitter is over as well.
    fn last_passed(&self, state: &State, at_ms: i64) -> Option<i64> {
        let next = state.next_ms;
        if next > at_ms {
            return None;
        }
        let latest = |until| self.latest_time(next, next, until).unwrap_or(next);
        let last = latest(at_ms);
        if self.with_jitter(state.seed, last) <= at_ms {
            return Some(last);
        }
        (last > next).then(|| latest(last.saturating_sub(1)))
    }

    /// Returns the time up to which a cycle covers the due times, and the number that are missed.
    fn covered(&self, state: &State, passed: Option<i64>) -> (i64, u64) {
        let next = state.next_ms;
        let just_before = next.saturating_sub(1);
        let from = state
            .last_ms
            .filter(|last| *last < next)
            .unwrap_or(just_before);
        if let Some(time) = passed {
            return (time, self.count_between(next, from, time));
        }
        let last = self.latest_time(next, from, just_before);
        (last.unwrap_or(from), self.count_between(next, from, next))
    }
}
