//! [`collect`]: from the text of a Python file to what it says of imports.

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{
    Decorator, ElifElseClause, Expr, FString, PySourceType, Stmt, StmtIf, StmtImport,
    StmtImportFrom,
};
use ruff_python_parser::{parse_module, parse_unchecked_source};
use ruff_text_size::{Ranged, TextSize};

use super::conditions::{Condition, TypeChecking, is_main_guard, is_skip};
use super::facts::{CollectProblem, FileFacts, Import, ImportKind};
use super::mentions::Mentions;
use super::nesting::is_too_deep;
use super::path_changes::Level;

/// The stack that [`collect`] needs at the most. Memory is taken only for the part that is used.
pub const STACK_BYTES: usize = 128 << 20;

/// The most memory, in bytes, that the imports of a file may take. A file of a million bytes can
/// ask for a million times as much: `from NAME import a, a, a, …`.
const MAX_IMPORT_BYTES: usize = 16 << 20;

/// Reads the imports and mentions of a Python source; an error says why it cannot be read.
///
/// Run it on a thread with a stack of [`STACK_BYTES`]: the tree of a source may be deep.
pub fn collect(source: &str) -> Result<FileFacts, CollectProblem> {
    check_size(source)?;
    let parsed = parse_module(source).map_err(|error| CollectProblem {
        line: Some(Lines::new(source).line(error.location.start())),
        message: error.error.to_string(),
    })?;
    collect_tree(source, &parsed.syntax().body)
}

fn check_size(source: &str) -> Result<(), CollectProblem> {
    if u32::try_from(source.len()).is_err() {
        return Err(CollectProblem::of_file("it is too large"));
    }
    if is_too_deep(source) {
        return Err(CollectProblem::of_file("it is nested too deeply"));
    }
    Ok(())
}

/// What the tree of a source says of imports.
fn collect_tree(source: &str, body: &[Stmt]) -> Result<FileFacts, CollectProblem> {
    let mut collector = Collector {
        kind: ImportKind::Eager,
        in_class: false,
        imports: Vec::new(),
        import_bytes: 0,
        main_guard: false,
        type_checking: TypeChecking::default(),
        mentions: Mentions::default(),
    };
    collector.visit_body(body);
    if collector.import_bytes > MAX_IMPORT_BYTES {
        return Err(CollectProblem::of_file("it has too many imports"));
    }
    let mut facts = FileFacts {
        imports: collector.imports,
        main_guard: collector.main_guard,
        works: works(source, body),
        ..FileFacts::default()
    };
    collector.mentions.finish(&mut facts);
    count_lines(source, &mut facts);
    Ok(facts)
}

/// The same for a text with examples, as doctest reads them: what stands after `>>>` and `...`.
pub fn collect_examples(text: &str) -> Result<FileFacts, CollectProblem> {
    let mut source = String::with_capacity(text.len());
    let mut is_example = false;
    for line in text.lines() {
        let inner = line.trim_start();
        let (code, goes_on) = match (inner.strip_prefix(">>>"), inner.strip_prefix("...")) {
            (Some(code), _) => (Some(code), true),
            (None, Some(code)) if is_example => (Some(code), true),
            _ => (None, false),
        };
        is_example = goes_on;
        let code = code.filter(|code| code.is_empty() || code.starts_with(' '));
        source.push_str(code.map_or("", |code| code.strip_prefix(' ').unwrap_or(code)));
        source.push('\n');
    }
    check_size(&source)?;
    // An example may show what is no Python: the others count.
    let parsed = parse_unchecked_source(&source, PySourceType::Python);
    collect_tree(&source, &parsed.syntax().body)
}

/// Turns offsets, which stand in the place of lines until here, into lines.
fn count_lines(source: &str, facts: &mut FileFacts) {
    let mut lines = Lines::new(source);
    for import in &mut facts.imports {
        import.line = lines.line(TextSize::new(import.line));
    }
    let mut lines = Lines::new(source);
    for mention in &mut facts.mentions {
        mention.line = lines.line(TextSize::new(mention.line));
    }
}

/// Counts lines on the way through a source.
struct Lines<'a> {
    source: &'a [u8],
    at: usize,
    line: u32,
    has_returns: bool,
}

impl<'a> Lines<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source: source.as_bytes(),
            at: 0,
            line: 1,
            has_returns: source.as_bytes().contains(&b'\r'),
        }
    }

    /// The line at `offset`, which is not before the one that was asked for last.
    fn line(&mut self, offset: TextSize) -> u32 {
        let to = offset.to_usize().clamp(self.at, self.source.len());
        let passed = &self.source[self.at..to];
        let mut ends: usize = passed.iter().map(|byte| usize::from(*byte == b'\n')).sum();
        if self.has_returns {
            let after = |at| self.source.get(self.at + at + 1);
            let returns = passed.iter().enumerate();
            ends += returns
                .filter(|(at, byte)| **byte == b'\r' && after(*at) != Some(&b'\n'))
                .count();
        }
        self.at = to;
        self.line = self
            .line
            .saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
        self.line
    }
}

struct Collector<'a> {
    /// The kind that an import statement has at this point of the walk.
    kind: ImportKind,
    in_class: bool,
    imports: Vec<Import>,
    import_bytes: usize,
    main_guard: bool,
    type_checking: TypeChecking<'a>,
    mentions: Mentions<'a>,
}

impl<'a> Collector<'a> {
    /// Visits `part`, in which imports are of this kind.
    fn within(&mut self, kind: ImportKind, part: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.kind, kind);
        part(self);
        self.kind = outer;
    }

    /// The kind of an import in a branch, a loop or a `try` that stands here.
    fn conditional(&self) -> ImportKind {
        match self.kind {
            ImportKind::Eager => ImportKind::Conditional,
            other => other,
        }
    }

    /// The kind of an import in a function that stands here.
    fn lazy(&self) -> ImportKind {
        match self.kind {
            never @ (ImportKind::Never | ImportKind::Elsewhere) => never,
            _ => ImportKind::Lazy,
        }
    }

    fn level(&self) -> Level {
        let is_in_branch = self.kind == ImportKind::Conditional;
        let is_sure = !self.in_class && self.kind == ImportKind::Eager;
        Level {
            is_module: is_sure || (!self.in_class && is_in_branch),
            is_sure,
        }
    }

    /// The kind of the imports in a function or class with these decorators.
    fn decorated(decorators: &[Decorator], kind: ImportKind) -> ImportKind {
        let is_skipped = decorators.iter().any(|it| is_skip(&it.expression));
        if is_skipped { ImportKind::Never } else { kind }
    }

    /// `target = value`, and what it holds.
    fn visit_assign(&mut self, stmt: &'a Stmt, targets: &'a [Expr], value: &'a Expr) {
        let level = self.level();
        for target in targets {
            self.mentions.visit_assign(target, value, level);
        }
        walk_stmt(self, stmt);
        for target in targets {
            self.mentions.constants.assign(target, value);
        }
    }

    fn add_import(&mut self, offset: TextSize, is_lazy: bool, import: Import) {
        let text = import.module.len() + import.member.as_ref().map_or(0, String::len);
        self.import_bytes += size_of::<Import>() + text;
        if self.import_bytes <= MAX_IMPORT_BYTES {
            self.imports.push(Import {
                kind: if is_lazy { self.lazy() } else { self.kind },
                line: offset.to_u32(),
                ..import
            });
        }
    }

    fn visit_import(&mut self, statement: &'a StmtImport) {
        self.mentions.constants.import(statement);
        for alias in &statement.names {
            let import = Import {
                kind: self.kind,
                level: 0,
                module: alias.name.as_str().to_owned(),
                member: None,
                line: 0,
            };
            self.add_import(statement.start(), statement.is_lazy, import);
        }
    }

    fn visit_import_from(&mut self, statement: &'a StmtImportFrom) {
        self.mentions.constants.import_from(statement);
        let module = statement.module.as_deref().unwrap_or_default();
        for alias in &statement.names {
            if let ("TYPE_CHECKING", Some(name)) = (alias.name.as_str(), &alias.asname) {
                self.type_checking.insert(name.as_str());
            }
        }
        for alias in &statement.names {
            let import = Import {
                kind: self.kind,
                level: statement.level,
                module: module.to_owned(),
                member: Some(alias.name.as_str().to_owned()),
                line: 0,
            };
            self.add_import(statement.start(), statement.is_lazy, import);
            if self.import_bytes > MAX_IMPORT_BYTES {
                return;
            }
        }
    }

    /// `if`, with what follows it. A branch that only type checkers see, and the one beside it that
    /// always runs, are no conditions.
    fn visit_if(&mut self, statement: &'a StmtIf) {
        self.visit_expr(&statement.test);
        if self.level().is_module && is_main_guard(&statement.test) {
            self.main_guard = true;
        }
        let condition = Condition::of(&statement.test, &self.type_checking);
        let kind = condition.kind(self.kind, self.conditional());
        self.within(kind, |this| this.visit_body(&statement.body));
        // The kind for the next branch: unchanged, if this one is never taken.
        let mut rest = condition.kind_after(self.kind, self.conditional());
        for ElifElseClause { test, body, .. } in &statement.elif_else_clauses {
            let Some(test) = test else {
                self.within(rest, |this| this.visit_body(body));
                continue;
            };
            self.visit_expr(test);
            let condition = Condition::of(test, &self.type_checking);
            let in_branch = match rest {
                ImportKind::Eager => ImportKind::Conditional,
                other => other,
            };
            let kind = condition.kind(rest, in_branch);
            self.within(kind, |this| this.visit_body(body));
            rest = condition.kind_after(rest, in_branch);
        }
    }
}

impl<'a> Visitor<'a> for Collector<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(statement) => self.visit_import(statement),
            Stmt::ImportFrom(statement) => self.visit_import_from(statement),
            Stmt::If(statement) => self.visit_if(statement),
            Stmt::FunctionDef(function) => {
                let is_lookup = function.name.as_str() == "__getattr__" && self.level().is_module;
                self.mentions.is_lazy |= is_lookup;
                let kind = Self::decorated(&function.decorator_list, self.lazy());
                self.within(kind, |this| walk_stmt(this, stmt));
            }
            Stmt::ClassDef(class) => {
                let outer = std::mem::replace(&mut self.in_class, true);
                let kind = Self::decorated(&class.decorator_list, self.kind);
                self.within(kind, |this| walk_stmt(this, stmt));
                self.in_class = outer;
            }
            Stmt::While(statement) => {
                let condition = Condition::of(&statement.test, &self.type_checking);
                let kind = match condition {
                    Condition::Never(_) => condition.kind(self.kind, self.kind),
                    Condition::Always(_) | Condition::Open => self.conditional(),
                };
                self.within(kind, |this| walk_stmt(this, stmt));
            }
            Stmt::For(statement) => {
                let constants = &mut self.mentions.constants;
                constants.assign_each(&statement.target, &statement.iter);
                self.within(self.conditional(), |this| walk_stmt(this, stmt));
            }
            Stmt::Try(_) | Stmt::Match(_) => {
                self.within(self.conditional(), |this| walk_stmt(this, stmt));
            }
            Stmt::Assign(assign) => self.visit_assign(stmt, &assign.targets, &assign.value),
            Stmt::AnnAssign(assign) => match &assign.value {
                Some(value) => {
                    self.visit_assign(stmt, std::slice::from_ref(&assign.target), value);
                }
                None => walk_stmt(self, stmt),
            },
            Stmt::AugAssign(assign) => {
                let level = self.level();
                self.mentions
                    .visit_assign(&assign.target, &assign.value, level);
                walk_stmt(self, stmt);
                self.mentions.constants.forget(&assign.target);
            }
            Stmt::Expr(statement) => {
                if let Expr::Call(call) = &*statement.value
                    && self.level().is_sure
                {
                    self.mentions.visit_list_call(call);
                }
                walk_stmt(self, stmt);
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.mentions.visit_expr(expr);
        match expr {
            // Nothing can stand below these.
            Expr::Name(_)
            | Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::NumberLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_)
            | Expr::EllipsisLiteral(_) => {}
            _ => walk_expr(self, expr),
        }
    }

    fn visit_f_string(&mut self, f_string: &'a FString) {
        self.mentions.visit_f_string(f_string);
        for element in &f_string.elements {
            self.visit_interpolated_string_element(element);
        }
    }
}

/// True for a script: it prints, calls its main function or ends the interpreter as a statement of
/// the module, or does anything like that and says which interpreter starts it.
fn works(source: &str, body: &[Stmt]) -> bool {
    let is_started = source.starts_with("#!");
    body.iter().any(|statement| match statement {
        Stmt::Expr(statement) => {
            let value = match &*statement.value {
                Expr::Await(it) => &*it.value,
                other => other,
            };
            let Expr::Call(call) = value else {
                return false;
            };
            is_started
                || match &*call.func {
                    Expr::Name(name) => [
                        "main", "_main", "cli", "run", "print", "input", "exit", "quit",
                    ]
                    .contains(&name.id.as_str()),
                    Expr::Attribute(attribute) => {
                        let of = attribute.value.as_name_expr().map(|name| name.id.as_str());
                        let ends = [("sys", "exit"), ("os", "_exit"), ("asyncio", "run")];
                        ends.iter().any(|(module, name)| {
                            of == Some(module) && attribute.attr.as_str() == *name
                        })
                    }
                    _ => false,
                }
        }
        Stmt::For(_) | Stmt::While(_) | Stmt::With(_) => is_started,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::graph::Evidence;

    /// `Eager 1 .pkg member`, one line an import.
    fn imports(source: &str) -> Vec<String> {
        let shown = |import: &Import| {
            let dots = ".".repeat(import.level as usize);
            let mut text = format!("{:?} {} {dots}{}", import.kind, import.line, import.module);
            if let Some(member) = &import.member {
                let _ = write!(text, " {member}");
            }
            text
        };
        let facts = collect(source).unwrap();
        facts.imports.iter().map(shown).collect()
    }

    const PLACES: [(&str, &str, &[&str]); 23] = [
        ("a module", "import a.b as c", &["Eager 1 a.b"]),
        (
            "two modules",
            "import a, b.c",
            &["Eager 1 a", "Eager 1 b.c"],
        ),
        (
            "members",
            "from a import (\n b,\n c as d,\n)",
            &["Eager 1 a b", "Eager 1 a c"],
        ),
        ("all", "from a.b import *", &["Eager 1 a.b *"]),
        (
            "relative",
            "from . import a\nfrom ...b import c",
            &["Eager 1 . a", "Eager 2 ...b c"],
        ),
        ("a class", "class A:\n import a", &["Eager 2 a"]),
        ("a context", "with a:\n import b", &["Eager 2 b"]),
        (
            "a branch",
            "if x:\n import a\nelif y:\n import b\nelse:\n import c",
            &["Conditional 2 a", "Conditional 4 b", "Conditional 6 c"],
        ),
        (
            "a try",
            "try:\n import a\nexcept E:\n import b\nelse:\n import c\nfinally:\n import d",
            &[
                "Conditional 2 a",
                "Conditional 4 b",
                "Conditional 6 c",
                "Conditional 8 d",
            ],
        ),
        (
            "loops and matches",
            "for x in y:\n import a\nwhile x:\n import b\nmatch x:\n case 1:\n  import c",
            &["Conditional 2 a", "Conditional 4 b", "Conditional 7 c"],
        ),
        (
            "a branch in a class in a context",
            "with a:\n class A:\n  if x:\n   import b",
            &["Conditional 4 b"],
        ),
        (
            "functions",
            "def f():\n import a\n if x:\n  import b\nasync def g():\n class A:\n  import c",
            &["Lazy 2 a", "Lazy 4 b", "Lazy 7 c"],
        ),
        (
            "a method under a condition",
            "if x:\n class A:\n  def f(self):\n   import a",
            &["Lazy 4 a"],
        ),
        (
            "type checking, three spellings",
            "if TYPE_CHECKING:\n import a\nif typing.TYPE_CHECKING:\n import b\nif t.TYPE_CHECKING:\n import c",
            &["Never 2 a", "Never 4 b", "Never 6 c"],
        ),
        (
            "beside type checking",
            "if TYPE_CHECKING:\n import a\nelse:\n import b",
            &["Never 2 a", "Eager 4 b"],
        ),
        (
            "no type checking",
            "if not TYPE_CHECKING:\n import a\nelse:\n import b",
            &["Eager 2 a", "Never 4 b"],
        ),
        (
            "type checking with other branches",
            "if TYPE_CHECKING:\n import a\nelif x:\n import b\nelse:\n import c",
            &["Never 2 a", "Conditional 4 b", "Conditional 6 c"],
        ),
        (
            "type checking as another branch",
            "if x:\n import a\nelif TYPE_CHECKING:\n import b\nelse:\n import c",
            &["Conditional 2 a", "Never 4 b", "Conditional 6 c"],
        ),
        (
            "type checking in a function, and a function in it",
            "def f():\n if TYPE_CHECKING:\n  import a\n else:\n  import b\nif TYPE_CHECKING:\n def g():\n  import c",
            &["Never 3 a", "Lazy 5 b", "Never 8 c"],
        ),
        (
            "branches that are never taken",
            "if False:\n import a\nelse:\n import b\nif 0:\n import c\nwhile False:\n import d",
            &["Never 2 a", "Eager 4 b", "Never 6 c", "Never 8 d"],
        ),
        (
            "branches for other systems and for Python 2",
            "if sys.platform == 'win32':\n import a\nelif x:\n import b\nelse:\n import c\nif os.name == 'posix':\n import d\nelif x:\n import e\nelse:\n import f\nif six.PY2:\n def g():\n  import h",
            &[
                "Elsewhere 2 a",
                "Conditional 4 b",
                "Conditional 6 c",
                "Eager 8 d",
                "Elsewhere 10 e",
                "Elsewhere 12 f",
                "Elsewhere 15 h",
            ],
        ),
        (
            "systems and type checking in each other",
            "if TYPE_CHECKING:\n if os.name == 'nt':\n  import a\n else:\n  import b\nif os.name == 'nt':\n if TYPE_CHECKING:\n  import c\n else:\n  import d",
            &["Never 3 a", "Never 5 b", "Never 8 c", "Elsewhere 10 d"],
        ),
        (
            "lines that end in other ways",
            "x\r\nimport a\ry\rimport b\n\nimport c",
            &["Eager 2 a", "Eager 4 b", "Eager 6 c"],
        ),
    ];

    #[test]
    fn imports_are_of_the_kind_of_their_place() {
        for (name, source, expected) in PLACES {
            assert_eq!(imports(source), expected, "{name}");
        }
    }

    fn mentions(source: &str) -> Vec<String> {
        let facts = collect(source).unwrap();
        let mentions = facts.mentions.iter();
        mentions
            .map(|found| format!("{:?} {} {}", found.evidence, found.line, found.name))
            .collect()
    }

    const NAMES: [(&str, &str, &[&str]); 26] = [
        ("import_module", "import_module('a')", &["ImportCall 1 a"]),
        (
            "of importlib, over lines",
            "x = 1\nimportlib.import_module(\n'a.b')",
            &["ImportCall 3 a.b"],
        ),
        (
            "by keyword",
            "importlib.import_module(name='a.b')",
            &["ImportCall 1 a.b"],
        ),
        (
            "relative to itself",
            "import_module('..a', package=__package__)",
            &["ImportCall 1 ..a"],
        ),
        (
            "relative to a package",
            "import_module('..a', package='p.q.r'); import_module('.b', 'p')",
            &["ImportCall 1 p.q.a", "Text 1 p.q.r", "ImportCall 1 p.b"],
        ),
        ("__import__", "__import__('a.b')", &["ImportCall 1 a.b"]),
        (
            "__import__ with a level",
            "__import__('a', globals(), locals(), [], 2)",
            &["ImportCall 1 ..a"],
        ),
        (
            "a plugin",
            "pytest_plugins = 'a, b.c'",
            &["PytestPlugin 1 a", "PytestPlugin 1 b.c"],
        ),
        (
            "a list of plugins",
            "pytest_plugins: list[str] = ['a'] + ['b.c']",
            &["PytestPlugin 1 a", "PytestPlugin 1 b.c"],
        ),
        (
            "more plugins",
            "if x:\n pytest_plugins += ('a',)",
            &["PytestPlugin 2 a"],
        ),
        (
            "a variable of that name",
            "def f():\n pytest_plugins = ['a', 'b.c']",
            &["Text 2 b.c"],
        ),
        (
            "importorskip",
            "pytest.importorskip('a')\nimportorskip('b.c', reason='d')",
            &["ImportOrSkip 1 a", "ImportOrSkip 2 b.c"],
        ),
        (
            "patch",
            "patch('a.b')\nmock.patch('a.c')\nmocker.patch('a.d')\npatch('e')",
            &["Patch 1 a.b", "Patch 2 a.c", "Patch 3 a.d"],
        ),
        (
            "a decorator",
            "@unittest.mock.patch('a.b')\ndef f(): ...",
            &["Patch 1 a.b"],
        ),
        (
            "patch.dict",
            "patch.dict('a.b', {})\nmock.patch.multiple('a.c')\npatch.dict(a)\ndict('a.d')",
            &["Patch 1 a.b", "Patch 2 a.c", "Text 4 a.d"],
        ),
        (
            "monkeypatch",
            "monkeypatch.setattr('a.b', 1)\nmonkeypatch.delattr('a.c')\nsetattr(x, 'y', 1)",
            &["Patch 1 a.b", "Patch 2 a.c"],
        ),
        (
            "words of a command",
            "run([sys.executable, '-m', 'a'])\nrun('-m', 'b.c')\nx = ('-m', 'd')",
            &["Command 1 a", "Command 2 b.c", "Command 3 d"],
        ),
        (
            "a command",
            "'/usr/bin/python3.11 -X dev -m a.b --flag'",
            &["Command 1 a.b"],
        ),
        (
            "a command in prose",
            "'Run `python -m a.b`, or tar -m c.d.'",
            &["Command 1 a.b"],
        ),
        (
            "a command with a value",
            "f'{sys.executable} -m a.b'\nf'{x} c -m d'",
            &["Command 1 a.b"],
        ),
        (
            "a text",
            "x = {'a.b': 'c'}\ny = b'd.e'\nz = 'a.b' 'c'",
            &["Text 1 a.b", "Text 3 a.bc"],
        ),
        (
            "texts that are no names",
            "'a', '.a', 'a.', 'a..b', '1.2', 'a.1b', 'a b.c', 'a-b.c', 'a/b.c', ''",
            &[],
        ),
        (
            "letters of the world",
            "'paquet.été'",
            &["Text 1 paquet.été"],
        ),
        (
            "repetitions",
            "'a.b'\n'a.b'\nimport_module('a.b')\nimport_module('a.b')",
            &["Text 1 a.b", "ImportCall 3 a.b"],
        ),
        (
            "in functions and lambdas",
            "def f(x='a.b'):\n return lambda: import_module('c.d')",
            &["Text 1 a.b", "ImportCall 2 c.d"],
        ),
        (
            "nothing that is known",
            "import_module(name)\nf()('a')",
            &[],
        ),
    ];

    #[test]
    fn names_of_modules_are_found_in_calls_and_texts() {
        for (name, source, expected) in NAMES {
            assert_eq!(mentions(source), expected, "{name}");
        }
    }

    #[test]
    fn mentions_are_bounded_in_length_and_number() {
        let long = format!("'a.{}'", "b".repeat(200));
        assert_eq!(mentions(&long), [""; 0]);
        let mut many = String::new();
        for number in 0..11_000 {
            let _ = writeln!(many, "'a.b{number}'");
        }
        assert_eq!(mentions(&many).len(), 10_000);
    }

    #[test]
    fn imports_are_bounded_in_memory() {
        let names = "a, ".repeat(40_000);
        let source = format!("from {} import ({names} a)", "m".repeat(10_000));
        let problem = collect(&source).unwrap_err();
        assert_eq!(problem.message, "it has too many imports");
    }

    #[test]
    fn code_under_a_main_guard_is_seen() {
        let cases = [
            ("if __name__ == '__main__':\n main()", true),
            ("if '__main__' == __name__:\n main()", true),
            (
                "try:\n if __name__ == '__main__':\n  main()\nfinally: pass",
                true,
            ),
            ("def f():\n if __name__ == '__main__':\n  main()", false),
            ("if __name__ != '__main__':\n main()", false),
            ("if __name__ == 'a':\n main()", false),
        ];
        for (source, expected) in cases {
            assert_eq!(collect(source).unwrap().main_guard, expected, "{source}");
        }
    }

    #[test]
    fn what_is_no_python_of_today_is_a_problem_with_its_line() {
        let problem = collect("import a\nprint 'x'\n").unwrap_err();
        assert_eq!(problem.line, Some(2));
        assert!(!problem.message.is_empty());
        let problem = collect(&"(".repeat(100_000)).unwrap_err();
        assert_eq!(problem.message, "it is nested too deeply");
        assert_eq!(collect("").unwrap(), FileFacts::default());
    }

    #[test]
    fn a_lazy_import_statement_is_lazy() {
        assert_eq!(imports("lazy import a"), ["Lazy 1 a"]);
    }

    #[test]
    fn evidence_of_a_call_is_not_a_text_as_well() {
        let facts = collect("mock.patch('a.b')").unwrap();
        assert_eq!(facts.mentions.len(), 1);
        assert_eq!(facts.mentions[0].evidence, Evidence::Patch);
    }
}
