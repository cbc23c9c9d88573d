//! The JSON Schema of a settings file accepts what the agent accepts.

use menace_agent::settings::file_schema;

use super::Place;
use super::layers::examples;

/// The answers of the agent and of the schema: does each accept this settings file?
fn accepted(text: &str) -> (bool, bool) {
    let agent = Place::new().project_file(text).load().is_ok();
    let schema = jsonschema::validator_for(file_schema().as_value()).unwrap();
    let value: serde_json::Value = toml::from_str(text).unwrap();
    (agent, schema.is_valid(&value))
}

#[test]
fn a_good_value_of_every_setting_fits() {
    for (name, toml, ..) in examples() {
        let text = format!("{name} = {toml}");
        assert_eq!(accepted(&text), (true, true), "{text}");
    }
}

#[test]
fn further_words_of_some_settings_fit() {
    for text in [
        "workers = 'auto'",
        "max-fail = 'none'",
        "test-timeout = 'none'",
        "lock-timeout = 'none'",
        "lock-timeout = 0",
        "cron = 'none'",
        "metrics-port = 'none'",
        "memory = 'none'",
        "memory = '8388608'",
        "cpus = 'none'",
        "cpus = 2",
        "paths = 'tests'",
        "pytest-args = '-x'",
        "env = 'A=1 B'",
    ] {
        assert_eq!(accepted(text), (true, true), "{text}");
    }
}

#[test]
fn a_wrong_value_of_each_kind_does_not_fit() {
    for text in [
        "project = '.'",
        "wokers = 3",
        "coverage = 'off'",
        "coverage = 0",
        "workers = 0",
        "workers = '4'",
        "reruns = -1",
        "reruns = 1.5",
        "max-fail = 0",
        "timeout = 0",
        "interval = 'none'",
        "timeout = '5m'",
        "timeout = 1e10",
        "test-timeout = 0",
        "lock-timeout = -1",
        "jitter = 'none'",
        "metrics-port = 0",
        "metrics-port = 65536",
        "metrics-addr = 127",
        "cron = ''",
        "cron = 5",
        "memory = 512",
        "memory = '512t'",
        "cpus = 0",
        "docker-host = 'ftp://a'",
        "network = '-x'",
        "container-image = 'a b'",
        "python = ''",
        "db = ''",
        "paths = ['']",
        "paths = [1]",
        "pytest-args = [1]",
        "exclude = 'build'",
        "color = 'red'",
        "suppress-orphans = [{ module = 'a' }]",
        "suppress-orphans = [{ module = 'a', reason = ' ' }]",
        "suppress-orphans = [{ module = 'a', reason = 'b', more = 'c' }]",
    ] {
        assert_eq!(accepted(text), (false, false), "{text}");
    }
}

#[test]
fn a_setting_is_described_with_its_meaning_and_its_default() {
    let schema = file_schema();
    let of = |setting: &str| schema.as_value()["properties"][setting].to_string();
    insta::assert_snapshot!(of("coverage"), @r#"{"default":true,"description":"Measure coverage. The interpreter needs coverage.py for it.","type":"boolean"}"#);
    insta::assert_snapshot!(of("progress"), @r#"{"default":"auto","description":"How to show progress: auto, bar, plain, none.","enum":["auto","bar","plain","none"]}"#);
    insta::assert_snapshot!(of("db"), @r#"{"description":"The state file. Unless you name a file, it is `agent.db` in the data folder. A project's own file needs your trust to lead out of the project.","minLength":1,"type":"string"}"#);
}
