//! Runs shards, and does everything else that needs another process.
//!
//! The only user of duct, and the only place that starts, signals or reaps a process:
//!
//! - [`process`] starts a program in a process group of its own, either to its end with captured
//!   output ([`process::run`]) or with open pipes ([`process::spawn`]); [`child`] is such a
//!   process, and [`pipes`] reads what it prints;
//! - [`executor`] starts the processes of a run, and asks [`host`], the project's interpreter, or
//!   [`container`], docker and podman, for all that differs;
//! - [`harness`] drives such a process, and turns the lines of the harness or the trial into
//!   [`EngineEvent`]s;
//! - [`python`] finds the interpreter, [`managed`] keeps a private environment for a project whose
//!   interpreter has no pytest, [`git`] asks for the commit, [`identity`] tells processes apart;
//! - [`Terminal`] is lent to tests and taken back;
//! - [`Scratch`] is a folder for the files of such a process.
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
pub mod executor;
pub mod git;
pub mod harness;
pub mod host;
pub mod identity;
mod launch;
mod leftover;
pub mod managed;
pub mod pipes;
pub mod process;
pub mod python;
mod scratch;
mod terminal;

pub use container::ContainerExecutor;
pub use executor::Executor;
pub use harness::{EngineEvent, HarnessProcess};
pub use host::HostExecutor;
pub use launch::Launch;
pub use leftover::kill_leftover;
pub use scratch::{Printed, Scratch, remove_left};
pub use terminal::Terminal;
