//! [`Reference`]: the name and tag that an image is called by.
//!
//! The grammar is the one that docker and podman share: a path of lower-case components, perhaps
//! with the name of a registry before it, and a tag.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The registry and the folder that engines read into a name that has none. It is part of the full
/// name of such an image, and nothing is ever asked of it.
const DEFAULT_DOMAIN: &str = "docker.io";
const DEFAULT_FOLDER: &str = "library";

const DEFAULT_TAG: &str = "latest";
const MAX_TAG_BYTES: usize = 128;
const MAX_NAME_BYTES: usize = 255;

/// `NAME:TAG`, of which each part was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    name: String,
    tag: String,
}

/// The reason why a text names no image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReferenceError {
    #[error("the name is empty")]
    Empty,
    /// The name is too long.
    #[error("the name is longer than {MAX_NAME_BYTES} bytes")]
    TooLong,
    /// A part of the path is malformed.
    #[error(
        "`{0}` is no part of a name: expected lower-case letters and digits, with `.`, `_`, `__` or `-` between them"
    )]
    Component(String),
    /// The registry, the part before the first slash, is malformed.
    #[error("`{0}` is no host name")]
    Domain(String),
    #[error(
        "`{0}` is no tag: expected up to {MAX_TAG_BYTES} letters, digits, `_`, `.` and `-`, not starting with `.` or `-`"
    )]
    Tag(String),
    /// The reference names content, and content is what is being made.
    #[error("`@` and a digest cannot be chosen")]
    Digest,
}

impl Reference {
    /// The name without the tag, as typed.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The full name, with what engines read into a short one.
    pub fn full(&self) -> String {
        let path = match split_domain(&self.name) {
            (Some(_), _) => return self.to_string(),
            (None, path) => path,
        };
        let folder = if path.contains('/') {
            String::new()
        } else {
            format!("{DEFAULT_FOLDER}/")
        };
        format!("{DEFAULT_DOMAIN}/{folder}{path}:{}", self.tag)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('@') {
            return Err(ReferenceError::Digest);
        }
        // A colon before the last slash belongs to the port of the registry.
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (text, DEFAULT_TAG),
        };
        if name.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(ReferenceError::TooLong);
        }
        if !is_tag(tag) {
            return Err(ReferenceError::Tag(tag.to_owned()));
        }
        let (domain, path) = split_domain(name);
        if let Some(domain) = domain.filter(|domain| !is_domain(domain)) {
            return Err(ReferenceError::Domain(domain.to_owned()));
        }
        match path.split('/').find(|part| !is_component(part)) {
            Some(part) => Err(ReferenceError::Component(part.to_owned())),
            None => Ok(Self {
                name: name.to_owned(),
                tag: tag.to_owned(),
            }),
        }
    }
}

/// The first part is a registry if it looks like a host: with a dot, a port, or as `localhost`.
fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), rest)
        }
        _ => (None, name),
    }
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= MAX_TAG_BYTES
        && tag.bytes().next().is_some_and(word)
        && tag
            .bytes()
            .all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (domain, None),
    };
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(inner)
    };
    host.split('.').all(label)
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// Runs of letters and digits with separators between them: one dot, one or two underscores, or any
/// number of dashes.
fn is_component(part: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let edges = part.starts_with(word) && part.ends_with(word);
    let separators = part.split(word).filter(|between| !between.is_empty());
    let good =
        |between: &str| matches!(between, "." | "_" | "__") || between.bytes().all(|b| b == b'-');
    edges && separators.into_iter().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_completed() {
        let cases = [
            ("a", "a:latest", "docker.io/library/a:latest"),
            ("a/b:1", "a/b:1", "docker.io/a/b:1"),
            (
                "a.b__c--d:V1.2",
                "a.b__c--d:V1.2",
                "docker.io/library/a.b__c--d:V1.2",
            ),
            ("localhost/a", "localhost/a:latest", "localhost/a:latest"),
            ("lab:5000/a", "lab:5000/a:latest", "lab:5000/a:latest"),
            ("Lab.example/a:b", "Lab.example/a:b", "Lab.example/a:b"),
        ];
        for (text, short, full) in cases {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), short);
            assert_eq!(reference.full(), full);
        }
    }

    #[test]
    fn malformed_references_are_refused() {
        let long = "a".repeat(256);
        let long_tag = format!("a:{}", "b".repeat(129));
        let cases = [
            "",
            ":",
            ":1",
            "a:",
            "A",
            "a b",
            "a:b c",
            "a:-b",
            "a//b",
            "/a",
            "a/",
            "a._b",
            "a___b",
            "-a",
            "a-",
            "a:b:c",
            "-.x/a",
            "a.b:x/c",
            "a@sha256:00",
            "é",
            &long,
            &long_tag,
        ];
        for text in cases {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
