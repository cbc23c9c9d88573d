//! The summary of a run, read back from the state file: what is said is what is stored.

use crate::clock::rfc3339;
use crate::insight::compare::{Baseline, ComparedTest, compare};
use crate::model::summary::{FailedTest, SUMMARY_VERSION};
use crate::model::{Comparison, CoverageTotals, RunId, RunOutcome, RunSummary};
use crate::store::{Reader, RunRow, StoreError};

/// How many failures and flaky tests a summary lists; the state file has all.
const MAX_FAILURES: u32 = 1_000;
const MAX_SLOWEST: u32 = 5;

/// The summary of a finished run. `None` when there is no such run, or it has no end.
pub fn summary(reader: &Reader, run: RunId) -> Result<Option<RunSummary>, StoreError> {
    let Some(row) = reader.run(run)? else {
        return Ok(None);
    };
    let (Some(outcome), Some(exit_code), Some(finished_ms), Some(runtime)) = (
        row.outcome,
        row.exit_code,
        row.finished_ms,
        row.duration_s(),
    ) else {
        return Ok(None);
    };
    let failures = reader.failures(run, MAX_FAILURES)?;
    let failed_orphans = match row.orphans {
        Some(counts) if counts.failed > 0 => reader.failed_orphans(run, MAX_FAILURES)?,
        _ => Vec::new(),
    };
    let coverage = percent(&row);
    let comparison = comparison(reader, &row, outcome)?;
    Ok(Some(RunSummary {
        v: SUMMARY_VERSION,
        run_id: run,
        uuid: row.uuid,
        trigger: row.trigger,
        project: row.project,
        paths: row.paths,
        started_at: rfc3339(row.started_ms),
        finished_at: rfc3339(finished_ms),
        runtime,
        outcome,
        exit_code,
        executor: row.executor,
        workers: row.workers,
        python: row.python,
        pytest: row.pytest,
        total: row.counts.total(),
        counts: row.counts,
        coverage,
        git_commit: row.git_commit,
        git_dirty: row.git_dirty,
        failures: failures
            .into_iter()
            .map(|row| FailedTest {
                nodeid: row.nodeid,
                file: row.file,
                outcome: row.outcome,
                attempts: row.attempts,
                message: row.message,
            })
            .collect(),
        flaky_tests: reader.flaky(run, MAX_FAILURES)?,
        slowest: reader.slowest(run, MAX_SLOWEST)?,
        orphan_total: row.orphans.map(|counts| counts.total),
        orphan_passed: row.orphans.map(|counts| counts.passed),
        orphan_failed: row.orphans.map(|counts| counts.failed),
        orphan_failures: failed_orphans,
        integration: row.integration,
        comparison,
        notices: reader.notices(run)?,
        warnings: row.warnings,
    }))
}

/// An interrupted or broken run is not compared: what it lacks would look like a change.
fn comparison(
    reader: &Reader,
    row: &RunRow,
    outcome: RunOutcome,
) -> Result<Option<Comparison>, StoreError> {
    if matches!(
        outcome,
        RunOutcome::Interrupted | RunOutcome::Error | RunOutcome::Empty
    ) {
        return Ok(None);
    }
    let Some(previous) = reader.previous_comparable(row.run)? else {
        return Ok(None);
    };
    let Some(before) = reader.run(previous)? else {
        return Ok(None);
    };
    let compared = reader.compare(row.run, previous)?;
    let baseline = Baseline {
        previous_run: previous.0,
        previous_runtime: before.duration_s().unwrap_or_default(),
        previous_coverage: percent(&before),
        present_coverage: percent(row),
        added: compared.added,
        removed: compared.removed,
    };
    let tests = compared.tests.into_iter().map(|test| ComparedTest {
        nodeid: test.nodeid,
        previous: test.previous,
        present: test.present,
        flaky: test.flaky,
    });
    Ok(Some(compare(tests, &baseline)))
}

fn percent(row: &RunRow) -> Option<f64> {
    row.coverage.as_ref().and_then(CoverageTotals::percent)
}
