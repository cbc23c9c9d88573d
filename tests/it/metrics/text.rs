//! The text that a scrape gets, for state files of every kind.

use std::fs;
use std::path::Path;

use menace_agent::metrics::FAMILIES;
use menace_agent::model::{OrphanKind, Outcome};
use menace_agent::run::lease::CONTAINERS;
use menace_agent::service::metrics::text;
use menace_agent::store::latest_version;

use super::tools::{check_metrics, is_there, said};
use crate::store::sample::{file_of_version, open, plain, two_runs};

/// The end of the page if the state file cannot be read: no other family has samples.
const NOT_READABLE: &str = "\nmenace_agent_state_readable 0\n";

/// The text without helps and without the parts that differ from file to file.
fn samples(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.map(|line| match line.split_once("_bytes ") {
        Some((name, size)) => {
            assert!(size.parse::<u64>().unwrap() > 0, "{line}");
            format!("{name}_bytes SIZE")
        }
        None => line.replace(env!("CARGO_PKG_VERSION"), "VERSION"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A file with two runs and a schedule.
fn sample(folder: &Path) -> String {
    let path = folder.join("agent.db");
    let mut store = open(&path);
    two_runs(&mut store);
    plain(&path)
        .execute_batch(
            "INSERT INTO file (file_id, path) VALUES (91, 'a.py');
             INSERT INTO orphan (file_id, module, kind, isolated, reason, source, status,
                                 first_seen_ms)
             VALUES (91, 'a', 'island', 0, 'x', 'scan', 'passed', 0);
             INSERT INTO cycle (reason, due_ms, missed, started_ms)
             VALUES ('due', 0, 0, 0);
             INSERT INTO counter (name, value)
             VALUES ('cycles_not_started', 7), ('containers_reaped', 3), ('container_timeouts', 1);
             INSERT INTO schedule (schedule_id, spec, seed, next_ms, due_ms, failures, period_ms,
                                   started_ms, agent_version)
             VALUES (1, 'every 3600 s', 0, 4000, 1735693200500, 2, 3600000, 0, '1');
             UPDATE run SET trigger = 'schedule'",
        )
        .unwrap();
    text(&path)
}

#[test]
fn the_figures_of_a_state_file_are_these() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(samples(&sample(folder.path())), @r#"
    self_test_passed_total 2
    self_test_failed_total 1
    self_test_average_runtime_seconds 2.449
    self_test_average_coverage 62.5
    self_test_container_failures_total 0
    self_test_container_timeouts_total 1
    menace_agent_build_info{version="VERSION"} 1
    menace_agent_state_readable 1
    menace_agent_runs_total{outcome="passed"} 0
    menace_agent_runs_total{outcome="failed"} 1
    menace_agent_runs_total{outcome="incomplete"} 0
    menace_agent_runs_total{outcome="interrupted"} 0
    menace_agent_runs_total{outcome="error"} 0
    menace_agent_runs_total{outcome="empty"} 0
    menace_agent_tests_total{outcome="passed"} 2
    menace_agent_tests_total{outcome="failed"} 1
    menace_agent_tests_total{outcome="error"} 0
    menace_agent_tests_total{outcome="skipped"} 1
    menace_agent_tests_total{outcome="xfailed"} 0
    menace_agent_tests_total{outcome="xpassed"} 0
    menace_agent_tests_total{outcome="crashed"} 0
    menace_agent_tests_total{outcome="timed_out"} 0
    menace_agent_tests_total{outcome="not_run"} 1
    menace_agent_cycles_total{outcome="passed"} 0
    menace_agent_cycles_total{outcome="failed"} 0
    menace_agent_cycles_total{outcome="incomplete"} 0
    menace_agent_cycles_total{outcome="interrupted"} 0
    menace_agent_cycles_total{outcome="error"} 0
    menace_agent_cycles_total{outcome="empty"} 0
    menace_agent_cycles_total{outcome="not_started"} 7
    menace_agent_containers_reaped_total 3
    menace_agent_last_run_timestamp_seconds 1735689602.5
    menace_agent_last_success_timestamp_seconds 0
    menace_agent_last_run_duration_seconds 2.5
    menace_agent_last_run_outcome{outcome="passed"} 0
    menace_agent_last_run_outcome{outcome="failed"} 1
    menace_agent_last_run_outcome{outcome="incomplete"} 0
    menace_agent_last_run_outcome{outcome="interrupted"} 0
    menace_agent_last_run_outcome{outcome="error"} 0
    menace_agent_last_run_outcome{outcome="empty"} 0
    menace_agent_last_run_tests{outcome="passed"} 2
    menace_agent_last_run_tests{outcome="failed"} 1
    menace_agent_last_run_tests{outcome="error"} 0
    menace_agent_last_run_tests{outcome="skipped"} 1
    menace_agent_last_run_tests{outcome="xfailed"} 0
    menace_agent_last_run_tests{outcome="xpassed"} 0
    menace_agent_last_run_tests{outcome="crashed"} 0
    menace_agent_last_run_tests{outcome="timed_out"} 0
    menace_agent_last_run_tests{outcome="not_run"} 1
    menace_agent_last_run_coverage_ratio 0.625
    menace_agent_flaky_tests 1
    menace_agent_orphans{kind="unreferenced"} 0
    menace_agent_orphans{kind="island"} 1
    menace_agent_orphans{kind="untested"} 0
    menace_agent_orphans{kind="isolated"} 0
    menace_agent_lease_held{name="containers"} 0
    menace_agent_lease_held{name="schedule"} 0
    menace_agent_cycle_in_progress 1
    menace_agent_cycles_since_success 0
    menace_agent_cycle_failures 2
    menace_agent_next_cycle_timestamp_seconds 1735693200.5
    menace_agent_schedule_period_seconds 3600
    menace_agent_state_file_bytes SIZE
    menace_agent_wal_bytes SIZE
    "#);
}

#[test]
fn the_first_scrape_of_a_new_file_has_all_that_can_be_known() {
    let folder = tempfile::tempdir().unwrap();
    let later = samples(&sample(folder.path()));
    let path = folder.path().join("new.db");
    let store = open(&path);
    let first = samples(&text(&path));
    drop(store);
    let series = |line: &str| line.rsplit_once(' ').unwrap().0.to_owned();
    let there: Vec<String> = first.lines().map(series).collect();
    let missing = later.lines().map(series).filter(|it| !there.contains(it));
    assert_eq!(
        missing.collect::<Vec<_>>(),
        [
            "self_test_average_coverage",
            "menace_agent_last_run_coverage_ratio",
            "menace_agent_next_cycle_timestamp_seconds",
            "menace_agent_schedule_period_seconds",
        ]
    );
    let values = first.lines().filter(|line| !line.ends_with(" 0"));
    assert_eq!(
        values.collect::<Vec<_>>(),
        [
            "menace_agent_build_info{version=\"VERSION\"} 1",
            "menace_agent_state_readable 1",
            "menace_agent_state_file_bytes SIZE",
            "menace_agent_wal_bytes SIZE",
        ]
    );
}

#[test]
fn every_family_has_its_help_and_type_before_its_samples() {
    let folder = tempfile::tempdir().unwrap();
    let text = sample(folder.path());
    let first: Vec<&str> = text.lines().take(3).collect();
    assert_eq!(
        first,
        [
            "# HELP self_test_passed_total Tests that passed in the last whole run.",
            "# TYPE self_test_passed_total gauge",
            "self_test_passed_total 2",
        ]
    );
    assert!(text.contains("\n# TYPE menace_agent_runs_total counter\n"));
}

#[test]
fn a_state_file_that_cannot_be_read_is_told_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.db");
    let told = text(&missing);
    assert!(told.ends_with(NOT_READABLE), "{told}");
    assert!(
        told.starts_with("# HELP menace_agent_build_info "),
        "{told}"
    );
    assert!(!missing.exists());

    let older = folder.path().join("older.db");
    file_of_version(&older, latest_version() - 1);
    assert!(text(&older).ends_with(NOT_READABLE));

    let damaged = folder.path().join("damaged.db");
    fs::write(&damaged, "no database at all").unwrap();
    assert!(text(&damaged).ends_with(NOT_READABLE));

    // It comes and goes.
    let path = folder.path().join("agent.db");
    drop(open(&path));
    assert!(!text(&path).contains(NOT_READABLE));
    fs::remove_file(&path).unwrap();
    assert!(text(&path).ends_with(NOT_READABLE));
}

#[test]
fn label_values_are_those_of_the_state_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = sample(folder.path());
    for label in Outcome::ALL.map(|outcome| format!("outcome=\"{outcome}\"")) {
        assert_eq!(
            text.matches(&format!("menace_agent_tests_total{{{label}}}"))
                .count(),
            1
        );
    }
    for kind in OrphanKind::ALL {
        assert!(text.contains(&format!("{{kind=\"{}\"}}", kind.as_str())));
    }
    assert!(text.contains(&format!(
        "menace_agent_lease_held{{name=\"{CONTAINERS}\"}} 0"
    )));
}

#[test]
fn promtool_complains_of_the_names_of_old_alone() {
    if !is_there("promtool") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = check_metrics(&sample(folder.path()));
    // Gauges are not called `_total` any more; these are, because older dashboards know them so.
    let expected = |line: &&str| {
        let name = line.split(' ').next().unwrap_or_default();
        let known = FAMILIES.iter().any(|family| family.name == name);
        known && name.starts_with("self_test_") && line.contains("\"_total\" suffix")
    };
    let said = said(&output);
    let other: Vec<&str> = said.lines().filter(|line| !expected(line)).collect();
    assert_eq!(other, [""; 0], "{said}");
    assert_eq!(said.lines().count(), 4, "{said}");
}
