//! What a test process was seen to load.

use std::collections::BTreeSet;

/// The project's files that one test process loaded. Files are relative to the project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The test files of which all that they load is among [`files`](Self::files).
    pub tests: BTreeSet<String>,
    /// The files themselves, test files among them.
    pub files: BTreeSet<String>,
}
