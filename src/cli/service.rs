//! `agent service install`, `uninstall`, `status` and `print`.

use std::path::{Path, PathBuf};

use super::args::{
    Cli, Command, InstallServiceArgs, ManagerChoice, NameArgs, PrintServiceArgs, ServiceArgs,
    ServiceCommand,
};
use super::failure::Failure;
use super::streams::Streams;
use super::usage;
use crate::diag::printable;
use crate::model::{ExitCode, Notice};
use crate::service::install::{self, Home, How, InstallError, Installed, Removed, describe};
use crate::settings::{self, Layers, Settings, SettingsError};
use crate::unit::{Manager, ServiceState, Unit, UnitName};

pub(super) fn run(
    args: &ServiceArgs,
    cli: &Cli,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    match &args.command {
        ServiceCommand::Install(args) => install(args, cli, output),
        ServiceCommand::Uninstall(args) => uninstall(args, output),
        ServiceCommand::Status(args) => status(args, output),
        ServiceCommand::Print(args) => print(args, cli, output),
    }
}

fn install(
    args: &InstallServiceArgs,
    cli: &Cli,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let described = match described(cli, &args.name.name, &args.arguments)? {
        Described::Unit(described) => described,
        Described::Said(exit) => return Ok(exit),
    };
    for notice in &described.notices {
        output.notice(notice);
    }
    let how = How {
        start: args.start,
        force: args.force,
    };
    let installed = install::install(&described.unit, &described.home, how)?;
    let text = next_steps(&described, &installed, how);
    output.data(&printable(&text)).map_err(Failure::stdout)?;
    if let Some(user) = &installed.ends_with_session {
        output.talk(&crate::diag::render_warning(
            "the service ends when you log out, and does not start with the machine",
            Some(&format!("`loginctl enable-linger {user}`")),
            &output.talk_palette,
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn print(args: &PrintServiceArgs, cli: &Cli, output: &mut Streams) -> Result<ExitCode, Failure> {
    let described = match described(cli, &args.name.name, &args.arguments)? {
        Described::Unit(described) => described,
        Described::Said(exit) => return Ok(exit),
    };
    for notice in &described.notices {
        output.notice(notice);
    }
    let manager = match args.manager {
        Some(ManagerChoice::Systemd) => Manager::Systemd,
        Some(ManagerChoice::Launchd) => Manager::Launchd,
        None => install::MANAGER,
    };
    let text = install::text(manager, &described.unit, &described.home)?;
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

fn uninstall(args: &NameArgs, output: &mut Streams) -> Result<ExitCode, Failure> {
    let home = Home::of(&settings::environment(std::env::vars_os())?)?;
    let name = &args.name;
    let text = match install::uninstall(name, &home)? {
        Removed::Nothing => format!("the service `{name}` is not installed\n"),
        Removed::Stopped => {
            format!("stopped the service `{name}`; its file had been removed before\n")
        }
        Removed::File { file, project } => format!(
            "removed the service `{name}` of {project}: {}\n",
            file.display()
        ),
    };
    output.data(&printable(&text)).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the state of a service. Like `systemctl status`, this exits with 0 if the service runs,
/// and with 3 if it does not.
fn status(args: &NameArgs, output: &mut Streams) -> Result<ExitCode, Failure> {
    let state = install::status(&args.name)?;
    let text = state_lines(&args.name, &state);
    output.data(&printable(&text)).map_err(Failure::stdout)?;
    Ok(if state.active {
        ExitCode::SUCCESS
    } else {
        ExitCode::ENVIRONMENT
    })
}

/// The unit to install or print, the user's folders, and notices about the service.
struct DescribedUnit {
    unit: Unit,
    home: Home,
    notices: Vec<Notice>,
}

/// The result of [`described`].
enum Described {
    Unit(Box<DescribedUnit>),
    /// There is no unit: clap printed a help text, or an error about the arguments, and the command
    /// ends with this exit code.
    Said(ExitCode),
}

/// Describes the service that a command line asks for. The settings are loaded twice, and must be
/// the same: as they are here, and as the service will load them, in the folder of the project and
/// with only its own variables.
fn described(cli: &Cli, name: &UnitName, arguments: &[String]) -> Result<Described, Failure> {
    let line = match cli.of_service(arguments) {
        Ok(line) => line,
        Err(error) => return Ok(Described::Said(usage(&error))),
    };
    let cwd = std::env::current_dir().and_then(|cwd| cwd.canonicalize());
    let cwd = cwd.map_err(|source| SettingsError::WorkingFolder {
        path: PathBuf::from("."),
        source,
    })?;
    let env = settings::environment(std::env::vars_os())?;
    let home = Home::of(&env)?;
    let environment = describe::environment(&env, std::env::var_os("PATH").as_deref())?;
    let mut layers = Layers {
        flags: line.flags(),
        env,
        cwd,
    };
    let (here, mut notices) = Settings::load(&layers)?;
    check_outputs(&line, &layers.cwd, &here)?;
    layers
        .env
        .retain(|name, _| name == "HOME" || environment.contains_key(name));
    layers.cwd.clone_from(&here.project);
    let there = match Settings::load(&layers) {
        // `--project` is a relative path that leads nowhere from the folder of the project.
        Err(SettingsError::Project { given, .. }) => {
            return Err(InstallError::OtherFile {
                flag: "--project",
                path: given.into(),
                project: here.project,
            }
            .into());
        }
        loaded => loaded?.0,
    };
    describe::same_settings(&here, &there)?;

    let program = std::env::current_exe().and_then(|program| program.canonicalize());
    let program = program.map_err(InstallError::Program)?;
    notices.extend(describe::notices(&there, &environment, &program));
    let mut words = Vec::new();
    if cli.names_db() {
        words.extend(["--db".to_owned(), describe::utf8(&there.db)?.to_owned()]);
    }
    words.extend_from_slice(arguments);
    let unit = Unit {
        name: name.clone(),
        program: describe::utf8(&program)?.to_owned(),
        project: describe::utf8(&there.project)?.to_owned(),
        arguments: words,
        environment: environment.into_iter().collect(),
        stop_s: describe::stop_s(&there),
        setuid: describe::may_use_podman(&there),
    };
    Ok(Described::Unit(Box::new(DescribedUnit {
        unit,
        home,
        notices,
    })))
}

/// Refuses a relative path of `--events` or `--junit` unless this is the folder of the project: the
/// service works there, and would write another file. [`describe::same_settings`] cannot notice
/// this, because the two flags are no settings.
fn check_outputs(line: &Cli, cwd: &Path, here: &Settings) -> Result<(), InstallError> {
    let Command::RunScheduled(args) = &line.command else {
        return Ok(());
    };
    let outputs = &args.run.output;
    for (flag, path) in [("--events", &outputs.events), ("--junit", &outputs.junit)] {
        let Some(path) = path else { continue };
        if path.is_relative() && path != Path::new("-") && cwd != here.project {
            return Err(InstallError::OtherFile {
                flag,
                path: path.clone(),
                project: here.project.clone(),
            });
        }
    }
    Ok(())
}

/// The text after an installation: the work that was done, and the commands that come next.
fn next_steps(described: &DescribedUnit, installed: &Installed, how: How) -> String {
    let DescribedUnit { unit, home, .. } = described;
    let (name, project) = (&unit.name, &unit.project);
    let done = if how.start { "started" } else { "installed" };
    let file = installed.file.display();
    let mut lines = vec![format!("{done} the service `{name}` of {project}: {file}")];
    let mut step = |command: String, what: &str| lines.push(format!("  {command}  # {what}"));
    match install::MANAGER {
        _ if how.start => {}
        Manager::Systemd if installed.runs => step(
            format!("systemctl --user restart {name}"),
            "it runs as it was before",
        ),
        Manager::Systemd => step(
            format!("systemctl --user start {name}"),
            "or with the next session",
        ),
        Manager::Launchd => step(
            format!("launchctl bootstrap gui/$(id -u) {file}"),
            "or with the next login",
        ),
    }
    match install::MANAGER {
        Manager::Systemd => step(format!("journalctl --user -u {name} -f"), "its log"),
        Manager::Launchd => step(format!("tail -F {}", home.log(name).display()), "its log"),
    }
    lines.join("\n") + "\n"
}

fn state_lines(name: &UnitName, state: &ServiceState) -> String {
    if !state.found {
        return format!("{name}: not installed\n");
    }
    let since = state.since.as_ref();
    let since = since.map_or_else(String::new, |since| format!(" since {since}"));
    let mut lines = vec![format!("{name}: {}{since}", state.state)];
    let mut line = |label: &str, text: Option<String>| {
        lines.extend(text.map(|text| format!("  {label:8}  {text}")));
    };
    let enabled = state.enabled.as_ref();
    let enabled = enabled.map_or_else(String::new, |enabled| format!(" ({enabled})"));
    line(
        "file",
        state.file.as_ref().map(|file| format!("{file}{enabled}")),
    );
    line("process", state.pid.map(|pid| pid.to_string()));
    line("says", state.says.clone());
    line("ended", state.last_exit.clone());
    let restarts = state.restarts.filter(|restarts| *restarts > 0);
    line("restarts", restarts.map(|restarts| restarts.to_string()));
    let stale = "the file changed since: `systemctl --user daemon-reload`";
    line("note", state.stale.then(|| stale.to_owned()));
    lines.join("\n") + "\n"
}
