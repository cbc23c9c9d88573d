//! The duties to a service manager: readiness, a watchdog, signals that mean what they say.

use std::os::unix::net::UnixDatagram;

use nix::sys::signal::Signal;

use super::{HELD, PASSING, Service, assert_nothing_is_left, lab, outcomes, process_of_the_cycle};
use crate::wait::{PATIENCE, wait_until};

#[test]
fn the_service_manager_is_told_what_goes_on() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let path = lab.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = Service::command(&lab, &["--interval", "3600", "--run-now"]);
    command.env("NOTIFY_SOCKET", &path);
    command.env("WATCHDOG_USEC", "400000");
    let mut service = Service::spawn(&mut command);
    let mut said = String::new();
    let mut hear = |what: &str| {
        while !said.contains(what) {
            let mut buffer = [0; 1024];
            let count = socket.recv(&mut buffer).unwrap_or_else(|error| {
                panic!("{what} was not said ({error}), but:\n{said}");
            });
            said += &String::from_utf8_lossy(&buffer[..count]);
            said.push('\n');
        }
        said = said.split_off(said.find(what).unwrap() + what.len());
    };
    hear("READY=1");
    hear("STATUS=cycle 1 runs since ");
    hear("STATUS=next cycle at ");
    // The loop feeds the watchdog by itself.
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    service.signal(Signal::SIGHUP);
    hear("RELOADING=1");
    hear("READY=1");
    service.signal(Signal::SIGTERM);
    hear("STOPPING=1");
    assert_eq!(service.end(), 143);
}

#[test]
fn a_drain_asks_for_the_time_that_it_may_take() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let path = lab.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let args = ["--interval", "3600", "--run-now", "--drain-timeout", "600"];
    let mut command = Service::command(&lab, &args);
    let mut service = Service::spawn(command.env("NOTIFY_SOCKET", &path));
    lab.wait_for_file("began");
    service.signal(Signal::SIGTERM);
    let mut said = String::new();
    while !said.contains("EXTEND_TIMEOUT_USEC=") {
        let mut buffer = [0; 1024];
        let count = socket.recv(&mut buffer).unwrap();
        said = String::from_utf8_lossy(&buffer[..count]).into_owned();
    }
    // Half a minute more, for what is done when the time is over.
    assert_eq!(said.trim(), "EXTEND_TIMEOUT_USEC=630000000");
    lab.write("go", "");
    assert_eq!(service.end(), 143);
}

#[test]
fn sigterm_lets_the_running_test_finish() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "3600", "--run-now"]);
    lab.wait_for_file("began");
    service.signal(Signal::SIGTERM);
    let stopping = service.wait("stopping");
    assert_eq!(stopping["cycle"], 1);
    lab.write("go", "");
    let finished = service.wait("cycle-finished");
    assert_eq!(finished["due_at"], serde_json::Value::Null, "{finished}");
    assert_eq!(service.end(), 143);
    assert_eq!(outcomes(&lab), ["interrupted"]);
    assert_eq!(
        lab.table(),
        "test_a.py::test_after not_run\ntest_a.py::test_held passed\n"
    );
    // It was ended on purpose: the next start does not begin it again.
    assert_eq!(
        lab.rows("SELECT failures, stopped_at IS NOT NULL FROM schedule_state"),
        ["0 | 1"]
    );
    assert_nothing_is_left(&lab);
}

#[test]
fn a_test_that_does_not_finish_in_time_is_ended() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let args = ["--interval", "3600", "--run-now", "--drain-timeout", "0.2"];
    let mut service = Service::start(&lab, &args);
    lab.wait_for_file("began");
    service.signal(Signal::SIGTERM);
    service.wait("cycle-ended");
    assert_eq!(service.end(), 143);
    assert_eq!(outcomes(&lab), ["interrupted"]);
    assert_eq!(
        lab.table(),
        "test_a.py::test_after not_run\ntest_a.py::test_held not_run\n"
    );
    assert_nothing_is_left(&lab);
}

#[test]
fn a_second_signal_ends_everything_at_once() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "3600", "--run-now"]);
    lab.wait_for_file("began");
    service.signal(Signal::SIGINT);
    service.wait("stopping");
    service.signal(Signal::SIGTERM);
    service.wait("cycle-ended");
    assert_eq!(service.end(), 130);
    assert_eq!(outcomes(&lab), ["interrupted"]);
    assert_nothing_is_left(&lab);
}

#[test]
fn a_cycle_that_ignores_its_signals_is_killed() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let args = ["--interval", "3600", "--run-now", "--drain-timeout", "0"];
    let mut service = Service::start(&lab, &args);
    lab.wait_for_file("began");
    let cycle = super::pid(process_of_the_cycle(&lab));
    nix::sys::signal::kill(cycle, Signal::SIGSTOP).unwrap();
    service.signal(Signal::SIGTERM);
    let finished = service.wait("cycle-finished");
    assert!(
        finished["message"].as_str().unwrap().contains("SIGKILL"),
        "{finished}"
    );
    assert_eq!(service.end(), 143);
    assert_eq!(outcomes(&lab), ["interrupted"]);
    assert_nothing_is_left(&lab);
}

#[test]
fn sighup_reads_the_settings_again() {
    let Some(lab) = lab(&[("test_a.py", PASSING), ("menace.toml", "interval = 3600\n")]) else {
        return;
    };
    let mut service = Service::start(&lab, &[]);
    let started = service.wait("service-started");
    assert!(
        started["message"]
            .as_str()
            .unwrap()
            .contains("every 3600 s"),
        "{started}"
    );
    lab.write("menace.toml", "interval = nonsense\n");
    service.signal(Signal::SIGHUP);
    let kept = service.wait("not-reloaded");
    assert!(
        kept["message"].as_str().unwrap().contains("menace.toml"),
        "{kept}"
    );
    lab.write("menace.toml", "cron = '30 2 * * *'\n");
    service.signal(Signal::SIGHUP);
    let reloaded = service.wait("reloaded");
    assert!(
        reloaded["message"]
            .as_str()
            .unwrap()
            .contains("cron 30 2 * * *"),
        "{reloaded}"
    );
    assert_eq!(
        lab.rows("SELECT spec FROM schedule_state"),
        ["cron 30 2 * * *"]
    );
    lab.write("menace.toml", "db = 'other.db'\n");
    service.signal(Signal::SIGHUP);
    let kept = service.wait("not-reloaded");
    assert!(
        kept["message"].as_str().unwrap().contains("other.db"),
        "{kept}"
    );
    service.stop();
}

#[test]
fn supervisor_and_cycles_change_the_form_of_their_log_together() {
    let toml = "interval = 1\nlog-format = \"json\"\n";
    let Some(lab) = lab(&[("test_a.py", PASSING), ("menace.toml", toml)]) else {
        return;
    };
    let mut command = lab.command(&["run-scheduled", "--no-cov", "--no-include-orphans"]);
    let mut service = Service::spawn(&mut command);
    service.wait("cycle-finished");
    lab.write("menace.toml", "interval = 1\n");
    service.wait("cycle-started");
    service.wait("cycle-started");
    service.wait("cycle-finished");
    service.signal(Signal::SIGHUP);
    let in_json = |line: &String| serde_json::from_str::<serde_json::Value>(line).is_ok();
    // A service that never answers is no reason to wait for ever.
    let mut lines = service.lines.iter().take(500).skip_while(in_json);
    let first = lines.next().unwrap();
    assert!(first.contains("info: read the settings again"), "{first}");
    let next_cycle = lines.take_while(|line| !line.contains("passed after"));
    let next_cycle: Vec<String> = next_cycle.collect();
    assert!(!next_cycle.is_empty());
    assert!(!next_cycle.iter().any(in_json), "{next_cycle:?}");
    service.stop();
}

#[test]
fn a_quiet_service_answers_who_asks_it() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "3600", "--run-now", "--quiet"]);
    service.wait("cycle-finished");
    service.signal(Signal::SIGUSR1);
    service.wait("idle");
    service.stop();
    let events = service.seen.iter().map(|line| line["event"].as_str());
    assert!(!events.flatten().any(|event| event == "cycle-started"));
}

#[test]
fn settings_do_not_change_under_a_cycle() {
    let Some(lab) = lab(&[("test_a.py", HELD), ("menace.toml", "interval = 3600\n")]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--run-now"]);
    lab.wait_for_file("began");
    lab.write("menace.toml", "interval = 1800\n");
    service.signal(Signal::SIGHUP);
    service.wait("reload-later");
    let spec = || lab.rows("SELECT spec FROM schedule_state");
    assert_eq!(spec(), ["every 3600 s"]);
    lab.write("go", "");
    service.wait("cycle-finished");
    service.wait("reloaded");
    assert_eq!(spec(), ["every 1800 s"]);
    service.stop();
    assert_eq!(lab.rows("SELECT missed FROM cycle_summary"), ["0"]);
}

#[test]
fn sigusr1_says_what_is_running() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let mut service = Service::start(&lab, &["--interval", "3600", "--run-now"]);
    lab.wait_for_file("began");
    // The log tells only of stored events, and so comes a little later than the test.
    let mut asked = || {
        service.signal(Signal::SIGUSR1);
        service.wait("running")["message"].to_string()
    };
    wait_until("the running test in the log", &mut asked, |said| {
        said.contains("test_a.py::test_held")
    });
    lab.write("go", "");
    service.wait("cycle-finished");
    service.signal(Signal::SIGUSR1);
    service.wait("idle");
    service.stop();
}

#[test]
fn options_of_a_run_are_options_of_a_schedule() {
    let Some(lab) = lab(&[
        ("test_a.py", PASSING),
        ("test_b.py", "def test_b(): assert 0\n"),
    ]) else {
        return;
    };
    let args = [
        "--interval",
        "3600",
        "--run-now",
        "--junit",
        "junit.xml",
        "test_a.py",
        "--",
        "-k",
        "one",
    ];
    let mut service = Service::start(&lab, &args);
    assert_eq!(service.wait("cycle-finished")["outcome"], "passed");
    service.stop();
    assert_eq!(lab.table(), "test_a.py::test_one passed\n");
    let junit = std::fs::read_to_string(lab.path().join("junit.xml")).unwrap();
    assert!(junit.contains("test_one"), "{junit}");
}
