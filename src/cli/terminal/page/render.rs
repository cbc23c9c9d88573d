//! The blocks of a page as lines.

use super::block::{Block, blocks};
use super::span::{Kind, Span, wrap};
use super::table::table;
use crate::cli::terminal::palette::paint;
use crate::cli::terminal::text::{REPORT_COLUMNS, push_line, width};
use crate::diag::Palette;

/// Before everything but headings, so that those stand out without colours.
const INDENT: &str = "  ";

/// Narrower terminals get the lines of this width, and break them as they like.
const LEAST_COLUMNS: usize = 30;

/// `markdown` in at most `columns`, and at most the columns of a report; `is_topic` says of which
/// targets of links `agent help` shows the page.
pub fn page(
    markdown: &str,
    columns: usize,
    is_topic: &dyn Fn(&str) -> bool,
    palette: &Palette,
) -> String {
    let columns = columns.clamp(LEAST_COLUMNS, REPORT_COLUMNS);
    let mut text = String::new();
    let mut after_item = false;
    for block in blocks(markdown, is_topic) {
        let is_item = matches!(block, Block::Item(..));
        let first = text.is_empty();
        // The items of a list stand together.
        if !first && (!is_item || !after_item) {
            text.push('\n');
        }
        after_item = is_item;
        for line in lines(block, columns, palette) {
            push_line(&mut text, &line);
        }
    }
    text
}

fn lines(block: Block, columns: usize, palette: &Palette) -> Vec<String> {
    let room = columns - INDENT.len();
    let indented = |lines: Vec<String>| -> Vec<String> {
        let line = |line| format!("{INDENT}{line}");
        lines.into_iter().map(line).collect()
    };
    match block {
        Block::Heading(level, text) => {
            let spans = heading(level, text);
            let lines = wrap(&spans, columns).into_iter();
            lines.map(|line| line.painted(palette)).collect()
        }
        Block::Paragraph(text) => {
            let lines = wrap(&text, room).into_iter();
            indented(lines.map(|line| line.painted(palette)).collect())
        }
        Block::Item(marker, text) => {
            let hang = width(&marker) + 1;
            let lines = wrap(&text, room - hang).into_iter();
            let lines = lines.enumerate().map(|(index, line)| {
                let marker = if index == 0 { marker.as_str() } else { "" };
                format!("{marker:hang$}{}", line.painted(palette))
            });
            indented(lines.collect())
        }
        Block::Code(lines) => {
            let lines = lines
                .iter()
                .flat_map(|line| code(line, room - INDENT.len()));
            let code = lines.map(|line| match line {
                "" => String::new(),
                line => format!("{INDENT}{INDENT}{}", paint(palette.hint, line)),
            });
            code.collect()
        }
        Block::Table(rows) => indented(table(rows, room, palette)),
    }
}

/// A line of code, which is never broken; a comment behind it goes above it if both do not fit.
fn code(line: &str, columns: usize) -> Vec<&str> {
    match line.split_once("  # ") {
        Some((code, _)) if width(line) > columns && !code.trim().is_empty() => {
            let comment = &line[code.len()..];
            vec![comment.trim_start(), code.trim_end()]
        }
        _ => vec![line],
    }
}

/// The title and the parts of a page are in capitals, as in manual pages; code is not.
fn heading(level: usize, mut spans: Vec<Span>) -> Vec<Span> {
    for span in &mut spans {
        if span.kind == Kind::Code {
            continue;
        }
        span.kind = Kind::Strong;
        if level < 3 {
            span.text = span.text.to_uppercase();
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# How `agent` runs tests
A sentence that says what the agent does.
Another one, with `agent help sql` in it, that is long enough for a second line.

- The first thing, which is long enough that it does not fit into a single line of text.
- The second.

## Parts
### One of them

    agent run tests/unit tests/api         # two shards, each in a process of its own

| exit code | meaning |
|---|---|
| 0 | Every test passed. |
| 130, 143 | Stopped by a signal; a longer text that goes on after the end of the line. |
";

    fn shown(columns: usize, palette: &Palette) -> String {
        page(PAGE, columns, &|_| false, palette)
    }

    #[test]
    fn a_page_reads_like_a_manual_page() {
        insta::assert_snapshot!(shown(60, &Palette::PLAIN), @"
        HOW `agent` RUNS TESTS

          A sentence that says what the agent does. Another one,
          with `agent help sql` in it, that is long enough for a
          second line.

          - The first thing, which is long enough that it does not
            fit into a single line of text.
          - The second.

        PARTS

        One of them

            # two shards, each in a process of its own
            agent run tests/unit tests/api

          exit code  meaning
          0          Every test passed.
          130, 143   Stopped by a signal; a longer text that goes on
                     after the end of the line.
        ");
    }

    #[test]
    fn a_wide_terminal_does_not_make_it_wider_and_a_narrow_one_narrower() {
        assert_eq!(shown(200, &Palette::PLAIN), shown(80, &Palette::PLAIN));
        assert_eq!(
            shown(0, &Palette::PLAIN),
            shown(LEAST_COLUMNS, &Palette::PLAIN)
        );
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let coloured = shown(80, &Palette::ANSI);
        assert!(coloured.contains("\x1b[1mPARTS\x1b[0m\n"), "{coloured}");
        let mut plain = coloured;
        for code in ["\x1b[0m", "\x1b[1m", "\x1b[36m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, shown(80, &Palette::PLAIN));
    }
}
