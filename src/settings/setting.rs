//! [`Setting`]: the content of a row of the table, and everything that follows from it.
//!
//! A row is written with a few words ([`Setting::new`], [`on`], [`off`], [`value`] …) that leave
//! out what most rows have alike. Nothing here knows of clap or of Markdown: the command line, the
//! schema and the page are made elsewhere, from these fields.

use super::kind::Kind;
use super::resolved::Settings;
use super::value::Value;

/// One setting. Its default is the one of [`Settings::for_project`].
#[derive(Debug)]
pub struct Setting {
    /// Its name, which is also its key in files.
    pub name: &'static str,
    /// The part of the help that has it.
    pub section: Section,
    /// False if no file can set it.
    pub in_files: bool,
    /// The flags that set it.
    pub flags: &'static [Flag],
    /// The variables that set it, the strongest first.
    pub variables: &'static [&'static str],
    /// The one of its variables that says the opposite.
    pub opposite: Option<&'static str>,
    /// Further sentences, for readers who have more than a line of a terminal.
    pub more: &'static str,
    /// What a value of a project's own file asks of the user, if the row has to do with that.
    pub asks: Option<Ask>,
    pub(super) kind: Kind,
    help: &'static str,
    default: Option<&'static str>,
}

/// A reason for which a value from a project's own file counts only in a folder that the user
/// trusts; `Setting::asks` names the one of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// It names a program that the agent starts.
    Program,
    /// It names a place: it asks if that is outside of the project.
    Place,
    /// It can give the tests more than they have without it: it asks if it does.
    Privilege,
}

/// A heading of the help and of the page for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The project, and the places of the agent's state.
    Global,
    /// The tests to run, how, and until when.
    Execution,
    /// The Python to use, and its pytest.
    Interpreter,
    /// Containers, their engines and images.
    Containers,
    /// The trials of modules that no test reaches.
    Orphans,
    /// The times at which the tests run by themselves.
    Schedule,
    /// The places of figures for Prometheus.
    Metrics,
    /// The terminal and other outputs.
    Output,
}

/// A flag that sets a setting.
#[derive(Debug)]
pub struct Flag {
    /// With its dashes, `--workers`; the paths, which have none, are called `PATHS`.
    pub name: &'static str,
    /// The same in one letter.
    pub short: Option<char>,
    /// The words that follow it.
    pub takes: Takes,
    /// The commands that have it.
    pub used_by: &'static [UsedBy],
    /// A flag that cannot be given beside it.
    pub excludes: Option<&'static str>,
    /// A line of help of its own, if the one of its setting does not fit.
    help: Option<&'static str>,
}

/// The words that follow a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: the flag stands for this word.
    Nothing(&'static str),
    /// A value; this is what the help calls it.
    Value(&'static str),
    /// A value, and the flag may be given several times.
    Values(&'static str),
    /// It has no dashes and is all the values.
    Arguments,
}

/// Commands that have a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsedBy {
    /// Every command, and `agent` itself.
    Every,
    /// `agent run`, and what runs the same on a schedule.
    Run,
    /// `agent run-scheduled`.
    RunScheduled,
    /// `agent cleanup`.
    Cleanup,
    /// `agent image load` and `agent image list`.
    Image,
    /// `agent orphans scan`.
    OrphansScan,
}

impl Ask {
    /// What a user reads about it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Program => "A project's own file needs your trust for it.",
            Self::Place => "A project's own file needs your trust to lead out of the project.",
            Self::Privilege => "A project's own file needs your trust to give more.",
        }
    }
}

impl Section {
    /// All sections, in the order of the help.
    pub const ALL: [Self; 8] = [
        Self::Global,
        Self::Execution,
        Self::Interpreter,
        Self::Containers,
        Self::Orphans,
        Self::Schedule,
        Self::Metrics,
        Self::Output,
    ];

    /// The heading over its settings.
    pub fn title(self) -> &'static str {
        match self {
            Self::Global => "Global options",
            Self::Execution => "Execution",
            Self::Interpreter => "Interpreter",
            Self::Containers => "Containers",
            Self::Orphans => "Modules that no test reaches",
            Self::Schedule => "Schedule",
            Self::Metrics => "Metrics",
            Self::Output => "Output",
        }
    }
}

impl Setting {
    /// Its purpose in one line, without a period. A switch says what the agent does if it is on.
    pub fn meaning(&self) -> String {
        let help = self.help;
        match self.choices().as_slice() {
            [] => help.to_owned(),
            [one, other] => format!("{help}: {one} or {other}"),
            several => format!("{help}: {}", several.join(", ")),
        }
    }

    /// [`Setting::meaning`] and everything more, in sentences.
    pub fn description(&self) -> String {
        let asks = self.asks.map_or("", Ask::sentence);
        let texts = [
            format!("{}.", self.meaning()),
            self.more.to_owned(),
            asks.to_owned(),
        ];
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        texts.join(" ")
    }

    /// Its default as people read it; empty if there is none.
    pub fn default_text(&self) -> String {
        if let Some(text) = self.default {
            return text.to_owned();
        }
        match self.default_value() {
            None if self.kind.reads_none() => "none".to_owned(),
            None => String::new(),
            // Its unit is in the meaning.
            Some(Value::Seconds(seconds)) => seconds.to_string(),
            Some(value) => value.to_string(),
        }
    }

    /// The line of help of `flag`, which is one of its own.
    pub fn help_of(&self, flag: &Flag) -> String {
        flag.help.map_or_else(|| self.meaning(), str::to_owned)
    }

    /// True if it is on or off, so that the last one of its flags counts.
    pub fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Switch(_))
    }

    /// True if it takes a number, so that a negative one is a wrong value and no unknown flag.
    pub fn is_number(&self) -> bool {
        self.kind.is_number()
    }

    /// True if it takes arguments for another program, which may begin with a dash.
    pub fn is_arguments(&self) -> bool {
        matches!(self.kind, Kind::Words(_))
    }

    /// The value that it has by default, unless that depends on other things.
    pub(super) fn default_value(&self) -> Option<Value> {
        if self.default.is_some() {
            return None;
        }
        match self.kind.show(&Settings::for_project("/")) {
            Value::None => None,
            Value::List(words) if words.is_empty() => None,
            value => Some(value),
        }
    }

    /// The words of which it is one.
    pub(super) fn choices(&self) -> Vec<&'static str> {
        if let Kind::Choice(choice) = &self.kind {
            (choice.words)()
        } else {
            Vec::new()
        }
    }
}

/// The words that rows are written with.
impl Setting {
    pub(super) const fn new(section: Section, name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            section,
            in_files: !matches!(kind, Kind::Project),
            flags: &[],
            variables: &[],
            opposite: None,
            more: "",
            asks: None,
            kind,
            help: "",
            default: None,
        }
    }

    pub(super) const fn flags(mut self, flags: &'static [Flag]) -> Self {
        self.flags = flags;
        self
    }

    pub(super) const fn variables(mut self, variables: &'static [&'static str]) -> Self {
        self.variables = variables;
        self
    }

    pub(super) const fn opposite(mut self, variable: &'static str) -> Self {
        self.opposite = Some(variable);
        self
    }

    pub(super) const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    pub(super) const fn more(mut self, sentences: &'static str) -> Self {
        self.more = sentences;
        self
    }

    pub(super) const fn asks(mut self, ask: Ask) -> Self {
        self.asks = Some(ask);
        self
    }

    /// In words, because it depends on other things.
    pub(super) const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }
}

/// The flag that switches a setting on.
pub(super) const fn on(name: &'static str) -> Flag {
    flag(name, Takes::Nothing("on"))
}

/// The flag that switches it off.
pub(super) const fn off(name: &'static str) -> Flag {
    flag(name, Takes::Nothing("off"))
}

/// A flag that stands for a word.
pub(super) const fn word(name: &'static str, word: &'static str) -> Flag {
    flag(name, Takes::Nothing(word))
}

/// A flag with a value; `called` is what the help calls it.
pub(super) const fn value(name: &'static str, called: &'static str) -> Flag {
    flag(name, Takes::Value(called))
}

/// The same for one that may be given several times.
pub(super) const fn values(name: &'static str, called: &'static str) -> Flag {
    flag(name, Takes::Values(called))
}

/// The arguments of a command.
pub(super) const fn arguments(name: &'static str) -> Flag {
    flag(name, Takes::Arguments)
}

const fn flag(name: &'static str, takes: Takes) -> Flag {
    Flag {
        name,
        short: None,
        takes,
        used_by: &[UsedBy::Run],
        excludes: None,
        help: None,
    }
}

impl Flag {
    pub(super) const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    /// A line of help of its own, because the one of the setting does not fit.
    pub(super) const fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }

    pub(super) const fn used_by(mut self, commands: &'static [UsedBy]) -> Self {
        self.used_by = commands;
        self
    }

    pub(super) const fn excludes(mut self, flag: &'static str) -> Self {
        self.excludes = Some(flag);
        self
    }
}
