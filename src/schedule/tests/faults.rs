//! The faults of clocks, machines and cycles, one by one.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{DAY, HOUR, MINUTE, SECOND, SEED, at, by_cron, due, every, shown, told, zone};
use crate::model::CycleReason::{Asked, CatchUp, Due, Retry};
use crate::schedule::{Look, Schedule, Spec, State};

fn hourly() -> Schedule {
    every(Duration::from_hours(1))
}

/// A state whose last cycle, the one of 10:00, took a minute.
fn after_ten(schedule: &Schedule) -> State {
    let begun = schedule.begin(SEED, 9 * HOUR);
    let first = due(schedule, &begun, 10 * HOUR).unwrap();
    assert_eq!((first.reason, first.missed), (Due, 0));
    schedule.done(&begun, &first, 10 * HOUR + MINUTE, true)
}

#[test]
fn a_new_schedule_is_due_after_one_interval_or_at_the_next_time() {
    let begun = hourly().begin(SEED, 5);
    assert_eq!(hourly().look(&begun, 5), Look::Wait { until_ms: HOUR + 5 });
    assert_eq!(told(&hourly(), &begun, HOUR + 5), Some((Due, 0, 0)));
    let nightly = by_cron("30 2 * * *", TimeZone::UTC);
    let begun = nightly.begin(SEED, DAY);
    let until_ms = DAY + 2 * HOUR + 30 * MINUTE;
    assert_eq!(nightly.look(&begun, DAY), Look::Wait { until_ms });
}

#[test]
fn due_times_of_a_quiet_day_have_a_cycle_each() {
    for schedule in [hourly(), by_cron("0 * * * *", TimeZone::UTC)] {
        let mut state = after_ten(&schedule);
        for hour in 11..34 {
            let time = hour * HOUR + 200;
            state = schedule.settle(&state, time);
            let cycle = due(&schedule, &state, time).unwrap();
            assert_eq!((cycle.reason, cycle.missed), (Due, 0), "{hour}");
            assert_eq!(cycle.due_ms, hour * HOUR);
            state = schedule.done(&state, &cycle, time + 5 * MINUTE, true);
        }
    }
}

/// The fault after the cycle of 10:00, the time of a look, how late a cycle is due then and how
/// many were missed, and when the next one is, if that cycle takes a minute.
type Late = (&'static str, i64, Option<(i64, u64)>, i64);

const LATE: [Late; 7] = [
    ("in time", 11 * HOUR, Some((0, 0)), 12 * HOUR),
    ("too soon", 11 * HOUR - 1, None, 0),
    (
        "a second late",
        11 * HOUR + SECOND,
        Some((SECOND, 0)),
        12 * HOUR,
    ),
    (
        "restart after three hours",
        13 * HOUR + 10 * MINUTE,
        Some((10 * MINUTE, 2)),
        14 * HOUR,
    ),
    (
        "suspend overnight",
        DAY + 7 * HOUR + MINUTE,
        Some((MINUTE, 20)),
        DAY + 8 * HOUR,
    ),
    (
        "clock a day ahead",
        DAY + 10 * HOUR + 5 * MINUTE,
        Some((5 * MINUTE, 23)),
        DAY + 11 * HOUR,
    ),
    (
        "off for a year",
        365 * DAY + 10 * HOUR,
        Some((0, 365 * 24 - 1)),
        365 * DAY + 11 * HOUR,
    ),
];

#[test]
fn what_went_by_is_caught_up_by_one_cycle_that_counts_it() {
    for schedule in [hourly(), by_cron("0 * * * *", TimeZone::UTC)] {
        for (name, time, expected, next) in LATE {
            let state = schedule.settle(&after_ten(&schedule), time);
            let reason = |(late, missed)| {
                let reason = if missed > 0 { CatchUp } else { Due };
                (reason, late, missed)
            };
            assert_eq!(
                told(&schedule, &state, time),
                expected.map(reason),
                "{name}"
            );
            if let Some(cycle) = due(&schedule, &state, time) {
                let state = schedule.done(&state, &cycle, time + MINUTE, true);
                assert_eq!(state.due_ms, next, "{name}");
                assert_eq!(told(&schedule, &state, next), Some((Due, 0, 0)), "{name}");
            }
        }
    }
}

#[test]
fn more_than_a_minute_late_is_caught_up_although_nothing_was_missed() {
    let state = after_ten(&hourly());
    let look = |late| told(&hourly(), &state, 11 * HOUR + late);
    assert_eq!(look(MINUTE), Some((Due, MINUTE, 0)));
    assert_eq!(look(MINUTE + 1), Some((CatchUp, MINUTE + 1, 0)));
}

#[test]
fn missed_times_of_a_cron_are_counted_up_to_ten_thousand() {
    let schedule = by_cron("* * * * *", TimeZone::UTC);
    let state = schedule.begin(SEED, 0);
    let cycle = due(&schedule, &state, 365 * DAY + 5).unwrap();
    assert_eq!(cycle.missed, 10_000);
    assert_eq!(cycle.due_ms, 365 * DAY);
    let state = schedule.done(&state, &cycle, 365 * DAY + SECOND, true);
    assert_eq!(state.due_ms, 365 * DAY + MINUTE);
    assert_eq!(told(&schedule, &state, state.due_ms), Some((Due, 0, 0)));
}

#[test]
fn a_clock_that_is_set_back_by_a_day_holds_nothing_up() {
    let schedule = hourly();
    let time = 10 * HOUR + 5 * MINUTE - DAY;
    let state = schedule.settle(&after_ten(&schedule), time);
    assert_eq!(state.due_ms, time + HOUR);
    let next = told(&schedule, &state, time + HOUR);
    assert_eq!(next, Some((Due, 0, 0)), "nothing was missed");

    let schedule = by_cron("0 * * * *", TimeZone::UTC);
    let state = schedule.settle(&after_ten(&schedule), time);
    assert_eq!(state.due_ms, 11 * HOUR - DAY);
    assert_eq!(told(&schedule, &state, state.due_ms), Some((Due, 0, 0)));
}

#[test]
fn a_clock_that_was_a_day_ahead_for_a_while_holds_nothing_up() {
    for schedule in [hourly(), by_cron("0 * * * *", TimeZone::UTC)] {
        let ahead = DAY + 11 * HOUR;
        let state = after_ten(&schedule);
        let cycle = due(&schedule, &state, ahead).unwrap();
        assert_eq!((cycle.reason, cycle.missed), (CatchUp, 24));
        // The clock is put right while the cycle is carried out.
        let right = 11 * HOUR + MINUTE;
        let state = schedule.done(&state, &cycle, right, true);
        assert!(state.due_ms > right && state.due_ms <= right + HOUR);
        assert_eq!(told(&schedule, &state, state.due_ms), Some((Due, 0, 0)));
    }
}

#[test]
fn a_time_of_a_cron_comes_again_only_when_the_clock_is_really_set_back() {
    let schedule = by_cron("0 10 * * *", TimeZone::UTC);
    let state = after_ten(&schedule);
    for corrected in [1, 10 * SECOND, 5 * MINUTE - 1] {
        let settled = schedule.settle(&state, 10 * HOUR - corrected);
        assert_eq!(settled, state, "{corrected} ms");
    }
    let settled = schedule.settle(&state, 10 * HOUR - 5 * MINUTE);
    assert_eq!(settled.due_ms, 10 * HOUR);
    assert_eq!(told(&schedule, &settled, 10 * HOUR), Some((Due, 0, 0)));
}

#[test]
fn a_dense_interval_goes_on_after_a_small_correction() {
    let schedule = every(Duration::from_secs(1));
    let begun = schedule.begin(SEED, 0);
    let cycle = due(&schedule, &begun, SECOND).unwrap();
    let state = schedule.done(&begun, &cycle, SECOND + 300, true);
    let corrected = SECOND - 2 * MINUTE;
    let settled = schedule.settle(&state, corrected);
    assert_eq!(settled.due_ms, corrected + SECOND);
}

#[test]
fn an_overrun_skips_due_times_and_the_next_cycle_counts_them() {
    for schedule in [hourly(), by_cron("0 * * * *", TimeZone::UTC)] {
        let state = after_ten(&schedule);
        let cycle = due(&schedule, &state, 11 * HOUR).unwrap();
        let finished = 13 * HOUR + 30 * MINUTE;
        let state = schedule.done(&state, &cycle, finished, true);
        assert_eq!(state.due_ms, 14 * HOUR);
        assert_eq!(told(&schedule, &state, finished), None);
        // 12:00 and 13:00.
        let next = due(&schedule, &state, 14 * HOUR).unwrap();
        assert_eq!((next.reason, next.missed), (CatchUp, 2));
        let state = schedule.done(&state, &next, 14 * HOUR + MINUTE, true);
        assert_eq!(told(&schedule, &state, 15 * HOUR), Some((Due, 0, 0)));
    }
}

/// Fails eight times in a row, a second each, and says how long the waits are, in seconds, what
/// each try was and how many due times it counted.
fn waits(schedule: &Schedule, begin_ms: i64) -> Vec<(i64, crate::model::CycleReason, u64)> {
    let mut state = schedule.begin(SEED, begin_ms);
    let mut time = state.due_ms;
    let mut tries = Vec::new();
    for _ in 0..8 {
        let cycle = due(schedule, &state, time).unwrap();
        let finished = time + SECOND;
        state = schedule.done(&state, &cycle, finished, false);
        let wait = (state.due_ms - finished) / SECOND;
        time = state.due_ms;
        tries.push((wait, cycle.reason, cycle.missed));
    }
    let cycle = due(schedule, &state, time).unwrap();
    let state = schedule.done(&state, &cycle, time + SECOND, true);
    assert_eq!(state.failures, 0);
    assert_eq!(state.due_ms, schedule.settle(&state, time + SECOND).due_ms);
    tries
}

#[test]
fn what_could_not_be_carried_out_is_tried_again_with_growing_patience() {
    assert_eq!(
        waits(&hourly(), 0),
        [
            (30, Due, 0),
            (60, Retry, 0),
            (120, Retry, 0),
            (240, Retry, 0),
            (480, Retry, 0),
            (900, Retry, 0),
            (900, Retry, 0),
            // The next due time, an hour after the first one, comes before the retry.
            (862, Retry, 0),
        ]
    );
    // A schedule that is denser waits longer than it would if nothing failed.
    assert_eq!(
        waits(&every(Duration::from_secs(1)), 0),
        [
            (1, Due, 0),
            (2, CatchUp, 1),
            (4, Retry, 2),
            (8, Retry, 4),
            (16, Retry, 8),
            (32, Retry, 16),
            (64, Retry, 32),
            (128, Retry, 64),
        ]
    );
    assert_eq!(
        waits(&by_cron("30 2 * * *", TimeZone::UTC), 0),
        [
            (30, Due, 0),
            (60, Retry, 0),
            (120, Retry, 0),
            (240, Retry, 0),
            (480, Retry, 0),
            (900, Retry, 0),
            (900, Retry, 0),
            (900, Retry, 0),
        ]
    );
}

#[test]
fn a_retry_counts_what_the_failed_cycle_skipped_and_nobody_else_does() {
    let schedule = hourly();
    let state = after_ten(&schedule);
    let cycle = due(&schedule, &state, 11 * HOUR).unwrap();
    let state = schedule.done(&state, &cycle, 13 * HOUR + 30 * MINUTE, false);
    let retry = due(&schedule, &state, state.due_ms).unwrap();
    assert_eq!((retry.reason, retry.missed), (Retry, 2));
    let state = schedule.done(&state, &retry, 13 * HOUR + 40 * MINUTE, true);
    assert_eq!(told(&schedule, &state, 14 * HOUR), Some((Due, 0, 0)));
}

#[test]
fn a_retry_that_was_slept_through_is_caught_up() {
    let schedule = hourly();
    let state = after_ten(&schedule);
    let cycle = due(&schedule, &state, 11 * HOUR).unwrap();
    let state = schedule.done(&state, &cycle, 11 * HOUR + MINUTE, false);
    let late = told(&schedule, &state, 13 * HOUR + 5 * MINUTE);
    assert_eq!(late, Some((CatchUp, 5 * MINUTE, 1)));
}

#[test]
fn a_retry_is_not_put_off_by_a_clock_that_is_set_back() {
    let schedule = hourly();
    let state = after_ten(&schedule);
    let cycle = due(&schedule, &state, 11 * HOUR).unwrap();
    let state = schedule.done(&state, &cycle, 11 * HOUR + MINUTE, false);
    let time = 11 * HOUR - DAY;
    let settled = schedule.settle(&state, time);
    assert_eq!(settled.due_ms, time + 30 * SECOND);
}

#[test]
fn a_cycle_that_was_killed_with_its_keeper_is_tried_again() {
    let schedule = hourly();
    let state = after_ten(&schedule);
    let began = 13 * HOUR + 5 * MINUTE;
    let first = due(&schedule, &state, began).unwrap();
    // The state file still has the state of before, and the row the time of the beginning.
    let again = due(&schedule, &state, began).unwrap();
    assert_eq!(again, first);
    let restarted = 13 * HOUR + 10 * MINUTE;
    let state = schedule.done(&state, &again, restarted, false);
    assert_eq!(state.due_ms, restarted + 30 * SECOND);
    let retry = told(&schedule, &state, state.due_ms);
    assert_eq!(retry, Some((Retry, 0, 0)), "the killed one has told of two");
}

#[test]
fn a_cycle_that_is_asked_for_leaves_the_due_times_where_they_are() {
    let schedule = hourly();
    let state = after_ten(&schedule);
    let asked = schedule.asked(&state, 10 * HOUR + 20 * MINUTE);
    assert_eq!((asked.reason, asked.missed), (Asked, 0));
    let state = schedule.done(&state, &asked, 10 * HOUR + 30 * MINUTE, true);
    assert_eq!(told(&schedule, &state, 11 * HOUR), Some((Due, 0, 0)));

    // The first cycle of all, and it takes too long.
    let state = schedule.begin(SEED, 0);
    let asked = schedule.asked(&state, 0);
    let state = schedule.done(&state, &asked, 2 * HOUR + MINUTE, true);
    let next = due(&schedule, &state, 3 * HOUR).unwrap();
    assert_eq!((next.reason, next.missed), (CatchUp, 2));
}

#[test]
fn a_cycle_that_is_asked_for_when_one_is_due_is_that_one() {
    let schedule = hourly();
    let state = after_ten(&schedule);
    let time = 13 * HOUR + 5 * MINUTE;
    let asked = schedule.asked(&state, time);
    assert_eq!((asked.reason, asked.missed), (Asked, 2));
    let state = schedule.done(&state, &asked, time + MINUTE, true);
    assert_eq!(state.due_ms, 14 * HOUR);
}

#[test]
fn an_interval_does_not_care_about_summer_time() {
    let berlin = zone("Europe/Berlin");
    let schedule = Schedule {
        zone: berlin.clone(),
        ..hourly()
    };
    for (from, expected) in [
        ("2026-03-29 00:30:00", "2026-03-29 03:30 +02:00"),
        ("2026-10-25 01:30:00", "2026-10-25 02:30 +01:00"),
    ] {
        let mut state = schedule.begin(SEED, at(from, &berlin));
        let cycle = due(&schedule, &state, state.due_ms).unwrap();
        state = schedule.done(&state, &cycle, state.due_ms + 1, true);
        assert_eq!(shown(state.due_ms, &berlin), expected);
        assert_eq!(told(&schedule, &state, state.due_ms), Some((Due, 0, 0)));
    }
}

#[test]
fn a_cron_misses_nothing_when_the_clock_changes() {
    let berlin = zone("Europe/Berlin");
    let schedule = by_cron("30 2 * * *", berlin.clone());
    for (from, expected) in [
        ("2026-03-28 12:00:00", "2026-03-29 03:00 +02:00"),
        ("2026-10-24 12:00:00", "2026-10-25 02:30 +02:00"),
    ] {
        let begun = schedule.begin(SEED, at(from, &berlin));
        assert_eq!(shown(begun.due_ms, &berlin), expected);
        let cycle = due(&schedule, &begun, begun.due_ms).unwrap();
        let state = schedule.done(&begun, &cycle, begun.due_ms + MINUTE, true);
        assert!(state.due_ms - begun.due_ms > 23 * HOUR, "{from}");
        assert_eq!(told(&schedule, &state, state.due_ms), Some((Due, 0, 0)));
    }
}

#[test]
fn a_cron_follows_a_machine_to_another_zone() {
    let berlin = by_cron("30 2 * * *", zone("Europe/Berlin"));
    let begun = berlin.begin(SEED, 12 * HOUR);
    let moved = by_cron("30 2 * * *", zone("America/New_York"));
    let settled = moved.settle(&begun, 13 * HOUR);
    assert_eq!(settled.due_ms, moved.begin(SEED, 13 * HOUR).due_ms);
}

#[test]
fn due_times_are_put_off_by_chance_and_always_by_the_same() {
    let schedule = Schedule {
        jitter: Duration::from_mins(10),
        ..hourly()
    };
    let mut state = schedule.begin(SEED, 0);
    let mut seen = std::collections::BTreeSet::new();
    for hour in 1..50 {
        let put_off = state.due_ms - hour * HOUR;
        assert!((0..10 * MINUTE).contains(&put_off), "{put_off} at {hour}");
        assert_eq!(schedule.settle(&state, state.due_ms - 1), state);
        seen.insert(put_off);
        let cycle = due(&schedule, &state, state.due_ms).unwrap();
        assert_eq!((cycle.reason, cycle.missed), (Due, 0));
        state = schedule.done(&state, &cycle, state.due_ms + MINUTE, true);
    }
    assert!(seen.len() > 40, "{seen:?}");
    let other = schedule.begin(SEED + 1, 0);
    assert_ne!(other.due_ms, schedule.begin(SEED, 0).due_ms);
}

#[test]
fn a_jitter_longer_than_the_interval_skips_nothing() {
    let schedule = Schedule {
        jitter: Duration::from_hours(5),
        ..by_cron("0 * * * *", TimeZone::UTC)
    };
    let mut state = schedule.begin(SEED, 0);
    for hour in 1..100 {
        assert_eq!(state.next_ms, hour * HOUR);
        let put_off = state.due_ms - state.next_ms;
        assert!((0..HOUR).contains(&put_off), "{put_off}");
        let cycle = due(&schedule, &state, state.due_ms).unwrap();
        assert_eq!(cycle.missed, 0);
        state = schedule.done(&state, &cycle, state.due_ms, true);
    }
}

#[test]
fn a_time_whose_jitter_is_not_over_is_neither_due_nor_missed() {
    let schedule = Schedule {
        jitter: Duration::from_hours(1),
        ..hourly()
    };
    let begun = schedule.begin(SEED, 0);
    for hour in 2..20 {
        let put_off = schedule.with_jitter(SEED, hour * HOUR);
        // Just before the cycle of this hour, with all those before it missed.
        let cycle = due(&schedule, &begun, put_off - 1).unwrap();
        assert_eq!(cycle.covers_ms, (hour - 1) * HOUR);
        assert_eq!(i64::try_from(cycle.missed).unwrap(), hour - 2);
        let state = schedule.done(&begun, &cycle, put_off - 1, true);
        assert_eq!((state.next_ms, state.due_ms), (hour * HOUR, put_off));
        assert_eq!(told(&schedule, &state, put_off), Some((Due, 0, 0)));
    }
}

#[test]
fn another_jitter_counts_at_once() {
    let state = after_ten(&hourly());
    let schedule = Schedule {
        jitter: Duration::from_mins(10),
        ..hourly()
    };
    let settled = schedule.settle(&state, 10 * HOUR + 5 * MINUTE);
    assert_ne!(settled.due_ms, 11 * HOUR);
    assert_eq!(hourly().settle(&settled, 10 * HOUR + 6 * MINUTE), state);
}

#[test]
fn a_spec_reads_as_the_state_file_keeps_it() {
    let of = |spec: &Spec| spec.to_string();
    assert_eq!(of(&hourly().spec), "every 3600 s");
    assert_eq!(of(&every(Duration::from_millis(500)).spec), "every 0.5 s");
    let nightly = by_cron("30  2 * * mon", TimeZone::UTC).spec;
    assert_eq!(of(&nightly), "cron 30 2 * * MON");
    assert_eq!(nightly, by_cron("30 2 * * MON", TimeZone::UTC).spec);
    assert_ne!(nightly, hourly().spec);
}
