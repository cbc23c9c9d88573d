//! Programs in containers: starts them, and tells how they ended.
//!
//! ```text
//!   agent ──► docker run -i ──► [guardian, process 1] ──► [harness, a session of its own]
//!             (a process here)         │ signals, orphans        │
//!      ◄───────── lines ───────────────┴──── last word ◄─────────┘ lines
//! ```
//!
//! Nothing is installed in the image and nothing of ours is mounted: the guardian and the harness
//! come over standard input. The container may reach the project, a `/tmp` of its own in memory,
//! and a folder for byte code; its capabilities are dropped. What it writes to the project goes to a
//! layer that ends with it.
//!
//! **Invariant:** a container carries the labels of its run before it exists, so that `agent
//! cleanup` finds it whatever happens to this process.

mod call;
mod detect;
mod executor;
mod explain;
mod facts;
mod handle;
mod kind;
mod layer;
mod project;
mod tunnel;

pub use call::{Engine, EngineError};
pub use detect::Wanted;
pub use executor::{ContainerExecutor, Limits};
pub use facts::{EngineFacts, FoundContainer, ImageFacts};
pub(super) use handle::{Handle, KILL_GRACE, Leftover};
pub use kind::EngineKind;
pub use layer::takes_a_layer;
pub(super) use project::Pieces;
pub use project::{ProjectSource, Stream};
