//! The origin of the value of a setting.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The origin of the value of a setting: the layer that set it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// Nobody set it: it has its default.
    #[default]
    Default,
    /// A line of a settings file.
    File {
        /// The absolute path of the file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
    },
    /// An environment variable set it.
    Variable {
        /// The name of the variable.
        name: String,
    },
    /// The command line set it.
    Flag {
        /// The flag as typed, such as `--no-cov`; `PATHS` for the paths.
        name: String,
    },
    /// Arguments after `--`, added to what another layer said.
    Appended {
        /// The origin of the part before them.
        to: Box<Origin>,
    },
}

/// The strength of a file among the layers.
pub(super) const FILE_STRENGTH: u8 = 1;

impl Origin {
    /// The strength of the layer, from 0 for the default. Files are alike to it;
    /// [`Settings::strength`](super::Settings) tells them apart.
    pub(super) fn strength(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => FILE_STRENGTH,
            Self::Variable { .. } => 2,
            Self::Flag { .. } => 3,
            Self::Appended { to } => to.strength(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable { name } => write!(f, "variable {name}"),
            Self::Flag { name } => write!(f, "flag {name}"),
            Self::Appended { to } if **to == Self::Default => f.write_str("arguments after --"),
            Self::Appended { to } => write!(f, "{to}, arguments after --"),
        }
    }
}
