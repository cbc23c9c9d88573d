//! [`layout`]: what the configuration files of a project say of its modules and tests.
//!
//! | file | read for |
//! |---|---|
//! | `pyproject.toml` | roots, entry points, pytest's settings |
//! | `setup.cfg` | the same |
//! | `pytest.toml`, `pytest.ini`, both also with a dot before, `tox.ini` | pytest's settings |
//!
//! Nothing is run: what only a `setup.py` says is not known, apart from the usual `src` folder.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path};

use toml::Table;

use super::ini::Ini;
use super::packaging::Packaging;
use super::pytest_settings;
use crate::graph::{Layout, Problem};

/// A larger file is no configuration.
const MAX_BYTES: u64 = 4 << 20;

/// The layout of a project, and which of its configuration files cannot be read. What those would
/// have said is as if it were not there.
pub fn layout(project: &Path) -> (Layout, Vec<Problem>) {
    let mut files = Files {
        folder: project,
        problems: Vec::new(),
    };
    let pyproject = files.toml("pyproject.toml").unwrap_or_default();
    let setup_cfg = files.ini("setup.cfg").unwrap_or_default();
    let mut packaging = Packaging::new("", &pyproject, &setup_cfg);
    for member in packaging.members(project) {
        let mut inner = Files {
            folder: &project.join(&member),
            problems: Vec::new(),
        };
        let pyproject = inner.toml("pyproject.toml").unwrap_or_default();
        let setup_cfg = inner.ini("setup.cfg").unwrap_or_default();
        packaging.add(Packaging::new(&member, &pyproject, &setup_cfg));
        for mut problem in inner.problems {
            problem.file = format!("{member}/{}", problem.file);
            files.problems.push(problem);
        }
    }
    let mut layout = Layout {
        roots: packaging.roots(project),
        entry_points: packaging.entry_points,
        ..Layout::default()
    };
    pytest_settings::read(&mut files, &pyproject, &setup_cfg).apply(&mut layout);
    (layout, files.problems)
}

/// Configuration files of a folder.
pub(super) struct Files<'a> {
    folder: &'a Path,
    problems: Vec<Problem>,
}

impl Files<'_> {
    /// A TOML file; `None` where it is not there, or broken, which is noted.
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

    /// An INI file; `None` where it is not there.
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
        let file = match File::open(self.folder.join(name)) {
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
