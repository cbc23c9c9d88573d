//! The facts of one Python file: its imports and mentions, as the state file keeps them.

/// The imports and mentions of one file. Nothing in it depends on any other file. `T` is `&str` if
/// its texts are still in the bytes that the state file keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileFacts<T = String> {
    /// Its import statements, one entry for each name, in the order of the file.
    pub imports: Vec<Import<T>>,
    /// Names of modules that stand in it in other ways; no exact repetitions.
    pub mentions: Vec<Mention<T>>,
    /// Folders and files that it adds to the places that Python and pytest look at, or takes away.
    pub path_changes: Vec<PathChange<T>>,
    /// The names in `__all__`: what `from m import *` takes.
    pub exports: Vec<T>,
    /// It has code under `if __name__ == "__main__"`.
    pub main_guard: bool,
    /// It is a script: it does its work when it is imported.
    pub works: bool,
}

/// The reason why a file has no facts: it is no Python that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectProblem {
    /// The line, from 1, if one is to blame.
    pub line: Option<u32>,
    /// The problem, as a fragment: `it is nested too deeply`.
    pub message: String,
}

impl CollectProblem {
    /// A problem of the file as a whole.
    pub fn of_file(message: impl Into<String>) -> Self {
        Self {
            line: None,
            message: message.into(),
        }
    }
}

/// The facts of a file, or the reason why it has none.
pub type Reading<T = String> = Result<FileFacts<T>, CollectProblem>;

/// A file of the project and what reading it gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The file, relative to the project, with `/`.
    pub path: String,
    /// Encoded still: all facts of a large project at once take much time and memory to lay out.
    pub(super) encoded: Vec<u8>,
}

/// One name of an import statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import<T = String> {
    /// The place of the statement: in the module, a branch, a function.
    pub kind: ImportKind,
    /// The leading dots of a relative import.
    pub level: u32,
    /// The text after the dots; empty for `from . import x`.
    pub module: T,
    /// The `x` of `from m import x`, `*` for all; `None` for `import m`.
    pub member: Option<T>,
    /// The line of the statement, from 1.
    pub line: u32,
}

/// The place of an import statement, which says when Python carries it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImportKind {
    /// At the top level: with the module.
    Eager,
    /// In a branch, a loop or a `try`: perhaps with the module.
    Conditional,
    /// In a function: when that is called.
    Lazy,
    /// Under a condition that never holds, `if TYPE_CHECKING` or `if False`, or in a test that is
    /// always skipped: never.
    Never,
    /// Under a condition that holds on other systems or with other versions of Python, as
    /// `if sys.platform == "win32"`: not where tests run.
    Elsewhere,
}

/// A name in a file that is not in an import statement, and may be a module's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mention<T = String> {
    pub evidence: Evidence,
    /// The name, with leading dots if it begins at the file's own package. A star at its end stands
    /// for any name, two stars for all modules below. A path begins with `./` if it is one from the
    /// folder of the file, and not from the project.
    pub name: T,
    pub line: u32,
}

/// The form in which a name of a module stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// `importlib.import_module("a.b")`, `__import__("a.b")`.
    ImportCall,
    /// `pytest_plugins = ["a.b"]`.
    PytestPlugin,
    /// `pytest.importorskip("a.b")`.
    ImportOrSkip,
    /// `mock.patch("a.b.c")`, `monkeypatch.setattr("a.b.c", …)`: the longest module of it.
    Patch,
    /// `python -m a.b`, in a text or a list of words.
    Command,
    /// Any other text that is a dotted name, also `a.b:c`.
    Text,
    /// `runpy.run_module("a.b")`.
    RunModule,
    /// `runpy.run_path("a/b.py")`, `spec_from_file_location("b", "a/b.py")`: a path.
    File,
    /// `[sys.executable, "a/b.py"]`: the path of a program.
    Script,
    /// `INSTALLED_APPS = ["a.b"]`: a package, of which Django loads the models and more.
    Application,
    /// `attach_stub(__name__, __file__)`: what the stub beside the file imports. Without a name.
    Stub,
}

/// A change of the places that Python and pytest look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathChange<T = String> {
    pub kind: PathChangeKind,
    /// A path as in a [`Mention`].
    pub path: T,
}

/// The place that a [`PathChange`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathChangeKind {
    /// `sys.path.append(…)`: a folder more.
    Search,
    /// `__path__.append(…)`: a folder more with parts of the package.
    Package,
    /// `extend_path(__path__, __name__)`: all folders of the package's name. Without a path.
    ExtendedPackage,
    /// `collect_ignore = […]` of a conftest: a file or folder less, from the conftest on.
    Ignored,
    /// `collect_ignore_glob = […]`: all that match, from the conftest on.
    IgnoredGlob,
}
