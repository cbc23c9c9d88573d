//! [`Mentions`]: names of modules in calls and texts, which no import statement holds.

use std::collections::HashSet;

use ruff_python_ast::{
    Expr, ExprCall, ExprStringLiteral, FString, InterpolatedStringElement, Number,
};
use ruff_text_size::{Ranged, TextSize};

use super::facts::{Evidence, Mention};

/// More in one file is data, such as a dictionary of a language, and says nothing of modules.
const MAX_MENTIONS: usize = 10_000;
/// A longer text is not taken for a name.
const MAX_NAME_BYTES: usize = 200;
/// A command is looked for in texts up to this length; a longer text is prose or data.
const MAX_COMMAND_BYTES: usize = 4096;

/// Gathers mentions on a walk through a tree.
#[derive(Default)]
pub(super) struct Mentions<'a> {
    found: Vec<Mention>,
    seen: HashSet<(Evidence, String)>,
    /// The beginnings of texts that a call has explained already.
    explained: HashSet<TextSize>,
    /// The value of the last assignment to `pytest_plugins`.
    plugins: Option<&'a Expr>,
}

impl<'a> Mentions<'a> {
    /// In the order of the file. Their lines are offsets still.
    pub(super) fn into_sorted(mut self) -> Vec<Mention> {
        self.found.sort_by_key(|mention| mention.line);
        self.found
    }

    /// The value of an assignment, before it is walked through.
    pub(super) fn visit_assign(&mut self, is_plugins: bool, value: &'a Expr) {
        if is_plugins {
            self.plugins = Some(value);
        }
    }

    /// An expression, before what is in it.
    pub(super) fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::StringLiteral(text) => self.visit_text(text),
            Expr::Call(call) => {
                self.visit_call(call);
                self.visit_words(&call.arguments.args);
            }
            Expr::List(list) => self.visit_words(&list.elts),
            Expr::Tuple(tuple) => self.visit_words(&tuple.elts),
            _ => {}
        }
    }

    /// `f"{sys.executable} -m a.b"`.
    pub(super) fn visit_f_string(&mut self, f_string: &FString) {
        let mut after_value = false;
        for element in &f_string.elements {
            let InterpolatedStringElement::Literal(text) = element else {
                after_value = true;
                continue;
            };
            let mut words = text.value.split_ascii_whitespace();
            if after_value && text.value.starts_with(' ') && words.next() == Some("-m") {
                let name = words.next().unwrap_or_default();
                self.add_name(Evidence::Command, name, text.start());
            }
        }
    }

    fn visit_text(&mut self, text: &ExprStringLiteral) {
        let start = text.start();
        if self.explained.contains(&start) {
            return;
        }
        let value = text.value.to_str();
        if self.is_in_plugins(text) {
            // pytest splits a text at its commas.
            for name in value.split(',') {
                self.add_name(Evidence::PytestPlugin, name.trim(), start);
            }
        } else if is_dotted_name(value) && value.contains('.') {
            self.add(Evidence::Text, value.to_owned(), start);
        } else if value.len() <= MAX_COMMAND_BYTES && value.contains(" -m ") {
            self.visit_command(value, start);
        }
    }

    fn is_in_plugins(&self, text: &ExprStringLiteral) -> bool {
        self.plugins
            .is_some_and(|value| value.range().contains_range(text.range()))
    }

    /// `python -X dev -m a.b`.
    fn visit_command(&mut self, text: &str, start: TextSize) {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        for (at, pair) in words.windows(2).enumerate() {
            if pair[0] != "-m" {
                continue;
            }
            let before = words[..at].iter().rev();
            let program = before.take(6).find(|word| {
                let name = word.rsplit('/').next().unwrap_or_default();
                name.trim_start_matches(['`', '\'', '"', '('])
                    .starts_with("python")
            });
            if program.is_some() {
                let is_around = |c: char| !is_in_name(c);
                self.add_name(Evidence::Command, pair[1].trim_matches(is_around), start);
            }
        }
    }

    /// `["-m", "a.b"]`, in a list, a tuple or the arguments of a call.
    fn visit_words(&mut self, words: &[Expr]) {
        for pair in words.windows(2) {
            let [Expr::StringLiteral(option), Expr::StringLiteral(name)] = pair else {
                continue;
            };
            if option.value.to_str() == "-m" {
                self.explain(Evidence::Command, name.value.to_str().to_owned(), name);
            }
        }
    }

    fn visit_call(&mut self, call: &ExprCall) {
        let Some((callee, owner)) = callee(&call.func) else {
            return;
        };
        let evidence = match (callee, owner) {
            ("import_module", _) | ("__import__", None) => Evidence::ImportCall,
            ("importorskip", _) => Evidence::ImportOrSkip,
            ("patch", _)
            | ("dict" | "multiple", Some("patch"))
            | ("setattr" | "delattr", Some(_)) => Evidence::Patch,
            _ => return,
        };
        let keyword = match callee {
            "importorskip" => "modname",
            "patch" | "setattr" | "delattr" | "multiple" => "target",
            "dict" => "in_dict",
            _ => "name",
        };
        let Some(Expr::StringLiteral(text)) = call.arguments.find_argument_value(keyword, 0) else {
            return;
        };
        let value = text.value.to_str();
        let name = match callee {
            "import_module" => absolute(value, call),
            "__import__" => format!("{}{value}", ".".repeat(import_level(call))),
            _ if evidence == Evidence::Patch && !value.contains('.') => return,
            _ => value.to_owned(),
        };
        self.explain(evidence, name, text);
    }

    /// Adds a name that stands in `text`, which then counts as nothing else.
    fn explain(&mut self, evidence: Evidence, name: String, text: &ExprStringLiteral) {
        if is_dotted_name(name.trim_start_matches('.')) {
            self.explained.insert(text.start());
            self.add(evidence, name, text.start());
        }
    }

    fn add_name(&mut self, evidence: Evidence, name: &str, start: TextSize) {
        if is_dotted_name(name) {
            self.add(evidence, name.to_owned(), start);
        }
    }

    fn add(&mut self, evidence: Evidence, name: String, start: TextSize) {
        if self.found.len() < MAX_MENTIONS && self.seen.insert((evidence, name.clone())) {
            self.found.push(Mention {
                evidence,
                name,
                line: start.to_u32(),
            });
        }
    }
}

/// The last name of what is called, and the one before it: `mock.patch` is `patch` of `mock`.
fn callee(func: &Expr) -> Option<(&str, Option<&str>)> {
    match func {
        Expr::Name(name) => Some((name.id.as_str(), None)),
        Expr::Attribute(attribute) => {
            let owner = match &*attribute.value {
                Expr::Name(name) => name.id.as_str(),
                Expr::Attribute(owner) => owner.attr.as_str(),
                _ => "",
            };
            Some((attribute.attr.as_str(), Some(owner)))
        }
        _ => None,
    }
}

/// The name that `import_module` makes of a relative one and the package that stands beside it.
/// Without such a text the dots are kept: most often the package is the file's own.
fn absolute(name: &str, call: &ExprCall) -> String {
    let rest = name.trim_start_matches('.');
    let level = name.len() - rest.len();
    let package = call.arguments.find_argument_value("package", 1);
    let (1.., Some(Expr::StringLiteral(package))) = (level, package) else {
        return name.to_owned();
    };
    let mut parts: Vec<&str> = package.value.to_str().split('.').collect();
    parts.truncate((parts.len() + 1).saturating_sub(level));
    parts.push(rest);
    parts.join(".")
}

/// The `level` of `__import__(name, globals, locals, fromlist, level)`.
fn import_level(call: &ExprCall) -> usize {
    match call.arguments.find_argument_value("level", 4) {
        Some(Expr::NumberLiteral(number)) => match &number.value {
            // No package is nested deeper than this.
            Number::Int(level) => level.as_u8().map_or(0, |level| usize::from(level.min(50))),
            _ => 0,
        },
        _ => 0,
    }
}

/// `a`, `a.b`: names of Python with dots between them.
fn is_dotted_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.split('.').all(|part| {
            !part.is_empty()
                && !part.starts_with(|c: char| c.is_numeric())
                && part.chars().all(is_in_part)
        })
}

fn is_in_part(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn is_in_name(c: char) -> bool {
    c == '.' || is_in_part(c)
}
