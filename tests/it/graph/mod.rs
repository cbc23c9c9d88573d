//! The import graph against reality: what it says that tests reach, and what Python had imported
//! when they had run.
//!
//! ```text
//!   project ──► scan ──► layout, resolve, verdicts ──► files that tests reach ──┐
//!         └───► pytest, every process notes its sys.modules ──► files ──────────┴──► differences
//! ```
//!
//! Each project lists the differences that there are, with the reason for each: the graph tells
//! what may be imported, and a run what was.

mod dynamic;
mod packages;
mod reality;
mod resolution;
mod suites;
