//! [`Spec`]: the rule that due times follow.

use std::fmt;
use std::time::Duration;

use super::cron::Cron;

/// The rule that due times follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// One after each interval, whatever the wall clock shows.
    Every(Duration),
    /// Times of the wall clock.
    Cron(Cron),
}

impl fmt::Display for Spec {
    /// As the state file keeps it: `every 3600 s`, `cron 30 2 * * *`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(interval) => write!(f, "every {} s", interval.as_secs_f64()),
            Self::Cron(cron) => write!(f, "cron {cron}"),
        }
    }
}

/// An interval in whole milliseconds, 1 at least.
pub(super) fn interval_ms(interval: Duration) -> i64 {
    millis(interval).max(1)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
