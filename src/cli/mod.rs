//! The command line: parses it, carries out one subcommand, prints, and returns the exit code.
//!
//! ```text
//!   args (as typed) ──► settings ──► run │ history │ show │ image │ … ──► exit code
//!                          │                     │
//!                          └──────► Failure ◄────┘   printed here, once, by `diag`
//! ```
//!
//! Each subcommand is a function in the file of its name. This layer alone prints, through
//! `streams::Streams`; everything below returns values.

mod args;
mod cleanup;
mod config;
mod cycle;
pub mod events;
mod failure;
mod graph;
mod help;
mod history;
mod image;
pub mod junit;
mod lease;
mod log;
mod module_map;
mod orphans;
mod outputs;
mod project;
mod run;
mod run_scheduled;
mod schema;
mod service;
mod show;
mod status;
mod stream;
mod streams;
pub mod terminal;
mod topics;
mod trust;
mod why;
mod workflow;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;

use self::args::{Cli, Command, WorkflowCommand};
use self::failure::Failure;
use self::streams::Streams;
use crate::clock::now_ms;
use crate::diag;
use crate::model::{ExitCode, Notice};
use crate::service::survive_file_limits;
use crate::settings::{self, ColorChoice, FlagValues, Layers, Settings, SettingsError};
use crate::store::{Reader, Store, StoreError};

/// Carries out the command line `args` (the program's name first) and says how that went.
pub fn main(args: impl IntoIterator<Item = OsString>) -> std::process::ExitCode {
    survive_file_limits();
    let cli = match Cli::parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let mut output = Streams::new(early_color(&cli));
    let exit = dispatch(&cli, &mut output).unwrap_or_else(|failure| {
        if let Command::Cycle(args) = &cli.command {
            cycle::cannot_load(args, &cli, &failure);
            return failure.exit;
        }
        if let Command::RunScheduled(_) = &cli.command
            && run_scheduled::log_failure(&cli, &failure)
        {
            return failure.exit;
        }
        let error = failure.error.as_ref();
        let hint = failure.hint.as_deref();
        output.talk(&diag::render_error(error, hint, &output.talk_palette));
        failure.exit
    });
    exit.into()
}

fn dispatch(cli: &Cli, output: &mut Streams) -> Result<ExitCode, Failure> {
    if let Command::Schema(args) = &cli.command {
        // Needs no settings, and so works if they are broken.
        return schema::run(args, output);
    }
    if let Command::Help(args) = &cli.command {
        // The same.
        return help::run(args, output);
    }
    if let Command::Service(args) = &cli.command {
        // Reads the settings of the service that it makes, and else needs none.
        return service::run(args, cli, output);
    }
    let layers = layers(cli.flags())?;
    if let Command::Trust(args) = &cli.command {
        // Decides what the settings are.
        return trust::run(args, &layers, output);
    }
    let (settings, notices) = Settings::load(&layers)?;
    *output = Streams::new(settings.color);
    let notices = if tells_notices(&cli.command) {
        notices
    } else {
        tell(notices, output)
    };
    match &cli.command {
        Command::Trust(args) => trust::run(args, &layers, output),
        Command::Config(args) => config::run(args, &settings, notices, output),
        Command::Schema(args) => schema::run(args, output),
        Command::Help(args) => help::run(args, output),
        Command::Service(args) => service::run(args, cli, output),
        Command::Run(args) => run::run(&args.run, &settings, notices, output),
        Command::RunScheduled(args) => run_scheduled::run(args, layers, settings, &notices),
        Command::Cycle(args) => cycle::run(args, &settings, notices, output),
        Command::Status(args) => status::run(args, &settings, output),
        Command::History(args) => history::run(args, &settings, output),
        Command::Show(args) => show::run(args, &settings, output),
        Command::Image(args) => image::run(args, &settings, output),
        Command::ModuleMap(args) => module_map::run(args, &settings, output),
        Command::Workflow(args) => workflow::run(args, &settings, notices, output),
        Command::Cleanup(args) => cleanup::run(args, &settings, output),
        Command::Lease(args) => lease::run(args, &settings, output),
        Command::Orphans(args) => orphans::run(args, &settings, output),
        Command::Why(args) => why::run(args, &settings, output),
        Command::Graph(args) => graph::run(args, &settings, output),
    }
}

/// True if a command takes the notices about settings and tells them in its own way.
fn tells_notices(command: &Command) -> bool {
    match command {
        Command::Workflow(args) => matches!(args.command, WorkflowCommand::Run(_)),
        command => matches!(
            command,
            Command::Config(_) | Command::Run(_) | Command::RunScheduled(_) | Command::Cycle(_)
        ),
    }
}

/// Writes notices to standard error; none are left.
fn tell(notices: Vec<Notice>, output: &Streams) -> Vec<Notice> {
    for notice in notices {
        output.notice(&notice);
    }
    Vec::new()
}

/// The colours of messages about settings that cannot be loaded.
fn early_color(cli: &Cli) -> ColorChoice {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    match cli.color().unwrap_or_default() {
        ColorChoice::Auto if refused => ColorChoice::Never,
        choice => choice,
    }
}

/// The layers that the settings of this process are made from.
fn layers(flags: FlagValues) -> Result<Layers, SettingsError> {
    let cwd = std::env::current_dir().map_err(|source| SettingsError::WorkingFolder {
        path: PathBuf::from("."),
        source,
    })?;
    Ok(Layers {
        flags,
        env: settings::environment(std::env::vars_os())?,
        cwd,
    })
}

/// `--help` and `--version` are answers and go to standard output; everything else that clap says
/// is a complaint.
fn usage(error: &clap::Error) -> ExitCode {
    // Nothing is left to be done if not even the help text can be written.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::USAGE
    } else {
        ExitCode::SUCCESS
    }
}

/// The state file, for reading. One that an older agent wrote is brought up to date first.
fn reader(settings: &Settings) -> Result<Reader, StoreError> {
    match Reader::open(&settings.db) {
        Err(StoreError::Older { .. }) => Store::open(&settings.db, now_ms())?.reader(),
        opened => opened,
    }
}

/// `value` as indented JSON, with a line break at the end.
fn json(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).context("cannot write JSON");
    let text = text.map_err(|error| Failure {
        exit: ExitCode::BUG,
        hint: None,
        error,
    })?;
    Ok(text + "\n")
}
