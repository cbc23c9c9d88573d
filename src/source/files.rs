//! The files of a project that travel to a remote engine.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::overrides::{Override, OverrideBuilder};

use crate::diag::Hint;

/// More is no source tree, and would fill the memory of this list.
const MAX_FILES: usize = 1_000_000;
/// More takes minutes on a good line, for every container.
const MAX_BYTES: u64 = 4 << 30;

/// The reason why the files cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A pattern of `exclude` that is none.
    #[error("`exclude` holds `{pattern}`, which is no pattern")]
    Pattern {
        pattern: String,
        /// The fault of the pattern.
        #[source]
        source: ignore::Error,
    },
    /// A folder cannot be read, or an ignore file is broken.
    #[error("cannot list the files of `{}`", .project.display())]
    Walk {
        project: PathBuf,
        /// The place that the walk failed at, and the error there.
        #[source]
        source: ignore::Error,
    },
    /// The files are too many or too large together to be sent.
    #[error("`{}` is too large to be sent to the engine: over {} files or {} GiB",
        .project.display(), MAX_FILES, MAX_BYTES >> 30)]
    TooMuch { project: PathBuf },
}

impl Hint for FilesError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Pattern { .. } => {
                "patterns are those of `.gitignore`: `exclude = ['build/', '*.bin']`".to_owned()
            }
            Self::Walk { .. } => {
                "leave it out with `exclude` in menace.toml, or make it readable".to_owned()
            }
            Self::TooMuch { .. } => {
                "leave out what the tests do not need: `exclude = ['data/']` in menace.toml"
                    .to_owned()
            }
        })
    }
}

/// The files, folders and links of `project`, as paths from there, sorted. The list leaves out
/// files that `.gitignore` and `.ignore` files or `exclude` name, `.git`, virtual environments and
/// `data_dir`.
pub fn files(
    project: &Path,
    data_dir: &Path,
    exclude: &[String],
) -> Result<Vec<PathBuf>, FilesError> {
    let failed = |source| FilesError::Walk {
        project: project.to_owned(),
        source,
    };
    let data_dir = data_dir.to_owned();
    let walk = WalkBuilder::new(project)
        .hidden(false)
        .require_git(false)
        .git_global(false)
        .overrides(excluded(project, exclude)?)
        .filter_entry(move |entry| {
            entry.file_name() != ".git"
                && entry.path() != data_dir
                && !entry.path().join("pyvenv.cfg").is_file()
        })
        .sort_by_file_path(Ord::cmp)
        .build();
    let (mut found, mut bytes) = (Vec::new(), 0_u64);
    for entry in walk {
        let entry = entry.map_err(failed)?;
        let Ok(path) = entry.path().strip_prefix(project) else {
            continue;
        };
        if path.as_os_str().is_empty() {
            continue;
        }
        bytes += entry.metadata().map_or(0, |data| data.len());
        found.push(path.to_owned());
        if found.len() > MAX_FILES || bytes > MAX_BYTES {
            return Err(FilesError::TooMuch {
                project: project.to_owned(),
            });
        }
    }
    Ok(found)
}

/// Tells of files whether one of the patterns of `exclude` matches them, or a folder that they are
/// in; a pattern that is none matches nothing.
pub fn exclusion(project: &Path, exclude: &[String]) -> impl Fn(&str) -> bool + use<> {
    let patterns = excluded(project, exclude).unwrap_or_else(|_| Override::empty());
    move |file| {
        let path = Path::new(file);
        let mut parts = path.ancestors().filter(|part| !part.as_os_str().is_empty());
        parts.any(|part| patterns.matched(part, part != path).is_ignore())
    }
}

/// Compiles the patterns of `exclude`, which are written as in `.gitignore`.
pub(super) fn excluded(project: &Path, exclude: &[String]) -> Result<Override, FilesError> {
    let mut overrides = OverrideBuilder::new(project);
    for pattern in exclude {
        let added = overrides.add(&format!("!{pattern}"));
        added.map_err(|source| FilesError::Pattern {
            pattern: pattern.clone(),
            source,
        })?;
    }
    overrides.build().map_err(|source| FilesError::Walk {
        project: project.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_ignored_stays_here() {
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        for path in [
            "pkg/code.py",
            "pkg/made.so",
            "tests/.hidden/test_a.py",
            "data/big.bin",
            "sandbox_data/agent.db",
            ".git/config",
            ".venv/bin/python",
            ".venv/pyvenv.cfg",
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::write(root.join(".gitignore"), "*.so\n").unwrap();
        let found = files(root, &root.join("sandbox_data"), &["data/".to_owned()]).unwrap();
        let found: Vec<_> = found.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(
            found,
            [
                ".gitignore",
                "pkg",
                "pkg/code.py",
                "tests",
                "tests/.hidden",
                "tests/.hidden/test_a.py"
            ]
        );
        let wrong = files(root, root, &["a[".to_owned()]).unwrap_err();
        assert!(wrong.to_string().contains("`a[`"), "{wrong}");
    }
}
