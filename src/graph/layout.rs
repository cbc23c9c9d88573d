//! Where a project keeps its modules and its tests: what its configuration says, as plain values.

/// What configuration files say of a project's modules. Folders are relative to the project, with
/// `/`; the project itself is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
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
    /// How pytest imports test files.
    pub import_mode: ImportMode,
    /// pytest imports every module for its doctests: `--doctest-modules` in `addopts`.
    pub doctest_modules: bool,
    /// Modules that something outside starts: scripts, entry points, plugins.
    pub entry_points: Vec<EntryPoint>,
}

impl Default for Layout {
    /// What holds where no configuration says anything.
    fn default() -> Self {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
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
            entry_points: Vec::new(),
        }
    }
}

/// How pytest imports test files: its `--import-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ImportMode {
    /// With their folder, or that of their outermost package, at the front of `sys.path`.
    #[default]
    Prepend,
    /// With it at the end.
    Append,
    /// Without any change of `sys.path`.
    Importlib,
}

/// A module that something outside of the project starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// The dotted name.
    pub module: String,
    /// Where that is said: `pyproject.toml, [project.scripts], larder`.
    pub source: String,
    /// It is pytest that starts it: a plugin.
    pub by_pytest: bool,
}
