//! What runs a shard, and everything else that needs another process.
//!
//! The only user of duct, and the only place that starts, signals or reaps a process:
//!
//! - [`process`] starts a program in a process group of its own, either to its end with captured
//!   output ([`process::run`]) or with open pipes ([`process::spawn`]); [`child`] is such a
//!   process, and [`pipes`] reads what it prints;
//! - [`harness`] drives the harness, or the trial, in such a process and turns its lines into
//!   [`EngineEvent`]s;
//!   [`host`] starts it with the project's interpreter, [`container`] in docker or podman;
//! - [`python`] finds the interpreter, [`managed`] keeps a private environment for a project whose
//!   interpreter has no pytest, [`git`] asks for the commit, [`identity`] tells processes apart.
//!
//! # A harness process
//!
//! ```text
//!            commands                       lines
//!   agent ──► stdin thread ──► [harness] ──► stdout thread ──┐
//!                                  │ └─────► stderr thread ──┤ tail, bounded
//!                                  ▼                         ▼
//!                             wait thread: ended? kill what is left of the group,
//!                             let the readers drain, then say `Exited`, always last
//! ```
//!
//! **Invariant:** a signal goes to a group or process only while its leader has not been reaped,
//! so that a reused process id is never hit.

pub mod child;
pub mod container;
pub mod git;
pub mod harness;
pub mod host;
pub mod identity;
pub mod managed;
pub mod pipes;
pub mod process;
pub mod python;

pub use container::ContainerSpec;
pub use harness::{EngineEvent, HarnessProcess, HarnessSpec, TrialProcess};
pub use host::HostSpec;
