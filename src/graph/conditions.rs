//! [`Condition`]: whether the test of a branch holds when tests run, as far as its text tells.
//!
//! The agent and the tests run on Linux or macOS, and with Python 3.7 or later.

use ruff_python_ast::{BoolOp, CmpOp, Expr, ExprBoolOp, ExprCall, ExprCompare, Number, UnaryOp};
use rustc_hash::FxHashSet;

use super::facts::ImportKind;

/// The oldest Python that tests run with.
const OLDEST: [u8; 2] = [3, 7];
/// Conditions are looked into so deep.
const MAX_DEPTH: u32 = 40;

/// A condition of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Never(Why),
    Always(Why),
    /// Python may take the branch or not.
    Open,
}

/// What makes a condition the same each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The code itself: `TYPE_CHECKING`, `False`.
    Code,
    /// The system and the version of Python: `sys.platform == "win32"`.
    Machine,
}

impl Why {
    /// The kind of an import that is never reached; `plain` is that of the whole statement, which
    /// may be out of reach for a reason of its own.
    fn kind(self, plain: ImportKind) -> ImportKind {
        match (plain, self) {
            (ImportKind::Never, _) | (_, Self::Code) => ImportKind::Never,
            (_, Self::Machine) => ImportKind::Elsewhere,
        }
    }
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
            Expr::Name(name) => {
                let name = name.id.as_str();
                let is_type_checking = name == "TYPE_CHECKING" || names.contains(name);
                Self::told(is_type_checking.then_some(false), Why::Code)
            }
            Expr::Attribute(attribute) => match attribute.attr.as_str() {
                "TYPE_CHECKING" => Self::Never(Why::Code),
                "PY2" if is_name(&attribute.value, "six") => Self::Never(Why::Machine),
                "PY3" if is_name(&attribute.value, "six") => Self::Always(Why::Machine),
                _ => Self::Open,
            },
            Expr::NoneLiteral(_) => Self::Never(Why::Code),
            Expr::BooleanLiteral(literal) => Self::told(Some(literal.value), Why::Code),
            Expr::NumberLiteral(number) => match &number.value {
                Number::Int(int) => Self::told(Some(int.as_u8() != Some(0)), Why::Code),
                _ => Self::Open,
            },
            Expr::UnaryOp(not) if not.op == UnaryOp::Not => {
                match Self::at(&not.operand, names, depth + 1) {
                    Self::Never(why) => Self::Always(why),
                    Self::Always(why) => Self::Never(why),
                    Self::Open => Self::Open,
                }
            }
            Expr::BoolOp(both) => Self::of_both(both, names, depth),
            Expr::Compare(compare) => Self::told(of_comparison(compare), Why::Machine),
            Expr::Call(call) => Self::told(of_call(call), Why::Machine),
            _ => Self::Open,
        }
    }

    /// `and` ends with what never holds, `or` with what always does.
    fn of_both(both: &ExprBoolOp, names: &TypeChecking<'_>, depth: u32) -> Self {
        let mut whole: Option<Self> = None;
        for part in &both.values {
            let part = Self::at(part, names, depth + 1);
            match (both.op, part) {
                (BoolOp::And, Self::Never(_)) | (BoolOp::Or, Self::Always(_)) => return part,
                (_, Self::Open) => whole = Some(part),
                _ => whole = whole.or(Some(part)),
            }
        }
        whole.unwrap_or(Self::Open)
    }

    fn told(holds: Option<bool>, why: Why) -> Self {
        match holds {
            Some(true) => Self::Always(why),
            Some(false) => Self::Never(why),
            None => Self::Open,
        }
    }

    /// The kind of an import in its branch: `plain` if the branch always runs, `conditional` if it
    /// may.
    pub(super) fn kind(self, plain: ImportKind, conditional: ImportKind) -> ImportKind {
        match self {
            Self::Never(why) => why.kind(plain),
            Self::Always(_) => plain,
            Self::Open => conditional,
        }
    }

    /// The kind in the branches after it.
    pub(super) fn kind_after(self, plain: ImportKind, conditional: ImportKind) -> ImportKind {
        match self {
            Self::Never(_) => plain,
            Self::Always(why) => why.kind(plain),
            Self::Open => conditional,
        }
    }
}

/// Values of `sys.platform` on systems that the agent does not run on.
const OTHER_PLATFORMS: [&str; 3] = ["win32", "cygwin", "java"];

fn of_comparison(compare: &ExprCompare) -> Option<bool> {
    let ([op], [right]) = (&*compare.ops, &*compare.comparators) else {
        return None;
    };
    if let Expr::StringLiteral(text) = right {
        let holds = of_system(&compare.left, text.value.to_str())?;
        return match op {
            CmpOp::Eq => Some(holds),
            CmpOp::NotEq => Some(!holds),
            _ => None,
        };
    }
    of_version(&compare.left, *op, right)
}

/// `sys.platform.startswith("win")`.
fn of_call(call: &ExprCall) -> Option<bool> {
    let (Expr::Attribute(method), [Expr::StringLiteral(text)]) =
        (&*call.func, &*call.arguments.args)
    else {
        return None;
    };
    let system = text.value.to_str();
    let mut others = OTHER_PLATFORMS.iter();
    let is_other = method.attr.as_str() == "startswith"
        && is_attribute(&method.value, "sys", "platform")
        && !system.is_empty()
        && others.any(|other| other.starts_with(system));
    is_other.then_some(false)
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
        use Condition::{Always, Never, Open};
        use Why::{Code, Machine};
        let cases = [
            (
                Never(Code),
                "TYPE_CHECKING | typing.TYPE_CHECKING | TC | False | 0 | None",
            ),
            (
                Never(Code),
                "not True | TYPE_CHECKING and x | x and False | TC or 0",
            ),
            (
                Always(Code),
                "not TYPE_CHECKING | True | 1 | x or True | TC or 1 | True and 2",
            ),
            (
                Open,
                "x | x and True | x or False | not x | t.CHECKING | 'a' | f(x)",
            ),
            (
                Never(Machine),
                "sys.version_info < (3,) | sys.version_info < (3, 7)",
            ),
            (
                Never(Machine),
                "sys.version_info[0] == 2 | sys.version_info.major < 3 | six.PY2",
            ),
            (
                Always(Machine),
                "sys.version_info >= (3, 7) | sys.version_info > (2, 7) | six.PY3",
            ),
            (
                Always(Machine),
                "sys.version_info[0] >= 3 | sys.version_info[0] != 2",
            ),
            (
                Open,
                "sys.version_info < (3, 8) | sys.version_info >= (3, 11)",
            ),
            (
                Open,
                "sys.version_info[0] == 3 | sys.version_info == (3, 7)",
            ),
            (Never(Machine), "sys.platform == 'win32' | os.name == 'nt'"),
            (
                Never(Machine),
                "sys.platform.startswith('win') | platform.system() == 'Windows'",
            ),
            (
                Never(Machine),
                "not TYPE_CHECKING and sys.platform == 'win32'",
            ),
            (
                Always(Machine),
                "sys.platform != 'win32' | os.name == 'posix' | os.name != 'nt'",
            ),
            (
                Open,
                "sys.platform == 'linux' | sys.platform.startswith('linux')",
            ),
            (
                Open,
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
