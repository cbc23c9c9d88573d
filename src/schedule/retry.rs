//! When a cycle that could not be carried out is tried again.

use super::grid::interval_ms;
use super::spec::Spec;
use super::state::Schedule;

/// Long enough for an engine or a file system to come back.
const FIRST_MS: i64 = 30_000;

/// Short enough that a cause that is gone is seen within the hour.
const LONGEST_MS: i64 = 900_000;

impl Schedule {
    /// How long to wait after so many failures in a row: doubled each time, up to 15 minutes.
    pub(super) fn backoff(&self, failures: u32) -> i64 {
        let first = match &self.spec {
            Spec::Every(interval) => interval_ms(*interval).min(FIRST_MS),
            Spec::Cron(_) => FIRST_MS,
        };
        let doubled = 1_i64 << failures.saturating_sub(1).min(20);
        first.saturating_mul(doubled).min(LONGEST_MS)
    }

    /// Whether regular times follow each other faster than a schedule that fails is to be tried.
    pub(super) fn is_denser_than(&self, backoff: i64, time_ms: i64) -> bool {
        self.next_time(time_ms, time_ms).saturating_sub(time_ms) < backoff
    }
}
