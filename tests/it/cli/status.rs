//! `agent status`.

use super::run_scheduled::{HELD, PASSING, Service};
use crate::lab::lab;
use crate::wait::wait_until;

#[test]
fn the_state_file_alone_tells_what_goes_on() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let status = || lab.agent(&["status", "--json"]).expect(0).json();
    let mut service = Service::start(&lab, &["--interval", "3600", "--run-now"]);
    lab.wait_for_file("began");
    wait_until("the collected tests", status, |it| {
        it["runs"][0]["tests"] == 2
    });
    let running = status();
    assert_eq!(running["schedule"]["state"], "live");
    assert_eq!(running["schedule"]["pid"], service.pid());
    assert_eq!(running["cycle"]["cycle_id"], 1);
    assert_eq!(running["cycle"]["run_id"], 1);
    assert_eq!(running["runs"][0]["reported"], 0);
    assert_eq!(running["leases"][0]["name"], "schedule");
    let text = lab.agent(&["status"]).expect(0).stdout;
    assert!(text.contains("0 of 2 tests"), "{text}");
    lab.write("go", "");
    service.wait("cycle-finished");
    let idle = status();
    assert_eq!(
        (&idle["cycle"], &idle["runs"]),
        (&().into(), &serde_json::json!([]))
    );
    assert_eq!(idle["last_cycle"]["outcome"], "passed");
    service.stop();
    assert_eq!(status()["schedule"]["state"], "stopped");
}

#[test]
fn an_agent_that_was_killed_is_gone_in_its_status() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(0);
    let text = lab.agent(&["status"]).expect(0).stdout;
    assert_eq!(
        text,
        "schedule  none yet; `agent run-scheduled` begins one\n"
    );
    let mut service = Service::start(&lab, &["--interval", "3600"]);
    service.wait("service-started");
    service.kill();
    let text = lab.agent(&["status"]).expect(0).stdout;
    assert!(text.contains("gone without a goodbye"), "{text}");
}

#[test]
fn an_agent_that_could_not_write_for_long_is_at_work_in_its_status() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "3600"]);
    service.wait("service-started");
    lab.execute("UPDATE lease SET expires_ms = heartbeat_ms WHERE name = 'schedule'");
    let text = lab.agent(&["status"]).expect(0).stdout;
    assert!(text.contains("agent     at work since"), "{text}");
    assert!(text.contains("`schedule` is held by"), "{text}");
    service.kill();
    let text = lab.agent(&["status"]).expect(0).stdout;
    assert!(text.contains("gone without a goodbye"), "{text}");
}
