//! The JSON Schema of a settings file, made from the rows: with it an editor can complete and check
//! `menace.toml`.
//!
//! It accepts what the agent accepts, as far as a schema can say that: five fields of cron and the
//! names of paths are texts to it.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::setting::Setting;
use super::table::SETTINGS;
use super::value::{MAX_SECONDS, MIN_SECONDS};

/// The schema of `menace.toml`, and of the table `[tool.menace]` too.
pub fn file_schema() -> Schema {
    let in_files = SETTINGS.iter().filter(|setting| setting.in_files);
    let properties: Map<String, Value> = in_files
        .map(|setting| (setting.name.to_owned(), property(setting)))
        .collect();
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "menace.toml",
        "description": "The settings of a project.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn property(setting: &Setting) -> Value {
    let mut property = of_kind(setting);
    property["description"] = setting.description().into();
    if let Some(default) = setting.default_value() {
        property["default"] = json!(default);
    }
    property
}

/// The values of TOML that its reader in [`Given`](super::value::Given) accepts.
fn of_kind(setting: &Setting) -> Value {
    let texts = |item: &Value| json!({ "type": "array", "items": item });
    match &setting.kind {
        // No file can set it.
        Kind::Project => json!({ "not": {} }),
        Kind::Switch(_) => json!({ "type": "boolean" }),
        Kind::Count(_) => whole_number(0, u32::MAX),
        Kind::Workers(_) => or_word("auto", &whole_number(1, u32::MAX)),
        Kind::Limit(_) => or_word("none", &whole_number(1, u32::MAX)),
        Kind::Port(_) => or_word("none", &whole_number(1, u16::MAX.into())),
        Kind::Seconds(_) => seconds(MIN_SECONDS),
        Kind::SecondsFromZero(_) => seconds(0.0),
        Kind::SecondsOrNone(_) => or_word("none", &seconds(MIN_SECONDS)),
        Kind::Patience(_) => or_word("none", &seconds(0.0)),
        Kind::Processors(_) => or_word(
            "none",
            &json!({ "type": "number", "minimum": 0.01, "maximum": 4096 }),
        ),
        Kind::Memory(_) => matching("^([0-9]+([kKmMgG][bB]?|[bB])?|none)$"),
        Kind::EngineHost(_) => matching("^(unix|tcp|ssh)://\\S+$"),
        Kind::Word(_) | Kind::Image(_) => matching("^[^\\s-]\\S*$"),
        Kind::IpAddress(_) => {
            json!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] })
        }
        Kind::Cron(_) | Kind::Place(_) | Kind::Path(_) | Kind::Program(_) => text(),
        Kind::Words(_) | Kind::Variables(_) => {
            let words = json!({ "type": "string" });
            json!({ "anyOf": [words, texts(&words)] })
        }
        Kind::TestPaths(_) => json!({ "anyOf": [text(), texts(&text())] }),
        Kind::Patterns(_) => texts(&json!({ "type": "string" })),
        Kind::Suppressions(_) => texts(&json!({
            "type": "object",
            "properties": { "module": matching("\\S"), "reason": matching("\\S") },
            "required": ["module", "reason"],
            "additionalProperties": false,
        })),
        Kind::Choice(_) => json!({ "enum": setting.choices() }),
    }
}

fn whole_number(from: u32, to: u32) -> Value {
    json!({ "type": "integer", "minimum": from, "maximum": to })
}

fn seconds(from: f64) -> Value {
    json!({ "type": "number", "minimum": from, "maximum": MAX_SECONDS })
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn matching(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

fn or_word(word: &str, other: &Value) -> Value {
    json!({ "anyOf": [other, { "const": word }] })
}
