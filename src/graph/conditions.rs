//! [`Condition`]: whether the test of a branch holds when tests run, as far as its text tells.
//!
//! The agent and the tests run on Linux or macOS, and with Python 3.7 or later.

use ruff_python_ast::{BoolOp, CmpOp, Expr, ExprCompare, Number, UnaryOp};
use rustc_hash::FxHashSet;

use super::facts::ImportKind;

/// The oldest Python that tests run with.
const OLDEST: [u8; 2] = [3, 7];
/// Conditions are looked into so deep.
const MAX_DEPTH: u32 = 40;

/// A condition of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// It never holds: `TYPE_CHECKING`, `sys.platform == "win32"`.
    Never,
    Always,
    /// Python may take the branch or not.
    Open,
}

/// Names that stand for `typing.TYPE_CHECKING` in a file, beside that one.
pub(super) type TypeChecking<'a> = FxHashSet<&'a str>;

impl Condition {
    pub(super) fn of(test: &Expr, names: &TypeChecking<'_>) -> Self {
        Self::at(test, names, 0)
    }

    fn at(test: &Expr, names: &TypeChecking<'_>, depth: u32) -> Self {
        if depth > MAX_DEPTH {
            return Self::Open;
        }
        match test {
            Expr::Name(name) if name.id.as_str() == "TYPE_CHECKING" => Self::Never,
            Expr::Name(name) if names.contains(name.id.as_str()) => Self::Never,
            Expr::Attribute(attribute) => match attribute.attr.as_str() {
                "TYPE_CHECKING" => Self::Never,
                "PY2" if is_name(&attribute.value, "six") => Self::Never,
                "PY3" if is_name(&attribute.value, "six") => Self::Always,
                _ => Self::Open,
            },
            Expr::NoneLiteral(_) => Self::Never,
            Expr::BooleanLiteral(literal) => Self::from(literal.value),
            Expr::NumberLiteral(number) => match &number.value {
                Number::Int(int) => Self::from(int.as_u8() != Some(0)),
                _ => Self::Open,
            },
            Expr::UnaryOp(not) if not.op == UnaryOp::Not => {
                match Self::at(&not.operand, names, depth + 1) {
                    Self::Never => Self::Always,
                    Self::Always => Self::Never,
                    Self::Open => Self::Open,
                }
            }
            Expr::BoolOp(both) => {
                let mut parts = both.values.iter().map(|it| Self::at(it, names, depth + 1));
                // `and` ends with what never holds, `or` with what always does.
                let (ends, goes_on) = match both.op {
                    BoolOp::And => (Self::Never, Self::Always),
                    BoolOp::Or => (Self::Always, Self::Never),
                };
                parts
                    .try_fold(goes_on, |so_far, part| match part {
                        part if part == ends => Err(ends),
                        part if part == goes_on => Ok(so_far),
                        _ => Ok(Self::Open),
                    })
                    .unwrap_or_else(|end| end)
            }
            Expr::Compare(compare) => of_comparison(compare),
            Expr::Call(call) => match (&*call.func, &*call.arguments.args) {
                // `sys.platform.startswith("win")`
                (Expr::Attribute(method), [Expr::StringLiteral(text)])
                    if method.attr.as_str() == "startswith"
                        && is_attribute(&method.value, "sys", "platform") =>
                {
                    let system = text.value.to_str();
                    let is_other = OTHER_PLATFORMS
                        .iter()
                        .any(|other| other.starts_with(system));
                    if is_other && !system.is_empty() {
                        Self::Never
                    } else {
                        Self::Open
                    }
                }
                _ => Self::Open,
            },
            _ => Self::Open,
        }
    }

    /// The kind of an import in its branch: `plain` if the branch always runs, `conditional` if it
    /// may.
    pub(super) fn kind(self, plain: ImportKind, conditional: ImportKind) -> ImportKind {
        match self {
            Self::Never => ImportKind::Never,
            Self::Always => plain,
            Self::Open => conditional,
        }
    }
}

impl From<bool> for Condition {
    fn from(holds: bool) -> Self {
        if holds { Self::Always } else { Self::Never }
    }
}

/// Values of `sys.platform` on systems that the agent does not run on.
const OTHER_PLATFORMS: [&str; 3] = ["win32", "cygwin", "java"];

fn of_comparison(compare: &ExprCompare) -> Condition {
    let ([op], [right]) = (&*compare.ops, &*compare.comparators) else {
        return Condition::Open;
    };
    if let Expr::StringLiteral(text) = right {
        let holds = of_system(&compare.left, text.value.to_str());
        return match (op, holds) {
            (CmpOp::Eq, Some(holds)) => Condition::from(holds),
            (CmpOp::NotEq, Some(holds)) => Condition::from(!holds),
            _ => Condition::Open,
        };
    }
    of_version(&compare.left, *op, right).map_or(Condition::Open, Condition::from)
}

/// Whether `sys.platform`, `os.name` or `platform.system()` has this value; `None` if that depends
/// on the machine.
fn of_system(left: &Expr, value: &str) -> Option<bool> {
    if is_attribute(left, "sys", "platform") {
        return OTHER_PLATFORMS.contains(&value).then_some(false);
    }
    if is_attribute(left, "os", "name") {
        return Some(value == "posix");
    }
    let is_system =
        matches!(left, Expr::Call(call) if is_attribute(&call.func, "platform", "system"));
    (is_system && ["Windows", "Java"].contains(&value)).then_some(false)
}

/// Whether a comparison of `sys.version_info` holds for every Python that tests run with; `None` if
/// it does for some.
fn of_version(left: &Expr, op: CmpOp, right: &Expr) -> Option<bool> {
    let is_info = |expr: &Expr| is_attribute(expr, "sys", "version_info");
    let is_major = match left {
        Expr::Subscript(part) => is_info(&part.value) && number(&part.slice) == Some(0),
        Expr::Attribute(part) => is_info(&part.value) && part.attr.as_str() == "major",
        _ => false,
    };
    if is_major {
        let major = number(right)?;
        return match op {
            CmpOp::Eq | CmpOp::Is | CmpOp::LtE => (major < OLDEST[0]).then_some(false),
            CmpOp::NotEq | CmpOp::IsNot | CmpOp::Gt => (major < OLDEST[0]).then_some(true),
            CmpOp::Lt => (major <= OLDEST[0]).then_some(false),
            CmpOp::GtE => (major <= OLDEST[0]).then_some(true),
            _ => None,
        };
    }
    let Expr::Tuple(tuple) = right else {
        return None;
    };
    if !is_info(left) {
        return None;
    }
    let wanted: Vec<u8> = tuple.elts.iter().map(number).collect::<Option<_>>()?;
    let is_old = wanted.as_slice() <= OLDEST.as_slice();
    match op {
        CmpOp::Lt | CmpOp::LtE => is_old.then_some(false),
        CmpOp::Gt | CmpOp::GtE => is_old.then_some(true),
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<u8> {
    match expr {
        Expr::NumberLiteral(number) => match &number.value {
            Number::Int(int) => int.as_u8(),
            _ => None,
        },
        _ => None,
    }
}

fn is_name(expr: &Expr, wanted: &str) -> bool {
    matches!(expr, Expr::Name(name) if name.id.as_str() == wanted)
}

/// `owner.name`.
fn is_attribute(expr: &Expr, owner: &str, name: &str) -> bool {
    matches!(expr, Expr::Attribute(it) if it.attr.as_str() == name && is_name(&it.value, owner))
}

/// `__name__ == "__main__"`, either way round.
pub(super) fn is_main_guard(test: &Expr) -> bool {
    let Expr::Compare(compare) = test else {
        return false;
    };
    let ([CmpOp::Eq], [right]) = (&*compare.ops, &*compare.comparators) else {
        return false;
    };
    let is_main = |side: &Expr| matches!(side, Expr::StringLiteral(text) if text.value.to_str() == "__main__");
    let is_own = |side: &Expr| is_name(side, "__name__");
    is_own(&compare.left) && is_main(right) || is_main(&compare.left) && is_own(right)
}

/// `@pytest.mark.skip`, `@unittest.skip("why")`: a test that never runs.
pub(super) fn is_skip(decorator: &Expr) -> bool {
    let mark = match decorator {
        Expr::Call(call) => &*call.func,
        other => other,
    };
    let Expr::Attribute(attribute) = mark else {
        return false;
    };
    let of_mark = matches!(&*attribute.value, Expr::Attribute(it) if it.attr.as_str() == "mark");
    attribute.attr.as_str() == "skip"
        && (of_mark || is_name(&attribute.value, "mark") || is_name(&attribute.value, "unittest"))
}

#[cfg(test)]
mod tests {
    use ruff_python_parser::parse_expression;

    use super::*;

    #[test]
    fn conditions_that_are_the_same_everywhere_are_told() {
        let cases = [
            (
                Condition::Never,
                "TYPE_CHECKING | typing.TYPE_CHECKING | TC | False | 0 | None",
            ),
            (
                Condition::Never,
                "not True | TYPE_CHECKING and x | x and False | TC or 0",
            ),
            (
                Condition::Always,
                "not TYPE_CHECKING | True | 1 | x or True | TC or 1 | True and 2",
            ),
            (
                Condition::Open,
                "x | x and True | x or False | not x | t.CHECKING | 'a' | f(x)",
            ),
            (
                Condition::Never,
                "sys.version_info < (3,) | sys.version_info < (3, 7)",
            ),
            (
                Condition::Never,
                "sys.version_info[0] == 2 | sys.version_info.major < 3 | six.PY2",
            ),
            (
                Condition::Always,
                "sys.version_info >= (3, 7) | sys.version_info > (2, 7) | six.PY3",
            ),
            (
                Condition::Always,
                "sys.version_info[0] >= 3 | sys.version_info[0] != 2",
            ),
            (
                Condition::Open,
                "sys.version_info < (3, 8) | sys.version_info >= (3, 11)",
            ),
            (
                Condition::Open,
                "sys.version_info[0] == 3 | sys.version_info == (3, 7)",
            ),
            (
                Condition::Never,
                "sys.platform == 'win32' | os.name == 'nt'",
            ),
            (
                Condition::Never,
                "sys.platform.startswith('win') | platform.system() == 'Windows'",
            ),
            (
                Condition::Always,
                "sys.platform != 'win32' | os.name == 'posix' | os.name != 'nt'",
            ),
            (
                Condition::Open,
                "sys.platform == 'linux' | sys.platform.startswith('linux')",
            ),
            (
                Condition::Open,
                "platform.system() == 'Linux' | sys.platform.startswith('')",
            ),
        ];
        let names = FxHashSet::from_iter(["TC"]);
        for (expected, sources) in cases {
            for source in sources.split(" | ") {
                let parsed = parse_expression(source).unwrap();
                assert_eq!(Condition::of(parsed.expr(), &names), expected, "{source}");
            }
        }
    }

    #[test]
    fn deep_conditions_are_left_open() {
        let parsed = parse_expression(&format!("{}False", "not ".repeat(100))).unwrap();
        assert_eq!(
            Condition::of(parsed.expr(), &TypeChecking::default()),
            Condition::Open
        );
    }

    #[test]
    fn tests_that_are_always_skipped_are_known() {
        let cases = [
            ("pytest.mark.skip", true),
            ("pytest.mark.skip(reason='x')", true),
            ("mark.skip", true),
            ("unittest.skip('x')", true),
            ("pytest.mark.skipif(x)", false),
            ("skip", false),
            ("pytest.skip", false),
        ];
        for (source, expected) in cases {
            let parsed = parse_expression(source).unwrap();
            assert_eq!(is_skip(parsed.expr()), expected, "{source}");
        }
    }
}
