//! `agent help [TOPIC]`: the pages for people, and the help of commands.

use anyhow::anyhow;
use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};

use super::args::{Cli, HelpArgs};
use super::failure::Failure;
use super::project::nearest;
use super::streams::Streams;
use super::terminal::page;
use super::topics::{TOPICS, Topic, is_topic_file};
use crate::diag::Palette;
use crate::model::ExitCode;

pub(super) fn run(args: &HelpArgs, output: &mut Streams) -> Result<ExitCode, Failure> {
    let palette = output.data_palette;
    // Through a pipe a page is as wide as it gets.
    let columns = Streams::data_columns().unwrap_or(usize::MAX);
    let shown = |markdown: &str| page(markdown, columns, &is_topic_file, &palette);
    let text = if args.words.is_empty() {
        shown(&list())
    } else if let Some(topic) = topic(&args.words) {
        shown(&explained(topic))
    } else if let Some(help) = help_of_command(&args.words) {
        if palette == Palette::PLAIN {
            help.to_string()
        } else {
            help.ansi().to_string()
        }
    } else {
        return Err(unknown(&args.words));
    };
    output.data(&text).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

/// The topics, as a page.
fn list() -> String {
    let rows = TOPICS.iter();
    let rows = rows.map(|topic| format!("| `{}` | {} |\n", topic.name, topic.about));
    format!(
        "`agent help TOPIC` shows one of these pages:\n\n\
         | topic | about |\n|---|---|\n{}\n\
         `agent --help` lists the commands, and `agent help COMMAND` shows the help of one.\n",
        rows.collect::<String>()
    )
}

fn topic(words: &[String]) -> Option<&'static Topic> {
    let [name] = words else { return None };
    TOPICS.iter().find(|topic| topic.name == name)
}

/// The page of a topic; it names the command of the same name, if there is one.
fn explained(topic: &Topic) -> String {
    let (name, text) = (topic.name, topic.text);
    if Cli::command().find_subcommand(name).is_none() {
        return text.to_owned();
    }
    format!("{text}\n`agent {name}` is a command too: `agent {name} --help` lists its flags.\n")
}

/// The text of `--help` for the command that the words lead to, such as `orphans scan`; `None` if
/// they lead to none.
fn help_of_command(words: &[String]) -> Option<StyledStr> {
    let all = Cli::command();
    let mut path = words.iter();
    path.try_fold(&all, |command, word| command.find_subcommand(word))?;
    let line = ["agent"]
        .into_iter()
        .chain(words.iter().map(String::as_str));
    let help = Cli::try_parse_from(line.chain(["--help"])).err()?;
    (help.kind() == ErrorKind::DisplayHelp).then(|| help.render())
}

fn unknown(words: &[String]) -> Failure {
    let given = words.join(" ");
    let topics = TOPICS.iter().map(|topic| topic.name.to_owned());
    let mut names: Vec<String> = topics.collect();
    add_commands(&Cli::command(), "", &mut names);
    let hint = nearest(names.iter().map(String::as_str), &given)
        .unwrap_or_else(|| "`agent help` lists the topics, `agent --help` the commands".to_owned());
    Failure {
        hint: Some(hint),
        ..Failure::usage(anyhow!("there is no topic or command `{given}`"))
    }
}

/// Adds the names of all commands below `command`, with what leads to them.
fn add_commands(command: &Command, before: &str, names: &mut Vec<String>) {
    for command in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        let name = format!("{before}{}", command.get_name());
        add_commands(command, &format!("{name} "), names);
        names.push(name);
    }
}
