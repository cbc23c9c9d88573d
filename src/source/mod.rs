//! The reader of the project's files: which paths a run was asked for, what is sent to a remote
//! engine, and where its modules and tests are.

pub mod files;
mod ini;
pub mod layout;
mod packaging;
pub mod paths;
mod pytest_settings;

pub use files::{FilesError, files};
pub use layout::layout;
pub use paths::{PathError, resolve};
