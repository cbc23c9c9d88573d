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
    let (runs, damage) = reader(settings)?.legible_history(args.count);
    let table = history_table(&runs, &TimeZone::system(), &output.data_palette);
    if damage.is_none() || !runs.is_empty() {
        output.data(&table).map_err(Failure::stdout)?;
    }
    damage.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
}
