//! The time that a run will still take: from recorded durations if there are some, else from its
//! rate.

use std::time::Duration;

/// A run in its course, as far as the estimate needs it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Tests at work at the same time; 0 counts as 1.
    pub workers: u32,
    /// True if every shard has told its tests, so that `total` is final.
    pub all_collected: bool,
    /// Tests of the run as far as they are known.
    pub total: u64,
    /// Tests that have a verdict.
    pub done: u64,
    /// Seconds that all `total` tests are expected to take one after another, from history.
    pub expected_s: Option<f64>,
    /// Seconds that tests have taken so far, those that run included.
    pub spent_s: f64,
    /// Time since the first test began.
    pub testing: Duration,
    /// Time since the run began.
    pub elapsed: Duration,
    /// Seconds of the previous comparable run.
    pub previous_wall_s: Option<f64>,
}

/// Below this many seconds of tests their share of the wall time says nothing.
const SETTLED_S: f64 = 1.0;

/// An estimate never assumes that more than nine tenths of the workers' time is lost.
const LEAST_UTILIZATION: f64 = 0.1;

/// Estimates above this are no estimates: 100 days.
const LONGEST_S: f64 = 8_640_000.0;

impl Progress {
    /// The time left; `None` while nothing supports a guess.
    #[expect(
        clippy::cast_precision_loss,
        reason = "numbers of tests are far below 2^52"
    )]
    pub fn time_left(&self) -> Option<Duration> {
        if self.all_collected && self.done >= self.total {
            return (self.total > 0).then_some(Duration::ZERO);
        }
        if !self.all_collected {
            let previous_s = self.previous_wall_s?;
            let left_s = previous_s - self.elapsed.as_secs_f64();
            return (left_s > 0.0).then(|| to_duration(left_s)).flatten();
        }
        let open = (self.total - self.done) as f64;
        if let Some(expected_s) = self.expected_s {
            let left_s = (expected_s - self.spent_s).max(0.0);
            // When the tests take longer than they used to, the recorded sum runs out before
            // the tests do; then their present mean is the better guide.
            let by_mean_s = (self.done > 0).then(|| open * self.spent_s / self.done as f64);
            let left_s = match by_mean_s {
                Some(by_mean_s) if left_s <= 0.0 => by_mean_s,
                _ => left_s,
            };
            return to_duration(left_s / (f64::from(self.workers.max(1)) * self.utilization()));
        }
        (self.done > 0)
            .then(|| to_duration(self.testing.as_secs_f64() * open / self.done as f64))
            .flatten()
    }

    /// Verdicts a second since the first test began.
    #[expect(
        clippy::cast_precision_loss,
        reason = "numbers of tests are far below 2^52"
    )]
    pub fn rate(&self) -> Option<f64> {
        let testing_s = self.testing.as_secs_f64();
        (self.done > 0 && testing_s >= SETTLED_S).then(|| self.done as f64 / testing_s)
    }

    /// The share of the workers' time that tests fill: the rest goes to fixtures of sessions, new
    /// processes and reports.
    fn utilization(&self) -> f64 {
        if self.spent_s < SETTLED_S {
            return 1.0;
        }
        let offered_s = self.testing.as_secs_f64() * f64::from(self.workers.max(1));
        (self.spent_s / offered_s).clamp(LEAST_UTILIZATION, 1.0)
    }
}

/// The expected sum of `durations_s`; tests without a record count as the mean of the others.
///
/// `None` when no test has a record.
#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of tests are far below 2^52"
)]
pub fn expected_seconds(durations_s: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (mut sum_s, mut known, mut all) = (0.0, 0_u64, 0_u64);
    for duration_s in durations_s {
        all += 1;
        if let Some(duration_s) = duration_s {
            known += 1;
            sum_s += duration_s;
        }
    }
    (known > 0).then(|| sum_s * all as f64 / known as f64)
}

fn to_duration(seconds: f64) -> Option<Duration> {
    let plausible = seconds.is_finite() && (0.0..LONGEST_S).contains(&seconds);
    plausible.then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn running() -> Progress {
        Progress {
            workers: 1,
            all_collected: true,
            total: 100,
            done: 25,
            expected_s: Some(80.0),
            spent_s: 20.0,
            testing: Duration::from_secs(20),
            elapsed: Duration::from_secs(22),
            previous_wall_s: Some(82.0),
        }
    }

    fn left_s(progress: Progress) -> Option<u64> {
        progress.time_left().map(|left| left.as_secs())
    }

    #[test]
    fn recorded_durations_are_divided_by_the_workers() {
        assert_eq!(left_s(running()), Some(60));
        let two = Progress {
            workers: 2,
            testing: Duration::from_secs(10),
            ..running()
        };
        assert_eq!(left_s(two), Some(30));
    }

    #[test]
    fn time_lost_between_tests_makes_the_estimate_longer() {
        let half_idle = Progress {
            testing: Duration::from_secs(40),
            ..running()
        };
        assert_eq!(left_s(half_idle), Some(120));
    }

    #[test]
    fn one_long_test_at_the_end_is_not_forgotten() {
        let last = Progress {
            done: 99,
            ..running()
        };
        assert_eq!(left_s(last), Some(60));
    }

    #[test]
    fn tests_that_became_slower_are_estimated_by_their_mean() {
        let slower = Progress {
            done: 50,
            spent_s: 100.0,
            testing: Duration::from_secs(100),
            ..running()
        };
        assert_eq!(left_s(slower), Some(100));
    }

    #[test]
    fn without_history_the_rate_decides() {
        let new = Progress {
            expected_s: None,
            previous_wall_s: None,
            ..running()
        };
        assert_eq!(left_s(new), Some(60));
        assert_eq!(left_s(Progress { done: 0, ..new }), None);
    }

    #[test]
    fn before_collection_the_previous_run_is_the_guess() {
        let collecting = Progress {
            all_collected: false,
            ..running()
        };
        assert_eq!(left_s(collecting), Some(60));
        let late = Progress {
            elapsed: Duration::from_secs(90),
            ..collecting
        };
        assert_eq!(left_s(late), None);
    }

    #[test]
    fn unknown_tests_count_as_the_mean_of_the_known() {
        let sum = expected_seconds([Some(1.0), None, Some(3.0), None]);
        assert_eq!(sum, Some(8.0));
        assert_eq!(expected_seconds([None, None]), None);
        assert_eq!(expected_seconds([]), None);
    }

    #[test]
    fn the_rate_needs_a_second_to_settle() {
        let early = Progress {
            testing: Duration::from_millis(200),
            ..running()
        };
        assert_eq!(early.rate(), None);
        assert_eq!(running().rate(), Some(1.25));
    }

    proptest! {
        #[test]
        fn no_numbers_make_the_estimate_panic(
            workers in any::<u32>(),
            all_collected in any::<bool>(),
            total in any::<u64>(),
            done in any::<u64>(),
            expected_s in prop::option::of(any::<f64>()),
            spent_s in any::<f64>(),
            testing_ms in any::<u64>(),
            previous_wall_s in prop::option::of(any::<f64>()),
        ) {
            let testing = Duration::from_millis(testing_ms);
            let progress = Progress {
                workers, all_collected, total, done, expected_s, spent_s, testing,
                elapsed: testing, previous_wall_s,
            };
            let rate = progress.rate();
            prop_assert!(rate.is_none_or(|rate| rate >= 0.0));
            let left = progress.time_left();
            prop_assert!(left.is_none_or(|left| left.as_secs_f64() < LONGEST_S));
        }
    }
}
