//! The reader of the project's files: its Python files and settings, the paths that the user
//! typed, and the list of files for a remote engine.
//!
//! ```text
//!  typed words ──► paths ─────────────────────► the files, folders and node ids of a run
//!
//!  project ─┬─► walk ──► scan ──► decode ──► graph::collect ──► the facts of each Python file
//!           │             ▲ known files, from the state file
//!           ├─► config, ini ──► packaging, pytest_settings ──► layout: the Layout of the graph
//!           └─► files ────────────────────────► the files that are sent to a remote engine
//! ```
//!
//! Each of the four ways has a door of its own: [`resolve`] checks what the user typed, [`scan()`]
//! reads the Python files that are new or changed, [`layout()`] reads the configuration files, and
//! [`files()`] lists what a container gets. `files` also finds the links that lead out of a project,
//! and compiles the patterns of `exclude` for `walk`.
//!
//! `walk` and `files` leave out different things: git ignores generated modules, which Python
//! imports all the same, so that only `files` asks `.gitignore`.
//!
//! **Invariant:** nothing here writes to the project, and nothing runs its code.
//!
//! **Invariant:** one bad file ends neither a scan nor a layout. A Python file that cannot be used
//! is in the scan with its problem, and the layout goes on without what it cannot read.
//!
//! **Invariant:** a scan or a list of files ends with an error beyond a million files, and nothing
//! here parses a Python or configuration file of more than 4 MiB.

mod config;
mod decode;
pub mod files;
mod ini;
pub mod layout;
mod packaging;
pub mod paths;
mod pytest_settings;
pub mod scan;
mod walk;

pub use files::{FilesError, LinkOut, exclusion, files, links_out};
pub use layout::layout;
pub use paths::{PathError, resolve};
pub use scan::{Scan, scan};
pub use walk::{ScanError, ScanOptions, Unlisted, changed_ms};
