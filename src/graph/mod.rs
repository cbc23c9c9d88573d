//! The import graph of a project: what each file says, which files that means, and which modules
//! no test reaches. Pure: files come in as [`FileFacts`], verdicts go out.

pub mod facts;
pub mod groups;
pub mod import_graph;
pub mod integration;
pub mod layout;
mod leiden;

pub use facts::{Evidence, FileFacts, Import, ImportKind, Mention};
pub use groups::{Joined, Places};
pub use import_graph::{Edge, EdgeKind, ImportGraph, Node, NodeId, Role};
pub use integration::IntegrationPlan;
pub use layout::{EntryPoint, Layout};
