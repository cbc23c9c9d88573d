//! The mark-up inside a line, and lines that are broken between words.

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

/// The spans of `text`. A link is its text, followed by its target in parentheses unless that is a
/// topic or the text itself.
pub(super) fn spans(text: &str, is_topic: IsTopic<'_>) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some((marked, after)) = marked(rest, is_topic) {
            push_plain(&mut spans, &mut plain);
            spans.extend(marked);
            rest = after;
            continue;
        }
        plain.push(next);
        rest = &rest[next.len_utf8()..];
    }
    push_plain(&mut spans, &mut plain);
    spans
}

fn push_plain(spans: &mut Vec<Span>, plain: &mut String) {
    if !plain.is_empty() {
        spans.push(span(Kind::Plain, std::mem::take(plain)));
    }
}

fn span(kind: Kind, text: impl Into<String>) -> Span {
    let text = text.into();
    Span { kind, text }
}

/// The marked text that `text` begins with, and what follows it.
fn marked<'a>(text: &'a str, is_topic: IsTopic<'_>) -> Option<(Vec<Span>, &'a str)> {
    if let Some(code) = text.strip_prefix('`') {
        let (code, after) = code.split_once('`')?;
        return Some((vec![span(Kind::Code, format!("`{code}`"))], after));
    }
    if let Some(link) = text.strip_prefix('[') {
        let (text, after) = link.split_once("](")?;
        let (target, after) = after.split_once(')')?;
        let mut shown = spans(text, is_topic);
        if target != text && !is_topic(target) {
            shown.push(span(Kind::Plain, format!(" ({target})")));
        }
        return (!text.contains(']')).then_some((shown, after));
    }
    let mark = ["**", "*"]
        .into_iter()
        .find(|mark| text.starts_with(mark))?;
    let (inside, after) = text.strip_prefix(mark)?.split_once(mark)?;
    let empty = inside.is_empty() || inside.starts_with(' ');
    let mut inside = spans(inside, is_topic);
    for span in &mut inside {
        if span.kind == Kind::Plain {
            span.kind = Kind::Strong;
        }
    }
    (!empty).then_some((inside, after))
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
    use super::*;

    fn read(text: &str) -> Vec<Span> {
        spans(text, &|target| target == "sql.md")
    }

    fn plain(text: &str) -> String {
        read(text).into_iter().map(|span| span.text).collect()
    }

    fn lines(text: &str, columns: usize) -> Vec<String> {
        let lines = wrap(&read(text), columns).into_iter();
        lines.map(|line| line.painted(&Palette::PLAIN)).collect()
    }

    #[test]
    fn code_keeps_its_backticks_and_all_that_is_in_it() {
        assert_eq!(
            read("a `*b* [c](d)` **e `f`**"),
            [
                span(Kind::Plain, "a "),
                span(Kind::Code, "`*b* [c](d)`"),
                span(Kind::Plain, " "),
                span(Kind::Strong, "e "),
                span(Kind::Code, "`f`"),
            ]
        );
    }

    #[test]
    fn a_link_shows_its_target_unless_that_is_a_topic() {
        assert_eq!(plain("see [the rules](a/b.md)."), "see the rules (a/b.md).");
        assert_eq!(plain("see [SQL](sql.md)."), "see SQL.");
        assert_eq!(plain("run [vendor.sh](vendor.sh)"), "run vendor.sh");
    }

    #[test]
    fn what_is_no_mark_up_stays() {
        for text in ["2 * 3 * 4", "a[1] (b)", "[[table]]", "it's `open", "*"] {
            assert_eq!(plain(text), text);
        }
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
        let line = &wrap(&read("see **both of** `x`"), 40)[0];
        assert_eq!(line.width, 15);
        assert_eq!(
            line.painted(&Palette::ANSI),
            "see \x1b[1mboth of\x1b[0m \x1b[36m`x`\x1b[0m"
        );
    }
}
