//! [`UnitName`]: the name of a service.

use std::fmt;
use std::str::FromStr;

/// The name of a service, without the suffix of a file: systemd, launchd and file systems all take
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitName(String);

/// The reasons to refuse a text as the name of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Too long, empty, or with other characters.
    #[error("expected up to 100 letters, digits, `-`, `_` and `.`, and a letter or digit first")]
    Characters,
    /// It ends as a file does.
    #[error("expected a name without `{0}`")]
    Suffix(&'static str),
}

/// Suffixes of what service managers read.
const SUFFIXES: [&str; 2] = [".service", ".plist"];

impl UnitName {
    /// systemd takes 255 with its suffix; nobody types more than this.
    const MAX_CHARS: usize = 100;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UnitName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins || text.len() > Self::MAX_CHARS || !text.chars().all(fits) {
            return Err(NameError::Characters);
        }
        match SUFFIXES.into_iter().find(|suffix| text.ends_with(suffix)) {
            Some(suffix) => Err(NameError::Suffix(suffix)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_plain_word_without_a_suffix() {
        for text in ["menace-agent", "lab.nightly_2", "9", &"a".repeat(100)] {
            assert_eq!(text.parse::<UnitName>().unwrap().as_str(), text);
        }
        for text in ["", "-a", ".a", "a b", "a/b", "a@b", "ä", &"a".repeat(101)] {
            assert_eq!(text.parse::<UnitName>(), Err(NameError::Characters));
        }
        assert_eq!(
            "lab.service".parse::<UnitName>(),
            Err(NameError::Suffix(".service"))
        );
    }
}
