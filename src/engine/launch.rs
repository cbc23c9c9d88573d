//! One process to start: its name, and the command that an executor makes of it.

use std::path::PathBuf;

use super::container::Handle;
use super::process::ProcessSpec;

/// One process of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Unique; a container is called like this.
    pub name: String,
    /// A container is labelled with these.
    pub labels: Vec<(String, String)>,
    /// The interpreter, if it is another one than the executor's.
    pub python: Option<PathBuf>,
}

/// The command that an executor made of a [`Launch`].
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    /// The process here; for a container, the one that holds its streams.
    pub(super) process: ProcessSpec,
    pub(super) container: Option<Handle>,
}
