//! The settings as `agent config --json` prints them.
//!
//! A published contract; `agent schema config` prints its JSON Schema. Within one version keys are
//! only added.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::resolved::Settings;
use super::setting::Setting;
use super::table::SETTINGS;
use super::value::Value;
use crate::model::Notice;

/// The version of the report.
const CONFIG_VERSION: u32 = 1;

/// Every setting, and what the user should know about them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent config --json")]
pub struct ConfigReport {
    /// The version of this format, 1.
    pub v: u32,
    /// Every setting, by its name, which is its key in files.
    pub settings: BTreeMap<String, ConfigEntry>,
    /// The notices about the settings for the user.
    pub notices: Vec<Notice>,
}

/// The value of one setting, and the ways to set it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigEntry {
    /// Its value; null if it is not set. Times are in seconds, paths absolute.
    pub value: Value,
    /// The origin of the value.
    pub origin: Origin,
    /// The flags that set it.
    pub flags: Vec<String>,
    /// The first of the variables that set it.
    pub variable: Option<String>,
    /// All of them, the strongest first.
    pub variables: Vec<String>,
}

impl Settings {
    /// Every setting with its value and its origin, in the order of the table.
    pub fn origins(&self) -> impl Iterator<Item = (&'static Setting, Value, Origin)> {
        SETTINGS.iter().map(|setting| {
            let origin = self.origins.get(setting.name).cloned();
            (setting, setting.kind.show(self), origin.unwrap_or_default())
        })
    }
}

impl ConfigReport {
    /// The report of `settings`, with the `notices` about them.
    pub fn new(settings: &Settings, notices: Vec<Notice>) -> Self {
        let entry = |(setting, value, origin): (&Setting, Value, Origin)| {
            let flags = setting.flags.iter().map(|flag| flag.name.to_owned());
            let entry = ConfigEntry {
                value,
                origin,
                flags: flags.collect(),
                variable: setting.variables.first().map(|name| (*name).to_owned()),
                variables: setting
                    .variables
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect(),
            };
            (setting.name.to_owned(), entry)
        };
        Self {
            v: CONFIG_VERSION,
            settings: settings.origins().map(entry).collect(),
            notices,
        }
    }
}
