//! `agent orphans scan` and `agent orphans list`: the modules that no test reaches.

use super::args::{OrphanListArgs, OrphanScanArgs, OrphansArgs, OrphansCommand};
use super::failure::Failure;
use super::module_map::with_edits;
use super::streams::Streams;
use super::terminal::{orphan_list, scan_report};
use super::{json, reader};
use crate::clock::rfc3339;
use crate::model::scan::{ListedOrphan, OrphanReport, SCAN_VERSION};
use crate::model::{ExitCode, OrphanRecord};
use crate::plan::orphans::suppressed;
use crate::service::orphans::scan;
use crate::settings::Settings;

pub(super) fn run(
    args: &OrphansArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    match &args.command {
        OrphansCommand::Scan(args) => look(args, settings, output),
        OrphansCommand::List(args) => list(args, settings, output),
    }
}

fn look(
    args: &OrphanScanArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let (report, notices) = scan(settings, args.write)?;
    let text = if args.json {
        json(&report)?
    } else {
        scan_report(&report, &output.data_palette)
    };
    output.data(&text).map_err(Failure::stdout)?;
    for notice in &notices {
        output.notice(notice);
    }
    // The process ends now: to free thousands of texts one by one takes a noticeable while.
    std::mem::forget(report);
    Ok(ExitCode::SUCCESS)
}

fn list(
    args: &OrphanListArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let reader = reader(settings)?;
    let orphans = with_edits(&reader, settings, output)?.orphans;
    let scanned_ms = reader.last_scan()?.map(|scan| scan.scanned_ms);
    let entry = |record: OrphanRecord| ListedOrphan {
        suppressed: suppressed(&settings.orphans.suppressions, &record.orphan.module),
        record,
    };
    let report = OrphanReport {
        v: SCAN_VERSION,
        scanned_at: scanned_ms.map(rfc3339),
        orphans: orphans.into_iter().map(entry).collect(),
    };
    let text = if args.json {
        json(&report)?
    } else {
        orphan_list(&report, &output.data_palette)
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}
