//! The regular due times of a schedule, without jitter: the next one, the latest one, how many.

use xxhash_rust::xxh3::xxh3_64;

use super::cron::Cron;
use super::spec::{Spec, interval_ms, millis};
use super::state::{Schedule, State};

/// More missed times of a cron are not counted: a week of every minute.
const MAX_COUNTED: u64 = 10_000;

const DAY_MS: i64 = 86_400_000;

/// A time that comes at all comes within a year; the days of a leap year, and a week.
const YEAR_MS: i64 = 373 * DAY_MS;

/// Days that are looked at even if they are years apart.
const FEWEST_DAYS: usize = 4;

/// Leap days are eight years apart at most.
const LONGEST_PERIOD_MS: i64 = 9 * 366 * DAY_MS;

impl Schedule {
    /// The first regular time after `after_ms`; the end of time if there is none.
    ///
    /// The times of an interval lie whole intervals from `anchor_ms`.
    pub(super) fn next_time(&self, anchor_ms: i64, after_ms: i64) -> i64 {
        match &self.spec {
            Spec::Every(interval) => {
                let interval = interval_ms(*interval);
                let steps = steps(anchor_ms, after_ms, interval);
                at_step(anchor_ms, steps + 1, interval)
            }
            Spec::Cron(cron) => cron.next_after(after_ms, &self.zone).unwrap_or(i64::MAX),
        }
    }

    /// The longest time from one regular time to the next within a year: the gaps of a cron are not
    /// always the same.
    pub fn period_ms(&self, state: &State) -> Option<i64> {
        let longest = match &self.spec {
            Spec::Every(interval) => Some(interval_ms(*interval)),
            Spec::Cron(cron) => self.longest_gap(cron, state.next_ms),
        };
        longest.filter(|gap| (1..=LONGEST_PERIOD_MS).contains(gap))
    }

    /// A cron has the same times on each of its days. So the longest gap is one of those that
    /// begin within a day, or it is as long as a day at least, and then steps of a day meet it.
    fn longest_gap(&self, cron: &Cron, from_ms: i64) -> Option<i64> {
        let next = |after: i64| cron.next_after(after, &self.zone);
        let mut longest = None;
        let mut time = next(from_ms.saturating_sub(1))?;
        let day_end = time.saturating_add(DAY_MS);
        while time < day_end {
            let Some(later) = next(time) else {
                return longest;
            };
            longest = longest.max(Some(later - time));
            time = later;
        }
        let year_end = day_end.saturating_add(YEAR_MS);
        let mut days = 0;
        while time < year_end || days < FEWEST_DAYS {
            days += 1;
            let step = time.saturating_add(DAY_MS);
            let Some(later) = next(step - 1) else {
                break;
            };
            if later > step
                && let Some(before) = self.latest_of_cron(cron, time - 1, step)
            {
                longest = longest.max(Some(later - before));
            }
            time = later;
        }
        longest
    }

    /// The latest regular time in `after_ms..=until_ms`, without `after_ms` itself.
    pub(super) fn latest_time(&self, anchor_ms: i64, after_ms: i64, until_ms: i64) -> Option<i64> {
        match &self.spec {
            Spec::Every(interval) => {
                let interval = interval_ms(*interval);
                let steps = steps(anchor_ms, until_ms, interval);
                let found = at_step(anchor_ms, steps, interval);
                (after_ms < found && found <= until_ms).then_some(found)
            }
            Spec::Cron(cron) => self.latest_of_cron(cron, after_ms, until_ms),
        }
    }

    /// Counts the regular times that lie between two others, at most 10,000 of a cron.
    pub(super) fn count_between(&self, anchor_ms: i64, after_ms: i64, before_ms: i64) -> u64 {
        match &self.spec {
            Spec::Every(interval) => {
                let interval = interval_ms(*interval);
                let last = steps(anchor_ms, before_ms.saturating_sub(1), interval);
                let count = last - steps(anchor_ms, after_ms, interval);
                u64::try_from(count.clamp(0, i64::MAX.into())).unwrap_or(0)
            }
            Spec::Cron(cron) => {
                let next = |after: i64| {
                    let next = cron.next_after(after, &self.zone)?;
                    (next < before_ms).then_some(next)
                };
                let mut count = 0;
                let mut at = next(after_ms);
                while let Some(time) = at.filter(|_| count < MAX_COUNTED) {
                    count += 1;
                    at = next(time);
                }
                count
            }
        }
    }

    /// A regular time, put off by chance: always the same for one time and one seed, and always
    /// before the time that follows.
    pub(super) fn with_jitter(&self, seed: u64, time_ms: i64) -> i64 {
        let jitter = millis(self.jitter);
        if jitter == 0 {
            return time_ms;
        }
        let gap = self.next_time(time_ms, time_ms).saturating_sub(time_ms);
        let Some(limit) = u64::try_from(jitter.min(gap)).ok().filter(|ms| *ms > 0) else {
            return time_ms;
        };
        let [seed, time] = [seed.to_le_bytes(), time_ms.to_le_bytes()];
        let chance = xxh3_64([seed, time].as_flattened()) % limit;
        time_ms.saturating_add_unsigned(chance)
    }

    /// Bisects, because a cron is only read forwards.
    fn latest_of_cron(&self, cron: &Cron, after_ms: i64, until_ms: i64) -> Option<i64> {
        let next = |after: i64| {
            let next = cron.next_after(after, &self.zone)?;
            (next <= until_ms).then_some(next)
        };
        let mut latest = next(after_ms)?;
        // After this one there is no time any more.
        let mut end = until_ms;
        while latest < end {
            let half = latest.abs_diff(end) / 2;
            let middle = latest.saturating_add_unsigned(half);
            match next(middle) {
                Some(later) => latest = later,
                None => end = middle,
            }
        }
        Some(latest)
    }
}

/// Whole intervals from the anchor to a time, rounded down.
fn steps(anchor_ms: i64, time_ms: i64, interval: i64) -> i128 {
    (i128::from(time_ms) - i128::from(anchor_ms)).div_euclid(interval.into())
}

fn at_step(anchor_ms: i64, steps: i128, interval: i64) -> i64 {
    let time = i128::from(anchor_ms) + steps * i128::from(interval);
    let inside = time.clamp(i64::MIN.into(), i64::MAX.into());
    i64::try_from(inside).unwrap_or(i64::MAX)
}
