//! What a program that embeds the service receives: a record after each file, a summary at the
//! end, and two figures for its metrics.

use serde::{Deserialize, Serialize};

use crate::model::{FileRecord, RunSummary};

/// What `result_callback` receives. As JSON it is the record itself, without a wrapper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ResultRecord {
    /// The whole run; always last. Its fields `passed`, `failed`, `coverage` and `runtime` are
    /// those of the test history.
    Summary(Box<RunSummary>),
    /// One test file, once its last test has reported.
    File(FileRecord),
}

/// Where coverage and run time of each run go: a dashboard, a time series, a bot.
pub trait MetricsSink: Send {
    /// Takes the figures of one finished run: covered statements in percent (`None` when coverage
    /// was not measured) and wall time in seconds.
    fn record(&mut self, coverage_percent: Option<f64>, runtime_s: f64);
}
