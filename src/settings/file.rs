//! Settings files: finding them, and turning each into settings with line numbers.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use serde::Deserialize;
use toml::Spanned;

use super::error::{FileProblem, SettingsError};
use super::value::shortened;
use crate::model::{Level, Notice};

/// A larger file is no configuration.
const MAX_BYTES: u64 = 4 << 20;

/// The settings of one file.
#[derive(Debug)]
pub(super) struct SettingsFile {
    pub(super) path: PathBuf,
    pub(super) entries: Vec<Entry>,
}

/// One setting in a file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: toml::Value,
    pub(super) line: usize,
    pub(super) text: String,
}

type Table = BTreeMap<Spanned<String>, Spanned<toml::Value>>;

/// The part of `pyproject.toml` that is ours.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
struct PyProject {
    tool: Option<Tool>,
}

#[derive(Deserialize)]
#[serde(expecting = "a table")]
struct Tool {
    menace: Option<Table>,
}

/// The settings file of a project: `menace.toml`, else `[tool.menace]` of `pyproject.toml`.
///
/// If both exist, the first one wins as a whole, with a notice: two halves of the settings in two
/// files would be a riddle.
pub(super) fn of_project(
    project: &Path,
) -> Result<(Option<SettingsFile>, Option<Notice>), SettingsError> {
    let own = project.join("menace.toml");
    let shared = project.join("pyproject.toml");
    if let Some(file) = plain(&own)? {
        // With settings of our own, a broken pyproject.toml is pytest's to complain about.
        let shadowed = matches!(in_pyproject(&shared), Ok(Some(_)));
        return Ok((Some(file), shadowed.then(|| shadowed_notice(&own, &shared))));
    }
    Ok((in_pyproject(&shared)?, None))
}

/// A file that holds nothing but settings; `None` if there is none.
pub(super) fn plain(path: &Path) -> Result<Option<SettingsFile>, SettingsError> {
    let Some(source) = read(path)? else {
        return Ok(None);
    };
    let table: Table = toml::from_str(&source).map_err(|error| syntax(path, &source, &error))?;
    Ok(Some(settings(path, &source, table)))
}

fn in_pyproject(path: &Path) -> Result<Option<SettingsFile>, SettingsError> {
    let Some(source) = read(path)? else {
        return Ok(None);
    };
    let whole: PyProject =
        toml::from_str(&source).map_err(|error| syntax(path, &source, &error))?;
    let table = whole.tool.and_then(|tool| tool.menace);
    Ok(table.map(|table| settings(path, &source, table)))
}

fn read(path: &Path) -> Result<Option<String>, SettingsError> {
    let bytes = match read_bounded(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            let path = path.to_path_buf();
            return Err(SettingsError::Unreadable { path, source });
        }
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        SettingsError::NotUtf8 {
            path: path.to_path_buf(),
            line: line_after(good),
        }
    })?;
    Ok(Some(text))
}

/// A project can have anything under that name: pipes are not waited for, and devices not read to
/// an end that they do not have.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = options.open(path)?;
    let data = file.metadata()?;
    // The system has its own words for a folder.
    if !data.is_file() && !data.is_dir() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 4 MiB"));
    }
    Ok(bytes)
}

/// The entries in the order of the file, so that the first wrong line is the one complained about.
fn settings(path: &Path, source: &str, table: Table) -> SettingsFile {
    let mut table: Vec<_> = table.into_iter().collect();
    table.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (Spanned<String>, Spanned<toml::Value>)| {
        let (line, text) = line_at(source, key.span().start);
        Entry {
            key: key.into_inner(),
            value: value.into_inner(),
            line,
            text,
        }
    };
    SettingsFile {
        path: path.to_path_buf(),
        entries: table.into_iter().map(entry).collect(),
    }
}

fn syntax(path: &Path, source: &str, error: &toml::de::Error) -> SettingsError {
    let start = error.span().map_or(0, |span| span.start);
    let (line, text) = line_at(source, start);
    SettingsError::File {
        path: path.to_path_buf(),
        line,
        source: Box::new(FileProblem::Syntax {
            message: error.message().replace('\n', ", "),
            text,
        }),
    }
}

/// The number and the text of the line that holds the byte at `offset`.
fn line_at(source: &str, offset: usize) -> (usize, String) {
    let before = source.get(..offset).unwrap_or(source);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let text = source[start..].lines().next().unwrap_or_default().trim();
    (line_after(before.as_bytes()), shortened(text))
}

/// The number of the line that follows `before`, from 1.
fn line_after(before: &[u8]) -> usize {
    before.split(|byte| *byte == b'\n').count()
}

fn shadowed_notice(own: &Path, shared: &Path) -> Notice {
    Notice {
        level: Level::Warning,
        code: "settings-shadowed".to_owned(),
        message: format!(
            "the table `tool.menace` of {} is not used, because {} exists",
            shared.display(),
            own.display()
        ),
        hint: Some("keep the settings in one of the two files".to_owned()),
    }
}
