//! A page of Markdown as text for a terminal: the pages of `agent help TOPIC`.
//!
//! ```text
//! Markdown ── block ──► headings, paragraphs, items, code, tables: of plain, code and strong text
//!                          ├── span ──► lines that are broken between words
//!                          └── table ──► columns, or a list if those get narrow
//! ```
//!
//! `pulldown-cmark` reads the Markdown; `block` is its only user. A test in `cli::topics` shows
//! every page and finds no mark-up left over.
//!
//! Backticks stay, because they tell commands from words if there are no colours. Lines of code are
//! never broken, so that people can copy them.

mod block;
mod render;
mod span;
mod table;

pub use render::page;
