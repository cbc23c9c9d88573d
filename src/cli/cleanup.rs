//! `agent cleanup`: removes what interrupted runs left.

use anyhow::anyhow;

use super::args::CleanupArgs;
use super::failure::Failure;
use super::streams::Streams;
use crate::diag::printable;
use crate::engine::container::EngineError;
use crate::model::ExitCode;
use crate::run::Thoroughness;
use crate::service::cleanup::{CleanupReport, clean_up};
use crate::settings::Settings;

pub(super) fn run(
    args: &CleanupArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let how = Thoroughness {
        all: args.all,
        retries: settings.container.retries,
        dry_run: args.dry_run,
    };
    let report = clean_up(settings, how)?;
    let text = lines(&report, args.dry_run);
    output.data(&text).map_err(Failure::stdout)?;
    failures(report)?;
    Ok(ExitCode::SUCCESS)
}

fn lines(report: &CleanupReport, dry_run: bool) -> String {
    let would = if dry_run { "would have " } else { "" };
    let mut lines = Vec::new();
    for (engine, swept) in &report.engines {
        for (name, why) in &swept.removed {
            lines.push(format!(
                "{would}removed the {engine} container {name}: {why}"
            ));
        }
        for (name, why) in &swept.kept {
            lines.push(format!("left the {engine} container {name}: {why}"));
        }
    }
    for run in &report.closed {
        lines.push(format!(
            "{would}closed run {run} as interrupted: its agent is gone"
        ));
    }
    for name in &report.released {
        lines.push(format!(
            "{would}released the lease `{name}`: its holder is gone"
        ));
    }
    if lines.is_empty() && !report.has_failed() {
        lines.push("nothing to clean up".to_owned());
    }
    let lines = lines.iter().map(|line| printable(line) + "\n");
    lines.collect()
}

/// Makes one error of everything that could not be cleaned up. All that could be is already done.
fn failures(report: CleanupReport) -> Result<(), Failure> {
    if let Some(error) = report.no_engine {
        return Err(error.into());
    }
    let failures = report.engines.iter().flat_map(|(_, swept)| &swept.failures);
    let failures = report.silent.iter().chain(failures);
    let texts: Vec<String> = failures.map(EngineError::in_one_line).collect();
    if texts.is_empty() {
        return Ok(());
    }
    Err(Failure {
        hint: Some(
            "start the engine and try again, or name the one to clean up with `--container-runtime`"
                .to_owned(),
        ),
        ..Failure::environment(
            anyhow!("{}", texts.join("\n")).context("some leftovers could not be removed"),
        )
    })
}
