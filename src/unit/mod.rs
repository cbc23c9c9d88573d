//! Units of service managers: a [`Unit`] in, the text of a systemd user unit or of a launchd agent
//! out, and back: reads what a file says of its service, and what a manager says of it.
//!
//! ```text
//!   Unit ──► checked (no control characters) ──► systemd::render │ launchd::render ──► text
//!                                                     ▲
//!            offline/menace-agent.{service,plist} ────┘   templates, for people too
//! ```
//!
//! A template is filled line by line and each place once, so that no value is taken for a
//! placeholder. A file that is written by hand has no [`MARK`]: it is never replaced or removed.

pub mod launchd;
mod name;
mod state;
pub mod systemd;
mod template;

pub use name::{NameError, UnitName};
pub use state::ServiceState;

use crate::diag::Hint;

/// A file with this text was made by the agent.
pub const MARK: &str = "Made by agent service install";

/// A service manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// The systemd of one user.
    Systemd,
    /// The launchd of one user.
    Launchd,
}

impl Manager {
    /// The name, `systemd` or `launchd`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Launchd => "launchd",
        }
    }

    /// Reads a file that the agent made; `None` for the file of somebody else.
    pub fn read(self, text: &str) -> Option<UnitFile> {
        match self {
            Self::Systemd => systemd::read(text),
            Self::Launchd => launchd::read(text),
        }
    }
}

/// A service: the program, its folder, its arguments and its variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name, without a suffix.
    pub name: UnitName,
    /// The absolute path of the agent.
    pub program: String,
    /// The absolute path of the project folder.
    pub project: String,
    /// The arguments of `run-scheduled`, one by one and not quoted.
    pub arguments: Vec<String>,
    /// Its environment variables, by name and value.
    pub environment: Vec<(String, String)>,
    /// The longest time that it may take to end, in seconds.
    pub stop_s: u64,
    /// True if setuid programs have to work, as podman's without root.
    pub setuid: bool,
}

/// The reasons for a service that cannot be written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A line break, or another character that the formats cannot hold.
    #[error("{what} holds the character {character:?}, and a service cannot be given that")]
    Character {
        /// The words for the text that holds it.
        what: String,
        character: char,
    },
    /// systemd starts no program with such a path.
    #[error("systemd starts no program whose path holds `{character}`: `{path}`")]
    Program { path: String, character: char },
}

impl Hint for UnitError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Character { .. } => "give it another name, or say it in menace.toml".to_owned(),
            Self::Program { .. } => "put the agent into another folder".to_owned(),
        })
    }
}

impl Unit {
    /// Checks that both formats can hold every text.
    fn check(&self) -> Result<(), UnitError> {
        check(|| "the path of the agent".to_owned(), &self.program)?;
        check(|| "the path of the project".to_owned(), &self.project)?;
        for text in &self.arguments {
            check(|| format!("the argument {text:?}"), text)?;
        }
        for (name, text) in &self.environment {
            check(|| format!("the variable `{name}`"), text)?;
        }
        Ok(())
    }
}

/// Neither format can hold control characters, and XML no U+FFFE and U+FFFF.
fn check(what: impl Fn() -> String, text: &str) -> Result<(), UnitError> {
    let odd = |c: &char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    match text.chars().find(odd) {
        Some(character) => Err(UnitError::Character {
            what: what(),
            character,
        }),
        None => Ok(()),
    }
}

/// The facts that are read from a file that the agent made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    /// The project of its service.
    pub project: String,
    /// The longest time that the service may take to end, in seconds.
    pub stop_s: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_format_can_hold_is_refused_and_named() {
        let unit = Unit {
            name: "menace-agent".parse().unwrap(),
            program: "/usr/bin/agent".to_owned(),
            project: "/lab".to_owned(),
            arguments: vec!["--pytest-args".to_owned()],
            environment: vec![("PATH".to_owned(), "/usr/bin".to_owned())],
            stop_s: 90,
            setuid: false,
        };
        let check = |unit: &Unit| (systemd::render(unit), launchd::render(unit, "/log"));
        assert!(matches!(check(&unit), (Ok(_), Ok(_))));
        let cases = [
            (
                Unit {
                    project: "/a\nb".to_owned(),
                    ..unit.clone()
                },
                "the path of the project holds the character '\\n'",
            ),
            (
                Unit {
                    program: "/a\tb".to_owned(),
                    ..unit.clone()
                },
                "the path of the agent holds the character '\\t'",
            ),
            (
                Unit {
                    arguments: vec!["a\u{1b}".to_owned()],
                    ..unit.clone()
                },
                "the argument \"a\\u{1b}\" holds the character '\\u{1b}'",
            ),
            (
                Unit {
                    environment: vec![("SELF_TEST_ARGS".to_owned(), "a\u{ffff}".to_owned())],
                    ..unit
                },
                "the variable `SELF_TEST_ARGS` holds the character '\\u{ffff}'",
            ),
        ];
        for (unit, said) in cases {
            let (one, other) = check(&unit);
            let error = one.unwrap_err();
            assert!(error.to_string().starts_with(said), "{error}");
            assert_eq!(other.unwrap_err(), error);
        }
    }
}
