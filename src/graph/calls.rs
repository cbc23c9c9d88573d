//! Calls and settings that name modules and files: `import_module("a.b")`, `run_path("a/b.py")`,
//! `INSTALLED_APPS = ["a"]`.

use ruff_python_ast::{Expr, ExprCall, Number};
use ruff_text_size::Ranged;

use super::facts::Evidence;
use super::mentions::{Mentions, is_dotted_name, text_of};

/// Settings whose value is a module: of Django, Celery, Flask, Scrapy.
const MODULE_SETTINGS: [&str; 8] = [
    "CELERY_CONFIG_MODULE",
    "DJANGO_SETTINGS_MODULE",
    "FLASK_APP",
    "NEWSPIDER_MODULE",
    "ROOT_ASYNC_URLCONF",
    "ROOT_URLCONF",
    "SCRAPY_SETTINGS_MODULE",
    "SETTINGS_MODULE",
];
/// Settings are looked into so deep.
const MAX_DEPTH: u32 = 40;

impl<'a> Mentions<'a> {
    pub(super) fn visit_call(&mut self, call: &'a ExprCall) {
        let Some((name, owner)) = callee(&call.func) else {
            return;
        };
        match (name, owner) {
            ("import_module", _) => self.visit_import_module(call),
            ("__import__", None) => {
                self.imports_by_name = true;
                let dots = ".".repeat(import_level(call));
                if let Some(text) = argument(call, "name", 0)
                    && let Some(name) = self.module_name(text)
                {
                    self.explain_as(Evidence::ImportCall, dots + &name, text);
                }
            }
            ("import_string" | "load_module" | "exec_module" | "find_module", _) => {
                self.imports_by_name = true;
            }
            ("importorskip", _) => self.visit_name(Evidence::ImportOrSkip, call, "modname", 0),
            ("run_module", _) => self.visit_name(Evidence::RunModule, call, "mod_name", 0),
            ("run_path", _) => self.visit_path(call, "path_name", 0),
            ("spec_from_file_location", _) => self.visit_path(call, "location", 1),
            ("SourceFileLoader", _) => self.visit_path(call, "path", 1),
            ("load_source", _) => self.visit_path(call, "pathname", 1),
            ("patch", _)
            | ("dict" | "multiple", Some("patch"))
            | ("setattr" | "delattr", Some(_)) => self.visit_patch(call, name),
            ("iter_modules" | "walk_packages", _) => {
                self.visit_listing(call, name == "walk_packages");
            }
            ("attach_stub", _) => {
                self.add(Evidence::Stub, String::new(), call.start());
            }
            // `lazy_loader.attach(__name__, submodules=…, submod_attrs=…)`.
            ("attach", Some(_)) => (self.is_lazy, self.imports_by_name) = (true, true),
            ("_LazyModule" | "LazyModule", _) => {
                (self.is_lazy, self.imports_by_name) = (true, true);
            }
            _ => {}
        }
        self.visit_environment(call);
        self.visit_path_call(call, name);
        for keyword in &call.arguments.keywords {
            if let Some(name) = &keyword.arg {
                self.visit_setting(name.as_str(), &keyword.value);
            }
        }
    }

    fn visit_import_module(&mut self, call: &ExprCall) {
        self.imports_by_name = true;
        if let Some(text) = argument(call, "name", 0)
            && let Some(name) = self.module_name(text)
        {
            let name = self.absolute(name, call);
            self.explain_as(Evidence::ImportCall, name, text);
        }
    }

    fn visit_name(&mut self, evidence: Evidence, call: &ExprCall, keyword: &str, at: usize) {
        if let Some(text) = argument(call, keyword, at) {
            self.explain(evidence, text);
        }
    }

    fn visit_path(&mut self, call: &ExprCall, keyword: &str, at: usize) {
        self.imports_by_name = true;
        let Some(expr) = argument(call, keyword, at) else {
            return;
        };
        if let Some(path) = self.constants.value(expr).and_then(|it| it.path()) {
            self.add(Evidence::File, path, expr.start());
        }
    }

    fn visit_patch(&mut self, call: &ExprCall, callee: &str) {
        let keyword = if callee == "dict" {
            "in_dict"
        } else {
            "target"
        };
        let Some(text) = argument(call, keyword, 0) else {
            return;
        };
        let Some(name) = self.module_name(text).filter(|name| name.contains('.')) else {
            return;
        };
        match name.strip_suffix('*') {
            None => self.explain_as(Evidence::Patch, name, text),
            // What is patched in it is not known.
            Some(start) => {
                let module = start.rsplit_once('.').map_or("", |(module, _)| module);
                self.add_name(Evidence::ImportCall, module, text.start());
            }
        }
    }

    /// `pkgutil.iter_modules(app.plugins.__path__)`.
    fn visit_listing(&mut self, call: &ExprCall, all_below: bool) {
        let Some(path) = argument(call, "path", 0) else {
            return;
        };
        let star = if all_below { "**" } else { "*" };
        let package = match path {
            Expr::Name(name) if name.id.as_str() == "__path__" => Some(String::new()),
            Expr::Attribute(of) if of.attr.as_str() == "__path__" => {
                self.constants.module(&of.value)
            }
            Expr::List(list) => list.elts.first().and_then(|folder| {
                // The folder of the file.
                let path = self.constants.value(folder)?.path()?;
                (path == "./").then(String::new)
            }),
            _ => None,
        };
        if let Some(package) = package {
            self.list(format!("{package}.{star}"), path.start());
        }
    }

    /// `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.b")`, `setenv(…)`.
    fn visit_environment(&mut self, call: &ExprCall) {
        let [name, value, ..] = &*call.arguments.args else {
            return;
        };
        if let Some(name) = text_of(name) {
            self.visit_setting(name, value);
        }
    }

    /// A value that is given to a setting of this name.
    pub(super) fn visit_setting(&mut self, name: &str, value: &Expr) {
        if name == "INSTALLED_APPS" {
            self.visit_texts(value, 0, &mut |this, text, at| {
                if is_dotted_name(text) {
                    this.add(Evidence::Application, text.to_owned(), at.start());
                }
            });
        } else if name == "SPIDER_MODULES" {
            self.visit_texts(value, 0, &mut |this, text, at| {
                if is_dotted_name(text) {
                    this.add(Evidence::ImportCall, text.to_owned(), at.start());
                    this.add(Evidence::ImportCall, format!("{text}.**"), at.start());
                }
            });
        } else if MODULE_SETTINGS.contains(&name)
            && let Some(text) = text_of(value)
        {
            let module = text.split(':').next().unwrap_or_default();
            self.add_name(Evidence::ImportCall, module, value.start());
        }
    }

    /// The texts of a list, also of several that are added.
    fn visit_texts(
        &mut self,
        value: &Expr,
        depth: u32,
        visit: &mut impl FnMut(&mut Self, &str, &Expr),
    ) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Expr::StringLiteral(text) => visit(self, text.value.to_str(), value),
            Expr::List(list) => {
                (list.elts.iter()).for_each(|it| self.visit_texts(it, depth + 1, visit));
            }
            Expr::Tuple(tuple) => {
                (tuple.elts.iter()).for_each(|it| self.visit_texts(it, depth + 1, visit));
            }
            Expr::BinOp(sum) => {
                self.visit_texts(&sum.left, depth + 1, visit);
                self.visit_texts(&sum.right, depth + 1, visit);
            }
            Expr::Starred(starred) => self.visit_texts(&starred.value, depth + 1, visit),
            _ => {}
        }
    }

    fn module_name(&self, text: &Expr) -> Option<String> {
        self.constants.value(text)?.module_name()
    }

    /// The name that `import_module` makes of a relative one and the package that stands beside it.
    /// If that is not known the dots are kept: most often the package is the file's own.
    fn absolute(&self, name: String, call: &ExprCall) -> String {
        let rest = name.trim_start_matches('.');
        let level = name.len() - rest.len();
        let package = argument(call, "package", 1).and_then(|it| self.constants.value(it));
        let package = package.as_ref().and_then(|package| package.literal());
        let (1.., Some(package)) = (level, package) else {
            return name;
        };
        let mut parts: Vec<&str> = package.split('.').collect();
        parts.truncate((parts.len() + 1).saturating_sub(level));
        parts.push(rest);
        parts.join(".")
    }
}

/// The last name of what is called, and the one before it: `mock.patch` is `patch` of `mock`.
pub(super) fn callee(func: &Expr) -> Option<(&str, Option<&str>)> {
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

fn argument<'c>(call: &'c ExprCall, keyword: &str, at: usize) -> Option<&'c Expr> {
    call.arguments.find_argument_value(keyword, at)
}

/// The `level` of `__import__(name, globals, locals, fromlist, level)`.
fn import_level(call: &ExprCall) -> usize {
    match argument(call, "level", 4) {
        Some(Expr::NumberLiteral(number)) => match &number.value {
            // No package is nested deeper than this.
            Number::Int(level) => level.as_u8().map_or(0, |level| usize::from(level.min(50))),
            _ => 0,
        },
        _ => 0,
    }
}
