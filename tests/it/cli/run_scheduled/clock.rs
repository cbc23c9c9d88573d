//! A wall clock that is set by a day, in both directions, under a running service.
//!
//! The clock is libfaketime's, which reads a file at each look; if it is not installed, the tests
//! say so.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{PASSING, Service, assert_nothing_is_left, lab};
use crate::envs::{Skip, available};
use crate::lab::Lab;

/// The library of Debian's package `libfaketime`; `None` if it is not installed.
fn library() -> Option<PathBuf> {
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
    let places = places.map(|place| format!("/usr/lib/{place}/faketime/libfaketime.so.1"));
    let found = places
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists());
    available(found.ok_or_else(|| Skip("libfaketime is not installed".to_owned())))
}

/// The service with a clock that is as far off as the file `offset` of the lab says, in seconds.
fn start(lab: &Lab, library: &Path, args: &[&str]) -> Service {
    let mut command: Command = Service::command(lab, args);
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", lab.path().join("offset"))
        .env("FAKETIME_NO_CACHE", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        // A watchdog makes the service look at its clock often.
        .env("WATCHDOG_USEC", "200000");
    Service::spawn(&mut command)
}

#[test]
fn a_clock_that_is_set_forward_by_a_day_makes_one_cycle() {
    let (Some(library), Some(lab)) = (library(), lab(&[("test_a.py", PASSING)])) else {
        return;
    };
    lab.write("offset", "+0");
    let mut service = start(&lab, &library, &["--interval", "3600"]);
    service.wait("service-started");
    lab.write("offset", "+1d");
    let cycle = service.wait("cycle-started");
    assert!(
        cycle["message"]
            .as_str()
            .unwrap()
            .contains("23 due times before it were missed"),
        "{cycle}"
    );
    assert_eq!(service.wait("cycle-finished")["outcome"], "passed");
    service.stop();
    assert_eq!(
        lab.rows("SELECT reason, missed FROM cycle_summary"),
        ["catch_up | 23"]
    );
    assert_nothing_is_left(&lab);
}

#[test]
fn a_clock_that_is_set_back_by_a_day_does_not_stop_the_schedule() {
    let (Some(library), Some(lab)) = (library(), lab(&[("test_a.py", PASSING)])) else {
        return;
    };
    lab.write("offset", "+0");
    let mut service = start(&lab, &library, &["--interval", "2"]);
    service.wait("cycle-finished");
    lab.write("offset", "-1d");
    service.wait("clock-set");
    assert_eq!(service.wait("cycle-finished")["outcome"], "passed");
    service.stop();
    assert_nothing_is_left(&lab);
}

#[test]
fn a_restart_with_a_clock_that_is_behind_does_not_wait_for_a_day() {
    let (Some(library), Some(lab)) = (library(), lab(&[("test_a.py", PASSING)])) else {
        return;
    };
    lab.write("offset", "+1d");
    let mut service = start(&lab, &library, &["--interval", "2"]);
    service.wait("cycle-finished");
    service.stop();
    lab.write("offset", "+0");
    let mut service = start(&lab, &library, &["--interval", "2"]);
    assert_eq!(service.wait("cycle-finished")["outcome"], "passed");
    service.stop();
    assert_nothing_is_left(&lab);
}

#[test]
fn a_clock_of_the_time_before_1970_is_no_reason_to_fail() {
    let (Some(library), Some(lab)) = (library(), lab(&[("test_a.py", PASSING)])) else {
        return;
    };
    // 80 years.
    lab.write("offset", "-2524608000");
    let mut service = start(&lab, &library, &["--interval", "3600", "--run-now"]);
    assert_eq!(service.wait("cycle-finished")["outcome"], "passed");
    service.stop();
    assert_eq!(
        lab.rows("SELECT started_at, outcome FROM run_summary"),
        ["1970-01-01T00:00:00.000Z | passed"]
    );
    assert_nothing_is_left(&lab);
}

#[test]
fn an_agent_whose_schedule_was_taken_over_ends() {
    let (Some(library), Some(lab)) = (library(), lab(&[("test_a.py", PASSING)])) else {
        return;
    };
    lab.write("offset", "+0");
    let mut service = start(&lab, &library, &["--interval", "3600"]);
    service.wait("service-started");
    lab.agent(&["lease", "release", "schedule", "--force"])
        .expect(0);
    // It finds out when it renews the lease: a clock that is set makes it do that at once.
    lab.write("offset", "-1h");
    assert_eq!(service.end(), 3);
    assert!(
        service
            .messages()
            .contains("lease of the schedule was lost"),
        "{}",
        service.messages()
    );
}
