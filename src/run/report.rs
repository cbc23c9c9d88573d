//! The summary of a run, read back from the state file, so that it says what is stored.

use crate::insight::compare::compare;
use crate::model::summary::SUMMARY_VERSION;
use crate::model::{Comparison, FailedTest, RunId, RunOutcome, RunRecord, RunSummary};
use crate::store::{Reader, StoreError};

/// The most failures and flaky tests that a summary lists; the state file has all.
const MAX_FAILURES: u32 = 1_000;
const MAX_SLOWEST: u32 = 5;

/// The summary of a finished run. `None` when there is no such run, or it has no end.
pub fn summary(reader: &Reader, run: RunId) -> Result<Option<RunSummary>, StoreError> {
    let Some(record) = reader.run(run)? else {
        return Ok(None);
    };
    let (Some(outcome), Some(runtime)) = (record.outcome(), record.duration_s()) else {
        return Ok(None);
    };
    let failures = reader.failures(run, MAX_FAILURES)?.into_iter();
    let failures = failures.map(|last| FailedTest {
        attempts: last.attempt,
        last,
    });
    let orphan_failures = match record.orphan_failed {
        Some(1..) => reader.failed_trials(run, MAX_FAILURES)?,
        Some(0) | None => Vec::new(),
    };
    let flaky = reader.flaky(run, MAX_FAILURES)?;
    Ok(Some(RunSummary {
        v: SUMMARY_VERSION,
        runtime,
        total: record.counts.total(),
        coverage: record.coverage_percent(),
        failures: failures.collect(),
        flaky_tests: flaky.iter().map(ToString::to_string).collect(),
        slowest: reader.slowest(run, MAX_SLOWEST)?,
        orphan_failures,
        comparison: comparison(reader, &record, outcome)?,
        notices: reader.notices(run)?,
        run: record,
    }))
}

/// An interrupted or broken run is not compared: its gaps would look like a change.
fn comparison(
    reader: &Reader,
    record: &RunRecord,
    outcome: RunOutcome,
) -> Result<Option<Comparison>, StoreError> {
    match outcome {
        RunOutcome::Passed | RunOutcome::Failed | RunOutcome::Incomplete => {}
        RunOutcome::Interrupted | RunOutcome::Error | RunOutcome::Empty => return Ok(None),
    }
    let Some(previous) = reader.previous_comparable(record.run_id)? else {
        return Ok(None);
    };
    let Some(before) = reader.run(previous)? else {
        return Ok(None);
    };
    let differences = reader.differences(record.run_id, previous)?;
    Ok(Some(compare(&before, record, &differences)))
}
