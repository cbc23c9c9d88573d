//! The import graph of a project: what each file says, which files that means, and which modules
//! no test reaches. Pure: files come in as [`FileFacts`], verdicts go out.

pub mod collect;
mod cycles;
pub mod explain;
pub mod facts;
pub mod facts_codec;
mod finder;
pub mod groups;
pub mod health;
pub mod import_graph;
pub mod integration;
pub mod known_file;
pub mod layout;
mod leiden;
mod mentions;
mod naming;
mod nesting;
mod reach;
pub mod resolve;
mod select;
mod suite;
#[cfg(test)]
mod tests;
mod tree;
pub mod verdict;

pub use collect::collect;
pub use explain::{Explanation, Importer, Step};
pub use facts::{
    CollectProblem, Evidence, FileFacts, Import, ImportKind, Mention, Reading, SourceFile,
};
pub use groups::{Joined, Places};
pub use health::{External, Health, Problem, Unresolved};
pub use import_graph::{Edge, EdgeKind, ImportGraph, Node, NodeId, Role, Start, StartCause};
pub use integration::IntegrationPlan;
pub use known_file::KnownFile;
pub use layout::{EntryPoint, ImportMode, Layout};
pub use resolve::{Draft, Part, Resolution, resolve};
pub use verdict::{Tested, Verdict, Verdicts};
