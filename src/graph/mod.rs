//! The import graph of a project: what each file says, which files that means, and which modules
//! no test reaches. Pure: files come in as [`FileFacts`], verdicts go out.

pub mod collect;
pub mod facts;
pub mod facts_codec;
pub mod import_graph;
pub mod known_file;
pub mod layout;
mod mentions;
mod nesting;

pub use collect::collect;
pub use facts::{CollectProblem, Evidence, FileFacts, Import, ImportKind, Mention, Reading};
pub use import_graph::{Edge, EdgeKind, ImportGraph, Node, NodeId, Role};
pub use known_file::KnownFile;
pub use layout::{EntryPoint, Layout};
