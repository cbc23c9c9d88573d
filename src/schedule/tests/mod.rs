//! Due times, by named cases and by chance.

mod by_chance;
mod cron;
mod faults;

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Cron, Due, Look, Schedule, Spec, State};
use crate::model::CycleReason;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const SEED: u64 = 0x5eed;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// An instant by the wall clock: `2026-03-28 12:00:00`.
fn at(wall: &str, zone: &TimeZone) -> i64 {
    let wall: DateTime = wall.parse().unwrap();
    wall.to_zoned(zone.clone())
        .unwrap()
        .timestamp()
        .as_millisecond()
}

/// An instant as the wall clock shows it, with its offset: `2026-03-29 03:00 +02`.
fn shown(time_ms: i64, zone: &TimeZone) -> String {
    let zoned = jiff::Timestamp::from_millisecond(time_ms)
        .unwrap()
        .to_zoned(zone.clone());
    let text = zoned.strftime("%F %H:%M:%S %:z").to_string();
    text.replacen(":00 ", " ", 1)
}

fn every(interval: Duration) -> Schedule {
    Schedule {
        spec: Spec::Every(interval),
        jitter: Duration::ZERO,
        zone: TimeZone::UTC,
    }
}

fn by_cron(text: &str, zone: TimeZone) -> Schedule {
    Schedule {
        spec: Spec::Cron(Cron::parse(text).unwrap()),
        jitter: Duration::ZERO,
        zone,
    }
}

/// The cycle that is due, if one is.
fn due(schedule: &Schedule, state: &State, at_ms: i64) -> Option<Due> {
    match schedule.look(state, at_ms) {
        Look::Wait { .. } => None,
        Look::Due(due) => Some(due),
    }
}

/// The cycle that is due in short: the reason, the delay in milliseconds, and the missed due times.
fn told(schedule: &Schedule, state: &State, at_ms: i64) -> Option<(CycleReason, i64, u64)> {
    due(schedule, state, at_ms).map(|due| (due.reason, at_ms - due.due_ms, due.missed))
}
