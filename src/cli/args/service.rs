//! The arguments of `agent service`.

use std::ffi::OsString;

use clap::{Args, Subcommand, ValueEnum};

use super::Cli;
use crate::unit::UnitName;

/// Of a user who has one project, and one service.
const DEFAULT_NAME: &str = "menace-agent";

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(in crate::cli) struct ServiceArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: ServiceCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ServiceCommand {
    /// Write the service's file and have it started with every session
    Install(InstallServiceArgs),
    /// Stop the service and remove its file
    Uninstall(NameArgs),
    /// Show what the service manager says of it
    Status(NameArgs),
    /// Print the service's file
    Print(PrintServiceArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NameArgs {
    /// The name of the service
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    pub(in crate::cli) name: UnitName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct InstallServiceArgs {
    #[command(flatten)]
    pub(in crate::cli) name: NameArgs,
    /// Start it at once, or start it again
    #[arg(long)]
    pub(in crate::cli) start: bool,
    /// Replace a file that the agent did not make, or of another project
    #[arg(long)]
    pub(in crate::cli) force: bool,
    /// Arguments of `agent run-scheduled`
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(in crate::cli) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PrintServiceArgs {
    #[command(flatten)]
    pub(in crate::cli) name: NameArgs,
    /// The service manager that the file is for [default: the one of this system]
    #[arg(long, value_name = "MANAGER")]
    pub(in crate::cli) manager: Option<ManagerChoice>,
    /// Arguments of `agent run-scheduled`
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(in crate::cli) arguments: Vec<String>,
}

/// The variants are without docs: clap would spread the help over a screen.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ManagerChoice {
    Systemd,
    Launchd,
}

impl Cli {
    /// The command line of a service: `run-scheduled` with these arguments, for the project and the
    /// state file of this command line.
    pub(in crate::cli) fn of_service(&self, arguments: &[String]) -> Result<Self, clap::Error> {
        let globals = ["--project", "--db"].into_iter().filter_map(|flag| {
            let value = self.given.word_of(flag)?;
            Some(format!("{flag}={value}"))
        });
        let line = std::iter::once("agent".to_owned()).chain(globals);
        let line = line.chain(["run-scheduled".to_owned()]);
        Self::parse_from(line.chain(arguments.iter().cloned()).map(OsString::from))
    }

    /// True if this command line names the state file with `--db`.
    pub(in crate::cli) fn names_db(&self) -> bool {
        self.given.word_of("--db").is_some()
    }
}
