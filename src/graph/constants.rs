//! [`Constants`]: the texts and paths that names of a file stand for, as far as its text tells.
//!
//! `PKG + ".a"`, `f"app.plug.{name}"`, `Path(__file__).parent / "lib"`: names of modules and places
//! of files are written in parts. What cannot be told ends a value: the beginning counts.

use rustc_hash::FxHashMap;

use ruff_python_ast::{
    Expr, ExprBinOp, ExprCall, ExprFString, FStringPart, InterpolatedStringElement, Number,
    Operator, StmtImport, StmtImportFrom,
};

/// Values are looked for so deep in an expression.
const MAX_DEPTH: u32 = 40;
/// A longer value is no name and no path.
const MAX_BYTES: usize = 1024;
/// More names than these have no value: such a file is data.
const MAX_NAMES: usize = 10_000;
/// Stands for the name of the file itself, which its text does not tell.
const OWN_FILE: &str = "\0";

/// A text, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constant {
    base: Base,
    text: String,
    /// More follows that is not known.
    is_open: bool,
}

/// What stands before the text of a [`Constant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Nothing,
    /// The name of the file's own package.
    Package,
    /// The folder of the file.
    Folder,
}

impl Constant {
    fn new(base: Base, text: impl Into<String>) -> Self {
        Self {
            base,
            text: text.into(),
            is_open: false,
        }
    }

    fn opened(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// As the name of a module: with a dot before it if it begins at the own package, and a star at
    /// the end if more follows.
    pub(super) fn module_name(&self) -> Option<String> {
        let is_name = match self.base {
            Base::Nothing => true,
            Base::Package => self.text.starts_with('.'),
            Base::Folder => false,
        };
        // Without a package, anything could follow.
        let is_known = !self.is_open || self.text.contains('.');
        let star = if self.is_open { "*" } else { "" };
        (is_name && is_known).then(|| format!("{}{star}", self.text))
    }

    /// As a path from the project on, or from the folder of the file on, which begins with `./`;
    /// `None` for one that leads elsewhere.
    pub(super) fn path(&self) -> Option<String> {
        let is_own = match self.base {
            Base::Nothing => false,
            Base::Folder => true,
            Base::Package => return None,
        };
        if self.is_open || (!is_own && self.text.starts_with(['/', '~'])) {
            return None;
        }
        let parts = parts(&self.text);
        if parts.contains(&OWN_FILE) {
            return None;
        }
        let start = if is_own { "./" } else { "" };
        Some(format!("{start}{}", parts.join("/")))
    }

    /// The text, if all of it is known.
    pub(super) fn literal(&self) -> Option<&str> {
        (self.base == Base::Nothing && !self.is_open).then_some(&*self.text)
    }

    /// The folder that it lies in.
    fn parent(self) -> Option<Self> {
        let mut parts = parts(&self.text);
        match parts.last() {
            Some(&last) if last != ".." => {
                parts.pop();
            }
            _ => parts.push(".."),
        }
        let is_known = self.base != Base::Package
            && !self.is_open
            && (self.base == Base::Folder || !self.text.starts_with('/'));
        let text = parts.iter().fold(String::new(), |text, part| {
            let slash = if text.is_empty() && self.base == Base::Nothing {
                ""
            } else {
                "/"
            };
            text + slash + part
        });
        is_known.then(|| Self::new(self.base, text))
    }

    fn joined(mut self, part: Option<&Self>) -> Option<Self> {
        if self.is_open {
            return Some(self);
        }
        match part {
            Some(part) if part.base != Base::Nothing || part.text.starts_with('/') => {
                return Some(part.clone());
            }
            _ => {}
        }
        if !self.text.is_empty() || self.base == Base::Folder {
            self.text.push('/');
        }
        self.followed(part)
    }

    /// With a text after it; `None` stands for one that is not known.
    fn followed(mut self, more: Option<&Self>) -> Option<Self> {
        if self.is_open {
            return Some(self);
        }
        let Some(more) = more.filter(|more| more.base == Base::Nothing) else {
            return Some(self.opened());
        };
        self.text.push_str(&more.text);
        self.is_open = more.is_open;
        (self.text.len() <= MAX_BYTES).then_some(self)
    }
}

/// The parts of a path, without `.`; those before a `..` are gone with it.
fn parts(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !["", "."].contains(part)) {
        match parts.last() {
            Some(&last) if part == ".." && last != ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts
}

/// What is known of the names of a file at a point of the walk through it. A name has one meaning
/// at a time, whatever function it is in.
#[derive(Debug, Default)]
pub(super) struct Constants<'a> {
    values: FxHashMap<&'a str, Constant>,
    /// The modules that names mean: with a dot before those of the own package.
    modules: FxHashMap<&'a str, String>,
}

impl<'a> Constants<'a> {
    /// `name = value`.
    pub(super) fn assign(&mut self, target: &'a Expr, value: &'a Expr) {
        let Expr::Name(name) = target else {
            return;
        };
        let known = self.value(value);
        self.set(name.id.as_str(), known);
    }

    fn set(&mut self, name: &'a str, value: Option<Constant>) {
        let has_room = self.values.len() < MAX_NAMES;
        match value.filter(|_| has_room) {
            Some(known) => self.values.insert(name, known),
            None => self.values.remove(name),
        };
    }

    /// `for name in values`: a path with a star is the path of each.
    pub(super) fn assign_each(&mut self, target: &'a Expr, values: &'a Expr) {
        let Expr::Name(name) = target else {
            return;
        };
        let known = self.value(values);
        self.set(
            name.id.as_str(),
            known.filter(|value| value.text.contains('*')),
        );
    }

    /// `name += value`: what it was does not count any more.
    pub(super) fn forget(&mut self, target: &Expr) {
        if let Expr::Name(name) = target {
            self.values.remove(name.id.as_str());
        }
    }

    pub(super) fn import(&mut self, statement: &'a StmtImport) {
        for alias in &statement.names {
            let module = alias.name.as_str();
            let (name, module) = if let Some(name) = &alias.asname {
                (name.as_str(), module)
            } else {
                let first = module.split('.').next().unwrap_or_default();
                (first, first)
            };
            self.set_module(name, || module.to_owned());
        }
    }

    pub(super) fn import_from(&mut self, statement: &'a StmtImportFrom) {
        let package = statement.module.as_deref().unwrap_or_default();
        let dots = ".".repeat(statement.level.min(50) as usize);
        if package.len() > MAX_BYTES {
            return;
        }
        for alias in &statement.names {
            let member = alias.name.as_str();
            let name = alias.asname.as_ref().map_or(member, |name| name.as_str());
            let dot = if package.is_empty() { "" } else { "." };
            self.set_module(name, || format!("{dots}{package}{dot}{member}"));
        }
    }

    fn set_module(&mut self, name: &'a str, module: impl FnOnce() -> String) {
        if self.modules.len() < MAX_NAMES {
            self.modules.insert(name, module());
        }
    }

    /// The module that an expression means: `app.plugins`.
    pub(super) fn module(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Name(name) => self.modules.get(name.id.as_str()).cloned(),
            Expr::Attribute(attribute) => {
                let module = self.module(&attribute.value)?;
                let name = attribute.attr.as_str();
                (module.len() + name.len() < MAX_BYTES).then(|| format!("{module}.{name}"))
            }
            _ => None,
        }
    }

    /// The value of an expression.
    pub(super) fn value(&self, expr: &Expr) -> Option<Constant> {
        self.eval(expr, 0)
    }

    fn eval(&self, expr: &Expr, depth: u32) -> Option<Constant> {
        if depth > MAX_DEPTH {
            return None;
        }
        match expr {
            Expr::StringLiteral(text) => {
                let text = text.value.to_str();
                (text.len() <= MAX_BYTES).then(|| Constant::new(Base::Nothing, text))
            }
            Expr::FString(text) => self.f_string(text, depth),
            Expr::Name(name) => match name.id.as_str() {
                "__name__" | "__package__" => Some(Constant::new(Base::Package, "")),
                "__file__" => Some(Constant::new(Base::Folder, format!("/{OWN_FILE}"))),
                name => self.values.get(name).cloned(),
            },
            Expr::Attribute(attribute) => match attribute.attr.as_str() {
                "parent" => self.eval(&attribute.value, depth + 1)?.parent(),
                "__name__" | "__package__" => {
                    let module = self.module(&attribute.value)?;
                    let is_own = module.starts_with('.');
                    let base = if is_own { Base::Package } else { Base::Nothing };
                    Some(Constant::new(base, module))
                }
                _ => None,
            },
            Expr::BinOp(operation) => self.operation(operation, depth),
            Expr::Subscript(subscript) => self.subscript(&subscript.value, &subscript.slice, depth),
            Expr::Call(call) => self.call(call, depth),
            _ => None,
        }
    }

    fn f_string(&self, text: &ExprFString, depth: u32) -> Option<Constant> {
        let mut value: Option<Constant> = None;
        let mut add = |part: Option<Constant>| {
            value = match value.take() {
                // A value that begins with something unknown is none.
                None => Some(part?),
                Some(value) => Some(value.followed(part.as_ref())?),
            };
            Some(())
        };
        for part in text.value.as_slice() {
            match part {
                FStringPart::Literal(text) => add(Some(Constant::new(Base::Nothing, &**text)))?,
                FStringPart::FString(text) => {
                    for element in &text.elements {
                        add(match element {
                            InterpolatedStringElement::Literal(text) => {
                                Some(Constant::new(Base::Nothing, &*text.value))
                            }
                            InterpolatedStringElement::Interpolation(inner) => {
                                self.eval(&inner.expression, depth + 1)
                            }
                        })?;
                    }
                }
            }
        }
        value
    }

    fn operation(&self, operation: &ExprBinOp, depth: u32) -> Option<Constant> {
        let left = self.eval(&operation.left, depth + 1)?;
        let right = |it: &Self| it.eval(&operation.right, depth + 1);
        match operation.op {
            Operator::Add => left.followed(right(self).as_ref()),
            Operator::Div => left.joined(right(self).as_ref()),
            Operator::Mod => {
                let parts: Vec<Option<Constant>> = match &*operation.right {
                    Expr::Tuple(tuple) => (tuple.elts.iter())
                        .map(|part| self.eval(part, depth + 1))
                        .collect(),
                    _ => vec![right(self)],
                };
                filled(left.literal()?, "%s", parts)
            }
            _ => None,
        }
    }

    /// `Path(__file__).parents[1]`, `os.path.split(path)[0]`.
    fn subscript(&self, value: &Expr, slice: &Expr, depth: u32) -> Option<Constant> {
        let Expr::NumberLiteral(number) = slice else {
            return None;
        };
        let Number::Int(number) = &number.value else {
            return None;
        };
        let number = number.as_u8()?.min(50);
        match value {
            Expr::Attribute(attribute) if attribute.attr.as_str() == "parents" => {
                let path = self.eval(&attribute.value, depth + 1)?;
                (0..=number).try_fold(path, |path, _| path.parent())
            }
            Expr::Call(call) if number == 0 && is_called(call, "split") => {
                self.argument(call, 0, depth)?.parent()
            }
            _ => None,
        }
    }

    fn argument(&self, call: &ExprCall, position: usize, depth: u32) -> Option<Constant> {
        self.eval(call.arguments.args.get(position)?, depth + 1)
    }

    fn call(&self, call: &ExprCall, depth: u32) -> Option<Constant> {
        let (name, owner) = match &*call.func {
            Expr::Name(name) => (name.id.as_str(), None),
            Expr::Attribute(attribute) => (attribute.attr.as_str(), Some(&*attribute.value)),
            _ => return None,
        };
        let first = || self.argument(call, 0, depth);
        let of_owner = || self.eval(owner?, depth + 1);
        match name {
            "Path" | "PurePath" | "PosixPath" if call.arguments.args.is_empty() => {
                Some(Constant::new(Base::Nothing, ""))
            }
            "join" | "Path" | "PurePath" | "PosixPath" => match of_owner() {
                // A text is the owner: it stands between the parts.
                Some(between) => self.joined_text(between.literal()?, call, depth),
                None => self.joined_path(first()?, &call.arguments.args[1..], depth),
            },
            "joinpath" => self.joined_path(of_owner()?, &call.arguments.args, depth),
            "dirname" => first()?.parent(),
            "with_name" => of_owner()?.parent()?.joined(first().as_ref()),
            "str" | "fspath" | "abspath" | "realpath" | "normpath" | "sorted" | "list"
            | "reversed" | "set" => first(),
            "resolve" | "absolute" | "as_posix" => of_owner(),
            "getcwd" | "cwd" => Some(Constant::new(Base::Nothing, "")),
            "format" => {
                let parts = call.arguments.args.iter();
                let parts = parts.map(|part| self.eval(part, depth + 1)).collect();
                filled(of_owner()?.literal()?, "{}", parts)
            }
            "glob" | "iglob" => match of_owner() {
                Some(folder) => folder.joined(first().as_ref()),
                None => first(),
            },
            "rglob" => {
                let below = of_owner()?.joined(Some(&Constant::new(Base::Nothing, "**")))?;
                below.joined(first().as_ref())
            }
            "iterdir" => of_owner()?.joined(Some(&Constant::new(Base::Nothing, "*"))),
            _ => None,
        }
    }

    fn joined_path(&self, start: Constant, parts: &[Expr], depth: u32) -> Option<Constant> {
        parts.iter().try_fold(start, |path, part| {
            path.joined(self.eval(part, depth + 1).as_ref())
        })
    }

    /// `".".join([PKG, "a"])`.
    fn joined_text(&self, between: &str, call: &ExprCall, depth: u32) -> Option<Constant> {
        let parts = match call.arguments.args.first()? {
            Expr::List(list) => &list.elts,
            Expr::Tuple(tuple) => &tuple.elts,
            _ => return None,
        };
        let between = Constant::new(Base::Nothing, between);
        let (first, rest) = parts.split_first()?;
        let first = self.eval(first, depth + 1)?;
        rest.iter().try_fold(first, |text, part| {
            let text = text.followed(Some(&between))?;
            text.followed(self.eval(part, depth + 1).as_ref())
        })
    }
}

/// A text with values in the places of `hole`.
fn filled(text: &str, hole: &str, parts: Vec<Option<Constant>>) -> Option<Constant> {
    let mut pieces = text.split(hole);
    let first = Constant::new(Base::Nothing, pieces.next().unwrap_or_default());
    // What begins with a value goes on from there.
    let mut value = if first.text.is_empty() {
        None
    } else {
        Some(first)
    };
    let mut parts = parts.into_iter();
    for piece in pieces {
        let part = parts.next().flatten();
        let piece = Constant::new(Base::Nothing, piece);
        let with_part = match value {
            None => part?,
            Some(value) => value.followed(part.as_ref())?,
        };
        value = Some(with_part.followed(Some(&piece))?);
    }
    value
}

/// True for a call of a function or method of this name.
fn is_called(call: &ExprCall, wanted: &str) -> bool {
    match &*call.func {
        Expr::Name(name) => name.id.as_str() == wanted,
        Expr::Attribute(attribute) => attribute.attr.as_str() == wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use ruff_python_ast::Stmt;
    use ruff_python_parser::parse_module;

    use super::*;

    /// The value of the last expression, after the statements before it.
    fn last(source: &str) -> Option<Constant> {
        let parsed = parse_module(source).unwrap();
        let mut constants = Constants::default();
        let mut value = None;
        for statement in &parsed.syntax().body {
            match statement {
                Stmt::Import(it) => constants.import(it),
                Stmt::ImportFrom(it) => constants.import_from(it),
                Stmt::Assign(it) => constants.assign(&it.targets[0], &it.value),
                Stmt::Expr(it) => value = constants.value(&it.value),
                other => panic!("{other:?}"),
            }
        }
        value
    }

    #[test]
    fn names_of_modules_are_put_together() {
        let cases = [
            ("'app.a'", Some("app.a")),
            ("P = 'app'\nP + '.a'", Some("app.a")),
            ("P = 'app'\nP = f()\nP + '.a'", None),
            ("P = 'app'\nf'{P}.b'", Some("app.b")),
            ("f'app.plug.{name}'", Some("app.plug.*")),
            ("f'app.plug.{name}.x'", Some("app.plug.*")),
            ("'app.driver_' + name", Some("app.driver_*")),
            ("f'{name}.a'", None),
            ("'app' + name", None),
            ("'%s.a' % 'app'", Some("app.a")),
            ("'%s.%s' % ('app', x)", Some("app.*")),
            ("'{}.b'.format('app')", Some("app.b")),
            ("'.'.join(['app', 'c'])", Some("app.c")),
            ("'.'.join(['app', x, 'c'])", Some("app.*")),
            ("__name__ + '.x'", Some(".x")),
            ("f'{__package__}.{x}'", Some(".*")),
            ("__name__", None),
            (
                "import app.plugins\napp.plugins.__name__ + '.a'",
                Some("app.plugins.a"),
            ),
            (
                "from . import plugins as p\np.__name__ + '.a'",
                Some(".plugins.a"),
            ),
            ("__file__ + '.a'", None),
            ("1 + 2", None),
        ];
        for (source, expected) in cases {
            let found = last(source).and_then(|value| value.module_name());
            assert_eq!(found.as_deref(), expected, "{source}");
        }
    }

    #[test]
    fn paths_are_put_together() {
        let cases = [
            ("'lib/deep'", Some("lib/deep")),
            ("'/nowhere'", None),
            ("os.path.dirname(__file__)", Some("./")),
            (
                "os.path.dirname(os.path.dirname(os.path.abspath(__file__)))",
                Some("./.."),
            ),
            (
                "os.path.join(os.path.dirname(__file__), '..', 'lib')",
                Some("./../lib"),
            ),
            ("Path(__file__).parent / 'lib'", Some("./lib")),
            (
                "str(pathlib.Path(__file__).resolve().parents[1] / 'lib')",
                Some("./../lib"),
            ),
            (
                "H = Path(__file__).parent\nH.joinpath('a', 'b.py')",
                Some("./a/b.py"),
            ),
            ("H = Path(__file__).parent\nf'{H}/lib'", Some("./lib")),
            ("os.path.split(__file__)[0] + '/x'", Some("./x")),
            ("Path(__file__).with_name('x.py')", Some("./x.py")),
            ("Path.cwd() / 'lib'", Some("lib")),
            ("Path('lib', 'x')", Some("lib/x")),
            (
                "sorted((Path(__file__).parent / 'p').glob('*.py'))",
                Some("./p/*.py"),
            ),
            (
                "glob.glob(os.path.join(os.path.dirname(__file__), '*.py'))",
                Some("./*.py"),
            ),
            ("Path('p').iterdir()", Some("p/*")),
            ("Path('p').rglob('*.py')", Some("p/**/*.py")),
            ("__file__", None),
            ("Path(x) / 'lib'", None),
            ("Path('lib') / x", None),
            ("os.path.join('lib', '/tmp')", None),
        ];
        for (source, expected) in cases {
            let found = last(source).and_then(|value| value.path());
            assert_eq!(found.as_deref(), expected, "{source}");
        }
    }

    #[test]
    fn values_are_bounded() {
        let deep = format!("{}'a'", "'a' + ".repeat(100));
        assert_eq!(last(&deep), None);
        let mut many = String::new();
        for number in 0..MAX_NAMES {
            let _ = writeln!(many, "n{number} = 'a'");
        }
        assert_eq!(last(&format!("{many}x = 'a'\nx")), None);
        let grown = format!("x = 'aaaaaaaa'\n{}x", "x = x + x\n".repeat(60));
        assert_eq!(last(&grown), None);
    }
}
