//! `agent history [N]`: the runs of the state file, newest first.

use jiff::tz::TimeZone;

use super::args::HistoryArgs;
use super::failure::Failure;
use super::output::Output;
use super::reader;
use super::terminal::{HistoryLine, history_table};
use crate::model::{CoverageTotals, ExitCode};
use crate::settings::Settings;

pub(super) fn run(
    args: &HistoryArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let rows = reader(settings)?.history(args.count)?;
    let lines: Vec<HistoryLine> = rows
        .into_iter()
        .map(|row| HistoryLine {
            run_id: row.run,
            started_ms: row.started_ms,
            outcome: row.outcome,
            duration_s: row.duration_s(),
            counts: row.counts,
            coverage: row.coverage.as_ref().and_then(CoverageTotals::percent),
            git_commit: row.git_commit,
            git_dirty: row.git_dirty.unwrap_or_default(),
        })
        .collect();
    let table = history_table(&lines, &TimeZone::system(), &output.data_palette);
    output.data(&table).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}
