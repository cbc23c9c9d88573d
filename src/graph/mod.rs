//! The import graph of a project, from the text of each file to the modules that no test reaches.
//!
//! ```text
//!  each file by itself:
//!    text ──► collect ─┬─ nesting, conditions               ──► facts ──► facts_codec
//!                      └─ mentions ─ calls, path_changes            ──► known_file, SourceFile
//!                            └─ constants
//!
//!  all files together:
//!    SourceFiles, layout ──► resolve: tree ─► search ─► suite ─► naming ─► ways ─► import_graph
//!                                     file_index ─► mentioned ──┘  └─ finder       health
//!
//!  questions to the graph:
//!    resolved files ──► apart                                        what is no module
//!    observed ──► verdict (reach) ─┬─► select (cycles)     the lists of orphans
//!                                  └─► explain             the reason for a verdict
//!    orphans that passed ──► integration ──► groups ──► leiden         the plan for the map
//! ```
//!
//! [`collect()`] reads one file and keeps its imports and the names of modules in its texts.
//! [`resolve()`] finds the file that each name means, as Python and pytest would, and makes the
//! [`ImportGraph`]; a [`Draft`] lets threads share that work. [`Verdicts`] go along the graph from
//! the tests. [`IntegrationPlan`] gives orphans that passed a place in the module map: the group
//! that they are most connected to.
//!
//! Everything here is pure: values go in and values come out. `src/source` reads the files, and
//! `src/modules` calls both.
//!
//! **Invariant:** the facts of a file depend on its text alone, so that they hold for as long as
//! its bytes are the same, under any path.
//!
//! **Invariant:** node `n` of a graph is file `n` of the list that [`resolve()`] got. Every file is
//! a node, also one that cannot be parsed.
//!
//! **Invariant:** what a run loaded is tested. Of tests that no run shows in full, a module is an
//! orphan only if no way leads to it from them, or from another file that pytest loads. Names in
//! texts are steps of a way like imports, so that doubt counts as tested; imports in code that never
//! runs, as under `TYPE_CHECKING`, are none.
//!
//! **Invariant:** the same input gives the same output, in the same order. No result depends on the
//! order of a hash map, and nothing is random.

pub mod apart;
mod calls;
pub mod collect;
mod conditions;
mod constants;
mod cycles;
pub mod explain;
pub mod facts;
pub mod facts_codec;
mod file_index;
mod finder;
pub mod groups;
pub mod health;
pub mod import_graph;
pub mod integration;
pub mod known_file;
pub mod layout;
mod leiden;
mod library;
mod mentioned;
mod mentions;
mod naming;
mod nesting;
pub mod observed;
mod path_changes;
mod reach;
pub mod resolve;
mod search;
mod select;
mod suite;
#[cfg(test)]
mod tests;
mod tree;
pub mod verdict;
mod ways;

pub use apart::find_apart;
pub use collect::{collect, collect_examples};
pub use explain::{Explanation, Importer, Step};
pub use facts::{
    CollectProblem, Evidence, FileFacts, Import, ImportKind, Mention, PathChange, PathChangeKind,
    Reading, SourceFile,
};
pub use groups::{Joined, Places};
pub use health::{External, Health, Problem, Unresolved};
pub use import_graph::{Apart, Edge, EdgeKind, ImportGraph, Node, NodeId, Role, Start, StartCause};
pub use integration::IntegrationPlan;
pub use known_file::KnownFile;
pub use layout::{EntryPoint, ImportMode, Layout, Link};
pub use observed::Observed;
pub use resolve::{Draft, Part, Resolution, resolve};
pub use verdict::{Tested, Verdict, Verdicts};
