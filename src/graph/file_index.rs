//! [`FileIndex`]: finds the files of a project by path and by pattern.

use super::import_graph::NodeId;

/// The paths of all files, sorted.
#[derive(Debug)]
pub(super) struct FileIndex<'a> {
    files: Vec<(&'a str, NodeId)>,
}

impl<'a> FileIndex<'a> {
    pub(super) fn new(paths: &[&'a str]) -> Self {
        let mut files: Vec<(&str, NodeId)> =
            (paths.iter().copied()).zip((0..).map(NodeId)).collect();
        if !files.is_sorted() {
            files.sort_unstable();
        }
        Self { files }
    }

    pub(super) fn find(&self, path: &str) -> Option<NodeId> {
        let at = self.files.binary_search_by(|(known, _)| (*known).cmp(path));
        at.ok().map(|at| self.files[at].1)
    }

    /// The files in and below a folder, with their paths from there on; `""` is the project.
    fn below(&self, folder: &str) -> impl Iterator<Item = (&'a str, NodeId)> {
        let start = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let first = (self.files).partition_point(|(path, _)| *path < start.as_str());
        (self.files[first..].iter())
            .map_while(move |(path, node)| Some((path.strip_prefix(start.as_str())?, *node)))
    }

    /// The modules of a package with this folder whose names begin with `prefix`; those of its
    /// packages too if `all_below` is set.
    pub(super) fn modules_in(
        &self,
        folder: &str,
        prefix: &str,
        all_below: bool,
    ) -> impl Iterator<Item = NodeId> {
        let is_module = move |path: &str| {
            let Some(name) = path.strip_suffix(".py") else {
                return false;
            };
            let name = name.strip_suffix("/__init__").unwrap_or(name);
            (all_below || !name.contains('/')) && name != "__init__" && name.starts_with(prefix)
        };
        let files = self.below(folder);
        files.filter_map(move |(path, node)| is_module(path).then_some(node))
    }

    /// The Python files that a pattern of paths matches; a star stays within a folder.
    pub(super) fn matching(&self, pattern: &str) -> Vec<NodeId> {
        let start = pattern.find('*').unwrap_or(pattern.len());
        let folder = pattern[..start].rsplit_once('/').map_or("", |(it, _)| it);
        let Ok(pattern) = glob::Pattern::new(pattern) else {
            return Vec::new();
        };
        let options = glob::MatchOptions {
            require_literal_separator: true,
            ..glob::MatchOptions::default()
        };
        let skipped = if folder.is_empty() {
            0
        } else {
            folder.len() + 1
        };
        let is_wanted = |(rest, node): (&str, NodeId)| {
            let path = if skipped == 0 {
                rest.to_owned()
            } else {
                format!("{folder}/{rest}")
            };
            let is_python = rest.strip_suffix(".py").is_some();
            (is_python && pattern.matches_with(&path, options)).then_some(node)
        };
        self.below(folder).filter_map(is_wanted).collect()
    }
}

/// The path from the project on of one that stands in a file of `folder`: from there if it begins
/// with `./`. `None` if it leads out of the project.
pub(super) fn from_project(path: &str, folder: &str) -> Option<String> {
    let (base, rest) = match path.strip_prefix("./") {
        Some(rest) => (folder, rest),
        None => ("", path),
    };
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in rest.split('/').filter(|part| !["", "."].contains(part)) {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 8] = [
        "app/__init__.py",
        "app/a.py",
        "app/b.pyi",
        "app/driver_a.py",
        "app/sub/__init__.py",
        "app/sub/leaf.py",
        "apple.py",
        "loose/c.py",
    ];

    fn files(found: impl IntoIterator<Item = NodeId>) -> Vec<&'static str> {
        found.into_iter().map(|id| FILES[id.as_usize()]).collect()
    }

    #[test]
    fn modules_of_a_package_are_found() {
        let index = FileIndex::new(&FILES);
        let direct = ["app/a.py", "app/driver_a.py", "app/sub/__init__.py"];
        assert_eq!(files(index.modules_in("app", "", false)), direct);
        assert_eq!(
            files(index.modules_in("app", "driver_", false)),
            ["app/driver_a.py"]
        );
        assert_eq!(
            files(index.modules_in("app", "s", true)),
            ["app/sub/__init__.py", "app/sub/leaf.py"]
        );
        assert_eq!(
            files(index.modules_in("", "app", false)),
            ["app/__init__.py", "apple.py"]
        );
        assert_eq!(files(index.modules_in("nothing", "", true)), [""; 0]);
    }

    #[test]
    fn files_are_found_by_path_and_pattern() {
        let index = FileIndex::new(&FILES);
        assert_eq!(index.find("loose/c.py"), Some(NodeId(7)));
        assert_eq!(index.find("loose"), None);
        assert_eq!(
            files(index.matching("app/*.py")),
            ["app/__init__.py", "app/a.py", "app/driver_a.py"]
        );
        assert_eq!(files(index.matching("**/leaf.py")), ["app/sub/leaf.py"]);
        assert_eq!(files(index.matching("*")), ["apple.py"]);
    }

    #[test]
    fn paths_are_followed_from_the_file_or_the_project() {
        let cases = [
            ("./../lib", "tests", Some("lib")),
            ("./", "tests", Some("tests")),
            ("lib/./x", "tests", Some("lib/x")),
            ("./../..", "tests", None),
            ("..", "tests", None),
            ("", "tests", Some("")),
        ];
        for (path, folder, expected) in cases {
            assert_eq!(from_project(path, folder).as_deref(), expected, "{path}");
        }
    }
}
