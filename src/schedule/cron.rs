//! [`Cron`]: five fields of cron, and the instants that they mean in a time zone.
//!
//! The text is read as Vixie cron reads it: `*`, lists, ranges, steps of those, names of months and
//! of days of the week; if both the day of month and the day of week are restricted, a day needs
//! only one of them. Nicknames, seconds, years and the letters `L`, `W` and `#` are refused.
//!
//! A change of clock is dealt with in the sense of Vixie cron:
//!
//! ```text
//!   clock goes forward   a time that is left out is due at the moment of the change, once
//!                        (not if every hour is listed: the next one is near enough)
//!   clock goes back      a fixed time is due once, the first time that the clock shows it;
//!                        with `*` in the minute or the hour it is due in both passes
//! ```
//!
//! Read here and not by croner 4, which takes `0 1,13 * * *` for a wildcard, so that it is left out
//! in spring and comes twice in autumn, takes more than cron does, and searches a day that never
//! comes for 3,000 years.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// 29 February is a Sunday every 28 years, and once in 40 if a century is no leap year.
const HORIZON_SECONDS: i64 = 41 * 366 * 86_400;

const MINUTE: Field = Field::new("minute", 0, 59, &[]);
const HOUR: Field = Field::new("hour", 0, 23, &[]);
const DAY: Field = Field::new("day of month", 1, 31, &[]);
const MONTH: Field = Field::new(
    "month",
    1,
    12,
    &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
);
/// Sunday is both 0 and 7, so that it can begin a range and end one.
const WEEKDAY: Field = Field::new(
    "day of week",
    0,
    7,
    &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
);

/// The days of each month, 29 for February: a day that comes every four years does come.
const LONGEST: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Due times as five fields: minute, hour, day of month, month, day of week.
#[derive(Debug, Clone)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// True if a day needs both its day of month and its day of week.
    both_days: bool,
    /// True if it is due in both passes when the clock goes back.
    wildcard: bool,
}

/// Two are the same if they read the same.
impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

/// The reasons to refuse a text as a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The text does not have five fields.
    #[error("expected five fields - minute, hour, day of month, month, day of week - not {count}")]
    Fields {
        /// The number of fields that it has.
        count: usize,
    },
    /// A field holds something else than values in its range.
    #[error("expected {expected}, {found}")]
    Field {
        /// The values that the field takes.
        expected: String,
        /// The words about the text that stands there, such as: not `61`.
        found: String,
    },
    /// No month of the text has one of its days, such as 30 February.
    #[error("expected a day that comes, and none of its months has such a day")]
    Never,
}

/// One of the five fields.
#[derive(Debug)]
struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    /// Names of values, from the name of `min` on.
    names: &'static [&'static str],
}

impl Cron {
    /// Reads five fields, separated by white space.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let text = text.to_ascii_uppercase();
        let fields: Vec<&str> = text.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            let count = fields.len();
            return Err(CronError::Fields { count });
        };
        let weekdays = WEEKDAY.read(weekday)?;
        let cron = Self {
            text: fields.join(" "),
            minutes: MINUTE.read(minute)?,
            hours: HOUR.read(hour)?,
            days: DAY.read(day)?,
            months: MONTH.read(month)?,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            both_days: day.starts_with('*') || weekday.starts_with('*'),
            wildcard: minute.starts_with('*') || hour.starts_with('*'),
        };
        if cron.comes_true() {
            Ok(cron)
        } else {
            Err(CronError::Never)
        }
    }

    /// The first due time after an instant, both in UTC milliseconds; `None` beyond the year 9999.
    pub fn next_after(&self, after_ms: i64, zone: &TimeZone) -> Option<i64> {
        let after_ms = after_ms.max(Timestamp::MIN.as_millisecond());
        let mut from = Timestamp::from_second(after_ms.div_euclid(1000).checked_add(1)?).ok()?;
        let last = from.as_second().saturating_add(HORIZON_SECONDS);
        let mut change = match shifted(from, 1) {
            Some(behind) => zone.preceding(behind).next().map(|c| c.timestamp()),
            None => None,
        };
        // Between two changes of clock the wall clock only goes up.
        while from.as_second() <= last {
            let end = zone.following(from).next().map(|c| c.timestamp());
            if let Some(due) = self.first_between_changes(zone, change, from, end) {
                return Some(due.as_millisecond());
            }
            from = end?;
            change = end;
        }
        None
    }

    /// The first due time in `from..end`, which follow a `change` of clock without another one.
    fn first_between_changes(
        &self,
        zone: &TimeZone,
        change: Option<Timestamp>,
        from: Timestamp,
        end: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let offset = zone.to_offset(from);
        let mut wall = offset.to_datetime(from);
        if let Some(change) = change
            && let Some(before) = shifted(change, -1)
        {
            let stopped = zone.to_offset(before).to_datetime(change);
            let started = offset.to_datetime(change);
            let left_out = || self.first_between(stopped, started).is_some();
            if from == change && !self.is_hourly() && left_out() {
                return Some(change);
            }
            if !self.wildcard && !self.is_hourly() {
                wall = wall.max(stopped);
            }
        }
        let horizon = shifted(from, HORIZON_SECONDS).unwrap_or(Timestamp::MAX);
        let end = end.unwrap_or(horizon).min(horizon);
        let due = self.first_between(wall, offset.to_datetime(end))?;
        offset.to_timestamp(due).ok()
    }

    /// The first minute of a wall clock from `from` on and before `end` that fits.
    fn first_between(&self, from: DateTime, end: DateTime) -> Option<DateTime> {
        let mut date = from.date();
        let whole = from.second() == 0 && from.subsec_nanosecond() == 0;
        let time = from.time();
        let minute = u32::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).ok()?;
        let mut floor = if whole { minute } else { minute + 1 };
        while date <= end.date() {
            let month = u32::try_from(date.month()).ok()?;
            if !has(self.months, month) {
                date = date.last_of_month().tomorrow().ok()?;
                floor = 0;
                continue;
            }
            if self.fits_day(date)
                && let Some((hour, minute)) = self.first_time(floor)
            {
                let due = date.at(hour, minute, 0, 0);
                return (due < end).then_some(due);
            }
            date = date.tomorrow().ok()?;
            floor = 0;
        }
        None
    }

    fn fits_day(&self, date: jiff::civil::Date) -> bool {
        let day = u32::try_from(date.day()).is_ok_and(|day| has(self.days, day));
        let number = u32::try_from(date.weekday().to_sunday_zero_offset());
        let weekday = number.is_ok_and(|number| has(self.weekdays, number));
        if self.both_days {
            day && weekday
        } else {
            day || weekday
        }
    }

    /// The first hour and minute that fit, from the minute `floor` of the day on.
    fn first_time(&self, floor: u32) -> Option<(i8, i8)> {
        for hour in (floor / 60)..24 {
            let minute = if hour == floor / 60 { floor % 60 } else { 0 };
            let left = self.minutes >> minute;
            if has(self.hours, hour) && left != 0 {
                let minute = minute + left.trailing_zeros();
                return Some((i8::try_from(hour).ok()?, i8::try_from(minute).ok()?));
            }
        }
        None
    }

    fn is_hourly(&self) -> bool {
        self.hours.count_ones() == 24
    }

    /// True if some month has a day that fits.
    fn comes_true(&self) -> bool {
        let longest_of = |month: u32| LONGEST.get(month as usize - 1).copied().unwrap_or(0);
        let has_day = |month: u32| self.days.trailing_zeros() <= longest_of(month);
        // A day of the week alone is enough, and a `*` among the days of month begins with the 1st.
        let mut months = (1..=12).filter(|month| has(self.months, *month));
        !self.both_days || months.any(has_day)
    }
}

impl Field {
    const fn new(name: &'static str, min: u32, max: u32, names: &'static [&'static str]) -> Self {
        Self {
            name,
            min,
            max,
            names,
        }
    }

    /// The values of a field, as bits.
    fn read(&self, text: &str) -> Result<u64, CronError> {
        let mut bits = 0;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(step)),
                None => (part, None),
            };
            let (first, last) = self.range(range)?;
            let step = match step {
                None => 1,
                Some(_) if first == last => return Err(self.step_without_range(part)),
                Some(step) => self.step(step)?,
            };
            let values = (first..=last).step_by(step);
            bits |= values.fold(0, |bits, value| bits | 1 << value);
        }
        Ok(bits)
    }

    /// Reads `*`, `5`, `1-5` or `MON-FRI`: the first and the last value.
    fn range(&self, text: &str) -> Result<(u32, u32), CronError> {
        if text == "*" {
            // Sunday is among 0 to 6 already.
            let last = if self.max == WEEKDAY.max { 6 } else { self.max };
            return Ok((self.min, last));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (Some(first), Some(mut last)) = (self.value(first), self.value(last)) else {
            let (name, min, max) = (self.name, self.min, self.max);
            let names = match self.names {
                [first, .., last] => format!(", or {first} to {last},"),
                _ => String::new(),
            };
            let expected = format!("a number from {min} to {max}{names} for the {name}");
            return Err(refused(expected, text));
        };
        if self.max == WEEKDAY.max && last == 0 && first > 0 {
            last = 7;
        }
        if first > last {
            let (name, min, max) = (self.name, self.min, self.max);
            let upwards = format!("{first}-{max},{min}-{last}");
            let expected = format!("a range that goes up for the {name}, such as `{upwards}`");
            return Err(refused(expected, text));
        }
        Ok((first, last))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| *name == text);
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let number = match named {
            Some(index) => u32::try_from(index).ok().map(|index| index + self.min),
            None if digits => text.parse().ok(),
            None => None,
        };
        number.filter(|number| (self.min..=self.max).contains(number))
    }

    fn step(&self, text: &str) -> Result<usize, CronError> {
        let max = self.max;
        let step = text.parse().ok().filter(|step| (1..=max).contains(step));
        step.and_then(|step| usize::try_from(step).ok())
            .ok_or_else(|| {
                let expected = format!("a step from 1 to {max} for the {}", self.name);
                refused(expected, text)
            })
    }

    fn step_without_range(&self, text: &str) -> CronError {
        let name = self.name;
        let expected = format!("a step for the {name} to follow `*` or a range, as in `*/5`");
        refused(expected, text)
    }
}

fn has(bits: u64, value: u32) -> bool {
    bits >> value & 1 == 1
}

fn shifted(instant: Timestamp, seconds: i64) -> Option<Timestamp> {
    let second = instant.as_second().checked_add(seconds)?;
    Timestamp::from_second(second).ok()
}

fn refused(expected: String, found: &str) -> CronError {
    let found = match found {
        "" => "and nothing is there".to_owned(),
        // Longer than any part that is refused for a slip.
        found => format!("not `{}`", found.chars().take(20).collect::<String>()),
    };
    CronError::Field { expected, found }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
