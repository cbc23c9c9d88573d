//! `agent history [N]`: the runs of the state file, newest first.

use jiff::tz::TimeZone;

use super::args::HistoryArgs;
use super::failure::Failure;
use super::reader;
use super::streams::Streams;
use super::terminal::history_table;
use crate::model::ExitCode;
use crate::settings::Settings;

pub(super) fn run(
    args: &HistoryArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let runs = reader(settings)?.history(args.count)?;
    let table = history_table(&runs, &TimeZone::system(), &output.data_palette);
    output.data(&table).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}
