//! `agent config`: every setting with its value and its origin.

use super::args::ConfigArgs;
use super::failure::Failure;
use super::json;
use super::streams::Streams;
use crate::diag::{printable, styled};
use crate::model::{ExitCode, Notice};
use crate::settings::{ConfigReport, Settings};

pub(super) fn run(
    args: &ConfigArgs,
    settings: &Settings,
    notices: Vec<Notice>,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let text = if args.json {
        json(&ConfigReport::new(settings, notices))?
    } else {
        for notice in &notices {
            output.notice(notice);
        }
        table(settings, output)
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

/// Name, value and origin, in aligned columns.
fn table(settings: &Settings, output: &Streams) -> String {
    let rows: Vec<_> = settings
        .origins()
        .map(|(setting, value, origin)| {
            let value = printable(&value.to_string()).replace('\n', "\\n");
            (setting.name, value, origin.to_string())
        })
        .collect();
    let width = |text: &str| text.chars().count();
    let names = rows.iter().map(|row| width(row.0)).max().unwrap_or(0);
    let values = rows.iter().map(|row| width(&row.1)).max().unwrap_or(0);
    let palette = &output.data_palette;
    let line = |(name, value, origin): &(&str, String, String)| {
        let name = styled(palette.strong, &format!("{name:names$}"));
        let origin = styled(palette.faint, origin);
        format!("{name}  {value:values$}  {origin}\n")
    };
    rows.iter().map(line).collect()
}
