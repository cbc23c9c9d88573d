//! The flags of settings: arguments of clap made from the rows of [`SETTINGS`], and what a command
//! line gives of them.
//!
//! **Invariant:** no setting has a name here. The rows say how flags differ.

use clap::{Arg, ArgAction, ArgMatches, Args};

use crate::settings::{Flag, FlagValues, SETTINGS, Section, Setting, Takes, UsedBy};

// These structs are empty: a struct of clap's derive that has one of them as a field has the flags
// of that command in its place, and `given` returns what a line gives of them.

#[derive(Debug, Default, Args)]
#[command(args = of(UsedBy::Every))]
pub(super) struct GlobalSettings {}

#[derive(Debug, Default, Args)]
#[command(args = of(UsedBy::Run))]
pub(super) struct RunSettings {}

#[derive(Debug, Default, Args)]
#[command(args = of(UsedBy::RunScheduled))]
pub(super) struct ScheduleSettings {}

#[derive(Debug, Default, Args)]
#[command(args = of(UsedBy::Cleanup))]
pub(super) struct CleanupSettings {}

#[derive(Debug, Default, Args)]
#[command(args = of(UsedBy::Image))]
pub(super) struct ImageSettings {}

#[derive(Debug, Default, Args)]
#[command(args = of(UsedBy::OrphansScan))]
pub(super) struct ScanSettings {}

/// The arguments of a command, in the order of the rows.
fn of(command: UsedBy) -> impl Iterator<Item = Arg> {
    let rows = SETTINGS.iter();
    let flags = rows.flat_map(|row| row.flags.iter().map(move |flag| (row, flag)));
    flags
        .filter(move |(_, flag)| flag.used_by.contains(&command))
        .map(move |(row, flag)| argument(row, flag, command))
}

fn argument(setting: &'static Setting, flag: &'static Flag, command: UsedBy) -> Arg {
    let mut argument = Arg::new(flag.name).help(help(setting, flag));
    if let Some(name) = flag.name.strip_prefix("--") {
        argument = argument.long(name);
        if let Some(title) = heading(setting.section, command) {
            argument = argument.help_heading(title);
        }
    }
    if let Some(letter) = flag.short {
        argument = argument.short(letter);
    }
    argument = match flag.takes {
        Takes::Nothing(_) => argument.action(ArgAction::SetTrue),
        Takes::Value(called) | Takes::Values(called) => argument
            .value_name(called)
            .allow_negative_numbers(setting.is_number())
            .allow_hyphen_values(setting.is_arguments()),
        Takes::Arguments => argument.num_args(1..),
    };
    if let Takes::Values(_) | Takes::Arguments = flag.takes {
        argument = argument.action(ArgAction::Append);
    }
    if setting.is_switch() {
        let of_command = |other: &&Flag| other.used_by.contains(&command);
        let others = setting.flags.iter().filter(of_command);
        let others = others.filter(|other| other.name != flag.name);
        argument = argument.overrides_with_all(others.map(|other| other.name));
    }
    argument
        .global(command == UsedBy::Every)
        .conflicts_with_all(flag.excludes)
}

/// The line of the help, with the default.
fn help(setting: &Setting, flag: &Flag) -> String {
    let (text, default) = (setting.help_of(flag), setting.default_text());
    match flag.takes {
        Takes::Nothing(word) if word == default => format!("{text} [default]"),
        Takes::Nothing(_) => text,
        Takes::Values(_) => format!("{text}; repeatable"),
        Takes::Value(_) | Takes::Arguments if default.is_empty() => text,
        Takes::Value(_) | Takes::Arguments => format!("{text} [default: {default}]"),
    }
}

/// The help of a command with few flags needs no heading except the one of the global flags.
fn heading(section: Section, command: UsedBy) -> Option<&'static str> {
    match command {
        UsedBy::Every | UsedBy::Run | UsedBy::RunScheduled => Some(section.title()),
        UsedBy::Cleanup | UsedBy::Image | UsedBy::OrphansScan => None,
    }
}

/// The flags that a command line gives, with the words that they stand for.
pub(super) fn given(matches: &ArgMatches) -> FlagValues {
    let mut of_command = matches;
    while let Some((_, below)) = of_command.subcommand() {
        of_command = below;
    }
    let mut given = FlagValues::default();
    // For a flag that the command does not have, clap returns an error or nothing.
    for flag in SETTINGS.iter().flat_map(|row| row.flags) {
        match flag.takes {
            Takes::Nothing(word) => {
                if let Ok(Some(true)) = of_command.try_get_one(flag.name) {
                    given.set(flag.name, word);
                }
            }
            Takes::Value(_) => {
                if let Ok(Some(word)) = of_command.try_get_one::<String>(flag.name) {
                    given.set(flag.name, word);
                }
            }
            Takes::Values(_) | Takes::Arguments => {
                if let Ok(Some(words)) = of_command.try_get_many::<String>(flag.name) {
                    given.set_words(flag.name, words.cloned().collect());
                }
            }
        }
    }
    given
}
