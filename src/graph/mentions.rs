//! [`Mentions`]: names of modules and files in calls and texts, which no import statement holds.

use std::collections::HashSet;

use ruff_python_ast::{Expr, ExprStringLiteral, FString, InterpolatedStringElement};
use ruff_text_size::{Ranged, TextSize};

use super::constants::Constants;
use super::facts::{Evidence, FileFacts, Mention, PathChange};

/// More in one file is data, such as a dictionary of a language, and says nothing of modules.
const MAX_MENTIONS: usize = 10_000;
/// A longer text is not taken for a name or a path.
const MAX_NAME_BYTES: usize = 200;
/// A command is looked for in texts up to this length; a longer text is prose or data.
const MAX_COMMAND_BYTES: usize = 4096;

/// Gathers mentions on a walk through a tree.
#[derive(Default)]
pub(super) struct Mentions<'a> {
    pub(super) constants: Constants<'a>,
    found: Vec<Mention>,
    seen: HashSet<(Evidence, String)>,
    /// The beginnings of texts that a call has explained already.
    explained: HashSet<TextSize>,
    /// The value of the last assignment to `pytest_plugins`.
    pub(super) plugins: Option<&'a Expr>,
    /// Texts that name parts of the own package if the module looks its attributes up in a table.
    parts: Vec<(&'a str, TextSize)>,
    /// Packages whose modules are listed, which means nothing unless the file imports what it finds.
    listed: Vec<(String, TextSize)>,
    /// The module makes its attributes when they are asked for: `def __getattr__(name)`.
    pub(super) is_lazy: bool,
    /// It imports modules by names that it puts together.
    pub(super) imports_by_name: bool,
    path_changes: Vec<PathChange>,
    seen_changes: HashSet<PathChange>,
    exports: Vec<String>,
}

impl<'a> Mentions<'a> {
    /// Writes what was found into the facts of the file, in its order. Their lines are offsets
    /// still.
    pub(super) fn finish(mut self, facts: &mut FileFacts) {
        if self.imports_by_name {
            for (name, start) in std::mem::take(&mut self.listed) {
                self.add(Evidence::ImportCall, name, start);
            }
            let parts = std::mem::take(&mut self.parts);
            let is_lazy = self.is_lazy;
            for (name, start) in parts.into_iter().filter(|_| is_lazy) {
                self.add(Evidence::Text, format!(".{name}"), start);
            }
        }
        self.found.sort_by_key(|mention| mention.line);
        facts.mentions = self.found;
        facts.path_changes = self.path_changes;
        facts.exports = self.exports;
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

    /// `f"{sys.executable} -m a.b"`, `f"{sys.executable} a/b.py"`.
    pub(super) fn visit_f_string(&mut self, f_string: &FString) {
        let mut after_value = false;
        for element in &f_string.elements {
            let InterpolatedStringElement::Literal(text) = element else {
                after_value = true;
                continue;
            };
            if !after_value || !text.value.starts_with(' ') {
                continue;
            }
            let mut words = text.value.split_ascii_whitespace();
            match words.next() {
                Some("-m") => {
                    let name = words.next().unwrap_or_default();
                    self.add_name(Evidence::Command, name, text.start());
                }
                Some(path) => self.add_script(path, text.start()),
                None => {}
            }
        }
    }

    fn visit_text(&mut self, text: &'a ExprStringLiteral) {
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
            return;
        }
        let inner = value.strip_prefix('.').unwrap_or(value);
        if is_dotted_name(inner) {
            if self.parts.len() < MAX_MENTIONS {
                self.parts.push((inner, start));
            }
            if value.contains('.') && inner == value {
                self.add(Evidence::Text, value.to_owned(), start);
            }
        } else if let Some((module, attribute)) = value.split_once(':')
            && is_dotted_name(module)
            && is_dotted_name(attribute)
        {
            self.add(Evidence::Text, value.to_owned(), start);
        }
        if value.len() <= MAX_COMMAND_BYTES && value.contains("python") {
            self.visit_command(value, start);
        }
    }

    fn is_in_plugins(&self, text: &ExprStringLiteral) -> bool {
        self.plugins
            .is_some_and(|value| value.range().contains_range(text.range()))
    }

    /// `python -X dev -m a.b`, `python a/b.py`.
    fn visit_command(&mut self, text: &str, start: TextSize) {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        for (at, pair) in words.windows(2).enumerate() {
            if pair[0] != "-m" {
                if is_python(pair[0]) {
                    self.add_script(pair[1], start);
                }
                continue;
            }
            let mut before = words[..at].iter().rev().take(6);
            if before.any(|word| is_python(word)) {
                let is_around = |c: char| !is_in_name(c);
                self.add_name(Evidence::Command, pair[1].trim_matches(is_around), start);
            }
        }
    }

    /// `["-m", "a.b"]` and `[sys.executable, "a/b.py"]`, in a list, a tuple or the arguments of a
    /// call.
    fn visit_words(&mut self, words: &[Expr]) {
        for pair in words.windows(2) {
            let [Expr::StringLiteral(option), name] = pair else {
                continue;
            };
            if option.value.to_str() == "-m" {
                self.explain(Evidence::Command, name);
            }
        }
        let Some(at) = words.iter().position(is_interpreter) else {
            return;
        };
        let is_option = |word: &&Expr| text_of(word).is_some_and(|text| text.starts_with('-'));
        // After `-m` or `-c` stands no path.
        let mut rest = words[at + 1..].iter();
        let mut options = rest.clone().take_while(is_option);
        let ends = ["-m", "-c"];
        if options.any(|option| text_of(option).is_some_and(|text| ends.contains(&text))) {
            return;
        }
        if let Some(program) = rest.find(|word| !is_option(word))
            && let Some(path) = self.constants.value(program).and_then(|it| it.path())
            && (path.strip_suffix(".py").is_some() || path.starts_with("./"))
        {
            self.add(Evidence::Script, path, program.start());
        }
    }

    /// Adds the name that `text` stands for; if it is a text itself, that counts as nothing else.
    pub(super) fn explain(&mut self, evidence: Evidence, text: &Expr) {
        let name = self.constants.value(text).and_then(|it| it.module_name());
        if let Some(name) = name {
            self.explain_as(evidence, name, text);
        }
    }

    /// The same for a name that was found out.
    pub(super) fn explain_as(&mut self, evidence: Evidence, name: String, text: &Expr) {
        let parts = name.trim_start_matches('.').trim_end_matches('*');
        let parts = parts.strip_suffix('.').unwrap_or(parts);
        let is_name = is_dotted_name(parts) || (parts.is_empty() && name.starts_with('.'));
        if is_name {
            self.explained.insert(text.start());
            self.add(evidence, name, text.start());
        }
    }

    /// Notes that the modules of a package are listed.
    pub(super) fn list(&mut self, name: String, start: TextSize) {
        if self.listed.len() < MAX_MENTIONS {
            self.listed.push((name, start));
        }
    }

    pub(super) fn add_name(&mut self, evidence: Evidence, name: &str, start: TextSize) {
        if is_dotted_name(name) {
            self.add(evidence, name.to_owned(), start);
        }
    }

    fn add_script(&mut self, word: &str, start: TextSize) {
        let is_around = |c: char| !is_in_name(c) && !['/', '-'].contains(&c);
        let path = word.trim_matches(is_around);
        if path.strip_suffix(".py").is_some() && !path.starts_with(['/', '-']) {
            let path = path.strip_prefix("./").unwrap_or(path);
            self.add(Evidence::Script, path.to_owned(), start);
        }
    }

    pub(super) fn add(&mut self, evidence: Evidence, name: String, start: TextSize) {
        let is_short = name.len() <= MAX_NAME_BYTES;
        if is_short && self.found.len() < MAX_MENTIONS && self.seen.insert((evidence, name.clone()))
        {
            self.found.push(Mention {
                evidence,
                name,
                line: start.to_u32(),
            });
        }
    }

    /// A name of `__all__`.
    pub(super) fn add_export(&mut self, name: &str) {
        if self.exports.len() < MAX_MENTIONS && is_dotted_name(name) && !name.contains('.') {
            self.exports.push(name.to_owned());
        }
    }

    pub(super) fn add_path_change(&mut self, change: PathChange) {
        let is_short = change.path.len() <= MAX_NAME_BYTES;
        if is_short
            && self.path_changes.len() < MAX_MENTIONS
            && self.seen_changes.insert(change.clone())
        {
            self.path_changes.push(change);
        }
    }
}

/// The value of a text.
pub(super) fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::StringLiteral(text) => Some(text.value.to_str()),
        _ => None,
    }
}

/// `sys.executable`, `PYTHON`, `"python3"`.
fn is_interpreter(expr: &Expr) -> bool {
    match expr {
        Expr::Attribute(attribute) => attribute.attr.as_str() == "executable",
        Expr::Name(name) => ["python", "executable", "interpreter"]
            .contains(&name.id.as_str().to_ascii_lowercase().as_str()),
        _ => text_of(expr).is_some_and(|text| !text.contains(' ') && is_python(text)),
    }
}

/// `python`, `/usr/bin/python3.11`.
fn is_python(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or_default();
    name.trim_start_matches(['`', '\'', '"', '('])
        .starts_with("python")
}

/// `a`, `a.b`: names of Python with dots between them.
pub(super) fn is_dotted_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && text.split('.').all(is_identifier)
}

/// True for a name that Python takes, but for its keywords, which nobody gives to a file.
pub(super) fn is_identifier(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with(|c: char| c.is_numeric())
        && part.chars().all(|c| c == '_' || c.is_alphanumeric())
}

fn is_in_name(c: char) -> bool {
    c == '.' || c == '_' || c.is_alphanumeric()
}
