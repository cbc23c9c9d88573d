//! `agent show RUN`: one run with everything that is known of its failures.

use anyhow::anyhow;
use jiff::tz::TimeZone;

use super::args::{RunRef, ShowArgs};
use super::failure::Failure;
use super::json;
use super::reader;
use super::streams::Streams;
use super::terminal::{ShownRun, show_attempts, show_run};
use crate::diag::printable;
use crate::model::{ExitCode, RunId, RunRecord};
use crate::run::summary;
use crate::settings::Settings;
use crate::store::{Reader, StoreError};

/// The most failed tests that are shown: a suite that fails as a whole repeats itself.
const MAX_FAILURES: u32 = 1_000;
/// The most tests that are shown of those that are called alike.
const MAX_TESTS: u32 = 50;

pub(super) fn run(
    args: &ShowArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let reader = reader(settings)?;
    let found = match args.run {
        RunRef::Latest => reader.latest_run()?,
        RunRef::Number(run) => reader.run(run)?,
    };
    let run = found.ok_or_else(|| not_there(args.run))?;
    let mut damage = None;
    let text = if let Some(test) = &args.test {
        show_tests(&reader, run.run_id, test, output)?
    } else if args.json {
        let summary = summary(&reader, run.run_id)?.ok_or_else(|| not_over(run.run_id))?;
        json(&summary)?
    } else {
        let shown = gather(&reader, run, &mut damage)?;
        show_run(&shown, &TimeZone::system(), &output.data_palette)
    };
    output.data(&text).map_err(Failure::stdout)?;
    damage.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
}

/// The attempts of the tests that are called like `text`.
fn show_tests(
    reader: &Reader,
    run: RunId,
    text: &str,
    output: &Streams,
) -> Result<String, Failure> {
    let tests = reader.tests_like(run, text, MAX_TESTS)?;
    if tests.is_empty() {
        return Err(Failure {
            hint: Some(format!("`agent show {run}` names those that failed")),
            ..Failure::usage(anyhow!("run {run} has no test like `{}`", printable(text)))
        });
    }
    let mut attempts = Vec::new();
    for test in &tests {
        attempts.extend(reader.attempts(run, test)?);
    }
    Ok(show_attempts(&attempts, &output.data_palette))
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

/// Reads what there is to show. What lies on damaged pages is left out, and the first error that
/// says so goes into `damage`.
fn gather(
    reader: &Reader,
    run: RunRecord,
    damage: &mut Option<StoreError>,
) -> Result<ShownRun, StoreError> {
    let id = run.run_id;
    let mut failures = Vec::new();
    for test in legible(reader.failures(id, MAX_FAILURES), damage)? {
        failures.extend(legible(reader.attempts(id, &test.key()), damage)?);
    }
    Ok(ShownRun {
        notices: legible(reader.notices(id), damage)?,
        failures,
        notable_trials: legible(reader.notable_trials(id, MAX_FAILURES), damage)?,
        run,
    })
}

fn legible<T>(
    found: Result<Vec<T>, StoreError>,
    damage: &mut Option<StoreError>,
) -> Result<Vec<T>, StoreError> {
    match found {
        Err(error @ StoreError::Corrupt { .. }) => {
            damage.get_or_insert(error);
            Ok(Vec::new())
        }
        found => found,
    }
}
