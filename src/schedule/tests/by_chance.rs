//! Rules that hold whatever clocks and cycles do.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;

use super::{DAY, HOUR, MINUTE, SECOND, due, zone};
use crate::model::CycleReason;
use crate::schedule::{Cron, Look, Schedule, Spec, State};

/// Autumn of 2026 in the north, spring on Lord Howe.
const AROUND: i64 = 1_792_900_000_000;

const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Africa/Cairo",
    "UTC",
];

fn any_zone() -> impl Strategy<Value = TimeZone> {
    select(&ZONES[..]).prop_map(zone)
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let crons = [
        "*/10 * * * *",
        "7 * * * *",
        "30 2 * * *",
        "0,30 1-3 * * *",
        "*/20 2 * * *",
        "0 12 * * MON-FRI",
        "15 3 1 * *",
    ];
    let cron = select(crons.to_vec()).prop_map(|text| Spec::Cron(Cron::parse(text).unwrap()));
    let seconds = select(vec![1_u64, 7, 60, 600, 3600, 86_400]);
    let interval = seconds.prop_map(|seconds| Spec::Every(Duration::from_secs(seconds)));
    let jitter = select(vec![0_u64, 1, 45, 900, 7200]).prop_map(Duration::from_secs);
    (prop_oneof![cron, interval], jitter, any_zone()).prop_map(|(spec, jitter, zone)| Schedule {
        spec,
        jitter,
        zone,
    })
}

/// An event between two looks at a schedule.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Time goes by, until something is due and no longer than this.
    Wait(i64),
    /// The clock jumps, in either direction.
    Jump(i64),
    /// A cycle that is due is carried out, or fails, within this time.
    Cycle(i64, bool),
    /// Somebody asks for a cycle.
    Asked(i64),
}

fn any_event(backwards: bool) -> impl Strategy<Value = Event> {
    let most_back = if backwards { -3 * DAY } else { 0 };
    prop_oneof![
        (0..2 * DAY).prop_map(Event::Wait),
        prop_oneof![most_back..3 * DAY, most_back / 500..10 * MINUTE].prop_map(Event::Jump),
        (0..10 * MINUTE, any::<bool>()).prop_map(|(time, ok)| Event::Cycle(time, ok)),
        (0..5 * HOUR, any::<bool>()).prop_map(|(time, ok)| Event::Cycle(time, ok)),
        (0..HOUR).prop_map(Event::Asked),
    ]
}

fn until(schedule: &Schedule, state: &State, at_ms: i64) -> i64 {
    match schedule.look(state, at_ms) {
        Look::Wait { until_ms } => until_ms,
        Look::Due(_) => at_ms,
    }
}

/// Holds a state to the rules that need no history.
fn check(schedule: &Schedule, state: &State, at_ms: i64) -> Result<(), TestCaseError> {
    prop_assert_eq!(schedule.settle(state, at_ms), *state);
    prop_assert!(due(schedule, state, state.due_ms).is_some());
    prop_assert!(due(schedule, state, state.due_ms - 1).is_none());
    prop_assert!(state.last_ms.is_none_or(|last| last < state.next_ms));
    let longest_retry = at_ms + 15 * MINUTE;
    match &schedule.spec {
        Spec::Every(interval) => {
            let interval = i64::try_from(interval.as_millis()).unwrap();
            let jitter = i64::try_from(schedule.jitter.as_millis()).unwrap();
            prop_assert!(state.next_ms <= at_ms + interval);
            let furthest = at_ms + interval + jitter.min(interval);
            prop_assert!(state.due_ms <= furthest.max(longest_retry));
        }
        Spec::Cron(cron) => {
            let from = state.last_ms.unwrap_or(at_ms).max(at_ms);
            prop_assert!(from - at_ms < 5 * MINUTE);
            let next = cron.next_after(from, &schedule.zone).unwrap();
            prop_assert!(state.next_ms <= next);
            prop_assert!(state.next_ms == next || state.next_ms <= at_ms);
        }
    }
    Ok(())
}

/// Carries out one event; says the time after it and the due times that a cycle stood for.
fn happen(
    schedule: &Schedule,
    state: &mut State,
    at_ms: i64,
    event: Event,
) -> Result<(i64, u64), TestCaseError> {
    let (cycle, time, carried_out) = match event {
        Event::Wait(time) => {
            let woken = until(schedule, state, at_ms).min(at_ms + time);
            return Ok((woken, 0));
        }
        Event::Jump(time) => return Ok((at_ms + time, 0)),
        Event::Asked(time) => (Some(schedule.asked(state, at_ms)), time, true),
        Event::Cycle(time, carried_out) => (due(schedule, state, at_ms), time, carried_out),
    };
    let Some(cycle) = cycle else {
        return Ok((at_ms, 0));
    };
    prop_assert!(cycle.due_ms <= at_ms && cycle.covers_ms <= at_ms.max(state.next_ms));
    prop_assert!(state.last_ms.is_none_or(|last| cycle.covers_ms >= last));
    // It covers all that went by, and nothing whose jitter is not over.
    let seed = state.seed;
    let put_off = |time: i64| schedule.with_jitter(seed, time);
    let following = schedule.next_time(state.next_ms, cycle.covers_ms);
    prop_assert!(put_off(following) > at_ms);
    let own = u64::from(cycle.covers_ms >= state.next_ms);
    prop_assert!(own == 0 || put_off(cycle.covers_ms) <= at_ms);
    let finished = at_ms + time;
    let before = *state;
    let last_to_go_by = |before: &State, next_ms: i64| {
        let last = schedule.latest_time(before.next_ms, cycle.covers_ms, next_ms - 1);
        last.is_none_or(|time| put_off(time) <= finished)
    };
    *state = schedule.done(state, &cycle, finished, carried_out);
    prop_assert!(state.due_ms > finished);
    prop_assert_eq!(state.failures == 0, carried_out);
    prop_assert!(
        last_to_go_by(&before, state.next_ms),
        "more is skipped than went by"
    );
    // Whatever this cycle stood for is never due again.
    prop_assert!(state.next_ms > cycle.covers_ms);
    prop_assert!(cycle.reason != CycleReason::Retry || before.failures > 0);
    Ok((finished, cycle.missed + own))
}

/// The regular times after one and up to another, counted one by one.
fn counted(schedule: &Schedule, anchor_ms: i64, after_ms: i64, until_ms: i64) -> u64 {
    match &schedule.spec {
        Spec::Every(interval) => {
            let interval = i64::try_from(interval.as_millis()).unwrap();
            let steps = |time: i64| (time - anchor_ms).div_euclid(interval);
            u64::try_from(steps(until_ms) - steps(after_ms)).unwrap()
        }
        Spec::Cron(cron) => {
            let next = |time: &i64| cron.next_after(*time, &schedule.zone);
            let times = std::iter::successors(next(&after_ms), next);
            times.take_while(|time| *time <= until_ms).count() as u64
        }
    }
}

/// True if a time is due, found minute by minute and without any cleverness.
fn is_due(text: &str, time_ms: i64, zone: &TimeZone) -> bool {
    let wall_at = |time: i64| {
        let zoned = Timestamp::from_millisecond(time)
            .unwrap()
            .to_zoned(zone.clone());
        zoned.datetime()
    };
    let utc = Cron::parse(text).unwrap();
    let fits = |wall: jiff::civil::DateTime| {
        let time = wall.to_zoned(TimeZone::UTC).unwrap().timestamp();
        let time = time.as_millisecond();
        utc.next_after(time - 1, &TimeZone::UTC) == Some(time)
    };
    let wall = wall_at(time_ms);
    let hours = text.split(' ').nth(1).unwrap();
    let star = text.starts_with('*') || hours.starts_with('*');
    // The wall clock showed this minute before.
    let again = (1..=180).any(|back| wall_at(time_ms - back * MINUTE) >= wall);
    if fits(wall) && (star || !again) {
        return true;
    }
    let minutes = |count: i64| jiff::Span::new().minutes(count);
    let before = wall_at(time_ms - MINUTE);
    let mut skipped = (1..).map(|count| before.checked_add(minutes(count)).unwrap());
    hours != "*" && skipped.by_ref().take_while(|time| *time < wall).any(fits)
}

proptest! {
    #[test]
    fn every_due_time_is_in_one_cycle_while_clocks_go_forward(
        schedule in any_schedule(),
        seed: u64,
        events in prop::collection::vec(any_event(false), 1..25),
    ) {
        let mut at_ms = AROUND;
        let mut state = schedule.begin(seed, at_ms);
        let first = state.next_ms;
        let mut stood_for = 0;
        for event in events {
            state = schedule.settle(&state, at_ms);
            check(&schedule, &state, at_ms)?;
            let (after, count) = happen(&schedule, &mut state, at_ms, event)?;
            stood_for += count;
            at_ms = after;
        }
        if let Some(last) = state.last_ms {
            prop_assert_eq!(stood_for, counted(&schedule, first, first - 1, last.max(first - 1)));
        }
    }

    #[test]
    fn no_jump_of_the_clock_breaks_a_rule(
        schedule in any_schedule(),
        seed: u64,
        events in prop::collection::vec(any_event(true), 1..25),
    ) {
        let mut at_ms = AROUND;
        let mut state = schedule.begin(seed, at_ms);
        for event in events {
            state = schedule.settle(&state, at_ms);
            check(&schedule, &state, at_ms)?;
            at_ms = happen(&schedule, &mut state, at_ms, event)?.0;
        }
    }
}

// Each case of these takes thousands of steps.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_value_of_a_state_file_ends_the_agent(
        schedule in any_schedule(),
        seed: u64,
        last_ms: Option<i64>,
        next_ms: i64,
        due_ms: i64,
        failures: u32,
        times: [i64; 3],
        carried_out: bool,
    ) {
        let state = State { seed, last_ms, next_ms, due_ms, failures };
        let [settled_ms, asked_ms, done_ms] = times;
        let settled = schedule.settle(&state, settled_ms);
        prop_assert_eq!(schedule.settle(&settled, settled_ms), settled);
        for state in [state, settled] {
            let asked = schedule.asked(&state, asked_ms);
            let cycle = due(&schedule, &state, asked_ms).unwrap_or(asked);
            for cycle in [asked, cycle] {
                let done = schedule.done(&state, &cycle, done_ms, carried_out);
                prop_assert_eq!(schedule.settle(&done, done_ms), done);
            }
        }
        schedule.begin(seed, next_ms);
    }

    #[test]
    fn the_next_time_of_a_cron_is_the_first_minute_that_is_due(
        zone in any_zone(),
        minute in select(vec!["*", "*/15", "0", "30", "5,45"]),
        hour in select(vec!["*", "*/2", "1", "2", "0-3", "2,14", "0"]),
        day in select(vec!["*", "*/2", "29", "4,5"]),
        weekday in select(vec!["*", "SUN", "MON-FRI"]),
        from in select(vec![
            // Shortly before a change in each of the zones.
            1_774_738_800_000_i64, 1_792_879_200_000, 1_772_942_400_000, 1_793_505_600_000,
            1_775_311_200_000, 1_791_032_400_000, 1_710_028_800_000, 1_713_052_800_000,
            1_714_075_200_000, 1_730_368_800_000,
        ]),
        offset in 0..240_i64,
    ) {
        let text = format!("{minute} {hour} {day} * {weekday}");
        let cron = Cron::parse(&text).unwrap();
        let from = from + offset * MINUTE + 30 * SECOND;
        let next = cron.next_after(from, &zone).unwrap();
        let mut at = from.div_euclid(MINUTE) * MINUTE + MINUTE;
        let end = next.min(from + 6 * HOUR);
        while at < end {
            prop_assert!(!is_due(&text, at, &zone), "{} is due, {} said", at, next);
            at += MINUTE;
        }
        prop_assert!(is_due(&text, next, &zone), "{} is not due", next);
    }
}
