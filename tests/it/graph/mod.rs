//! The import graph against reality: the files that tests reach in it, and the files that Python
//! had imported when the tests had run.
//!
//! ```text
//!   project ──► scan ──► layout, resolve, verdicts ──► files that tests reach ──┐
//!         └───► pytest, every process notes its sys.modules ──► files ──────────┴──► differences
//! ```
//!
//! Each project lists the differences that there are, with the reason for each: the graph has the
//! imports that may happen, and a run the ones that did.

mod dynamic;
mod packages;
mod reality;
mod resolution;
mod rivals;
mod rules;
mod suites;
mod table;
