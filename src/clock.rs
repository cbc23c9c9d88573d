//! The only reader of clocks.
//!
//! Wall time (UTC milliseconds) is for records; [`Mono`] is for deadlines, because it neither jumps
//! with the wall clock nor advances while the machine sleeps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::{NoContext, Uuid};

/// UTC milliseconds since the epoch. Clocks set before 1970 read as 0.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is the one reader of the wall clock"
)]
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A new UUID: its upper half is the wall time, its lower half is random.
pub fn new_uuid() -> Uuid {
    uuid_at(now_ms())
}

/// The same for a given time: UTC milliseconds since the epoch, of which those before it read as 0.
pub fn uuid_at(ms: i64) -> Uuid {
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let time = uuid::Timestamp::from_unix(NoContext, since.as_secs(), since.subsec_nanos());
    Uuid::new_v7(time)
}

/// A wall time as RFC 3339 in UTC; empty if no calendar has that time.
pub fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .map(|time| time.to_string())
        .unwrap_or_default()
}

/// The same with all three digits of the milliseconds, so that texts sort as times do.
pub fn rfc3339_ms(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        .unwrap_or_default()
}

/// Serde's `with` for milliseconds that JSON has as [`rfc3339`].
pub mod as_rfc3339 {
    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(missing_docs, reason = "serde calls it like this")]
    pub fn serialize<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::rfc3339(*ms))
    }

    #[expect(missing_docs, reason = "serde calls it like this")]
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(time.as_millisecond())
    }
}

/// The time zone of this machine, as it is set now.
pub fn local_time_zone() -> TimeZone {
    TimeZone::system()
}

/// A point on the monotonic clock: milliseconds since the [`Stopwatch`] was started.
///
/// Pure code receives it as a number, so that tests can set it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(pub u64);

impl Mono {
    /// The point that lies `duration` after this one.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The time from `earlier` until this point; zero if this point is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// The source of [`Mono`] points.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts at [`Mono`] 0.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// The point of now: the milliseconds since the start.
    pub fn now(&self) -> Mono {
        Mono(millis(self.started.elapsed()))
    }
}

/// Pauses between tries, each twice as long as the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    pub first: Duration,
    /// No pause is longer than this.
    pub longest: Duration,
}

impl Pauses {
    /// The pause that follows after `earlier` other pauses.
    pub fn nth(&self, earlier: u32) -> Duration {
        let factor = 2_u32.saturating_pow(earlier);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
