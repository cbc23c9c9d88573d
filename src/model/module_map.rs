//! The module map and workflows: groups of modules, and modules that are exercised together.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{GroupId, RunId};
use super::module::Module;

/// The group of each module, by its file.
pub type Groups = BTreeMap<String, GroupId>;

/// A module on the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MapEntry {
    /// The file and the name of the module.
    #[serde(flatten)]
    pub module: Module,
    /// The group that it is in.
    #[serde(rename = "group_id")]
    pub group: GroupId,
    /// The source that put it there.
    pub source: Source,
    /// The run that put it there; `None` if no run did.
    #[serde(rename = "added_run")]
    pub run: Option<RunId>,
}

/// The source that put a module on the map or into a workflow.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The map was built from the import graph.
    Build,
    /// The file `module_map.json` names it.
    File,
    /// A run put it there after it had tried it.
    Run,
    /// A command that names it.
    Command,
}

impl Source {
    /// Every source, in the order of the declaration.
    pub const ALL: [Self; 4] = [Self::Build, Self::File, Self::Run, Self::Command];

    /// The name in the state file, in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::File => "file",
            Self::Run => "run",
            Self::Command => "command",
        }
    }

    /// The source that is called `name`; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == name)
    }
}

/// A named list of modules that are exercised together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workflow {
    /// The name that commands know it by.
    pub name: String,
    /// Its modules, in the order of the workflow.
    pub steps: Vec<Step>,
}

impl Workflow {
    /// True if the module of the file `file` is in it.
    pub fn has(&self, file: &str) -> bool {
        self.steps.iter().any(|step| step.module.file == file)
    }
}

/// A module of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The file and the name of the module.
    #[serde(flatten)]
    pub module: Module,
    /// The source that put it there: [`Source::Run`] or [`Source::Command`].
    pub source: Source,
    /// The run that put it there; `None` if no run did.
    #[serde(rename = "added_run")]
    pub run: Option<RunId>,
}

/// The part of a project that could be analysed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Analysed {
    /// The number of Python files.
    pub files: u64,
    /// The number of these files that parse.
    pub analysed: u64,
}

impl fmt::Display for Analysed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} files", self.analysed, self.files)
    }
}
