//! Everything that is known about pytest, as pure code.
//!
//! - [`source`] holds the harness, the Python program that drives pytest, and [`protocol`] the
//!   lines that it exchanges with the agent; likewise the trial, which tries modules, and
//!   [`trial_protocol`]; their modules are in `harness/` and `trial/`, what both need in `shared/`;
//! - [`reconcile`] keeps the ledger of a shard: what was collected, what reported, what is missing;
//! - [`traceback`] and [`stacks`] pick what people need out of what Python prints.
//!
//! **Invariant:** node ids and outcomes come from pytest itself, never from reading test files.

pub mod protocol;
pub mod reconcile;
pub mod source;
pub mod stacks;
pub mod traceback;
pub mod trial_protocol;
