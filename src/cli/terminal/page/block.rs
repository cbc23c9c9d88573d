//! The blocks of a page, with the spans of their texts: what `pulldown-cmark` reads, as a list.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::span::{IsTopic, Kind, Span};
use super::table::Row;

/// One block of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading, and its level from 1 to 6.
    Heading(usize, Vec<Span>),
    Paragraph(Vec<Span>),
    /// An item of a list: `-` or `1.`, and its text.
    Item(String, Vec<Span>),
    /// Lines of code, without the four spaces before each.
    Code(Vec<String>),
    /// Rows of cells; the first row has the titles.
    Table(Vec<Row>),
}

/// The blocks of `markdown`, in order. Comments are left out. A link is its text, followed by its
/// target in parentheses unless that is a topic or the text itself.
pub(super) fn blocks(markdown: &str, is_topic: IsTopic<'_>) -> Vec<Block> {
    let mut page = Page {
        is_topic,
        blocks: Vec::new(),
        spans: Vec::new(),
        strong: 0,
        links: Vec::new(),
        lists: Vec::new(),
        code: None,
        rows: Vec::new(),
        row: Vec::new(),
    };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        page.take(event);
    }
    page.blocks
}

/// The page as far as it was read.
struct Page<'a> {
    is_topic: IsTopic<'a>,
    blocks: Vec<Block>,
    /// The text of the block, or of the cell, that is being read.
    spans: Vec<Span>,
    /// Emphasis that is open.
    strong: usize,
    /// Links that are open: their targets, and their texts so far.
    links: Vec<(String, String)>,
    /// Lists that are open: the number of the next item, if items have numbers.
    lists: Vec<Option<u64>>,
    code: Option<String>,
    rows: Vec<Row>,
    row: Row,
}

impl Page<'_> {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.text(&text),
            },
            Event::Code(code) => self.add(Kind::Code, &format!("`{code}`")),
            Event::SoftBreak | Event::HardBreak => self.text(" "),
            // Words such as `<name>` are text.
            Event::InlineHtml(html) if !html.starts_with("<!--") => self.text(&html),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Strong | Tag::Emphasis => self.strong += 1,
            Tag::Link { dest_url, .. } => self.links.push((dest_url.into(), String::new())),
            Tag::CodeBlock(_) => self.code = Some(String::new()),
            Tag::List(first) => {
                self.item();
                self.lists.push(first);
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Strong | TagEnd::Emphasis => self.strong = self.strong.saturating_sub(1),
            TagEnd::Link => self.link(),
            TagEnd::Heading(level) => {
                let text = std::mem::take(&mut self.spans);
                self.blocks.push(Block::Heading(level as usize, text));
            }
            TagEnd::Paragraph if self.lists.is_empty() => {
                let text = std::mem::take(&mut self.spans);
                self.blocks.push(Block::Paragraph(text));
            }
            TagEnd::Paragraph | TagEnd::Item => self.item(),
            TagEnd::List(_) => drop(self.lists.pop()),
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                let lines = code.trim_end().lines().map(str::to_owned);
                self.blocks.push(Block::Code(lines.collect()));
            }
            TagEnd::TableCell => self.row.push(std::mem::take(&mut self.spans)),
            TagEnd::TableHead | TagEnd::TableRow => self.rows.push(std::mem::take(&mut self.row)),
            TagEnd::Table => {
                let rows = std::mem::take(&mut self.rows);
                self.blocks.push(Block::Table(rows));
            }
            _ => {}
        }
    }

    /// Ends an item whose text was read, if there is one.
    fn item(&mut self) {
        let Some(number) = self.lists.last_mut().filter(|_| !self.spans.is_empty()) else {
            return;
        };
        let marker = match number {
            None => "-".to_owned(),
            Some(number) => {
                *number += 1;
                format!("{}.", *number - 1)
            }
        };
        let text = std::mem::take(&mut self.spans);
        self.blocks.push(Block::Item(marker, text));
    }

    fn link(&mut self) {
        let Some((target, text)) = self.links.pop() else {
            return;
        };
        if target != text && !(self.is_topic)(&target) {
            self.text(&format!(" ({target})"));
        }
    }

    /// Adds text of the present style.
    fn text(&mut self, text: &str) {
        let is_strong = self.strong > 0;
        self.add(if is_strong { Kind::Strong } else { Kind::Plain }, text);
    }

    /// Adds a piece of text; pieces of one style are one span, unless they are code.
    fn add(&mut self, kind: Kind, text: &str) {
        if let Some((_, of_link)) = self.links.last_mut() {
            of_link.push_str(text);
        }
        match self.spans.last_mut() {
            Some(last) if last.kind == kind && kind != Kind::Code => last.text.push_str(text),
            _ => self.spans.push(Span {
                kind,
                text: text.to_owned(),
            }),
        }
    }
}

/// The spans of a text of one paragraph.
#[cfg(test)]
pub(super) fn spans(text: &str) -> Vec<Span> {
    match blocks(text, &|target| target == "sql.md").pop() {
        Some(Block::Paragraph(spans)) => spans,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(kind: Kind, text: &str) -> Span {
        let text = text.to_owned();
        Span { kind, text }
    }

    fn plain(text: &str) -> Vec<Span> {
        vec![span(Kind::Plain, text)]
    }

    fn read(page: &str) -> Vec<Block> {
        blocks(page, &|_| false)
    }

    fn shown(text: &str) -> String {
        spans(text).into_iter().map(|span| span.text).collect()
    }

    #[test]
    fn a_page_is_headings_paragraphs_items_code_and_tables() {
        let page = "# Title\n\
            One sentence.\nAnother one.\n\n\
            - an item\n  goes on\n- the next\n1. the first\n2. the second\n\n\
            ## Part\n\n    agent run\n\n        more\n\n\
            <!-- not\nfor readers -->\n\n\
            | a | b |\n|---|:-:|\n| `x\\|y` |  |\n";
        assert_eq!(
            read(page),
            [
                Block::Heading(1, plain("Title")),
                Block::Paragraph(plain("One sentence. Another one.")),
                Block::Item("-".to_owned(), plain("an item goes on")),
                Block::Item("-".to_owned(), plain("the next")),
                Block::Item("1.".to_owned(), plain("the first")),
                Block::Item("2.".to_owned(), plain("the second")),
                Block::Heading(2, plain("Part")),
                Block::Code(["agent run", "", "    more"].map(str::to_owned).to_vec()),
                Block::Table(vec![
                    vec![plain("a"), plain("b")],
                    vec![vec![span(Kind::Code, "`x|y`")], Vec::new()],
                ]),
            ]
        );
    }

    #[test]
    fn what_only_looks_like_a_heading_or_an_item_is_text() {
        let text = "#include\n-x is a flag\n3.11 is a version";
        let joined = text.replace('\n', " ");
        assert_eq!(read(text), [Block::Paragraph(plain(&joined))]);
    }

    #[test]
    fn code_keeps_its_backticks_and_all_that_is_in_it() {
        assert_eq!(
            spans("a `*b* [c](d)` **e `f`**"),
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
        assert_eq!(shown("see [the rules](a/b.md)."), "see the rules (a/b.md).");
        assert_eq!(shown("see [SQL](sql.md)."), "see SQL.");
        assert_eq!(shown("run [vendor.sh](vendor.sh)"), "run vendor.sh");
    }

    #[test]
    fn what_is_no_mark_up_stays() {
        for text in [
            "2 * 3 * 4",
            "a[1] (b)",
            "[[table]]",
            "it's `open",
            "a <name> b",
        ] {
            assert_eq!(shown(text), text);
        }
    }
}
