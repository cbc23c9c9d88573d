//! The facts of one Python file: its imports and mentions, as the state file keeps them.

/// The imports and mentions of one file. Nothing in it depends on any other file. `T` is `&str` if
/// its texts are still in the bytes that the state file keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileFacts<T = String> {
    /// Its import statements, one entry for each name, in the order of the file.
    pub imports: Vec<Import<T>>,
    /// Names of modules that stand in it in other ways; no exact repetitions.
    pub mentions: Vec<Mention<T>>,
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
    /// Under `if TYPE_CHECKING`: never.
    TypeChecking,
}

/// A name in a file that is not in an import statement, and may be a module's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mention<T = String> {
    pub evidence: Evidence,
    /// The name, with leading dots if the call has them.
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
    /// Any other text that is a dotted name.
    Text,
}
