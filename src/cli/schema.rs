//! `agent schema`: the JSON Schema of every JSON that the agent prints, and of its settings file.

use super::args::{SchemaArgs, SchemaOf};
use super::failure::Failure;
use super::image::ImageReport;
use super::json;
use super::module_map::MapReport;
use super::streams::Streams;
use super::workflow::WorkflowReport;
use crate::model::lease::LeaseReport;
use crate::model::log::LogLine;
use crate::model::scan::{GraphReport, OrphanReport, ScanReport, WhyReport};
use crate::model::status::StatusReport;
use crate::model::{EventLine, ExitCode, RunSummary};
use crate::settings::{ConfigReport, file_schema};

pub(super) fn run(args: &SchemaArgs, output: &mut Streams) -> Result<ExitCode, Failure> {
    let schema = match args.of {
        SchemaOf::Summary => schemars::schema_for!(RunSummary),
        SchemaOf::Events => schemars::schema_for!(EventLine),
        SchemaOf::Config => schemars::schema_for!(ConfigReport),
        SchemaOf::Image => schemars::schema_for!(ImageReport),
        SchemaOf::Log => schemars::schema_for!(LogLine),
        SchemaOf::Leases => schemars::schema_for!(LeaseReport),
        SchemaOf::ModuleMap => schemars::schema_for!(MapReport),
        SchemaOf::Status => schemars::schema_for!(StatusReport),
        SchemaOf::Workflows => schemars::schema_for!(WorkflowReport),
        SchemaOf::OrphanScan => schemars::schema_for!(ScanReport),
        SchemaOf::Orphans => schemars::schema_for!(OrphanReport),
        SchemaOf::Why => schemars::schema_for!(WhyReport),
        SchemaOf::Graph => schemars::schema_for!(GraphReport),
        SchemaOf::Settings => file_schema(),
    };
    output.data(&json(&schema)?).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}
