//! Settings: flags, environment variables and files become one [`Settings`] value.
//!
//! ```text
//!   Layers { flags, env, cwd }
//!      │
//!      ├─ project   --project, else the nearest folder above that looks like a project
//!      ├─ file      menace.toml | [tool.menace] of pyproject.toml, and the user's config.toml
//!      ▼
//!   load: for each row of the table, from the weakest layer to the strongest
//!      default ◄ user file ◄ project file ◄ environment ◄ flag
//!      ▼
//!   Settings (plain typed values, each with its Origin) + notices
//! ```
//!
//! [`SETTINGS`] has one row a setting, which is the one description of it: the flags of the command
//! line, the keys of files and their schema, the variables, `agent config` and the page for people
//! are made from it. Whatever is given is read, even if a stronger layer overrides it: a wrong
//! value is an error in every layer, so that it does not lie in wait for the day when the flag is
//! left out.
//!
//! A project is not the user: what its file may set, and what it may not, is in `trust.rs`.
//!
//! **Invariant:** nothing here looks at the process's own environment; [`Layers`] says it all.

mod choices;
mod error;
mod file;
mod kind;
mod layers;
mod origin;
mod project;
mod report;
mod resolved;
mod schema;
mod setting;
mod table;
mod trust;
mod value;

pub use choices::{ColorChoice, LogFormat, ProgressChoice, ProjectMount, Verbosity};
pub use error::{FileProblem, SettingsError};
pub use layers::{FlagValues, Layers, environment};
pub use origin::Origin;
pub use report::{ConfigEntry, ConfigReport};
pub use resolved::{
    ContainerSettings, DEFAULT_IMAGE, MetricsSettings, OrphanSettings, ScheduleSettings, Settings,
};
pub use schema::file_schema;
pub use setting::{Ask, Flag, Section, Setting, Takes, UsedBy};
pub use table::SETTINGS;
pub use trust::{Asking, Trust, TrustError, Trusted};
pub use value::{Problem, Value};
