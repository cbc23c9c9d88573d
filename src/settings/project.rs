//! Finds the project folder, and rewrites test paths that were given relative to another folder.

use std::path::{Component, Path, PathBuf};

/// A folder that holds one of these is a project.
const MARKERS: [&str; 7] = [
    "menace.toml",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "pytest.ini",
    "tox.ini",
    ".git",
];

/// The nearest folder from `cwd` upwards that looks like a project, else `cwd` itself.
pub(super) fn find(cwd: &Path) -> PathBuf {
    cwd.ancestors()
        .find(|folder| MARKERS.iter().any(|name| folder.join(name).exists()))
        .unwrap_or(cwd)
        .to_path_buf()
}

/// Rewrites a test path (a file, a folder, a glob or a node id) that was given relative to `base`:
/// to a path relative to the project if it is inside the project, and to an absolute path if not.
///
/// If `base` is the project, the path stays exactly as the user wrote it.
pub(super) fn test_path(given: &str, base: &Path, project: &Path) -> String {
    if base == project {
        return given.to_owned();
    }
    let (file, inside) = match given.find("::") {
        Some(at) => given.split_at(at),
        None => (given, ""),
    };
    let file = cleaned(&base.join(file));
    let file = file.strip_prefix(project).unwrap_or(&file);
    let file = match file.to_string_lossy() {
        whole if whole.is_empty() => ".".to_owned(),
        path => path.into_owned(),
    };
    file + inside
}

/// `path` without `.`, and with every `..` taken away together with the folder before it.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}
