//! Turns what the user typed into paths that exist: files, folders, node ids, globs.

use std::path::{Component, Path, PathBuf};

use crate::diag::Hint;
use crate::model::ExitCode;
use crate::plan::TestPath;

/// The reason why a path cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No file or folder has this path, and it is no pattern.
    #[error("there is no `{typed}` in `{}`", .base.display())]
    NotFound {
        typed: String,
        /// The folder that the words are relative to.
        base: PathBuf,
        /// The nearest ancestor that exists.
        nearest: PathBuf,
    },
    /// A pattern that matches nothing.
    #[error("the pattern `{typed}` matches no file in `{}`", .base.display())]
    NoMatch {
        typed: String,
        /// The folder that the words are relative to.
        base: PathBuf,
    },
    /// A pattern that is none.
    #[error("`{typed}` is not a valid pattern: {reason}")]
    Pattern {
        typed: String,
        /// The fault of the pattern, as the glob library says it.
        reason: String,
    },
    /// A node id inside something that holds none.
    #[error("`{0}` names a test inside a folder")]
    NodeInFolder(String),
}

impl Hint for PathError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::USAGE
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { nearest, .. } => {
                format!(
                    "`{}` is there; paths are relative to the current folder",
                    nearest.display()
                )
            }
            Self::NoMatch { .. } | Self::Pattern { .. } => {
                "`*` matches within a folder, `**` over folders; quote patterns for the shell"
                    .to_owned()
            }
            Self::NodeInFolder(_) => "write `FILE.py::TEST`".to_owned(),
        })
    }
}

/// Resolves the words that were typed, relative to `base`. Globs become one path a match, in sorted
/// order.
pub fn resolve(typed: &[String], base: &Path) -> Result<Vec<TestPath>, PathError> {
    let mut paths = Vec::new();
    for text in typed {
        resolve_one(text, base, &mut paths)?;
    }
    Ok(paths)
}

fn resolve_one(typed: &str, base: &Path, paths: &mut Vec<TestPath>) -> Result<(), PathError> {
    let (file, selector) = typed.split_at(typed.find("::").unwrap_or(typed.len()));
    let path = without_dots(&base.join(file));
    // A file that is really named `test_[a].py` is not a pattern.
    if path.exists() {
        if path.is_dir() && !selector.is_empty() {
            return Err(PathError::NodeInFolder(typed.to_owned()));
        }
        paths.push(TestPath {
            file: path,
            selector: selector.to_owned(),
        });
        return Ok(());
    }
    if !file.contains(['*', '?', '[']) {
        let nearest = path
            .ancestors()
            .find(|ancestor| ancestor.exists())
            .unwrap_or(base);
        return Err(PathError::NotFound {
            typed: typed.to_owned(),
            base: base.to_owned(),
            nearest: nearest.to_owned(),
        });
    }
    let before = paths.len();
    for file in matches(typed, file, &path)? {
        paths.push(TestPath {
            file,
            selector: selector.to_owned(),
        });
    }
    if paths.len() == before {
        return Err(PathError::NoMatch {
            typed: typed.to_owned(),
            base: base.to_owned(),
        });
    }
    Ok(())
}

fn matches(typed: &str, pattern: &str, path: &Path) -> Result<Vec<PathBuf>, PathError> {
    let options = glob::MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..glob::MatchOptions::default()
    };
    let found =
        glob::glob_with(&path.to_string_lossy(), options).map_err(|error| PathError::Pattern {
            typed: typed.to_owned(),
            reason: error.msg.to_owned(),
        })?;
    let last = pattern.rsplit('/').next().unwrap_or_default();
    // A folder that cannot be listed has no matches; pytest could not collect it either.
    Ok(found
        .flatten()
        .filter(|path| can_hold_tests(path, last))
        .collect())
}

/// The path without `.` and `..`, as pytest reads it: symbolic links stay, because node ids are
/// made of the names that the user sees.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// Of the matches of a pattern, folders and Python files; other files only if the pattern itself
/// ends in their suffix (`docs/*.rst`). A path that was typed in full is always taken.
fn can_hold_tests(path: &Path, last: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.is_dir() {
        return name != "__pycache__";
    }
    let suffix = path.extension().unwrap_or_default().to_string_lossy();
    let asked = last
        .rsplit_once('.')
        .is_some_and(|(_, asked)| asked == suffix && suffix != "py");
    asked || (suffix == "py" && name != "__init__.py" && name != "conftest.py")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        for file in [
            "tests/test_a.py",
            "tests/test_b.py",
            "tests/conftest.py",
            "tests/x/test_c.py",
            "tests/__init__.py",
            "tests/data.json",
            "docs/a.rst",
            "test_[odd].py",
        ] {
            let path = tree.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        tree
    }

    fn found(typed: &str) -> Result<Vec<String>, PathError> {
        let tree = tree();
        let base = tree.path().canonicalize().unwrap();
        let paths = resolve(&[typed.to_owned()], &base)?;
        Ok(paths.iter().map(|path| path.argument(&base)).collect())
    }

    #[test]
    fn files_folders_node_ids_and_globs_are_found() {
        let cases: [(&str, &[&str]); 8] = [
            ("tests", &["tests"]),
            (".", &["."]),
            ("tests/test_a.py", &["tests/test_a.py"]),
            (
                "tests/../tests/test_a.py::T::m[a::b]",
                &["tests/test_a.py::T::m[a::b]"],
            ),
            ("tests/test_*.py", &["tests/test_a.py", "tests/test_b.py"]),
            (
                "tests/*",
                &["tests/test_a.py", "tests/test_b.py", "tests/x"],
            ),
            ("**/*.rst", &["docs/a.rst"]),
            ("test_[odd].py", &["test_[odd].py"]),
        ];
        for (typed, expected) in cases {
            assert_eq!(found(typed).unwrap(), expected, "{typed}");
        }
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        let Err(PathError::NotFound { typed, nearest, .. }) = found("tests/nope/test_a.py") else {
            panic!("a missing path was taken");
        };
        assert_eq!(typed, "tests/nope/test_a.py");
        assert!(nearest.ends_with("tests"));
        assert!(matches!(
            found("tests/z*.py"),
            Err(PathError::NoMatch { .. })
        ));
        assert!(matches!(
            found("tests/[.py"),
            Err(PathError::Pattern { .. })
        ));
        assert!(matches!(found("tests::T"), Err(PathError::NodeInFolder(_))));
    }
}
