//! Agents that share a state file and cannot see each other's processes.

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{Going, Lab, answer, lab, skipped};
use crate::wait::{alive, wait_for_death, wait_until};

/// Passes once the file `go` is there, and ends by itself if the project is gone.
const WAITS: &str = "import os, time\n\
    def test_waits():\n\
    \x20   while not os.path.exists('go'):\n\
    \x20       assert os.path.exists(__file__)\n\
    \x20       time.sleep(0.01)\n\
    def test_other(): pass\n";

/// A run of the test that does not wait.
const OTHER_RUN: [&str; 4] = ["run", "--no-cov", "--json", "test_a.py::test_other"];

const OUTCOMES: &str = "SELECT outcome, exit_code FROM run_summary ORDER BY run_id";

const COUNTERS: &str = "SELECT name, value FROM counter WHERE value > 0 ORDER BY name";

/// The agent in a pid namespace of its own, as in a container; says `SKIPPED` where the system has
/// none to give.
fn elsewhere(lab: &Lab, args: &[&str]) -> Option<Command> {
    let unshare = ["--fork", "--pid", "--mount-proc"];
    let mut probe = Command::new("unshare");
    let can = probe.args(unshare).arg("true").output();
    if !can.is_ok_and(|output| output.status.success()) {
        skipped("this system gives no pid namespace");
        return None;
    }
    let here = lab.command(args);
    let mut there = Command::new("unshare");
    there.args(unshare).arg(here.get_program());
    there.args(here.get_args());
    if let Some(folder) = here.get_current_dir() {
        there.current_dir(folder);
    }
    for (name, value) in here.get_envs() {
        match value {
            Some(value) => there.env(name, value),
            None => there.env_remove(name),
        };
    }
    Some(there)
}

fn going(lab: &Lab) -> Going {
    let mut going = lab.start(&["--no-cov"]);
    going.wait_for_test("test_waits");
    going
}

#[test]
fn a_run_of_another_pid_namespace_is_left_alone() {
    let Some(lab) = lab(&[("test_a.py", WAITS)]) else {
        return;
    };
    let mut going = going(&lab);
    let Some(mut other) = elsewhere(&lab, &OTHER_RUN) else {
        return;
    };
    let said = answer(&mut other).expect(0).json();
    assert_eq!(said["notices"], serde_json::json!([]));
    let Some(mut status) = elsewhere(&lab, &["status", "--json"]) else {
        return;
    };
    let status = answer(&mut status).expect(0).json();
    assert_eq!(status["runs"][0]["gone"], false, "{status}");

    lab.write("go", "");
    going.end().expect(0);
    assert_eq!(lab.rows(OUTCOMES), ["passed | 0", "passed | 0"]);
    assert_eq!(lab.rows("SELECT code FROM notice"), [""; 0]);
    assert_eq!(lab.rows(COUNTERS), ["runs_passed | 2", "tests_passed | 3"]);
}

#[test]
fn a_run_in_which_nothing_happens_leaves_signs_of_life() {
    let Some(lab) = lab(&[("test_a.py", WAITS)]) else {
        return;
    };
    let mut going = going(&lab);
    lab.execute("UPDATE run SET active_ms = 1");
    let sign = || lab.rows("SELECT active_ms > 1 FROM run").concat();
    wait_until("a sign of life", sign, |it| it == "1");
    lab.write("go", "");
    going.end().expect(0);
}

#[test]
fn a_run_that_was_closed_by_mistake_says_so_and_is_counted_once() {
    let Some(lab) = lab(&[("test_a.py", WAITS)]) else {
        return;
    };
    let mut going = going(&lab);
    let Some(mut other) = elsewhere(&lab, &OTHER_RUN) else {
        return;
    };
    // As if the agent had not been able to write for years.
    lab.execute("UPDATE run SET active_ms = 1");
    let said = answer(&mut other).expect(0).json();
    assert_eq!(said["notices"][0]["code"], "recovered", "{said}");
    assert_eq!(lab.rows(OUTCOMES), ["interrupted | 130", "passed | 0"]);
    let counted = [
        "runs_interrupted | 1",
        "runs_passed | 1",
        "tests_not_run | 2",
        "tests_passed | 1",
    ];
    assert_eq!(lab.rows(COUNTERS), counted);

    lab.write("go", "");
    let end = going.end().expect(0);
    assert_eq!(lab.rows(OUTCOMES), ["passed | 0", "passed | 0"]);
    let said = lab.rows("SELECT code FROM notice WHERE run_id = 1");
    assert_eq!(said, ["closed-by-another"]);
    assert!(
        end.stderr
            .contains("another agent closed this run as of 1970-01-01T00:00:00"),
        "{}",
        end.stderr
    );
    assert_eq!(lab.rows(COUNTERS), ["runs_passed | 2", "tests_passed | 3"]);
    let false_ends = "SELECT count(*) FROM process WHERE status = 'ended with its agent'";
    assert_eq!(lab.rows(false_ends), ["0"]);
}

#[test]
fn what_a_test_has_started_ends_with_the_next_start_although_its_group_lost_its_leader() {
    let starts = "import subprocess, time\n\
         def test_starts():\n\
         \x20   child = subprocess.Popen(['sleep', '600'])\n\
         \x20   with open('child.part', 'w') as file: file.write(str(child.pid))\n\
         \x20   __import__('os').rename('child.part', 'child')\n\
         \x20   time.sleep(600)\n";
    let files = [("test_a.py", starts), ("test_b.py", "def test_b(): pass\n")];
    let Some(lab) = lab(&files) else {
        return;
    };
    let mut going = lab.start(&["--no-cov", "test_a.py"]);
    let harness = going.harness();
    lab.wait_for_file("child");
    let child: u32 = fs::read_to_string(lab.path().join("child"))
        .unwrap()
        .parse()
        .unwrap();
    // Stopped, the agent cannot sweep the group of its harness before it is killed as well.
    going.signal(Signal::SIGSTOP);
    kill(
        Pid::from_raw(i32::try_from(harness).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    going.kill();
    wait_for_death(&[harness]);
    assert!(alive(child).is_some(), "the child outlives its leader");
    lab.run(&["--no-cov", "test_b.py"]).expect(0);
    assert_eq!(lab.rows(OUTCOMES), ["interrupted | 130", "passed | 0"]);
    wait_for_death(&[child]);
}
