//! The arguments of `agent run` and `agent run-scheduled` that are no settings.

use std::path::PathBuf;

use clap::Args;

use super::flags::{RunSettings, ScheduleSettings};

#[derive(Debug, Default, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct RunArgs {
    #[command(flatten)]
    settings: RunSettings,
    /// Arguments for pytest, added to what --pytest-args has
    #[arg(last = true, value_name = "PYTEST ARGS")]
    pub(super) after_dashes: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

/// The arguments of `agent run`, which somebody may sit before.
#[derive(Debug, Default, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct AttendedArgs {
    /// Start the Python debugger on a failure, in this terminal
    #[arg(long)]
    pdb: bool,
    /// Show what tests print, as they print it
    #[arg(short = 's')]
    no_capture: bool,
    #[command(flatten)]
    pub(in crate::cli) run: RunArgs,
}

impl AttendedArgs {
    /// The words for pytest.
    pub(super) fn pytest_words(&self) -> Vec<String> {
        let own = [(self.pdb, "--pdb"), (self.no_capture, "-s")];
        let own = own.into_iter().filter(|(given, _)| *given);
        let own = own.map(|(_, word)| word.to_owned());
        own.chain(self.run.after_dashes.iter().cloned()).collect()
    }
}

/// The outputs of a run. The settings of the same heading come after them.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output", next_display_order = 0)]
pub(in crate::cli) struct OutputArgs {
    /// Print the summary as JSON on standard output
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Write every event as a line of JSON; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub(in crate::cli) events: Option<PathBuf>,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) junit: Option<PathBuf>,
}

/// The arguments of `agent run-scheduled`.
#[derive(Debug, Default, Args)]
#[command(args_override_self = true)]
pub(in crate::cli) struct RunScheduledArgs {
    #[command(flatten)]
    pub(in crate::cli) schedule: ScheduleArgs,
    // Paths are no matter of the schedule.
    #[command(flatten, next_help_heading = None::<&'static str>)]
    pub(in crate::cli) run: RunArgs,
}

/// When the tests run, and what the service does besides.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Schedule")]
pub(in crate::cli) struct ScheduleArgs {
    #[command(flatten)]
    settings: ScheduleSettings,
    /// Run at once, then on schedule
    // Behind the third of the settings: the first three say when, the others do not.
    #[arg(long, display_order = 2)]
    pub(in crate::cli) run_now: bool,
}
