//! Statements that change where Python and pytest look: `sys.path.insert(0, "lib")`,
//! `__path__.append(…)`, `collect_ignore = [...]`, `__all__ = [...]`.

use ruff_python_ast::{Expr, ExprCall};

use super::facts::{PathChange, PathChangeKind};
use super::mentions::{Mentions, text_of};

/// Where an assignment stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// In the module, and not in a function or class.
    pub(super) is_module: bool,
    /// There, and not in a branch either.
    pub(super) is_sure: bool,
}

impl<'a> Mentions<'a> {
    /// `target = value` or `target += value`, before they are walked through.
    pub(super) fn visit_assign(&mut self, target: &'a Expr, value: &'a Expr, level: Level) {
        match target {
            Expr::Name(name) => match name.id.as_str() {
                "pytest_plugins" if level.is_module => self.plugins = Some(value),
                "collect_ignore" if level.is_sure => self.ignore(PathChangeKind::Ignored, value),
                "collect_ignore_glob" if level.is_sure => {
                    self.ignore(PathChangeKind::IgnoredGlob, value);
                }
                "__all__" if level.is_module => self.export(value),
                "__path__" => self.add_folders(PathChangeKind::Package, value),
                name => self.visit_setting(name, value),
            },
            Expr::Attribute(_) if is_sys_path(target) => {
                self.add_folders(PathChangeKind::Search, value);
            }
            Expr::Subscript(part) if is_sys_path(&part.value) => {
                self.add_folders(PathChangeKind::Search, value);
            }
            Expr::Subscript(part) => {
                if let Some(name) = text_of(&part.slice) {
                    self.visit_setting(name, value);
                }
                // `sys.modules[__name__] = Lazy()`
                self.is_lazy |=
                    matches!(&*part.value, Expr::Attribute(of) if of.attr.as_str() == "modules");
            }
            _ => {}
        }
    }

    /// A call that may change a path, by the name of what is called.
    pub(super) fn visit_path_call(&mut self, call: &'a ExprCall, name: &str) {
        let arguments = &call.arguments.args;
        let owner = match &*call.func {
            Expr::Attribute(attribute) => Some(&*attribute.value),
            _ => None,
        };
        match name {
            "extend_path" => self.add_path_change(PathChange {
                kind: PathChangeKind::ExtendedPackage,
                path: String::new(),
            }),
            "syspath_prepend" | "addsitedir" => {
                if let Some(folder) = arguments.first() {
                    self.add_folders(PathChangeKind::Search, folder);
                }
            }
            "append" | "insert" | "extend" => {
                let kind = match owner {
                    Some(path) if is_sys_path(path) => PathChangeKind::Search,
                    Some(Expr::Name(path)) if path.id.as_str() == "__path__" => {
                        PathChangeKind::Package
                    }
                    _ => return,
                };
                if let Some(value) = arguments.last() {
                    self.add_folders(kind, value);
                }
            }
            _ => {}
        }
    }

    /// `collect_ignore.append("old.py")`, `__all__.extend(["a"])`, as a statement of the module.
    pub(super) fn visit_list_call(&mut self, call: &'a ExprCall) {
        let Expr::Attribute(method) = &*call.func else {
            return;
        };
        let (Expr::Name(list), "append" | "extend", [value]) =
            (&*method.value, method.attr.as_str(), &*call.arguments.args)
        else {
            return;
        };
        match list.id.as_str() {
            "collect_ignore" => self.ignore(PathChangeKind::Ignored, value),
            "collect_ignore_glob" => self.ignore(PathChangeKind::IgnoredGlob, value),
            "__all__" => self.export(value),
            _ => {}
        }
    }

    fn export(&mut self, value: &Expr) {
        for name in elements(value).into_iter().filter_map(text_of) {
            self.add_export(name);
        }
    }

    fn ignore(&mut self, kind: PathChangeKind, value: &Expr) {
        for part in elements(value) {
            // A path from the conftest on, without `./` too.
            let path = self.constants.value(part).and_then(|it| it.path());
            if let Some(path) = path.filter(|path| !path.is_empty()) {
                let path = path.strip_prefix("./").map_or(path.as_str(), |path| path);
                self.add_path_change(PathChange {
                    kind,
                    path: path.to_owned(),
                });
            }
        }
    }

    fn add_folders(&mut self, kind: PathChangeKind, value: &Expr) {
        for part in elements(value) {
            if let Some(path) = self.constants.value(part).and_then(|it| it.path()) {
                self.add_path_change(PathChange { kind, path });
            }
        }
    }
}

/// The parts of a list, also of one of two that are added; any other value itself.
fn elements(value: &Expr) -> Vec<&Expr> {
    match value {
        Expr::List(list) => list.elts.iter().collect(),
        Expr::Tuple(tuple) => tuple.elts.iter().collect(),
        Expr::BinOp(sum) => {
            let lists = [&*sum.left, &*sum.right].into_iter();
            let lists = lists.filter(|side| matches!(side, Expr::List(_) | Expr::Tuple(_)));
            let parts: Vec<&Expr> = lists.flat_map(elements).collect();
            if parts.is_empty() { vec![value] } else { parts }
        }
        _ => vec![value],
    }
}

/// `sys.path`, also as `path` of any other name for `sys`.
fn is_sys_path(expr: &Expr) -> bool {
    matches!(expr, Expr::Attribute(path)
        if path.attr.as_str() == "path" && matches!(&*path.value, Expr::Name(_)))
}
