//! The reader of the project's files. Today: which paths a run was asked for.

pub mod paths;

pub use paths::{PathError, resolve};
