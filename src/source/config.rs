//! [`Files`]: the configuration files of a folder, and values that several of them write alike.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};

use nix::fcntl::OFlag;
use toml::{Table, Value};

use super::ini::Ini;
use crate::graph::Problem;

/// A larger file is no configuration.
const MAX_BYTES: u64 = 4 << 20;

/// Configuration files of a folder.
pub(super) struct Files<'a> {
    folder: &'a Path,
    /// The files that could not be read or parsed so far.
    pub(super) problems: Vec<Problem>,
}

impl<'a> Files<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            problems: Vec::new(),
        }
    }

    /// A TOML file; `None` if it is not there, or broken, which is noted.
    pub(super) fn toml(&mut self, name: &str) -> Option<Table> {
        let text = self.text(name)?;
        match text.parse::<Table>() {
            Ok(table) => Some(table),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                let before = text.as_bytes().iter().take(start);
                let line = 1 + before.filter(|byte| **byte == b'\n').count();
                self.note(name, u32::try_from(line).ok(), error.message());
                None
            }
        }
    }

    /// An INI file; `None` if it is not there or cannot be read. A broken line is noted and
    /// skipped.
    pub(super) fn ini(&mut self, name: &str) -> Option<Ini> {
        let (ini, broken) = Ini::parse(&self.text(name)?);
        if let Some(broken) = broken {
            self.note(
                name,
                Some(broken.line),
                "it is neither `[section]` nor `key = value`",
            );
        }
        Some(ini)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let mut options = OpenOptions::new();
        // A pipe is not waited for.
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let file = match options.open(self.folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                self.note(name, None, &error.to_string());
                return None;
            }
        };
        let mut bytes = Vec::new();
        match file.take(MAX_BYTES + 1).read_to_end(&mut bytes) {
            Ok(length) if length as u64 > MAX_BYTES => self.note(name, None, "it is too large"),
            Ok(_) => return Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => self.note(name, None, &error.to_string()),
        }
        None
    }

    fn note(&mut self, file: &str, line: Option<u32>, text: &str) {
        self.problems.push(Problem {
            file: file.to_owned(),
            line,
            text: text.to_owned(),
        });
    }
}

/// A folder of a configuration file, relative to the one that the file is in; `""` for that one
/// itself, `None` for one outside of it.
pub(super) fn folder(text: &str) -> Option<String> {
    let mut parts = Vec::new();
    for component in Path::new(text.trim()).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// One text, the texts of a list, or the keys of a table, which Hatch takes for `sources`.
pub(super) fn texts(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(list) => Box::new(list.iter().filter_map(Value::as_str)),
        Value::Table(table) => Box::new(table.keys().map(String::as_str)),
        _ => Box::new(std::iter::empty()),
    }
}
