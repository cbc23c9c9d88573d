//! `agent schema`, and the outputs that must fit it.

use menace_agent::model::event::EVENTS_VERSION;
use menace_agent::model::log::{LOG_VERSION, LogFields, LogLevel, LogLine};
use menace_agent::model::{Counts, CycleId, Event, EventLine, RunId, ShardIndex};
use menace_agent::settings::ConfigReport;
use serde_json::Value;

use super::Project;

pub(super) fn schema(of: &str) -> jsonschema::Validator {
    let answer = Project::new().call(&["schema", of]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{of}");
    let schema: Value = serde_json::from_str(&answer.stdout).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

pub(super) fn problems(schema: &jsonschema::Validator, value: &Value) -> Vec<String> {
    schema
        .iter_errors(value)
        .map(|error| error.to_string())
        .collect()
}

#[test]
fn the_output_of_config_fits_its_schema() {
    let text = "paths = ['a']\ntimeout = 1.5\nmax-fail = 3\npython = 'python3'\n";
    let project = Project::with("menace.toml", text);
    let mut command = project.command(&["config", "--json", "--db", "x"]);
    let answer = project.answer(command.env("SELF_TEST_ARGS", "-x"));
    let report: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(problems(&schema("config"), &report), [""; 0]);
    let read: ConfigReport = serde_json::from_value(report.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), report);
}

#[test]
fn the_schema_of_config_refuses_what_is_none() {
    let project = Project::new();
    let report = project.call(&["config", "--json"]).stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    let schema = schema("config");
    for broken in [
        "/v",
        "/settings/workers/origin/from",
        "/settings/workers/flags",
    ] {
        let mut report = report.clone();
        *report.pointer_mut(broken).unwrap() = Value::from("x");
        assert_ne!(problems(&schema, &report), [""; 0], "{broken}");
    }
}

#[test]
fn an_event_fits_the_schema_of_events() {
    let line = EventLine {
        v: EVENTS_VERSION,
        run_id: RunId(7),
        event: Event::ShardFinished {
            shard: ShardIndex(0),
        },
    };
    let mut line = serde_json::to_value(line).unwrap();
    let schema = schema("events");
    assert_eq!(problems(&schema, &line), [""; 0]);
    line["t"] = Value::from("unheard_of");
    assert_ne!(problems(&schema, &line), [""; 0]);
}

#[test]
fn an_entry_of_the_log_fits_the_schema_of_the_log() {
    let line = LogLine {
        v: LOG_VERSION,
        ts: "2026-11-25T16:40:00.007Z".to_owned(),
        level: LogLevel::Warning,
        event: "run-finished".to_owned(),
        message: "failed: 1 failed in 0.10s".to_owned(),
        fields: LogFields {
            cycle: Some(CycleId(12)),
            run: Some(RunId(31)),
            tests: Some(Counts::default()),
            ..LogFields::default()
        },
    };
    let mut line = serde_json::to_value(line).unwrap();
    let schema = schema("log");
    assert_eq!(problems(&schema, &line), [""; 0]);
    line["level"] = Value::from("loud");
    assert_ne!(problems(&schema, &line), [""; 0]);
}

#[test]
fn the_schema_of_the_summary_names_its_seed_fields() {
    let schema = schema("summary");
    let said = problems(&schema, &serde_json::json!({})).join("\n");
    for field in ["passed", "failed", "runtime"] {
        assert!(said.contains(&format!("\"{field}\"")), "{field}: {said}");
    }
}

#[test]
fn a_settings_file_fits_the_schema_of_settings() {
    let schema = schema("settings");
    let good = serde_json::json!({ "workers": "auto", "test-timeout": 30, "coverage": false });
    assert_eq!(problems(&schema, &good), [""; 0]);
    let bad = serde_json::json!({ "wokers": 4 });
    assert_ne!(problems(&schema, &bad), [""; 0]);
}

#[test]
fn schemas_need_no_working_settings() {
    let project = Project::with("menace.toml", "wokers = 3\n");
    assert_eq!(project.call(&["schema", "summary"]).code, 0);
}
