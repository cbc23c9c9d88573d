//! Reading one value: a word from the command line or a variable, or a value of a TOML file.
//!
//! A word is read generously (`yes`, `ON`, `1`); a TOML value must have the right type, because
//! the format has types.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::project;
use crate::plan::orphans::Suppression;
use crate::schedule::Cron;

/// Longer times are refused: 31 years are no deadline, and sums stay far from any overflow.
pub(super) const MAX_SECONDS: f64 = 1e9;

/// Less would be 0 in milliseconds, the unit that deadlines are kept in.
pub(super) const MIN_SECONDS: f64 = 0.001;

const SWITCH: &str = "expected 1/0, true/false, yes/no or on/off";

/// A value as somebody gave it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Raw<'a> {
    /// A word of the command line, or a variable.
    Word(&'a str),
    /// Several words of the command line.
    Words(&'a [String]),
    /// A value of a settings file.
    Toml(&'a toml::Value),
}

/// A value, and the folder that relative paths in it start from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) raw: Raw<'a>,
    /// True if it switches off what its setting switches on.
    pub(super) negated: bool,
    pub(super) base: &'a Path,
    pub(super) project: &'a Path,
}

/// The reason for which a value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its value is `{found}`, {reason}")]
pub struct Problem {
    /// The value as it was given, shortened.
    pub found: String,
    /// The values that were expected, or the reason for which this one makes no sense.
    pub reason: String,
    /// A next step, if there is an obvious one.
    pub hint: Option<String>,
}

/// The value of a setting as `agent config` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// The state of a switch.
    Switch(bool),
    /// A whole number from 0.
    Count(u64),
    /// A time in seconds, maybe with a fraction.
    Seconds(f64),
    /// A text or a path.
    Text(String),
    /// Several texts, in their order.
    List(Vec<String>),
    /// The setting has no value.
    None,
}

impl Given<'_> {
    /// `true`, `yes`, `on`, `1` and their opposites, in any case.
    pub(super) fn switch(&self) -> Result<bool, Problem> {
        match self.raw {
            Raw::Toml(toml::Value::Boolean(on)) => Ok(*on),
            Raw::Toml(_) => Err(self.problem("expected true or false")),
            Raw::Word(word) => match word.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => Ok(!self.negated),
                "0" | "false" | "no" | "off" => Ok(self.negated),
                _ => Err(self.problem(SWITCH)),
            },
            Raw::Words(_) => Err(self.problem(SWITCH)),
        }
    }

    /// A whole number from 0.
    pub(super) fn count(&self) -> Result<u32, Problem> {
        self.whole()
            .ok_or_else(|| self.problem("expected a whole number from 0"))
    }

    /// A whole number from 1, or `none`.
    pub(super) fn limit(&self) -> Result<Option<u32>, Problem> {
        if self.is_word("none") {
            return Ok(None);
        }
        match self.whole() {
            Some(0) | None => Err(self.problem("expected a whole number from 1, or `none`")),
            limit => Ok(limit),
        }
    }

    /// A whole number from 1, or `auto` for the processors that this process may use.
    pub(super) fn workers(&self) -> Result<u32, Problem> {
        if self.is_word("auto") {
            return Ok(processors());
        }
        match self.whole() {
            Some(0) => Err(Problem {
                hint: Some(format!(
                    "give 1 or more, or `auto` for one a processor ({} here)",
                    processors()
                )),
                ..self.problem("a run needs at least one worker")
            }),
            Some(workers) => Ok(workers),
            None => Err(self.problem("expected a whole number from 1, or `auto`")),
        }
    }

    /// Seconds, fractions too, above 0.
    pub(super) fn seconds(&self) -> Result<Duration, Problem> {
        self.duration("expected a number of seconds above 0")
    }

    /// The same, or `none`.
    pub(super) fn seconds_or_none(&self) -> Result<Option<Duration>, Problem> {
        if self.is_word("none") {
            return Ok(None);
        }
        self.duration("expected a number of seconds above 0, or `none`")
            .map(Some)
    }

    /// Seconds, 0 too, or `none`.
    pub(super) fn patience(&self) -> Result<Option<Duration>, Problem> {
        if self.is_word("none") {
            return Ok(None);
        }
        if self.is_zero() {
            return Ok(Some(Duration::ZERO));
        }
        self.duration("expected a number of seconds from 0, or `none`")
            .map(Some)
    }

    /// Seconds, 0 too.
    pub(super) fn seconds_from_zero(&self) -> Result<Duration, Problem> {
        if self.is_zero() {
            return Ok(Duration::ZERO);
        }
        self.duration("expected a number of seconds from 0")
    }

    /// Five fields of cron, or `none`.
    pub(super) fn cron(&self) -> Result<Option<Cron>, Problem> {
        if self.is_word("none") {
            return Ok(None);
        }
        let expected = "expected five fields: minute, hour, day of month, month, day of week";
        let text = self.text(expected)?;
        Cron::parse(text).map(Some).map_err(|error| Problem {
            hint: Some("every night at half past two is `30 2 * * *`".to_owned()),
            ..self.problem(&error.to_string())
        })
    }

    /// A port of TCP, or `none`.
    pub(super) fn port(&self) -> Result<Option<u16>, Problem> {
        if self.is_word("none") {
            return Ok(None);
        }
        let port = self.whole().and_then(|port| u16::try_from(port).ok());
        port.filter(|port| *port > 0)
            .map(Some)
            .ok_or_else(|| self.problem("expected a port from 1 to 65535, or `none`"))
    }

    /// An address of this machine.
    pub(super) fn ip_address(&self) -> Result<IpAddr, Problem> {
        let expected = "expected an IP address, such as 127.0.0.1 or ::1";
        let text = self.text(expected)?;
        text.parse().map_err(|_| self.problem(expected))
    }

    /// Shell words in one text, or the words themselves.
    pub(super) fn words(&self) -> Result<Vec<String>, Problem> {
        let unbalanced = |_| self.problem("expected shell words with balanced quotes");
        match self.raw {
            Raw::Word(text) => shell_words::split(text).map_err(unbalanced),
            Raw::Toml(toml::Value::String(text)) => shell_words::split(text).map_err(unbalanced),
            Raw::Words(_) | Raw::Toml(_) => {
                self.list("expected a string of shell words, or an array of strings")
            }
        }
    }

    /// Test paths, as they read from the project.
    pub(super) fn test_paths(&self) -> Result<Vec<String>, Problem> {
        let given = match self.raw {
            Raw::Word(path) => vec![path.to_owned()],
            Raw::Toml(toml::Value::String(path)) => vec![path.clone()],
            Raw::Words(_) | Raw::Toml(_) => self.list("expected an array of strings")?,
        };
        if given.iter().any(String::is_empty) {
            return Err(self.problem("expected paths, and one is empty"));
        }
        let path = |path: &String| project::test_path(path, self.base, self.project);
        Ok(given.iter().map(path).collect())
    }

    /// A file or folder, made absolute. `..` stays: after a link only the system knows its meaning.
    pub(super) fn path(&self) -> Result<PathBuf, Problem> {
        let path = self.text("expected a path")?;
        Ok(self.base.join(path).components().collect())
    }

    /// A command that is looked up in `PATH`, or a path, made absolute.
    pub(super) fn program(&self) -> Result<String, Problem> {
        let program = self.text("expected a command or a path")?;
        if !program.contains('/') {
            return Ok(program.to_owned());
        }
        Ok(self.path()?.to_string_lossy().into_owned())
    }

    /// A name without spaces that is no flag.
    pub(super) fn word(&self) -> Result<String, Problem> {
        let word = self.text("expected a name")?;
        let odd = word.starts_with('-') || word.chars().any(char::is_whitespace);
        if odd {
            return Err(self.problem("expected a name without spaces"));
        }
        Ok(word.to_owned())
    }

    /// The name or id of an image.
    pub(super) fn image(&self) -> Result<String, Problem> {
        self.word()
            .map_err(|_| self.problem("expected the name or id of an image, such as `lab:1`"))
    }

    /// The address of a container engine.
    pub(super) fn engine_host(&self) -> Result<String, Problem> {
        const SCHEMES: [&str; 3] = ["unix://", "tcp://", "ssh://"];
        let expected = "expected unix://PATH, tcp://HOST:PORT or ssh://USER@HOST";
        let host = self.word().map_err(|_| self.problem(expected))?;
        let known = SCHEMES
            .iter()
            .any(|scheme| host.len() > scheme.len() && host.starts_with(scheme));
        if known {
            Ok(host)
        } else {
            Err(self.problem(expected))
        }
    }

    /// Bytes with the suffix of a unit, or `none`.
    pub(super) fn memory(&self) -> Result<Option<String>, Problem> {
        if self.is_word("none") {
            return Ok(None);
        }
        let expected = "expected bytes such as 512m or 2g, 6m at least, or `none`";
        let text = self.text(expected)?.to_ascii_lowercase();
        let number = text.trim_end_matches(['b', 'k', 'm', 'g']);
        let unit: u64 = match &text[number.len()..] {
            "" | "b" => 1,
            "k" | "kb" => 1 << 10,
            "m" | "mb" => 1 << 20,
            "g" | "gb" => 1 << 30,
            _ => return Err(self.problem(expected)),
        };
        let bytes: Option<u64> = number.parse().ok();
        match bytes.and_then(|count| count.checked_mul(unit)) {
            Some(6_291_456..) => Ok(Some(text)),
            _ => Err(self.problem(expected)),
        }
    }

    /// A number of processors, fractions too, or `none`.
    pub(super) fn processors(&self) -> Result<Option<String>, Problem> {
        if self.is_word("none") {
            return Ok(None);
        }
        let expected = "expected a number of processors above 0, such as 1.5, or `none`";
        let number = match self.raw {
            Raw::Word(word) => word.parse::<f64>().ok(),
            Raw::Toml(toml::Value::Float(number)) => Some(*number),
            Raw::Toml(toml::Value::Integer(number)) => u32::try_from(*number).ok().map(f64::from),
            Raw::Toml(_) | Raw::Words(_) => None,
        };
        match number {
            Some(number) if (0.01..=4096.0).contains(&number) => Ok(Some(number.to_string())),
            _ => Err(self.problem(expected)),
        }
    }

    /// `NAME=VALUE` or `NAME`, several of them.
    pub(super) fn variables(&self) -> Result<Vec<String>, Problem> {
        let words = self.words()?;
        let is_name = |name: &str| {
            !name.starts_with(|c: char| c.is_ascii_digit())
                && !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let valid = |word: &String| is_name(word.split('=').next().unwrap_or_default());
        if words.iter().all(valid) {
            Ok(words)
        } else {
            Err(self.problem("expected NAME=VALUE, or NAME for the agent's own value"))
        }
    }

    /// Patterns as `.gitignore` has them.
    pub(super) fn patterns(&self) -> Result<Vec<String>, Problem> {
        if let Raw::Word(pattern) = self.raw {
            return Ok(vec![pattern.to_owned()]);
        }
        self.list("expected an array of strings")
    }

    /// Tables with a pattern of modules and the reason why these may be orphans.
    pub(super) fn suppressions(&self) -> Result<Vec<Suppression>, Problem> {
        let expected = "expected tables with `module`, a name with `*` for anything, and `reason`";
        let Raw::Toml(toml::Value::Array(tables)) = self.raw else {
            return Err(self.problem(expected));
        };
        let text = |table: &toml::Value, key: &str| {
            let text = table.get(key)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let suppression = |table: &toml::Value| {
            let known = table.as_table().is_some_and(|table| table.len() == 2);
            let module = text(table, "module").filter(|_| known)?;
            glob::Pattern::new(&module).ok()?;
            let reason = text(table, "reason")?;
            Some(Suppression { module, reason })
        };
        let all = tables.iter().map(suppression).collect::<Option<_>>();
        all.ok_or_else(|| self.problem(expected))
    }

    /// One of a few names.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, Problem> {
        let text = self.text("expected a string").unwrap_or_default();
        let found = choices.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.problem(&format!("expected one of {}", names.join(", ")))
        })
    }

    fn text(&self, expected: &str) -> Result<&str, Problem> {
        match self.raw {
            Raw::Word(text) if !text.is_empty() => Ok(text),
            Raw::Toml(toml::Value::String(text)) if !text.is_empty() => Ok(text),
            _ => Err(self.problem(expected)),
        }
    }

    fn list(&self, expected: &str) -> Result<Vec<String>, Problem> {
        match self.raw {
            Raw::Words(words) => Ok(words.to_vec()),
            Raw::Toml(toml::Value::Array(values)) => values
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| self.problem(expected)),
            _ => Err(self.problem(expected)),
        }
    }

    fn is_word(&self, word: &str) -> bool {
        self.text("").is_ok_and(|text| text == word)
    }

    /// `0`, and `0.0` too.
    fn is_zero(&self) -> bool {
        match self.raw {
            Raw::Word(word) => word.parse() == Ok(0.0),
            Raw::Toml(toml::Value::Float(number)) => *number == 0.0,
            Raw::Toml(_) | Raw::Words(_) => self.whole() == Some(0),
        }
    }

    fn whole(&self) -> Option<u32> {
        match self.raw {
            Raw::Word(word) => word.parse().ok(),
            Raw::Toml(value) => value.as_integer().and_then(|number| number.try_into().ok()),
            Raw::Words(_) => None,
        }
    }

    fn duration(&self, expected: &str) -> Result<Duration, Problem> {
        let seconds = match self.raw {
            Raw::Word(word) => word.parse().ok(),
            Raw::Toml(toml::Value::Float(seconds)) => Some(*seconds),
            Raw::Toml(toml::Value::Integer(seconds)) => match u32::try_from(*seconds) {
                Ok(seconds) => Some(seconds.into()),
                Err(_) => (*seconds > 0).then_some(f64::INFINITY),
            },
            Raw::Toml(_) | Raw::Words(_) => None,
        };
        match seconds {
            Some(seconds) if seconds > MAX_SECONDS => {
                Err(self.problem(&format!("more than {MAX_SECONDS} seconds")))
            }
            Some(seconds) if seconds >= MIN_SECONDS => Ok(Duration::from_secs_f64(seconds)),
            _ => Err(self.problem(expected)),
        }
    }

    fn problem(&self, reason: &str) -> Problem {
        let found = match self.raw {
            Raw::Word(word) => word.to_owned(),
            Raw::Words([word]) => word.clone(),
            Raw::Words(words) => shell_words::join(words),
            Raw::Toml(value) => value.to_string(),
        };
        Problem {
            found: shortened(&found),
            reason: reason.to_owned(),
            hint: None,
        }
    }
}

/// At most 80 characters of a text that a message quotes.
pub(super) fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 80;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The number of processors that this process may use; 1 if the system does not say.
fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1))
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(true) => f.write_str("on"),
            Self::Switch(false) => f.write_str("off"),
            Self::Count(count) => count.fmt(f),
            Self::Seconds(seconds) => write!(f, "{seconds} s"),
            Self::Text(text) => f.write_str(text),
            Self::List(words) if words.is_empty() => f.write_str("-"),
            Self::List(words) => f.write_str(&shell_words::join(words)),
            Self::None => f.write_str("-"),
        }
    }
}

impl From<bool> for Value {
    fn from(on: bool) -> Self {
        Self::Switch(on)
    }
}

impl From<u32> for Value {
    fn from(count: u32) -> Self {
        Self::Count(count.into())
    }
}

impl From<Duration> for Value {
    fn from(time: Duration) -> Self {
        Self::Seconds(time.as_secs_f64())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&PathBuf> for Value {
    fn from(path: &PathBuf) -> Self {
        Self::Text(path.to_string_lossy().into_owned())
    }
}

impl From<&Vec<String>> for Value {
    fn from(words: &Vec<String>) -> Self {
        Self::List(words.clone())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}
