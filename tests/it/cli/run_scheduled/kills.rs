//! `kill -9` in each phase of a cycle: every cycle that began has a row with a true outcome, and
//! nothing is left behind.

use nix::sys::signal::{Signal, kill};

use super::{
    HELD, PASSING, Service, assert_nothing_is_left, lab, outcomes, pid, process_of_the_cycle,
};
use crate::lab::Lab;
use crate::wait::{wait_for_death, wait_until};

const NOW: [&str; 3] = ["--interval", "3600", "--run-now"];
const LATER: [&str; 2] = ["--interval", "3600"];

/// The next agent closes what there is, and goes on.
fn start_again(lab: &Lab) {
    lab.write("go", "");
    let mut service = Service::start(lab, &LATER);
    service.wait("service-started");
    service.stop();
    assert_nothing_is_left(lab);
}

#[test]
fn an_agent_killed_between_cycles_is_followed_by_the_next() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let mut service = Service::start(&lab, &NOW);
    service.wait("cycle-finished");
    service.kill();
    start_again(&lab);
    assert_eq!(outcomes(&lab), ["passed"]);
}

#[test]
fn an_agent_killed_in_a_test_takes_its_cycle_with_it() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let mut service = Service::start(&lab, &NOW);
    lab.wait_for_file("began");
    let cycle = process_of_the_cycle(&lab);
    service.kill();
    wait_for_death(&[cycle]);
    // The cycle closed its run itself.
    assert_eq!(lab.rows("SELECT outcome FROM run_summary"), ["interrupted"]);
    start_again(&lab);
    assert_eq!(outcomes(&lab), ["interrupted"]);
    let rows = lab.rows("SELECT run_id, message FROM cycle_summary");
    assert_eq!(rows, ["1 | the agent ended before this cycle did"]);
    // The lost cycle is caught up soon, not in an hour.
    let due = lab.rows(
        "SELECT failures, (julianday(due_at) - julianday('now')) * 86400 <= 30 FROM schedule_state",
    );
    assert_eq!(due, ["1 | 1"]);
}

#[test]
fn an_agent_and_its_cycle_killed_together_are_cleaned_up_after() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let mut service = Service::start(&lab, &NOW);
    lab.wait_for_file("began");
    let cycle = process_of_the_cycle(&lab);
    // The cycle first, stopped, so that the agent does not see its end.
    service.signal(Signal::SIGSTOP);
    kill(pid(cycle), Signal::SIGKILL).unwrap();
    service.kill();
    start_again(&lab);
    assert_eq!(outcomes(&lab), ["interrupted"]);
}

#[test]
fn an_agent_killed_before_its_cycle_has_a_run_leaves_a_row_that_says_so() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    // The interpreter is asked for its version before a run begins, and does not answer.
    let python = lab.path().join("slow-python");
    lab.write("slow-python", "#!/bin/sh\ntouch asked\nexec sleep 600\n");
    std::fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut service = Service::start(
        &lab,
        &[&NOW[..], &["--python", python.to_str().unwrap()]].concat(),
    );
    service.wait("cycle-started");
    process_of_the_cycle(&lab);
    service.kill();
    start_again(&lab);
    let rows = lab.rows("SELECT outcome, message FROM cycle_summary");
    assert_eq!(
        rows,
        ["interrupted | the agent ended before this cycle did"]
    );
}

#[test]
fn a_cycle_that_is_killed_is_an_interrupted_row_and_the_service_goes_on() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "1", "--run-now"]);
    lab.wait_for_file("began");
    kill(pid(process_of_the_cycle(&lab)), Signal::SIGKILL).unwrap();
    let finished = service.wait("cycle-finished");
    assert_eq!(finished["outcome"], "interrupted");
    assert!(
        finished["message"].as_str().unwrap().contains("SIGKILL"),
        "{finished}"
    );
    lab.write("go", "");
    let finished = service.wait("cycle-finished");
    assert_eq!(finished["outcome"], "passed");
    service.stop();
    assert_eq!(outcomes(&lab)[..2], ["interrupted", "passed"]);
    assert_eq!(
        lab.rows("SELECT outcome FROM run_summary WHERE run_id = 1"),
        ["interrupted"]
    );
    assert_nothing_is_left(&lab);
}

#[test]
fn a_harness_that_is_killed_makes_the_cycle_incomplete() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let mut service = Service::start(&lab, &NOW);
    lab.wait_for_file("began");
    let running = || lab.rows("SELECT pid FROM process WHERE ended_ms IS NULL");
    let harness = wait_until("the harness", running, |pids| !pids.is_empty());
    kill(pid(harness[0].parse().unwrap()), Signal::SIGKILL).unwrap();
    let finished = service.wait("cycle-finished");
    assert_eq!(
        (&finished["outcome"], &finished["exit_code"]),
        (&"incomplete".into(), &6.into())
    );
    service.stop();
    assert_eq!(
        lab.table(),
        "test_a.py::test_after passed\ntest_a.py::test_held crashed\n"
    );
    assert_nothing_is_left(&lab);
}

#[test]
fn two_agents_do_not_keep_one_schedule() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let mut first = Service::start(&lab, &LATER);
    first.wait("service-started");
    let second = lab.agent(&["run-scheduled", "--interval", "60"]).expect(3);
    let pid = first.pid();
    assert!(
        second.stderr.contains(&format!("kept by process {pid} on")),
        "{}",
        second.stderr
    );
    assert!(second.stderr.contains("agent status"), "{}", second.stderr);
    // A run by hand is no schedule.
    lab.run(&["--no-cov"]).expect(0);
    // The lease of an agent that was killed is taken over at once.
    first.kill();
    let mut second = Service::start(&lab, &NOW);
    assert_eq!(second.wait("cycle-finished")["outcome"], "passed");
    second.stop();
    assert_nothing_is_left(&lab);
}

#[test]
fn an_agent_that_loses_its_lease_in_a_cycle_ends_and_writes_nothing_more() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let mut service = Service::start(&lab, &NOW);
    lab.wait_for_file("began");
    lab.agent(&["lease", "release", "schedule", "--force"])
        .expect(0);
    let before = lab.rows("SELECT * FROM schedule");
    lab.write("go", "");
    assert_eq!(service.end(), 3, "{}", service.messages());
    assert!(
        service
            .messages()
            .contains("lease of the schedule was lost"),
        "{}",
        service.messages()
    );
    assert_eq!(lab.rows("SELECT * FROM schedule"), before);
    assert_eq!(outcomes(&lab), ["open"]);
    // The outcome of the run is known all the same.
    start_again(&lab);
    assert_eq!(outcomes(&lab), ["passed"]);
}
