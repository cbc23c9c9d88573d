//! A page of Markdown as text for a terminal: the pages of `agent help TOPIC`.
//!
//! ```text
//! Markdown ── block ──► headings, paragraphs, items, code, tables
//!                          └── span ──► plain, code and strong text ── wrap ──► lines
//!                                          └── table ──► columns, or a list if those get narrow
//! ```
//!
//! It reads the part of Markdown that the pages use: headings with `#`, paragraphs, flat lists,
//! indented code, tables with pipes, comments, code in backticks, emphasis with asterisks, and
//! links. A test in `cli::topics` shows every page and finds no mark-up left over.
//!
//! Backticks stay, because they tell commands from words if there are no colours. Lines of code are
//! never broken, so that people can copy them.

mod block;
mod render;
mod span;
mod table;

pub use render::page;
