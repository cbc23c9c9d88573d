//! `agent why MODULE`: the way from a test to a module, or what is missing.

use anyhow::anyhow;

use super::args::WhyArgs;
use super::failure::Failure;
use super::json;
use super::project::{from_project, nearest};
use super::streams::Streams;
use super::terminal::why_report;
use crate::diag::printable;
use crate::model::ExitCode;
use crate::service::orphans::{look, why};
use crate::settings::Settings;

pub(super) fn run(
    args: &WhyArgs,
    settings: &Settings,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let analysis = look(settings)?;
    let report = why(settings, &analysis, &args.module);
    let report = if report.modules.is_empty() {
        why(settings, &analysis, &from_project(&args.module, settings))
    } else {
        report
    };
    if report.modules.is_empty() {
        let modules = analysis.graph.nodes().iter().map(|node| &node.module);
        let names = modules.flat_map(|module| [module.name.as_str(), &module.file]);
        let hint = nearest(names, &args.module).unwrap_or_else(|| {
            "name a module, `pkg.part`, or its file; `agent graph` lists all".to_owned()
        });
        let name = printable(&args.module);
        return Err(Failure {
            hint: Some(hint),
            ..Failure::usage(anyhow!("the project has no module `{name}`"))
        });
    }
    let text = if args.json {
        json(&report)?
    } else {
        why_report(&report, &output.data_palette)
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}
