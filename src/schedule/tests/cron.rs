//! The texts that are cron expressions, and their due times when clocks change.

use jiff::tz::TimeZone;

use super::{DAY, HOUR, MINUTE, SEED, at, by_cron, shown, zone};
use crate::schedule::Cron;

/// The first due times after a time of the wall clock.
fn due_times(text: &str, zone_name: &str, from: &str, count: usize) -> Vec<String> {
    let cron = Cron::parse(text).unwrap();
    let zone = zone(zone_name);
    let mut time = at(from, &zone);
    let next = || {
        time = cron.next_after(time, &zone)?;
        assert_eq!(cron.next_after(time - 1, &zone), Some(time));
        Some(shown(time, &zone))
    };
    std::iter::from_fn(next).take(count).collect()
}

fn refusal(text: &str) -> String {
    Cron::parse(text).expect_err(text).to_string()
}

#[test]
fn the_text_is_kept_with_single_spaces_and_capitals() {
    let text = Cron::parse(" 30  2\t* jan mon-fri ").unwrap().to_string();
    assert_eq!(text, "30 2 * JAN MON-FRI");
}

#[test]
fn a_field_holds_values_lists_ranges_and_steps() {
    let from = "2026-06-01 00:00:00";
    let hours = |field: &str| -> Vec<String> {
        let times = due_times(&format!("0 {field} * * *"), "UTC", from, 24);
        let first_day = times.iter().filter(|time| time.starts_with("2026-06-01"));
        first_day.map(|time| time[11..13].to_owned()).collect()
    };
    let cases = [
        ("5", "05"),
        ("05", "05"),
        ("5,7,6", "05 06 07"),
        ("22-23", "22 23"),
        ("*/6", "06 12 18"),
        ("1-9/4", "01 05 09"),
        ("20-23/3,4", "04 20 23"),
        ("7-7", "07"),
    ];
    for (field, expected) in cases {
        assert_eq!(hours(field).join(" "), expected, "{field}");
    }
}

#[test]
fn names_and_both_sundays_are_days_of_the_week() {
    // 1 June 2026 is a Monday.
    let days = |field: &str| -> String {
        let times = due_times(
            &format!("0 12 * * {field}"),
            "UTC",
            "2026-06-01 00:00:00",
            7,
        );
        let week = times.iter().filter(|time| time[..10] <= *"2026-06-07");
        week.map(|time| &time[9..10]).collect()
    };
    let cases = [
        ("0", "7"),
        ("7", "7"),
        ("SUN", "7"),
        ("sun", "7"),
        ("MON-WED", "123"),
        ("FRI-SUN", "567"),
        ("5-7", "567"),
        ("SUN-TUE", "127"),
        ("0-7", "1234567"),
        ("SUN-SUN", "7"),
        ("*/2", "2467"),
        ("MON,4", "14"),
    ];
    for (field, expected) in cases {
        assert_eq!(days(field), expected, "{field}");
    }
}

#[test]
fn a_day_needs_one_of_two_restricted_fields_and_both_where_one_has_a_star() {
    let days = |fields: &str| -> String {
        let times = due_times(&format!("0 0 {fields}"), "UTC", "2026-05-31 12:00:00", 20);
        let june = times.iter().filter(|time| time.starts_with("2026-06"));
        june.map(|time| &time[8..10])
            .collect::<Vec<&str>>()
            .join(" ")
    };
    assert_eq!(days("13 * FRI"), "05 12 13 19 26");
    assert_eq!(days("13 * *"), "13");
    assert_eq!(days("* * FRI"), "05 12 19 26");
    // Fridays among 1, 8, 15 …, as in Vixie cron.
    assert_eq!(days("*/7 * MON"), "01 08 15 22 29");
    assert_eq!(days("*/7 * FRI"), "");
}

#[test]
fn what_is_no_expression_is_refused_with_the_field_and_what_it_takes() {
    insta::assert_snapshot!(
        [
            "", "* * * *", "* * * * * *", "@hourly", "60 * * * *", "-1 * * * *", "+5 * * * *",
            "1.5 * * * *", "MON * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * L * *",
            "* * ? * *", "* * 15W * *", "* * * 13 *", "* * * JANUARY *", "* * * * 8",
            "* * * * FRI#2", "* * * * +MON", "1,,2 * * * *", ", * * * *", "*/0 * * * *",
            "*/90 * * * *", "*/ * * * *", "5/10 * * * *", "/5 * * * *", "* 22-2 * * *",
            "* * * * FRI-MON", "1-2-3 * * * *", "* * 30 2 *", "* * 31 2,4,6,9,11 *",
            "* * 30 2 */2", "٣ * * * *",
        ]
        .map(|text| format!("{text:?}: {}", refusal(text)))
        .join("\n"),
        @r#"
    "": expected five fields - minute, hour, day of month, month, day of week - not 0
    "* * * *": expected five fields - minute, hour, day of month, month, day of week - not 4
    "* * * * * *": expected five fields - minute, hour, day of month, month, day of week - not 6
    "@hourly": expected five fields - minute, hour, day of month, month, day of week - not 1
    "60 * * * *": expected a number from 0 to 59 for the minute, not `60`
    "-1 * * * *": expected a number from 0 to 59 for the minute, not `-1`
    "+5 * * * *": expected a number from 0 to 59 for the minute, not `+5`
    "1.5 * * * *": expected a number from 0 to 59 for the minute, not `1.5`
    "MON * * * *": expected a number from 0 to 59 for the minute, not `MON`
    "* 24 * * *": expected a number from 0 to 23 for the hour, not `24`
    "* * 0 * *": expected a number from 1 to 31 for the day of month, not `0`
    "* * 32 * *": expected a number from 1 to 31 for the day of month, not `32`
    "* * L * *": expected a number from 1 to 31 for the day of month, not `L`
    "* * ? * *": expected a number from 1 to 31 for the day of month, not `?`
    "* * 15W * *": expected a number from 1 to 31 for the day of month, not `15W`
    "* * * 13 *": expected a number from 1 to 12, or JAN to DEC, for the month, not `13`
    "* * * JANUARY *": expected a number from 1 to 12, or JAN to DEC, for the month, not `JANUARY`
    "* * * * 8": expected a number from 0 to 7, or SUN to SAT, for the day of week, not `8`
    "* * * * FRI#2": expected a number from 0 to 7, or SUN to SAT, for the day of week, not `FRI#2`
    "* * * * +MON": expected a number from 0 to 7, or SUN to SAT, for the day of week, not `+MON`
    "1,,2 * * * *": expected a number from 0 to 59 for the minute, and nothing is there
    ", * * * *": expected a number from 0 to 59 for the minute, and nothing is there
    "*/0 * * * *": expected a step from 1 to 59 for the minute, not `0`
    "*/90 * * * *": expected a step from 1 to 59 for the minute, not `90`
    "*/ * * * *": expected a step from 1 to 59 for the minute, and nothing is there
    "5/10 * * * *": expected a step for the minute to follow `*` or a range, as in `*/5`, not `5/10`
    "/5 * * * *": expected a number from 0 to 59 for the minute, and nothing is there
    "* 22-2 * * *": expected a range that goes up for the hour, such as `22-23,0-2`, not `22-2`
    "* * * * FRI-MON": expected a range that goes up for the day of week, such as `5-7,0-1`, not `FRI-MON`
    "1-2-3 * * * *": expected a number from 0 to 59 for the minute, not `1-2-3`
    "* * 30 2 *": expected a day that comes, and none of its months has such a day
    "* * 31 2,4,6,9,11 *": expected a day that comes, and none of its months has such a day
    "* * 30 2 */2": expected a day that comes, and none of its months has such a day
    "٣ * * * *": expected a number from 0 to 59 for the minute, not `٣`
    "#
    );
}

#[test]
fn a_long_text_is_not_repeated() {
    let message = refusal(&format!("{} * * * *", "9".repeat(100_000)));
    assert!(message.len() < 100, "{message}");
}

#[test]
fn a_rare_day_comes_in_the_end() {
    let times = due_times("0 0 29 2 *", "UTC", "2096-03-01 00:00:00", 1);
    assert_eq!(times, ["2104-02-29 00:00 +00:00"]);
    let sundays = due_times("0 0 29 2 */7", "UTC", "2088-03-01 00:00:00", 1);
    assert_eq!(sundays, ["2128-02-29 00:00 +00:00"]);
}

/// zone, expression, a time shortly before the change, the due times after it.
type Change = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const FORWARD: [Change; 15] = [
    // 02:00 is 03:00.
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2026-03-28 12:00:00",
        &["2026-03-29 03:00 +02:00", "2026-03-30 02:30 +02:00"],
    ),
    (
        "Europe/Berlin",
        "0 2,14 * * *",
        "2026-03-28 20:00:00",
        &["2026-03-29 03:00 +02:00", "2026-03-29 14:00 +02:00"],
    ),
    (
        "Europe/Berlin",
        "0,30 2 * * *",
        "2026-03-28 20:00:00",
        &["2026-03-29 03:00 +02:00", "2026-03-30 02:00 +02:00"],
    ),
    (
        "Europe/Berlin",
        "*/30 2 * * *",
        "2026-03-28 20:00:00",
        &["2026-03-29 03:00 +02:00", "2026-03-30 02:00 +02:00"],
    ),
    // The time that is left out and one that is there are one instant.
    (
        "Europe/Berlin",
        "0 2,3 * * *",
        "2026-03-28 20:00:00",
        &["2026-03-29 03:00 +02:00", "2026-03-30 02:00 +02:00"],
    ),
    (
        "Europe/Berlin",
        "30 1 * * *",
        "2026-03-28 12:00:00",
        &["2026-03-29 01:30 +01:00", "2026-03-30 01:30 +02:00"],
    ),
    (
        "Europe/Berlin",
        "30 * * * *",
        "2026-03-29 01:00:00",
        &["2026-03-29 01:30 +01:00", "2026-03-29 03:30 +02:00"],
    ),
    (
        "Europe/Berlin",
        "30 2 * * SAT",
        "2026-03-28 12:00:00",
        &["2026-04-04 02:30 +02:00"],
    ),
    (
        "America/New_York",
        "15 2 * * *",
        "2026-03-07 12:00:00",
        &["2026-03-08 03:00 -04:00", "2026-03-09 02:15 -04:00"],
    ),
    // 02:00 is 02:30.
    (
        "Australia/Lord_Howe",
        "15 2 * * *",
        "2026-10-03 12:00:00",
        &["2026-10-04 02:30 +11:00", "2026-10-05 02:15 +11:00"],
    ),
    (
        "Australia/Lord_Howe",
        "*/15 * * * *",
        "2026-10-04 01:40:00",
        &["2026-10-04 01:45 +10:30", "2026-10-04 02:30 +11:00"],
    ),
    (
        "Africa/Casablanca",
        "30 2 * * *",
        "2024-04-13 12:00:00",
        &["2024-04-14 03:00 +01:00", "2024-04-15 02:30 +01:00"],
    ),
    // Midnight is 01:00, on the same day.
    (
        "Africa/Cairo",
        "0 0 * * FRI",
        "2024-04-25 12:00:00",
        &["2024-04-26 01:00 +03:00", "2024-05-03 00:00 +03:00"],
    ),
    // A whole day is left out.
    (
        "Pacific/Apia",
        "30 2 30 12 *",
        "2011-12-01 00:00:00",
        &["2011-12-31 00:00 +14:00", "2012-12-30 02:30 +14:00"],
    ),
    (
        "UTC",
        "30 2 * * *",
        "2026-03-28 12:00:00",
        &["2026-03-29 02:30 +00:00", "2026-03-30 02:30 +00:00"],
    ),
];

const BACK: [Change; 10] = [
    // 03:00 is 02:00.
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2026-10-24 12:00:00",
        &["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"],
    ),
    (
        "Europe/Berlin",
        "0 1-4 * * *",
        "2026-10-25 00:00:00",
        &[
            "2026-10-25 01:00 +02:00",
            "2026-10-25 02:00 +02:00",
            "2026-10-25 03:00 +01:00",
            "2026-10-25 04:00 +01:00",
        ],
    ),
    (
        "Europe/Berlin",
        "30 * * * *",
        "2026-10-25 01:00:00",
        &[
            "2026-10-25 01:30 +02:00",
            "2026-10-25 02:30 +02:00",
            "2026-10-25 02:30 +01:00",
            "2026-10-25 03:30 +01:00",
        ],
    ),
    (
        "Europe/Berlin",
        "30 0-23 * * *",
        "2026-10-25 02:00:00",
        &["2026-10-25 02:30 +02:00", "2026-10-25 02:30 +01:00"],
    ),
    (
        "Europe/Berlin",
        "*/30 2 * * *",
        "2026-10-24 12:00:00",
        &[
            "2026-10-25 02:00 +02:00",
            "2026-10-25 02:30 +02:00",
            "2026-10-25 02:00 +01:00",
            "2026-10-25 02:30 +01:00",
            "2026-10-26 02:00 +01:00",
        ],
    ),
    (
        "America/New_York",
        "0 1 * * *",
        "2026-10-31 12:00:00",
        &["2026-11-01 01:00 -04:00", "2026-11-02 01:00 -05:00"],
    ),
    // 02:00 is 01:30.
    (
        "Australia/Lord_Howe",
        "45 1 * * *",
        "2026-04-04 12:00:00",
        &["2026-04-05 01:45 +11:00", "2026-04-06 01:45 +10:30"],
    ),
    (
        "Australia/Lord_Howe",
        "*/15 * * * *",
        "2026-04-05 01:20:00",
        &[
            "2026-04-05 01:30 +11:00",
            "2026-04-05 01:45 +11:00",
            "2026-04-05 01:30 +10:30",
            "2026-04-05 01:45 +10:30",
            "2026-04-05 02:00 +10:30",
        ],
    ),
    (
        "Africa/Casablanca",
        "30 2 * * *",
        "2024-03-09 12:00:00",
        &["2024-03-10 02:30 +01:00", "2024-03-11 02:30 +00:00"],
    ),
    (
        "UTC",
        "30 * * * *",
        "2026-10-25 01:00:00",
        &["2026-10-25 01:30 +00:00", "2026-10-25 02:30 +00:00"],
    ),
];

#[test]
fn a_time_that_is_left_out_is_due_when_the_clock_goes_forward() {
    for (zone, text, from, expected) in FORWARD {
        let times = due_times(text, zone, from, expected.len());
        assert_eq!(times, expected, "{text} in {zone}");
    }
}

#[test]
fn a_fixed_time_is_due_once_and_a_wildcard_twice_when_the_clock_goes_back() {
    for (zone, text, from, expected) in BACK {
        let times = due_times(text, zone, from, expected.len());
        assert_eq!(times, expected, "{text} in {zone}");
    }
}

#[test]
fn the_second_pass_has_no_fixed_time_wherever_one_looks_from() {
    let berlin = zone("Europe/Berlin");
    let cron = Cron::parse("30 2 * * *").unwrap();
    // 02:30 for the first time, and then every minute of the second pass.
    let first = at("2026-10-25 02:30:00", &berlin);
    for minute in 0..90 {
        let next = cron.next_after(first + minute * MINUTE, &berlin).unwrap();
        assert_eq!(next - first, DAY + HOUR, "{minute} minutes later");
    }
}

#[test]
fn a_rule_instead_of_a_named_zone_works_too() {
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let cron = Cron::parse("30 2 * * *").unwrap();
    let next = cron.next_after(at("2126-03-30 12:00:00", &zone), &zone);
    assert_eq!(shown(next.unwrap(), &zone), "2126-03-31 03:00 +02:00");
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let cron = Cron::parse("* * * * *").unwrap();
    for zone in [TimeZone::UTC, zone("Europe/Berlin")] {
        assert!(cron.next_after(i64::MIN, &zone).is_some());
        assert_eq!(cron.next_after(i64::MAX, &zone), None);
        assert_eq!(cron.next_after(253_402_207_200_000, &zone), None);
        assert!(cron.next_after(-1, &zone) == Some(0));
        assert!(cron.next_after(0, &zone) == Some(MINUTE));
    }
}

#[test]
fn the_period_is_the_longest_gap_within_a_year() {
    const NOW: &str = "2026-11-25 18:31:00";
    let cases = [
        ("* * * * *", NOW, MINUTE),
        ("*/30 * * * *", NOW, 30 * MINUTE),
        ("0 */4 * * *", NOW, 4 * HOUR),
        ("0 1,3 * * *", NOW, 22 * HOUR),
        ("30 2 * * *", NOW, DAY),
        // Over a weekend, on each day of the week.
        ("*/30 8-18 * * 1-5", NOW, 61 * HOUR + 30 * MINUTE),
        (
            "*/30 8-18 * * 1-5",
            "2026-11-27 18:31:00",
            61 * HOUR + 30 * MINUTE,
        ),
        (
            "*/30 8-18 * * 1-5",
            "2026-11-23 08:00:00",
            61 * HOUR + 30 * MINUTE,
        ),
        ("0 */4 * * 1-5", "2026-11-27 20:01:00", 52 * HOUR),
        ("*/30 * * * 1-6", NOW, DAY + 30 * MINUTE),
        ("0 0 * * 1", NOW, 7 * DAY),
        ("0 12 1 * *", NOW, 31 * DAY),
        // From 31 January to 1 January.
        ("0 2 * 1 *", NOW, 335 * DAY),
        ("0 2 * 1 *", "2027-01-05 00:00:00", 335 * DAY),
        ("0 0 29 2 *", NOW, (3 * 365 + 366) * DAY),
    ];
    for (text, from, period) in cases {
        let schedule = by_cron(text, TimeZone::UTC);
        let state = schedule.begin(SEED, at(from, &TimeZone::UTC));
        assert_eq!(
            schedule.period_ms(&state),
            Some(period),
            "{text} from {from}"
        );
    }
}

#[test]
fn where_clocks_change_the_period_is_that_of_the_longest_day() {
    let schedule = by_cron("0 12 * * *", zone("Europe/Berlin"));
    let from = at("2026-01-01 00:00:00", &schedule.zone);
    let period = schedule.period_ms(&schedule.begin(SEED, from));
    assert_eq!(period, Some(25 * HOUR));
}

#[test]
fn a_cron_that_ends_has_no_period() {
    let schedule = by_cron("0 0 29 2 *", TimeZone::UTC);
    let state = schedule.begin(SEED, i64::MAX - DAY);
    assert_eq!(schedule.period_ms(&state), None);
}
