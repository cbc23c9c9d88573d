//! The arguments of `agent orphans`, `agent why` and `agent graph`.

use clap::{Args, Subcommand, ValueEnum};

use super::run::{note_switch, note_words};
use crate::settings::FlagValues;

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
#[expect(
    clippy::struct_excessive_bools,
    reason = "each flag of a pair is a field of its own to clap"
)]
pub(in crate::cli) struct OrphanScanArgs {
    /// Look through what they import as well [default]
    #[arg(long, overrides_with = "no_recursive")]
    recursive: bool,
    /// Leave out what only other orphans of the list lead to
    #[arg(long, overrides_with = "recursive")]
    no_recursive: bool,
    /// Add the modules that nothing imports, though a test runs them
    #[arg(long)]
    isolated: bool,
    /// Leave out files, by a pattern of .gitignore; repeatable
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
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

impl OrphanScanArgs {
    pub(super) fn note(&self, flags: &mut FlagValues) {
        note_switch(flags, "--recursive-orphans", self.recursive, "on");
        note_switch(flags, "--no-recursive-orphans", self.no_recursive, "off");
        note_switch(flags, "--discover-isolated", self.isolated, "on");
        note_words(flags, "--exclude", &self.exclude);
    }
}
