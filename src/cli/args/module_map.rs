//! The arguments of `agent module-map` and `agent workflow`.

#![expect(
    clippy::doc_markdown,
    reason = "the docs of arguments are help texts, and a terminal shows backticks as such"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{RunRef, run_ref};

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(in crate::cli) struct ModuleMapArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: ModuleMapCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ModuleMapCommand {
    /// Find the groups of modules in the import graph
    Build(BuildArgs),
    /// Show the groups, one of them, or the group of a module
    Show(ShowMapArgs),
    /// Write the map as JSON: files and groups
    Export(ExportArgs),
    /// Replace the map by the one in a JSON file
    Import(ImportArgs),
    /// Add orphans that pass to the map and to workflows
    Integrate(IntegrateArgs),
    /// Take back what a run added to the map and to workflows
    Undo(UndoArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BuildArgs {
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Print as JSON; `agent schema module-map` describes it
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowMapArgs {
    /// A module, by dotted name or file, or the number of a group
    #[arg(value_name = "MODULE|GROUP")]
    pub(in crate::cli) what: Option<String>,
    /// Print as JSON; `agent schema module-map` describes it
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// The file to write, or - for standard output
    #[arg(value_name = "FILE", default_value = "-")]
    pub(in crate::cli) file: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// A file of the form of module_map.json
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct IntegrateArgs {
    /// Only these, also where they were taken back before [default: all]
    #[arg(value_name = "MODULE")]
    pub(in crate::cli) modules: Vec<String>,
    /// Make a workflow for those that fit none
    #[arg(long)]
    pub(in crate::cli) new_workflow: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UndoArgs {
    /// The number of a run, or latest
    #[arg(value_name = "RUN", value_parser = run_ref)]
    pub(in crate::cli) run: RunRef,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(in crate::cli) struct WorkflowArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: WorkflowCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum WorkflowCommand {
    /// List the workflows
    List(ListWorkflowsArgs),
    /// Show the modules of a workflow
    Show(NamedArgs),
    /// Make a workflow
    Create(ChangeArgs),
    /// Add modules to a workflow
    Add(AddArgs),
    /// Remove modules from a workflow, or without modules all of it
    Remove(ChangeArgs),
    /// Run the tests that reach the modules of a workflow
    Run(NamedArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListWorkflowsArgs {
    /// Print as JSON; `agent schema workflows` describes it
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NamedArgs {
    /// The name of a workflow
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ChangeArgs {
    /// The name of a workflow
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// Modules, by dotted name or file
    #[arg(value_name = "MODULE")]
    pub(in crate::cli) modules: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AddArgs {
    /// The name of a workflow
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// Modules, by dotted name or file
    #[arg(value_name = "MODULE", required = true)]
    pub(in crate::cli) modules: Vec<String>,
    /// Before the step of this number [default: at the end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) at: Option<u32>,
}
