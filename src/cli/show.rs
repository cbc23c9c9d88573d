//! `agent show RUN`: one run with everything that is known of its failures.

use anyhow::anyhow;
use jiff::tz::TimeZone;

use super::args::{RunRef, ShowArgs};
use super::failure::Failure;
use super::json;
use super::output::Output;
use super::reader;
use super::terminal::{ShowRun, show_run};
use crate::model::{AttemptRecord, CoverageTotals, ExitCode, RunId, ShardIndex};
use crate::run::summary;
use crate::settings::Settings;
use crate::store::{AttemptRow, FailureRow, Reader, RunRow, StoreError};

/// How many failed tests are shown: a suite that fails as a whole says the same again and again.
const MAX_FAILURES: u32 = 1_000;

pub(super) fn run(
    args: &ShowArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let reader = reader(settings)?;
    let found = match args.run {
        RunRef::Latest => reader.latest_run()?,
        RunRef::Number(run) => reader.run(run)?,
    };
    let row = found.ok_or_else(|| not_there(args.run))?;
    let text = if args.json {
        let summary = summary(&reader, row.run)?.ok_or_else(|| not_over(row.run))?;
        json(&summary)?
    } else {
        show_run(
            &gather(&reader, row)?,
            &TimeZone::system(),
            &output.data_palette,
        )
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

fn not_there(run: RunRef) -> Failure {
    let error = match run {
        RunRef::Latest => anyhow!("there is no run yet"),
        RunRef::Number(run) => anyhow!("there is no run {run}"),
    };
    let hint = match run {
        RunRef::Latest => "`agent run` makes the first",
        RunRef::Number(_) => "`agent history` lists the runs",
    };
    Failure {
        hint: Some(hint.to_owned()),
        ..Failure::usage(error)
    }
}

fn not_over(run: RunId) -> Failure {
    let hint = "without `--json` its results so far are shown";
    Failure {
        hint: Some(hint.to_owned()),
        ..Failure::usage(anyhow!("run {run} is not over"))
    }
}

fn gather(reader: &Reader, row: RunRow) -> Result<ShowRun, StoreError> {
    let run = row.run;
    let mut failures = Vec::new();
    for test in reader.failures(run, MAX_FAILURES)? {
        for attempt in reader.attempts(run, &test.root, &test.nodeid)? {
            failures.push(record(reader, run, &test, attempt)?);
        }
    }
    Ok(ShowRun {
        run_id: run,
        duration_s: row.duration_s(),
        coverage: row.coverage.as_ref().and_then(CoverageTotals::percent),
        notices: reader.notices(run)?,
        failures,
        orphan_total: row.orphans.map(|counts| counts.total),
        orphan_passed: row.orphans.map(|counts| counts.passed),
        orphan_failed: row.orphans.map(|counts| counts.failed),
        integration: row.integration,
        notable_orphans: reader.notable_trials(run, MAX_FAILURES)?,
        uuid: row.uuid,
        trigger: row.trigger,
        project: row.project,
        paths: row.paths,
        started_ms: row.started_ms,
        outcome: row.outcome,
        exit_code: row.exit_code,
        executor: row.executor,
        workers: row.workers,
        python: row.python,
        pytest: row.pytest,
        counts: row.counts,
        git_commit: row.git_commit,
        git_dirty: row.git_dirty.unwrap_or_default(),
    })
}

fn record(
    reader: &Reader,
    run: RunId,
    test: &FailureRow,
    row: AttemptRow,
) -> Result<AttemptRecord, StoreError> {
    let details = reader
        .details(run, &test.root, &test.nodeid, row.attempt)?
        .unwrap_or_default();
    Ok(AttemptRecord {
        shard: ShardIndex(0),
        root: test.root.clone(),
        nodeid: test.nodeid.clone(),
        file: test.file.clone(),
        line: test.line,
        attempt: row.attempt,
        outcome: row.outcome,
        flaky: row.flaky,
        started_ms: row.started_ms,
        duration_s: row.duration_s,
        setup_s: None,
        call_s: None,
        teardown_s: None,
        worker: row.worker,
        peak_rss_bytes: row.peak_rss_bytes,
        cpu_s: None,
        message: row.message,
        longrepr: details.longrepr,
        sections: details.sections,
    })
}
