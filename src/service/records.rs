//! The records that a program which embeds the service receives: one after each file, a summary at
//! the end, and two figures for its metrics.

use serde::{Deserialize, Serialize};

use crate::model::{FileRecord, RunSummary};

/// One call of `result_callback`. As JSON it is the record itself, without a wrapper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ResultRecord {
    /// The whole run; always last. It has the fields `passed`, `failed`, `coverage` and `runtime`,
    /// as a record of the test history.
    Summary(Box<RunSummary>),
    /// One test file, once its last test has reported.
    File(FileRecord),
}

/// A receiver for coverage and run time of each run: a dashboard, a time series, a bot.
pub trait MetricsSink: Send {
    /// Takes the figures of one finished run: covered statements and branches in percent (`None` if coverage
    /// was not measured) and wall time in seconds.
    fn record(&mut self, coverage_percent: Option<f64>, runtime_s: f64);
}
