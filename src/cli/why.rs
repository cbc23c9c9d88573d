//! `agent why MODULE`: the way from a test to a module, or what is missing.

use anyhow::anyhow;

use super::args::WhyArgs;
use super::failure::Failure;
use super::json;
use super::output::Output;
use super::terminal::why_report;
use crate::diag::printable;
use crate::graph::ImportGraph;
use crate::model::ExitCode;
use crate::service::orphans::{analysis, why};
use crate::settings::Settings;

/// Less alike than this, and a suggestion is noise.
const ALIKE: f64 = 0.8;
/// How many names are suggested.
const SUGGESTED: usize = 3;

pub(super) fn run(
    args: &WhyArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<ExitCode, Failure> {
    let analysis = analysis(settings)?;
    let report = why(&analysis, &args.module);
    if report.modules.is_empty() {
        return Err(unknown_module(&analysis.graph, &args.module));
    }
    let text = if args.json {
        json(&report)?
    } else {
        why_report(&report, &output.data_palette)
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

/// There is no such module, and these are the nearest names.
pub(super) fn unknown_module(graph: &ImportGraph, name: &str) -> Failure {
    let mut alike: Vec<(f64, &str)> = graph
        .nodes()
        .iter()
        .flat_map(|node| [node.module.name.as_str(), node.module.file.as_str()])
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    alike.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    let nearest: Vec<String> = alike
        .iter()
        .take(SUGGESTED)
        .map(|(_, known)| format!("`{}`", printable(known)))
        .collect();
    let hint = if nearest.is_empty() {
        "name a module, `pkg.part`, or its file; `agent graph` lists all".to_owned()
    } else {
        format!("did you mean {}?", nearest.join(" or "))
    };
    Failure {
        hint: Some(hint),
        ..Failure::usage(anyhow!("the project has no module `{}`", printable(name)))
    }
}
