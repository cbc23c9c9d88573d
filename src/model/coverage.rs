//! Coverage: the executed lines of a file, its branches, and totals.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lines::LineSet;

/// The executed lines of one source file, united over every process of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCoverage {
    /// The file, relative to the project if it lies inside of it.
    pub file: String,
    /// The lines that hold statements.
    pub statements: LineSet,
    /// The lines that were executed.
    pub executed: LineSet,
    /// The branches of the file; `None` if only lines were measured.
    pub branches: Option<Branches>,
}

impl FileCoverage {
    /// The statements and branches of the file, counted.
    pub fn totals(&self) -> CoverageTotals {
        CoverageTotals::of_file(&self.statements, &self.executed, self.branches.as_ref())
    }
}

/// The branches of one source file, as coverage.py counts them.
///
/// A branch is a way from a line that has several. coverage.py takes all of them for executed but
/// those that it calls missing; so one that is not missing in one process is not missing at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branches {
    /// The number of all branches.
    pub total: u64,
    /// Those that were not taken, from a line to a line; numbers below 0 are ways out of a function.
    pub missing: BTreeSet<(i64, i64)>,
}

impl Branches {
    /// Takes in what another process says about the same file.
    pub fn unite(&mut self, other: &Self) {
        self.total = self.total.max(other.total);
        self.missing.retain(|branch| other.missing.contains(branch));
    }

    /// The number of branches that were taken.
    pub fn covered(&self) -> u64 {
        self.total.saturating_sub(self.missing.len() as u64)
    }
}

/// Statements and branches, and the executed ones among them: of a file, or over all files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CoverageTotals {
    /// The number of lines that hold statements.
    pub statements: u64,
    /// The number of these lines that were executed.
    pub covered: u64,
    /// The number of branches; null if only lines were measured.
    pub branches: Option<u64>,
    /// The number of these branches that were taken; null if only lines were measured.
    pub covered_branches: Option<u64>,
}

impl CoverageTotals {
    /// Counts the statements and branches of a file.
    pub fn of_file(statements: &LineSet, executed: &LineSet, branches: Option<&Branches>) -> Self {
        Self {
            statements: statements.len(),
            covered: statements.count_common(executed),
            branches: branches.map(|branches| branches.total),
            covered_branches: branches.map(Branches::covered),
        }
    }

    /// Adds the figures of a file, or of other files.
    pub fn add(&mut self, other: &Self) {
        let sum = |mine: Option<u64>, theirs| match theirs {
            Some(number) => Some(mine.unwrap_or(0) + number),
            None => mine,
        };
        self.statements += other.statements;
        self.covered += other.covered;
        self.branches = sum(self.branches, other.branches);
        self.covered_branches = sum(self.covered_branches, other.covered_branches);
    }

    /// Covered statements and branches in percent of all; `None` if there are none.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn percent(&self) -> Option<f64> {
        let all = self.statements + self.branches.unwrap_or(0);
        let covered = self.covered + self.covered_branches.unwrap_or(0);
        (all > 0).then(|| covered as f64 * 100.0 / all as f64)
    }
}

/// A percentage with one decimal: 0.0 only if nothing is covered, and 100.0 only if all is, as
/// coverage.py has it.
pub fn percent_in_words(percent: f64) -> String {
    let shown = match percent {
        below if below > 0.0 && below < 0.1 => 0.1,
        above if above > 99.9 && above < 100.0 => 99.9,
        other => other,
    };
    format!("{shown:.1}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_that_one_process_took_is_taken() {
        let branches = |missing: &[(i64, i64)]| Branches {
            total: 6,
            missing: missing.iter().copied().collect(),
        };
        let mut united = branches(&[(1, 3), (5, 6), (5, -1)]);
        united.unite(&branches(&[(1, 2), (5, 6), (5, -1)]));
        assert_eq!(united, branches(&[(5, -1), (5, 6)]));
        assert_eq!(united.covered(), 4);
    }

    #[test]
    fn percentages_count_branches_if_they_were_measured() {
        let lines = CoverageTotals {
            statements: 8,
            covered: 6,
            ..CoverageTotals::default()
        };
        let branches = CoverageTotals {
            branches: Some(4),
            covered_branches: Some(1),
            ..CoverageTotals::default()
        };
        let mut both = lines;
        both.add(&branches);
        both.add(&CoverageTotals::default());
        assert_eq!(lines.percent(), Some(75.0));
        assert_eq!(both.percent(), Some(7.0 / 12.0 * 100.0));
        assert_eq!(CoverageTotals::default().percent(), None);
    }

    #[test]
    fn only_nothing_is_0_and_only_all_is_100() {
        for (percent, words) in [
            (0.0, "0.0%"),
            (0.004, "0.1%"),
            (12.34, "12.3%"),
            (99.94, "99.9%"),
            (99.996, "99.9%"),
            (100.0, "100.0%"),
        ] {
            assert_eq!(percent_in_words(percent), words);
        }
    }
}
