//! The reader of the project's files: which paths a run was asked for, what is sent to a remote
//! engine, and what its Python files say of imports.

mod decode;
pub mod files;
pub mod paths;
pub mod scan;
mod walk;

pub use files::{FilesError, files};
pub use paths::{PathError, resolve};
pub use scan::{Scan, ScanOptions, scan};
pub use walk::{ScanError, Unlisted};
