//! `offline/monitoring/`: the rules and the dashboard go with what is shown.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use menace_agent::metrics::FAMILIES;
use serde_json::Value;

use super::tools::{is_there, promtool, said};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("offline/monitoring")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// The queries of the dashboard, for every agent.
pub(crate) fn queries() -> Vec<String> {
    let targets = panels().into_iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().unwrap().clone();
        targets.into_iter()
    });
    let queries = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    queries
        .map(|query| query.replace("$instance", ".*"))
        .collect()
}

/// The names of the agent's families in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = |word: &&str| word.starts_with("menace_agent_") || word.starts_with("self_test_");
    words.filter(ours).collect()
}

#[test]
fn rules_and_dashboard_name_families_that_are_shown() {
    let known: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
    for file in ["alerts.yml", "alerts_test.yml", "dashboard.json"] {
        let text = read(file);
        let used = names(&text);
        assert!(used.len() >= 10, "{file} uses {used:?}");
        let unknown: Vec<_> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
}

#[test]
fn every_alert_is_described_and_tested_with_what_sets_it_off() {
    let [rules, tests, readme] = ["alerts.yml", "alerts_test.yml", "README.md"].map(read);
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut count = 0;
    for alert in alerts {
        let fires = format!("alertname: {alert}\n        exp_alerts:\n");
        assert!(tests.contains(&fires), "{alert} is never set off");
        let quiet = format!("alertname: {alert}}}");
        assert!(tests.contains(&quiet), "{alert} is never quiet");
        assert!(
            readme.contains(&format!("\n| `{alert}` | ")),
            "README lacks {alert}"
        );
        count += 1;
    }
    assert!(count >= 6, "{count} alerts");
}

#[test]
fn promtool_accepts_the_rules_and_their_tests() {
    if !is_there("promtool") {
        return;
    }
    for args in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ] {
        let output = promtool(&folder(), &args);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    assert_eq!(dashboard["uid"], "menace-agent");
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 36);
    // A number of one Grafana would take the place of something else in another one.
    assert!(dashboard.get("id").is_none());
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["name"], "datasource");
    assert_eq!(variables[0]["type"], "datasource");
    assert_eq!(variables[0]["query"], "prometheus");
    let mut taken = BTreeSet::new();
    for (number, panel) in panels().iter().enumerate() {
        let title = panel["title"].as_str().unwrap();
        assert_eq!(panel["id"], number + 1, "{title}");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(
                    x < 24 && taken.insert((x, y)),
                    "{title} covers another panel"
                );
            }
        }
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let expr = target["expr"].as_str().unwrap();
            assert!(expr.contains("instance=~\"$instance\""), "{title}: {expr}");
        }
    }
}
