//! The cycles that are due, their times, and the rows that are kept of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{HELD, PASSING, Service, assert_nothing_is_left, lab, outcomes};
use crate::wait::wait_until;

#[test]
fn cycles_follow_each_other_and_their_figures_go_into_the_history() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    lab.write("history.json", r#"[{"ts": "earlier"}]"#);
    let args = ["--interval", "1", "--run-now", "--history", "history.json"];
    let mut service = Service::start(&lab, &args);
    let started = service.wait("service-started");
    assert!(
        started["message"].as_str().unwrap().contains("every 1 s"),
        "{started}"
    );
    for cycle in 1..=2 {
        let finished = service.wait("cycle-finished");
        assert_eq!(
            (&finished["cycle"], &finished["outcome"]),
            (&cycle.into(), &"passed".into())
        );
        assert_eq!(finished["run"], cycle);
    }
    service.stop();
    let reasons = lab.rows("SELECT reason, missed, run_id FROM cycle_summary WHERE cycle_id <= 2");
    assert_eq!(reasons[0], "asked | 0 | 1");
    assert!(reasons[1].ends_with(" | 2"), "{reasons:?}");
    let triggers = lab.rows("SELECT DISTINCT \"trigger\" FROM run_summary");
    assert_eq!(triggers, ["schedule"]);
    let history = std::fs::read_to_string(lab.path().join("history.json")).unwrap();
    let history: Vec<serde_json::Value> = serde_json::from_str(&history).unwrap();
    assert_eq!(history[0]["ts"], "earlier");
    let shown = lab.rows("SELECT ts FROM self_test_history");
    assert_eq!(history.len() - 1, shown.len());
    let kept = lab.rows("SELECT ts, passed, failed FROM self_test_history ORDER BY ts LIMIT 1");
    let record = &history[1];
    let shown = format!(
        "{} | {} | {}",
        record["ts"].as_str().unwrap(),
        record["passed"],
        record["failed"]
    );
    assert_eq!(kept, [shown]);
    let keys: Vec<&String> = record.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["coverage", "failed", "passed", "runtime", "ts"]);
    assert_nothing_is_left(&lab);
}

#[test]
fn a_failing_suite_is_a_result_and_no_reason_to_try_again() {
    let Some(lab) = lab(&[("test_a.py", "def test_one(): assert 1 == 2\n")]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "3600", "--run-now"]);
    let failed = service.wait("test-failed");
    assert_eq!(failed["nodeid"], "test_a.py::test_one");
    let finished = service.wait("cycle-finished");
    assert_eq!(finished["outcome"], "failed");
    assert_eq!(finished["exit_code"], 1);
    service.stop();
    assert_eq!(lab.rows("SELECT failures FROM schedule_state"), ["0"]);
    assert_eq!(
        lab.rows("SELECT name, value FROM counter WHERE name LIKE 'cycles%'"),
        ["cycles_failed | 1"]
    );
    assert_nothing_is_left(&lab);
}

#[test]
fn a_cycle_that_cannot_start_says_why_and_is_tried_again() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let missing = lab.path().join("no-python");
    let python = missing.to_str().unwrap();
    let mut service = Service::start(&lab, &["--interval", "1", "--run-now", "--python", python]);
    let finished = service.wait("cycle-finished");
    assert_eq!(finished["outcome"], "not_started", "{finished}");
    let message = finished["message"].as_str().unwrap();
    assert!(
        message.contains("no-python") && message.contains("tried again"),
        "{message}"
    );
    // It is there when the cycle is tried again.
    lab.write(
        "new-python",
        &format!("#!/bin/sh\nexec {} \"$@\"\n", lab.python().display()),
    );
    let new = lab.path().join("new-python");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(new, &missing).unwrap();
    service.wait("run-finished");
    service.wait("cycle-finished");
    service.stop();
    let rows = lab.rows(
        "SELECT outcome, exit_code, run_id, message LIKE '%no-python%' FROM cycle_summary
         WHERE outcome = 'not_started' LIMIT 1",
    );
    assert_eq!(rows, ["not_started | 3 | NULL | 1"]);
    assert_eq!(lab.rows("SELECT failures FROM schedule_state"), ["0"]);
    let last = outcomes(&lab).pop().unwrap();
    assert!(["passed", "interrupted"].contains(&last.as_str()), "{last}");
}

#[test]
fn a_cycle_that_takes_longer_than_its_interval_does_not_pile_up() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "0.5", "--run-now"]);
    service.wait("cycle-started");
    lab.wait_for_file("began");
    // Some due times go by.
    let due = "SELECT (julianday('now') - julianday(started_at)) * 86400 > 2.2 FROM cycle_summary";
    wait_until("due times to pass", || lab.rows(due), |rows| rows[0] == "1");
    assert_eq!(outcomes(&lab), ["open"]);
    lab.write("go", "");
    service.wait("cycle-finished");
    let second = service.wait("cycle-started");
    service.wait("cycle-finished");
    service.stop();
    assert!(
        second["message"].as_str().unwrap().contains("were missed"),
        "{second}"
    );
    let missed = lab.rows("SELECT missed >= 3 FROM cycle_summary WHERE cycle_id = 2");
    assert_eq!(missed, ["1"]);
    assert_nothing_is_left(&lab);
}

#[test]
fn due_times_outlive_the_agent_and_what_was_missed_is_caught_up_once() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "3600"]);
    service.wait("service-started");
    service.stop();
    let due = lab.rows("SELECT due_at FROM schedule_state");
    let mut service = Service::start(&lab, &["--interval", "3600"]);
    service.wait("service-started");
    service.stop();
    assert_eq!(
        lab.rows("SELECT due_at FROM schedule_state"),
        due,
        "after a restart"
    );
    assert_eq!(outcomes(&lab), [""; 0]);
    // Five hours go by without an agent.
    lab.execute(
        "UPDATE schedule SET next_ms = next_ms - 18000000, due_ms = due_ms - 18000000,
             last_ms = last_ms - 18000000",
    );
    let mut service = Service::start(&lab, &["--interval", "3600"]);
    service.wait("cycle-finished");
    service.stop();
    let rows = lab.rows("SELECT reason, missed, outcome FROM cycle_summary");
    assert_eq!(rows, ["catch_up | 4 | passed"]);
    let next = lab.rows(
        "SELECT julianday(due_at) - julianday('now') BETWEEN 0 AND 1.0 / 24 FROM schedule_state",
    );
    assert_eq!(next, ["1"]);
}

#[test]
fn another_schedule_begins_again() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "60"]);
    service.wait("service-started");
    service.stop();
    let mut service = Service::start(&lab, &["--cron", "0 3 * * *", "--jitter", "600"]);
    let started = service.wait("service-started");
    assert!(
        started["message"]
            .as_str()
            .unwrap()
            .contains("cron 0 3 * * *"),
        "{started}"
    );
    service.stop();
    let due = lab.rows("SELECT spec, period_s, strftime('%H', due_at) FROM schedule_state");
    // The lab has no time zone of its own: it is UTC.
    assert_eq!(
        due,
        ["cron 0 3 * * * | 86400.0 | 03"].map(|row| row.replace(".0 |", " |"))
    );
}

#[test]
fn a_project_without_tests_is_empty_and_stays_on_schedule() {
    let Some(lab) = lab(&[("README.md", "nothing here")]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "3600", "--run-now"]);
    let finished = service.wait("cycle-finished");
    assert_eq!(
        (&finished["outcome"], &finished["exit_code"]),
        (&"empty".into(), &5.into())
    );
    service.stop();
    assert_eq!(lab.rows("SELECT failures FROM schedule_state"), ["0"]);
}
