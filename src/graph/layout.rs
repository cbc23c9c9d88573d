//! [`Layout`]: the places of a project's modules and tests, as its configuration gives them.

/// The settings of a project that decide which modules names mean and which files are tests.
/// Folders are relative to the project, with `/`; the project itself is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The name of the project's folder. If that is a package, its modules have the name before
    /// their own.
    pub name: String,
    /// pytest itself puts the project's folder on `sys.path`: its `pythonpath` names it.
    pub is_root_added: bool,
    /// The folders that Python looks for modules in, in the order of `sys.path`. Folders that
    /// pytest adds for test files are not among them.
    pub roots: Vec<String>,
    /// pytest's `python_files`: patterns of test files.
    pub python_files: Vec<String>,
    /// pytest's `testpaths`; empty for the whole project.
    pub testpaths: Vec<String>,
    /// pytest's `norecursedirs`: patterns of folders that hold no tests.
    pub norecursedirs: Vec<String>,
    /// Files and folders that `--ignore` in `addopts` names.
    pub ignored: Vec<String>,
    pub import_mode: ImportMode,
    /// pytest imports every module for its doctests: `--doctest-modules` in `addopts`.
    pub doctest_modules: bool,
    /// Patterns of text files whose examples pytest runs: its `--doctest-glob`.
    pub doctest_globs: Vec<String>,
    /// Modules that something outside starts: scripts, entry points, plugins.
    pub entry_points: Vec<EntryPoint>,
    /// Links in the project that lead to files and folders of it.
    pub links: Vec<Link>,
}

/// A link from one place in the project to another. Both are relative to the project, with `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    pub path: String,
    /// The file or folder that it leads to.
    pub target: String,
}

impl Default for Layout {
    /// The defaults of Python and pytest, which hold if no configuration says anything.
    fn default() -> Self {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
            name: String::new(),
            is_root_added: false,
            roots: owned(&[""]),
            python_files: owned(&["test_*.py", "*_test.py"]),
            testpaths: Vec::new(),
            norecursedirs: owned(&[
                "*.egg",
                ".*",
                "_darcs",
                "build",
                "CVS",
                "dist",
                "node_modules",
                "venv",
                "{arch}",
            ]),
            ignored: Vec::new(),
            import_mode: ImportMode::Prepend,
            doctest_modules: false,
            doctest_globs: owned(&["test*.txt"]),
            entry_points: Vec::new(),
            links: Vec::new(),
        }
    }
}

/// The way in which pytest imports test files: its `--import-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ImportMode {
    /// With the folder that holds them, or holds their outermost package, at the front of
    /// `sys.path`.
    #[default]
    Prepend,
    /// With that folder at the end.
    Append,
    /// Without any change of `sys.path`.
    Importlib,
}

/// A module that something outside of the project starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// The dotted name, without the function after the colon.
    pub module: String,
    /// The file and the entry that say so: `pyproject.toml, [project.scripts], larder`.
    pub source: String,
    /// It is pytest that starts it: a plugin.
    pub by_pytest: bool,
}
