//! The arguments of `agent orphans`, `agent why` and `agent graph`.

use clap::{Args, Subcommand, ValueEnum};

use super::flags::ScanSettings;

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(in crate::cli) struct OrphansArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: OrphansCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum OrphansCommand {
    /// Look at every file, and show the modules that no test reaches
    Scan(OrphanScanArgs),
    /// Show the list that runs work with, and how each module stands
    List(OrphanListArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct OrphanScanArgs {
    #[command(flatten)]
    settings: ScanSettings,
    /// Print as JSON; `agent schema orphan-scan` describes it
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Make it the list that runs work with
    #[arg(long)]
    pub(in crate::cli) write: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct OrphanListArgs {
    /// Print as JSON; `agent schema orphans` describes it
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WhyArgs {
    /// A dotted name, or a file
    pub(in crate::cli) module: String,
    /// Print as JSON; `agent schema why` describes it
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct GraphArgs {
    /// json, which `agent schema graph` describes, or dot for Graphviz
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub(in crate::cli) format: GraphFormat,
}

/// The variants are without docs: clap would spread the help over a screen.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum GraphFormat {
    Json,
    Dot,
}
