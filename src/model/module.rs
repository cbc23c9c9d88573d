//! Modules of the project.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A module of the project. The file is what identifies it: two files may have one name.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Module {
    /// The file, relative to the project, with `/`.
    pub file: String,
    /// The dotted name under which Python imports it: `pkg.part`.
    #[serde(rename = "module")]
    pub name: String,
}
