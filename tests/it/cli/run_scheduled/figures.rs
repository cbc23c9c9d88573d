//! The figures of a service: there from the first scrape, and never going backwards.

use std::net::{SocketAddr, TcpListener};

use super::{HELD, PASSING, Service, lab};
use crate::exporter::client::{free_port, scrape};
use crate::metrics::tools::{check_metrics, is_there, said};
use crate::wait::wait_until;

fn on_loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The value of a sample.
fn value(text: &str, sample: &str) -> String {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("there is no {sample} in\n{text}"))
        .to_owned()
}

#[test]
fn counters_are_there_at_once_and_go_on_after_a_restart() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let port = free_port();
    let args = ["--interval", "3600", "--metrics-port", &port.to_string()];
    let with_cycle = [&args[..], &["--run-now"]].concat();
    let addr = on_loopback(port);
    let passed = "menace_agent_cycles_total{outcome=\"passed\"}";

    let mut service = Service::start(&lab, &with_cycle);
    lab.wait_for_file("began");
    let during = scrape(addr);
    assert_eq!(value(&during, passed), "0");
    assert_eq!(value(&during, "menace_agent_cycle_in_progress"), "1");
    assert_eq!(value(&during, "menace_agent_cycle_failures"), "0");
    assert_eq!(
        value(&during, "menace_agent_lease_held{name=\"schedule\"}"),
        "1"
    );
    assert_eq!(
        value(&during, "menace_agent_schedule_period_seconds"),
        "3600"
    );
    lab.write("go", "");
    service.wait("cycle-finished");
    service.stop();

    let mut service = Service::start(&lab, &args);
    service.wait("service-started");
    let first = scrape(addr);
    assert_eq!(value(&first, passed), "1");
    assert_eq!(
        value(&first, "menace_agent_runs_total{outcome=\"passed\"}"),
        "1"
    );
    assert_eq!(
        value(&first, "menace_agent_tests_total{outcome=\"passed\"}"),
        "2"
    );
    assert_eq!(value(&first, "self_test_passed_total"), "2");
    if is_there("promtool") {
        let complaints = said(&check_metrics(&first));
        let ours = complaints
            .lines()
            .filter(|line| line.contains("menace_agent_"));
        assert_eq!(ours.count(), 0, "{complaints}");
    }
    service.stop();
}

#[test]
fn a_port_that_is_taken_is_an_error_at_the_start() {
    let Some(lab) = lab(&[("test_a.py", PASSING)]) else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let port = addr.rsplit(':').next().unwrap().to_owned();
    let answer = lab
        .agent(&["run-scheduled", "--metrics-port", &port])
        .expect(3);
    assert!(answer.stderr.contains(&addr), "{answer}");
    assert!(answer.stderr.contains("hint: "), "{answer}");
    let held = lab.rows("SELECT name FROM lease_state WHERE holder IS NOT NULL");
    assert_eq!(held, [""; 0], "nothing is kept by who could not start");
}

#[test]
fn the_text_file_follows_the_cycles() {
    let Some(lab) = lab(&[("test_a.py", HELD)]) else {
        return;
    };
    let path = lab.path().join("agent.prom");
    let file = path.to_str().unwrap();
    let args = [
        "--interval",
        "3600",
        "--run-now",
        "--metrics-textfile",
        file,
    ];
    let mut service = Service::start(&lab, &args);
    let progress = || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix("menace_agent_cycle_in_progress "))
            .map(str::to_owned)
    };
    let is = |wanted| move |seen: &Option<String>| seen.as_deref() == Some(wanted);
    wait_until("the begin in the file", progress, is("1"));
    let is_held = || {
        let text = std::fs::read_to_string(&path).unwrap();
        text.contains("menace_agent_lease_held{name=\"schedule\"} 1\n")
    };
    assert!(is_held());
    lab.write("go", "");
    service.wait("cycle-finished");
    wait_until("the end in the file", progress, is("0"));
    service.stop();
    assert!(!is_held());
    // A folder that is not there is said, and ends nothing.
    let missing = lab.path().join("no/agent.prom");
    let args = [
        "--interval",
        "3600",
        "--metrics-textfile",
        missing.to_str().unwrap(),
    ];
    let mut service = Service::start(&lab, &args);
    let notice = service.wait("metrics-textfile");
    assert!(
        notice["message"]
            .as_str()
            .unwrap()
            .contains("no/agent.prom"),
        "{notice}"
    );
    service.stop();
}

#[test]
fn the_exporter_moves_with_the_settings() {
    let (port, other) = (free_port(), free_port());
    let settings = |rest: String| format!("interval = 3600\n{rest}");
    let first = settings(format!("metrics-port = {port}\n"));
    let Some(lab) = lab(&[("test_a.py", PASSING), ("menace.toml", &first)]) else {
        return;
    };
    let mut service = Service::start(&lab, &[]);
    service.wait("service-started");
    let shown = || lab.rows("SELECT listen FROM schedule_state")[0].clone();
    let mut reload = |text: String, event: &str| {
        lab.write("menace.toml", &text);
        // Addresses that others reach ask for it.
        lab.agent(&["trust"]).expect(0);
        service.signal(nix::sys::signal::Signal::SIGHUP);
        service.wait(event);
    };
    // The same port on every address, which the old listener would be in the way of.
    let all = format!("metrics-port = {port}\nmetrics-addr = \"0.0.0.0\"\n");
    reload(settings(all), "reloaded");
    assert_eq!(shown(), format!("0.0.0.0:{port}"));
    scrape(on_loopback(port));
    // A port that is taken leaves everything as it was.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap().port();
    reload(settings(format!("metrics-port = {busy}\n")), "not-reloaded");
    assert_eq!(shown(), format!("0.0.0.0:{port}"));
    scrape(on_loopback(port));
    reload(settings(format!("metrics-port = {other}\n")), "reloaded");
    assert_eq!(shown(), format!("127.0.0.1:{other}"));
    scrape(on_loopback(other));
    service.stop();
}
