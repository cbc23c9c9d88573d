//! The lines of a page as blocks.

use std::iter::Peekable;
use std::str::Lines;

/// The indentation of code in Markdown.
const CODE: &str = "    ";

/// One block of a page. Texts still have their mark-up inside the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block<'a> {
    /// `#` to `######`, and the number of them.
    Heading(usize, &'a str),
    /// Lines that belong together, joined by spaces.
    Paragraph(String),
    /// An item of a list: `-` or `1.`, and its text.
    Item(&'a str, String),
    /// Lines of code, without the four spaces before each.
    Code(Vec<&'a str>),
    /// Rows of cells; the first row has the titles.
    Table(Vec<Vec<String>>),
}

/// The blocks of `markdown`, in order. Comments are left out.
pub(super) fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.peek().copied() {
        if line.trim().is_empty() {
            lines.next();
        } else if line.starts_with("<!--") {
            while lines.next().is_some_and(|line| !line.contains("-->")) {}
        } else if line.starts_with(CODE) {
            blocks.push(Block::Code(code(&mut lines)));
        } else if line.starts_with('|') {
            blocks.push(Block::Table(table(&mut lines)));
        } else if let Some((level, text)) = heading(line) {
            lines.next();
            blocks.push(Block::Heading(level, text));
        } else if let Some((marker, text)) = item(line) {
            lines.next();
            blocks.push(Block::Item(marker, paragraph(text, &mut lines)));
        } else {
            lines.next();
            blocks.push(Block::Paragraph(paragraph(line, &mut lines)));
        }
    }
    blocks
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    (1..=6)
        .contains(&level)
        .then(|| text.strip_prefix(' '))?
        .map(|text| (level, text))
}

fn item(line: &str) -> Option<(&str, &str)> {
    let (marker, text) = line.split_once(' ')?;
    let number = marker.strip_suffix('.');
    let numbered = number.is_some_and(|number| number.parse::<u32>().is_ok());
    (marker == "-" || numbered).then_some((marker, text))
}

/// `first`, and the lines after it that begin nothing else.
fn paragraph(first: &str, lines: &mut Peekable<Lines<'_>>) -> String {
    let mut text = first.to_owned();
    let goes_on = |line: &&str| {
        let begins = line.starts_with('|') || heading(line).is_some() || item(line).is_some();
        !line.trim().is_empty() && !begins
    };
    while let Some(line) = lines.next_if(goes_on) {
        text.push(' ');
        text.push_str(line.trim_start());
    }
    text
}

/// The lines of code; empty ones inside of it belong to it.
fn code<'a>(lines: &mut Peekable<Lines<'a>>) -> Vec<&'a str> {
    let mut code = Vec::new();
    while let Some(line) = lines.next_if(|line| line.starts_with(CODE) || line.trim().is_empty()) {
        code.push(line.strip_prefix(CODE).unwrap_or_default());
    }
    while code.last().is_some_and(|line| line.is_empty()) {
        code.pop();
    }
    code
}

/// The rows of a table, without the line below the titles.
fn table(lines: &mut Peekable<Lines<'_>>) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
        if line.chars().any(|c| !matches!(c, '|' | '-' | ':' | ' ')) {
            rows.push(cells(line));
        }
    }
    rows
}

/// The cells of a row; `\|` is a pipe inside of one.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches('|');
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in line.chars() {
        match (c, cells.last_mut()) {
            ('|', Some(cell)) if escaped => {
                cell.pop();
                cell.push('|');
            }
            ('|', _) => cells.push(String::new()),
            (c, Some(cell)) => cell.push(c),
            (_, None) => {}
        }
        escaped = c == '\\';
    }
    // The text after the last pipe is no cell.
    cells.pop();
    let trimmed = cells.iter().map(|cell| cell.trim().to_owned());
    trimmed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_headings_paragraphs_items_code_and_tables() {
        let page = "# Title\n\
            One sentence.\nAnother one.\n\n\
            - an item\n  goes on\n- the next\n1. the first\n\n\
            ## Part\n    agent run\n\n        more\n\n\
            <!-- not\nfor readers -->\n\
            | a | b |\n|---|:-:|\n| `x\\|y` |  |\n";
        let text = str::to_owned;
        assert_eq!(
            blocks(page),
            [
                Block::Heading(1, "Title"),
                Block::Paragraph(text("One sentence. Another one.")),
                Block::Item("-", text("an item goes on")),
                Block::Item("-", text("the next")),
                Block::Item("1.", text("the first")),
                Block::Heading(2, "Part"),
                Block::Code(vec!["agent run", "", "    more"]),
                Block::Table(vec![
                    vec![text("a"), text("b")],
                    vec![text("`x|y`"), text("")],
                ]),
            ]
        );
    }

    #[test]
    fn what_only_looks_like_a_heading_or_an_item_is_text() {
        let text = "#include\n-x is a flag\n3.11 is a version";
        let joined = text.replace('\n', " ");
        assert_eq!(blocks(text), [Block::Paragraph(joined)]);
    }

    #[test]
    fn a_paragraph_ends_where_a_list_or_a_table_begins() {
        let kinds = blocks("Two things:\n- this\n- that\n| a |\n|---|\n");
        assert_eq!(kinds.len(), 4);
        assert_eq!(kinds[0], Block::Paragraph("Two things:".to_owned()));
        assert_eq!(kinds[3], Block::Table(vec![vec!["a".to_owned()]]));
    }
}
