//! Where a project keeps its modules and its tests: what its configuration says, as plain values.

/// What configuration files say of a project's modules. Folders are relative to the project, with
/// `/`; the project itself is `""`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The folders that Python looks for modules in, in the order of `sys.path`.
    pub roots: Vec<String>,
    /// pytest's `python_files`: patterns of test files.
    pub python_files: Vec<String>,
    /// pytest's `testpaths`; empty for the whole project.
    pub testpaths: Vec<String>,
    /// Modules that something outside starts: scripts, entry points, plugins.
    pub entry_points: Vec<EntryPoint>,
}

/// A module that something outside of the project starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// The dotted name.
    pub module: String,
    /// Where that is said: `pyproject.toml, [project.scripts], larder`.
    pub source: String,
}
