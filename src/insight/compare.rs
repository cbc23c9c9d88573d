//! The difference between a run and the previous comparable one.
//!
//! A test that was not run says nothing: it is neither fixed nor newly failing, whatever it did
//! before. A test that passed only after failing in the same run is flaky and therefore not fixed.

use crate::model::{Comparison, Outcome, RunRecord, TestKey};

/// One test in both runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComparedTest {
    pub key: TestKey,
    /// Its verdict in the previous run; `None` when it was not there.
    pub previous: Option<Outcome>,
    /// Its verdict now; `None` when it is gone.
    pub present: Option<Outcome>,
    /// It passed now, after failing in the same run.
    pub flaky: bool,
}

/// The differences between the tests of two runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// By root and node id. Tests that were fine in both runs may be left out; that is why the
    /// numbers of added and removed ones are here as well.
    pub tests: Vec<ComparedTest>,
    /// Tests that were not there then.
    pub added: u64,
    /// Tests that are not there now.
    pub removed: u64,
}

/// Sorts the tests into the lists of a [`Comparison`], each in the order of `differences`.
pub fn compare(previous: &RunRecord, present: &RunRecord, differences: &Differences) -> Comparison {
    let mut comparison = Comparison {
        previous_run: previous.run_id.0,
        previous_runtime: previous.duration_s().unwrap_or_default(),
        added: differences.added,
        removed: differences.removed,
        coverage_change: coverage_change(previous, present),
        ..Comparison::default()
    };
    for test in &differences.tests {
        let list = match Change::of(test) {
            Change::NewlyFailing => &mut comparison.newly_failing,
            Change::Fixed => &mut comparison.fixed,
            Change::StillFailing => &mut comparison.still_failing,
            Change::Nothing => continue,
        };
        list.push(test.key.to_string());
    }
    comparison
}

/// None also if one run counted branches and the other did not, or if a figure lacks lines.
fn coverage_change(previous: &RunRecord, present: &RunRecord) -> Option<f64> {
    let branches = |run: &RunRecord| run.coverage.map(|totals| totals.branches.is_some());
    let change = present.coverage_percent()? - previous.coverage_percent()?;
    let is_whole = !previous.coverage_partial && !present.coverage_partial;
    (is_whole && branches(previous) == branches(present)).then_some(change)
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
    use crate::model::{CoverageTotals, RunId};
    use Outcome::{Crashed, Error, Failed, NotRun, Passed, Skipped, TimedOut, Xfailed};

    fn run(id: i64, coverage: Option<CoverageTotals>) -> RunRecord {
        RunRecord {
            run_id: RunId(id),
            coverage,
            ..RunRecord::default()
        }
    }

    fn list_of(previous: Option<Outcome>, present: Option<Outcome>, flaky: bool) -> &'static str {
        let test = ComparedTest {
            key: TestKey {
                root: String::new(),
                nodeid: "t".to_owned(),
            },
            previous,
            present,
            flaky,
        };
        let differences = Differences {
            tests: vec![test],
            ..Differences::default()
        };
        let comparison = compare(&run(1, None), &run(2, None), &differences);
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
    fn tests_of_two_roots_keep_their_names_apart() {
        let test = |root: &str| ComparedTest {
            key: TestKey {
                root: root.to_owned(),
                nodeid: "test_a.py::test_x".to_owned(),
            },
            previous: Some(Passed),
            present: Some(Failed),
            flaky: false,
        };
        let differences = Differences {
            tests: vec![test(""), test("sub")],
            ..Differences::default()
        };
        let comparison = compare(&run(1, None), &run(2, None), &differences);
        assert_eq!(
            comparison.newly_failing,
            ["test_a.py::test_x", "sub/test_a.py::test_x"]
        );
    }

    #[test]
    fn the_coverage_change_needs_both_runs() {
        let totals = |covered| CoverageTotals {
            statements: 200,
            covered,
            ..CoverageTotals::default()
        };
        let change = |previous: Option<u64>, present: Option<u64>| {
            let [previous, present] = [previous, present].map(|covered| covered.map(totals));
            compare(&run(1, previous), &run(2, present), &Differences::default()).coverage_change
        };
        assert_eq!(change(Some(100), Some(151)), Some(25.5));
        assert_eq!(change(None, Some(151)), None);
        let partial = RunRecord {
            coverage_partial: true,
            ..run(1, Some(totals(100)))
        };
        let whole = run(2, Some(totals(151)));
        for (previous, present) in [(&partial, &whole), (&whole, &partial)] {
            let comparison = compare(previous, present, &Differences::default());
            assert_eq!(comparison.coverage_change, None);
        }
        assert_eq!(change(Some(100), None), None);
    }
}
