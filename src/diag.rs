//! Errors and warnings as text: the only place that knows the house form.
//!
//! ```text
//! error: cannot use the settings in /home/me/project/menace.toml:3
//!   caused by: no setting is called `wokers`, in the line `wokers = 4`
//! hint: did you mean `workers`?
//! ```
//!
//! Everything here is a pure function that returns a `String`; the printer decides on the
//! [`Palette`].

use std::error::Error;
use std::fmt;

use anstyle::{AnsiColor, Style};

use crate::model::ExitCode;

/// An error that knows a next step for the person who reads it.
pub trait Hint: Error {
    /// The next step, as a lower-case fragment that works without a network.
    fn hint(&self) -> Option<String>;

    /// The code that a command returns if it ends with this error: the environment is wrong, unless
    /// the error says otherwise.
    fn exit_code(&self) -> ExitCode {
        ExitCode::ENVIRONMENT
    }
}

/// The styles of a text; [`Palette::PLAIN`] writes no escape codes at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Palette {
    /// The word `error`, and everything that failed.
    pub error: Style,
    /// The word `warning`, and everything that needs a look.
    pub warning: Style,
    /// The words `hint` and `note`.
    pub hint: Style,
    /// Everything that went well, such as a test that passed.
    pub good: Style,
    /// Titles and names that stand out.
    pub strong: Style,
    /// Text that may be overlooked, such as the words `caused by`.
    pub faint: Style,
}

impl Palette {
    /// No colours and no escape codes, for files and pipes.
    pub const PLAIN: Self = Self {
        error: Style::new(),
        warning: Style::new(),
        hint: Style::new(),
        good: Style::new(),
        strong: Style::new(),
        faint: Style::new(),
    };

    /// The sixteen colours that every terminal has.
    pub const ANSI: Self = Self {
        error: AnsiColor::Red.on_default().bold(),
        warning: AnsiColor::Yellow.on_default().bold(),
        hint: AnsiColor::Cyan.on_default(),
        good: AnsiColor::Green.on_default(),
        strong: Style::new().bold(),
        faint: Style::new().dimmed(),
    };
}

/// `text` between the escape codes of `style`.
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// An error, its chain of causes and a hint, one a line, each ended by a line break.
pub fn render_error(
    error: &(dyn Error + 'static),
    hint: Option<&str>,
    palette: &Palette,
) -> String {
    let causes = std::iter::successors(error.source(), |cause| (**cause).source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    render_parts(&error.to_string(), &causes, hint, palette)
}

/// The same for an error whose parts are texts already.
pub fn render_parts(
    message: &str,
    causes: &[String],
    hint: Option<&str>,
    palette: &Palette,
) -> String {
    let mut text = entry(palette.error, "error", message);
    for cause in causes {
        text.push_str("  ");
        text.push_str(&entry(palette.faint, "caused by", cause));
    }
    text + &hint_line(hint, palette)
}

/// A warning and its hint, in the same form.
pub fn render_warning(message: &str, hint: Option<&str>, palette: &Palette) -> String {
    entry(palette.warning, "warning", message) + &hint_line(hint, palette)
}

/// A remark that needs no action, and its hint, in the same form.
pub fn render_note(message: &str, hint: Option<&str>, palette: &Palette) -> String {
    entry(palette.hint, "note", message) + &hint_line(hint, palette)
}

/// An error and its chain of causes on one line.
pub fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |cause| (**cause).source());
    let parts: Vec<String> = chain.map(|part| one_line(&part.to_string())).collect();
    parts.join(": ")
}

/// The lines of `text` that are not empty, on one line.
pub fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" · ")
}

/// ` and 3 more`, after a list of names that has so many more; nothing if it has none.
pub fn and_more<N: fmt::Display + Default + PartialEq + Copy>(more: N) -> String {
    if more == N::default() {
        return String::new();
    }
    format!(" and {more} more")
}

/// The last `count` lines of `text` that are not empty.
pub fn last_lines(text: &str, count: usize) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let from = lines.len().saturating_sub(count);
    lines.into_iter().skip(from)
}

/// `text` with its control characters spelled out, line breaks and tabs excepted.
///
/// Messages quote files and the output of processes; neither may move the cursor or change the
/// title of the terminal that shows them.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\n' | '\t') {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

fn hint_line(hint: Option<&str>, palette: &Palette) -> String {
    hint.map_or_else(String::new, |hint| entry(palette.hint, "hint", hint))
}

/// `label: message`; further lines of the message are indented below the first.
fn entry(style: Style, label: &str, message: &str) -> String {
    let message = printable(message.trim_end());
    let message = message.replace('\n', "\n    ");
    format!("{style}{label}:{style:#} {message}\n")
}
