//! The arguments of `agent cycle`, and the command line that a supervisor starts it with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::TypedValueParser;

use super::RunScheduledArgs;
use crate::model::CycleId;
use crate::settings::{LogFormat, Verbosity};

/// The arguments of `run-scheduled`, and what the supervisor says.
#[derive(Debug, Args)]
pub(in crate::cli) struct CycleArgs {
    /// The number of the cycle that this process carries out
    #[arg(value_parser = clap::value_parser!(i64).range(1..).map(CycleId))]
    pub(in crate::cli) cycle: CycleId,
    #[command(flatten)]
    pub(in crate::cli) scheduled: RunScheduledArgs,
    /// The state file that has the row of the cycle
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) cycle_db: Option<PathBuf>,
    /// The form of the log that the lines of the cycle are a part of
    #[arg(long, value_name = "FORMAT")]
    pub(super) cycle_log_format: Option<String>,
    /// The amount of that log
    #[arg(long, value_name = "WORD")]
    pub(super) cycle_verbosity: Option<String>,
}

/// The command line of a cycle, made from the line of its supervisor; both without the program.
pub(in crate::cli) fn cycle_line(
    of_supervisor: &[OsString],
    cycle: CycleId,
    db: &Path,
    log_format: LogFormat,
    verbosity: Verbosity,
) -> Vec<OsString> {
    let at = command_at(of_supervisor);
    let before = of_supervisor.iter().take(at).cloned();
    let after = of_supervisor.iter().skip(at + 1).cloned();
    let own = [
        "cycle".into(),
        cycle.to_string().into(),
        "--cycle-db".into(),
        db.into(),
        "--cycle-log-format".into(),
        log_format.name().into(),
        "--cycle-verbosity".into(),
        verbosity.name().into(),
    ];
    before.chain(own).chain(after).collect()
}

/// The place of the command's name: before it are flags of every command, and each takes a value.
fn command_at(line: &[OsString]) -> usize {
    let mut at = 0;
    while let Some(word) = line.get(at).and_then(|word| word.to_str())
        && word.starts_with("--")
    {
        at += if word.contains('=') { 1 } else { 2 };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use crate::settings::{FlagValues, SETTINGS, Takes, UsedBy};

    #[test]
    fn a_cycle_has_the_settings_of_its_supervisor_and_its_manner_of_logging() {
        for line in [
            "run-scheduled",
            "run-scheduled a --interval 5 -v --log-format text -- run-scheduled",
            "--project run-scheduled run-scheduled run-scheduled",
            "--db=x --color never run-scheduled --workers 2 --db y",
        ] {
            let words = shell_words::split(line).unwrap();
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            let parse = |line: Vec<OsString>| {
                Cli::parse_from([OsString::from("agent")].into_iter().chain(line)).unwrap()
            };
            let (json, quiet) = (LogFormat::Json, Verbosity::Quiet);
            let db = Path::new("/a b/--db");
            let cycle = parse(cycle_line(&words, CycleId(7), db, json, quiet));
            let mut expected: FlagValues = parse(words).flags();
            expected.set("--log-format", "json");
            expected.set("--quiet", "quiet");
            assert_eq!(cycle.flags(), expected, "{line}");
            assert_eq!(cycle.log_format(), Some("json"), "{line}");
            let Command::Cycle(args) = &cycle.command else {
                panic!("{line}: {:?}", cycle.command);
            };
            assert_eq!(args.cycle, CycleId(7), "{line}");
            assert_eq!(args.cycle_db.as_deref(), Some(db), "{line}");
        }
    }

    #[test]
    fn a_flag_of_every_command_takes_a_value() {
        let flags = SETTINGS.iter().flat_map(|row| row.flags);
        for flag in flags.filter(|flag| flag.used_by.contains(&UsedBy::Every)) {
            assert!(matches!(flag.takes, Takes::Value(_)), "{}", flag.name);
            assert_eq!(flag.short, None, "{}", flag.name);
        }
    }
}
