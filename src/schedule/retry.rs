//! The time of a new try for a cycle that could not be carried out.

use std::time::Duration;

use super::spec::{Spec, interval_ms};
use super::state::Schedule;
use crate::clock::Pauses;

/// The first is long enough for an engine or a file system to come back; the longest is short
/// enough that a cause that is gone is seen within the hour.
const PAUSES: Pauses = Pauses {
    first: Duration::from_secs(30),
    longest: Duration::from_mins(15),
};

impl Schedule {
    /// The pause after so many failures in a row, in milliseconds: doubled each time, up to 15
    /// minutes.
    pub(super) fn backoff(&self, failures: u32) -> i64 {
        let first = match &self.spec {
            Spec::Every(interval) => PAUSES.first.min(*interval),
            Spec::Cron(_) => PAUSES.first,
        };
        let pauses = Pauses { first, ..PAUSES };
        interval_ms(pauses.nth(failures.saturating_sub(1)))
    }

    /// True if regular times follow each other faster than a schedule that fails is to be tried.
    pub(super) fn is_denser_than(&self, backoff: i64, time_ms: i64) -> bool {
        self.next_time(time_ms, time_ms).saturating_sub(time_ms) < backoff
    }
}
