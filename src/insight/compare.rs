//! The difference between a run and the previous comparable one.
//!
//! A test that was not run says nothing: it is neither fixed nor newly failing, whatever it did
//! before. A test that passed only after failing in the same run is flaky and therefore not fixed.

use crate::model::{Comparison, Outcome};

/// One test in both runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedTest {
    /// The node id.
    pub nodeid: String,
    /// Its verdict in the previous run; `None` when it was not there.
    pub previous: Option<Outcome>,
    /// Its verdict now; `None` when it is gone.
    pub present: Option<Outcome>,
    /// It passed now, after failing in the same run.
    pub flaky: bool,
}

/// What is known of the two runs besides their tests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Baseline {
    /// The number of the previous run.
    pub previous_run: i64,
    /// Seconds that the previous run took.
    pub previous_runtime: f64,
    /// Coverage of the previous run in percent, where it was measured.
    pub previous_coverage: Option<f64>,
    /// Coverage of this run in percent, where it was measured.
    pub present_coverage: Option<f64>,
    /// Tests that were not there then.
    pub added: u64,
    /// Tests that are not there now.
    pub removed: u64,
}

/// Sorts the tests into the lists of a [`Comparison`], each in the order of `tests`.
///
/// Tests that were fine in both runs may be left out of `tests`; that is why the numbers of added
/// and removed ones come with the [`Baseline`].
pub fn compare(tests: impl IntoIterator<Item = ComparedTest>, baseline: &Baseline) -> Comparison {
    let mut comparison = Comparison {
        previous_run: baseline.previous_run,
        previous_runtime: baseline.previous_runtime,
        added: baseline.added,
        removed: baseline.removed,
        coverage_change: baseline
            .present_coverage
            .zip(baseline.previous_coverage)
            .map(|(present, previous)| present - previous),
        ..Comparison::default()
    };
    for test in tests {
        let list = match Change::of(&test) {
            Change::NewlyFailing => &mut comparison.newly_failing,
            Change::Fixed => &mut comparison.fixed,
            Change::StillFailing => &mut comparison.still_failing,
            Change::Nothing => continue,
        };
        list.push(test.nodeid);
    }
    comparison
}

enum Change {
    NewlyFailing,
    Fixed,
    StillFailing,
    Nothing,
}

impl Change {
    fn of(test: &ComparedTest) -> Self {
        let Some(present) = test.present else {
            return Self::Nothing;
        };
        let failed_before = test.previous.is_some_and(Outcome::is_failure);
        match (failed_before, present) {
            (false, present) if present.is_failure() => Self::NewlyFailing,
            (true, present) if present.is_failure() => Self::StillFailing,
            // A test that passed only after failing is flaky and not fixed.
            (true, present) if present.is_success() && !test.flaky => Self::Fixed,
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Crashed, Error, Failed, NotRun, Passed, Skipped, TimedOut, Xfailed};

    fn list_of(previous: Option<Outcome>, present: Option<Outcome>, flaky: bool) -> &'static str {
        let test = ComparedTest {
            nodeid: "t".to_owned(),
            previous,
            present,
            flaky,
        };
        let comparison = compare([test], &Baseline::default());
        let lists = [
            ("newly failing", &comparison.newly_failing),
            ("fixed", &comparison.fixed),
            ("still failing", &comparison.still_failing),
        ];
        let mut names = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let name = names.next().map_or("nothing", |(name, _)| name);
        assert!(names.next().is_none(), "a test is in one list at most");
        name
    }

    #[test]
    fn every_pair_of_verdicts_has_its_list() {
        let cases = [
            (Some(Passed), Some(Failed), "newly failing"),
            (None, Some(Failed), "newly failing"),
            (Some(NotRun), Some(Crashed), "newly failing"),
            (Some(Xfailed), Some(TimedOut), "newly failing"),
            (Some(Failed), Some(Error), "still failing"),
            (Some(Failed), Some(Passed), "fixed"),
            (Some(TimedOut), Some(Skipped), "fixed"),
            (Some(Passed), Some(Passed), "nothing"),
            (None, Some(Passed), "nothing"),
            (Some(Failed), None, "nothing"),
        ];
        for (previous, present, expected) in cases {
            let found = list_of(previous, present, false);
            assert_eq!(found, expected, "{previous:?} then {present:?}");
        }
    }

    #[test]
    fn a_test_that_did_not_run_is_neither_fixed_nor_newly_failing() {
        for previous in [None, Some(Passed), Some(Failed), Some(NotRun)] {
            assert_eq!(list_of(previous, Some(NotRun), false), "nothing");
        }
    }

    #[test]
    fn a_flaky_test_is_not_called_fixed() {
        assert_eq!(list_of(Some(Failed), Some(Passed), true), "nothing");
        assert_eq!(list_of(Some(Passed), Some(Passed), true), "nothing");
        assert_eq!(list_of(None, Some(Passed), true), "nothing");
    }

    #[test]
    fn the_coverage_change_needs_both_runs() {
        let change = |previous_coverage, present_coverage| {
            let baseline = Baseline {
                previous_coverage,
                present_coverage,
                ..Baseline::default()
            };
            compare([], &baseline).coverage_change
        };
        assert_eq!(change(Some(50.0), Some(75.5)), Some(25.5));
        assert_eq!(change(None, Some(75.5)), None);
        assert_eq!(change(Some(50.0), None), None);
    }
}
