//! Refuses sources that are nested so deeply that walking or dropping their tree would use up the
//! stack. The parser grows its own stack; nothing does that for the tree it returns.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

/// The deepest tree that is walked, in nodes from the root. CPython gives up earlier: at 200 open
/// brackets, 100 levels of indentation, and a few thousand operators in a row.
pub(super) const MAX_DEPTH: u32 = 10_000;

/// True if the tree of `source` may be deeper than [`MAX_DEPTH`].
///
/// Each level of a tree takes a token, so that a file of few tokens is shallow. Only of the others,
/// which are rare, are the tokens themselves looked at.
pub(super) fn is_too_deep(source: &str) -> bool {
    most_tokens(source.as_bytes()) > MAX_DEPTH as usize && is_deep(source)
}

/// At least as many as there are tokens that can make a tree deeper: signs, and beginnings of
/// words. Without branches, which makes it as fast as memory.
fn most_tokens(source: &[u8]) -> usize {
    let mut count = 0;
    let mut before = b' ';
    for chunk in source.chunks(128) {
        let mut here = 0_u8;
        for &byte in chunk {
            let starts_word = is_word(byte) && !is_word(before);
            here += u8::from(starts_word || byte.is_ascii_punctuation() && byte != b'_');
            before = byte;
        }
        count += usize::from(here);
    }
    count
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// The tokens inside one pair of brackets, or of a statement outside of all.
#[derive(Clone, Copy, Default)]
struct Level {
    /// The tokens since the last comma: the text before it is beside the rest and not around it.
    element: u32,
    /// Those that reach over a comma: `lambda a, b: lambda a, b: …`.
    lasting: u32,
}

fn is_deep(source: &str) -> bool {
    let mut tokens = lexer::lex(source, Mode::Module);
    let mut depth = Depth::default();
    loop {
        match tokens.next_token() {
            TokenKind::EndOfFile => return false,
            kind => depth.pass(kind),
        }
        if depth.total + depth.indent > MAX_DEPTH {
            return true;
        }
    }
}

/// The depth that the tree may have at a token.
#[derive(Default)]
struct Depth {
    level: Level,
    around: Vec<Level>,
    /// The sum of all levels.
    total: u32,
    indent: u32,
}

impl Depth {
    fn pass(&mut self, kind: TokenKind) {
        match kind {
            TokenKind::Indent => self.indent += 1,
            TokenKind::Dedent => self.indent = self.indent.saturating_sub(1),
            TokenKind::Newline => {
                self.around.clear();
                self.level = Level::default();
                self.total = 0;
            }
            TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart => {
                self.level.element += 1;
                self.total += 1;
                self.around.push(std::mem::take(&mut self.level));
            }
            TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::FStringEnd
            | TokenKind::TStringEnd => {
                if let Some(outer) = self.around.pop() {
                    self.total -= self.level.element + self.level.lasting;
                    self.level = outer;
                }
            }
            // Outside of brackets a comma need not end anything: `with a, b: with c, d: …`.
            TokenKind::Comma if !self.around.is_empty() => {
                self.total -= std::mem::take(&mut self.level.element);
            }
            TokenKind::Lambda | TokenKind::Yield => {
                self.level.lasting += 1;
                self.total += 1;
            }
            // They stand side by side, or between others that count.
            TokenKind::String
            | TokenKind::FStringMiddle
            | TokenKind::TStringMiddle
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::Complex
            | TokenKind::Comment
            | TokenKind::NonLogicalNewline => {}
            _ => {
                self.level.element += 1;
                self.total += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_told_from_length() {
        let many = 20_000;
        let cases = [
            ("brackets", "(".repeat(many), true),
            ("signs", "~".repeat(many), true),
            ("operators", "a+".repeat(many), true),
            ("calls", format!("a{}", "()".repeat(many)), true),
            ("words", "not ".repeat(many), true),
            ("lambdas", "lambda:".repeat(many), true),
            (
                "lambdas with commas",
                format!("({}", "lambda a, b: ".repeat(many)),
                true,
            ),
            ("replacement fields", "f'{".repeat(many), true),
            ("a long list", format!("[{}]", "-a, ".repeat(many)), false),
            (
                "a list of lists",
                format!("[{}]", "[b, c], ".repeat(many)),
                false,
            ),
            ("many lines", "a = b.c + d\n".repeat(many), false),
            (
                "texts in a row",
                format!("({})", "'a' ".repeat(many)),
                false,
            ),
            (
                "many brackets in texts",
                format!("'{}'", "(".repeat(many)),
                false,
            ),
            (
                "replacement fields in a row",
                "f'{a}{b}'\n".repeat(many),
                false,
            ),
        ];
        for (name, source, expected) in cases {
            assert!(
                most_tokens(source.as_bytes()) > MAX_DEPTH as usize,
                "{name}"
            );
            assert_eq!(is_too_deep(&source), expected, "{name}");
        }
    }
}
