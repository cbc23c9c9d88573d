//! Coverage: the executed lines of a file, and totals.

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
}

impl FileCoverage {
    /// The number of statements that were executed.
    pub fn covered(&self) -> u64 {
        self.statements.count_common(&self.executed)
    }
}

/// Statements and executed statements over all files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CoverageTotals {
    /// The number of lines that hold statements.
    pub statements: u64,
    /// The number of these lines that were executed.
    pub covered: u64,
}

impl CoverageTotals {
    /// Covered statements in percent; `None` if there are no statements.
    #[expect(clippy::cast_precision_loss, reason = "line counts are far below 2^52")]
    pub fn percent(&self) -> Option<f64> {
        (self.statements > 0).then(|| self.covered as f64 * 100.0 / self.statements as f64)
    }
}
