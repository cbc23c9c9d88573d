//! Text of several styles, and lines of it that are broken between words.

use crate::cli::terminal::palette::paint;
use crate::cli::terminal::text::width;
use crate::diag::Palette;

/// Tells if the target of a link is a page that `agent help` shows.
pub(super) type IsTopic<'a> = &'a dyn Fn(&str) -> bool;

/// The style of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Shown with its backticks.
    Code,
    Strong,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// The spans of a line, and the columns that they take.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Line {
    spans: Vec<Span>,
    pub(super) width: usize,
}

impl Line {
    /// Adds a word, after a space if it is not the first.
    fn push(&mut self, word: Word) {
        self.width += spans_width(&word);
        if self.spans.is_empty() {
            self.spans = word;
            return;
        }
        self.width += 1;
        let mut word = word.into_iter();
        if let (Some(last), Some(first)) = (self.spans.last_mut(), word.next()) {
            // Words of one kind are one span, lest each has its colours for itself.
            if last.kind == first.kind {
                last.text = format!("{} {}", last.text, first.text);
            } else {
                self.spans.push(span(Kind::Plain, " "));
                self.spans.push(first);
            }
        }
        self.spans.extend(word);
    }

    /// The text with its colours.
    pub(super) fn painted(&self, palette: &Palette) -> String {
        let painted = self.spans.iter().map(|span| match span.kind {
            Kind::Plain => span.text.clone(),
            Kind::Code => paint(palette.hint, &span.text),
            Kind::Strong => paint(palette.strong, &span.text),
        });
        painted.collect()
    }
}

/// The text between two spaces: pieces of one or more kinds.
type Word = Vec<Span>;

fn span(kind: Kind, text: impl Into<String>) -> Span {
    let text = text.into();
    Span { kind, text }
}

/// `spans` in lines of at most `columns`. Code is broken only if it alone is longer than that, and
/// a longer word stays whole.
pub(super) fn wrap(spans: &[Span], columns: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for word in words(spans, columns) {
        match lines.last_mut() {
            Some(line) if line.width + 1 + spans_width(&word) <= columns => line.push(word),
            _ => {
                let mut line = Line::default();
                line.push(word);
                lines.push(line);
            }
        }
    }
    lines
}

/// The columns of `spans` on one line.
pub(super) fn spans_width(spans: &[Span]) -> usize {
    spans.iter().map(|span| width(&span.text)).sum()
}

/// The columns of the longest word of `spans`.
pub(super) fn longest_word(spans: &[Span]) -> usize {
    let words = words(spans, usize::MAX);
    words
        .iter()
        .map(|word| spans_width(word))
        .max()
        .unwrap_or(0)
}

fn words(spans: &[Span], columns: usize) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut joined = false;
    for of in spans {
        if of.kind == Kind::Code && width(&of.text) <= columns {
            push_piece(&mut words, of.clone(), joined);
            joined = true;
            continue;
        }
        for (index, piece) in of.text.split(' ').enumerate() {
            joined &= index == 0;
            if !piece.is_empty() {
                push_piece(&mut words, span(of.kind, piece), joined);
                joined = true;
            }
        }
    }
    words
}

/// Adds a piece to the last word, or as a word of its own.
fn push_piece(words: &mut Vec<Word>, piece: Span, joined: bool) {
    match words.last_mut() {
        Some(word) if joined => word.push(piece),
        _ => words.push(vec![piece]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::spans;
    use super::*;

    fn lines(text: &str, columns: usize) -> Vec<String> {
        let lines = wrap(&spans(text), columns).into_iter();
        lines.map(|line| line.painted(&Palette::PLAIN)).collect()
    }

    #[test]
    fn lines_break_between_words_and_not_in_code() {
        assert_eq!(
            lines("run it (`agent help`), then *look again*", 14),
            ["run it", "(`agent help`),", "then look", "again"]
        );
        assert_eq!(lines("`agent help sql`", 12), ["`agent help", "sql`"]);
        assert_eq!(lines("a verylongword b", 6), ["a", "verylongword", "b"]);
    }

    #[test]
    fn colours_take_no_columns() {
        let line = &wrap(&spans("see **both of** `x`"), 40)[0];
        assert_eq!(line.width, 15);
        assert_eq!(
            line.painted(&Palette::ANSI),
            "see \x1b[1mboth of\x1b[0m \x1b[36m`x`\x1b[0m"
        );
    }
}
