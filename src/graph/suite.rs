//! [`Suite`]: the tests that pytest would find in a project, by the settings of its [`Layout`].

use super::layout::Layout;
use super::search::PathChanges;
use super::tree::{FolderId, Tree};

/// Scripts that tools run, each in the project itself or in a folder that is no package.
const TOOLS: [&str; 10] = [
    "dodo.py",
    "duties.py",
    "fabfile.py",
    "hatch_build.py",
    "noxfile.py",
    "pavement.py",
    "setup.py",
    "toxfile.py",
    "versioneer.py",
    "conf.py",
];

/// Folders in or below which a `conf.py` is Sphinx's.
const DOCS: [&str; 4] = ["doc", "docs", "documentation", "sphinx"];

/// The patterns and folders by which pytest finds tests.
#[derive(Debug)]
pub(super) struct Suite {
    python_files: Vec<Pattern>,
    doctest_globs: Vec<Pattern>,
    /// By folder, true if pytest looks for tests in it.
    is_collected: Vec<bool>,
    /// Files that `testpaths` names.
    named: Vec<String>,
    ignored: Vec<Pattern>,
    /// What conftests leave out, as `fnmatch` reads it: a star goes over slashes.
    ignored_globs: Vec<glob::Pattern>,
    doctest_modules: bool,
}

impl Suite {
    pub(super) fn new(
        layout: &Layout,
        tree: &Tree<'_>,
        files: &[&str],
        changes: &PathChanges,
    ) -> Self {
        let testpaths: Vec<Pattern> = layout.testpaths.iter().map(|path| as_path(path)).collect();
        let mut is_start: Vec<bool> = (tree.folders.iter())
            .map(|folder| testpaths.iter().any(|path| path.matches_path(folder.path)))
            .collect();
        let literal = testpaths.iter().filter_map(Pattern::literal);
        let named: Vec<String> = literal
            .filter(|path| files.contains(path))
            .map(str::to_owned)
            .collect();
        // Without any path that exists, pytest takes the whole project.
        if named.is_empty() && !is_start.contains(&true) {
            is_start[0] = true;
        }
        let skipped: Vec<Pattern> = patterns(&layout.norecursedirs);
        let ignored: Vec<Pattern> = (layout.ignored.iter().chain(&changes.ignored))
            .map(|path| as_path(path))
            .collect();
        let ignored_globs: Vec<glob::Pattern> = (changes.ignored_globs.iter())
            .filter_map(|glob| glob::Pattern::new(glob).ok())
            .collect();
        let mut is_collected = Vec::with_capacity(tree.folders.len());
        for (folder, starts) in tree.folders.iter().zip(is_start) {
            let is_below = folder.depth > 0 && is_collected[folder.parent.as_usize()];
            let is_skipped = folder.depth > 0
                && skipped
                    .iter()
                    .any(|pattern| pattern.matches(folder.path, folder.name));
            let is_ignored = ignored.iter().any(|path| path.matches_path(folder.path))
                || ignored_globs.iter().any(|glob| glob.matches(folder.path));
            is_collected.push(!is_ignored && (starts || (is_below && !is_skipped)));
        }
        Self {
            python_files: patterns(&layout.python_files),
            doctest_globs: patterns(&layout.doctest_globs),
            is_collected,
            named,
            ignored,
            ignored_globs,
            doctest_modules: layout.doctest_modules,
        }
    }

    /// True if pytest collects tests from a file.
    pub(super) fn is_test(&self, path: &str, name: &str, folder: FolderId) -> bool {
        if self.named.iter().any(|named| named == path) {
            return true;
        }
        self.is_collected(path, folder) && self.is_named_like_a_test(path, name)
    }

    /// True if a file has the name of a test file, wherever it lies.
    pub(super) fn is_named_like_a_test(&self, path: &str, name: &str) -> bool {
        let patterns = if name.strip_suffix(".py").is_some() {
            &self.python_files
        } else {
            &self.doctest_globs
        };
        patterns.iter().any(|pattern| pattern.matches(path, name))
    }

    /// True if pytest imports a file that it comes across, though it has no tests: a conftest, or a
    /// module for the doctests that may be in it.
    pub(super) fn is_imported(&self, path: &str, name: &str, folder: FolderId) -> bool {
        if name == "conftest.py" {
            return self.is_collected(path, folder);
        }
        self.doctest_modules
            && !["setup.py", "__main__.py"].contains(&name)
            && name.strip_suffix(".py").is_some()
            && self.is_collected(path, folder)
    }

    fn is_collected(&self, path: &str, folder: FolderId) -> bool {
        let is_ignored = self.ignored.iter().any(|it| it.matches_path(path))
            || self.ignored_globs.iter().any(|glob| glob.matches(path));
        self.is_collected[folder.as_usize()] && !is_ignored
    }
}

/// True if a tool runs a file, so that nothing should import it.
pub(super) fn is_tool(tree: &Tree<'_>, name: &str, folder: FolderId) -> bool {
    let in_package = folder != FolderId::PROJECT && tree.folder(folder).init.is_some();
    if !TOOLS.contains(&name) || in_package {
        return false;
    }
    let is_docs = |id: FolderId| DOCS.contains(&tree.folder(id).name);
    name != "conf.py" || tree.ancestors(folder).any(is_docs)
}

fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::new(text)).collect()
}

/// A path of a configuration file as a pattern of paths.
fn as_path(text: &str) -> Pattern {
    let text = text.strip_prefix("./").unwrap_or(text);
    let text = text.trim_end_matches('/');
    Pattern::new(if text == "." { "" } else { text })
}

/// A pattern as `fnmatch` reads it.
#[derive(Debug)]
enum Pattern {
    /// A text without special characters.
    Literal(String),
    /// One star: the text before it and the text after it.
    Star(String, String),
    /// Any other pattern.
    Glob {
        pattern: glob::Pattern,
        has_folder: bool,
    },
}

impl Pattern {
    fn new(text: &str) -> Self {
        if !text.contains(['*', '?', '[']) {
            return Self::Literal(text.to_owned());
        }
        if let Some((before, after)) = text.split_once('*')
            && !text.contains(['/', '?', '['])
            && !after.contains('*')
        {
            return Self::Star(before.to_owned(), after.to_owned());
        }
        // A text that is no pattern for this reader stands for itself.
        let read = glob::Pattern::new(text);
        read.map_or_else(
            |_| Self::Literal(text.to_owned()),
            |pattern| Self::Glob {
                pattern,
                has_folder: text.contains('/'),
            },
        )
    }

    fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            _ => None,
        }
    }

    /// pytest's rule: a pattern with a slash is held against the end of the path, any other one
    /// against the name.
    fn matches(&self, path: &str, name: &str) -> bool {
        match self {
            Self::Literal(text) if text.contains('/') => {
                let before = path.strip_suffix(text.as_str());
                before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
            }
            Self::Literal(text) => name == text,
            Self::Star(..) => self.matches_path(name),
            Self::Glob {
                pattern,
                has_folder: true,
            } => {
                let ends = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
                std::iter::once(path)
                    .chain(ends)
                    .any(|end| pattern.matches(end))
            }
            Self::Glob { pattern, .. } => pattern.matches(name),
        }
    }

    /// True if the path matches as a shell reads the pattern: a star stays within a folder.
    fn matches_path(&self, path: &str) -> bool {
        match self {
            Self::Literal(text) => path == text,
            Self::Star(before, after) => {
                path.len() >= before.len() + after.len()
                    && path.starts_with(before.as_str())
                    && path.ends_with(after.as_str())
                    && !path.contains('/')
            }
            Self::Glob { pattern, .. } => {
                let options = glob::MatchOptions {
                    require_literal_separator: true,
                    ..glob::MatchOptions::default()
                };
                pattern.matches_with(path, options)
            }
        }
    }
}
