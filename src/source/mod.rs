//! The reader of the project's files: which paths a run was asked for, what is sent to a remote
//! engine, what its Python files say of imports, and where its modules and tests are.

mod config;
mod decode;
pub mod files;
mod ini;
pub mod layout;
mod packaging;
pub mod paths;
mod pytest_settings;
pub mod scan;
mod walk;

pub use files::{FilesError, exclusion, files};
pub use layout::layout;
pub use paths::{PathError, resolve};
pub use scan::{Scan, scan};
pub use walk::{ScanError, ScanOptions, Unlisted};
