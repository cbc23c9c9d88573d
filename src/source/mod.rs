//! The reader of the project's files: which paths a run was asked for, and what is sent to a remote
//! engine.

pub mod files;
pub mod paths;

pub use files::{FilesError, files};
pub use paths::{PathError, resolve};
