//! Figures of `agent run`: while it runs over HTTP, at its end as a file.

use std::fs;
use std::net::{SocketAddr, TcpListener};

use crate::exporter::client::{free_port, scrape, try_ask};
use crate::lab::{Going, Lab, lab};
use crate::metrics::monitoring;
use crate::metrics::tools::{Prometheus, is_there};
use crate::wait::wait_for;

/// A test that goes on until the file `go` is there.
const WAITS: &str = "import os, time\n\
    def test_waits():\n\
    \x20   while not os.path.exists('go'): time.sleep(.01)\n";

const PASSES: &str = "def test_one(): pass\n";

fn project() -> Option<Lab> {
    lab(&[
        ("tests/unit/test_waits.py", WAITS),
        ("tests/test_one.py", PASSES),
    ])
}

fn on_loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Scrapes until the answer holds `part`.
fn scrape_until(addr: SocketAddr, part: &str) {
    wait_for(part, || {
        let answer = try_ask(addr, crate::exporter::client::SCRAPE.as_bytes());
        let answer = answer.map_err(|error| error.to_string())?;
        answer.contains(part).then_some(()).ok_or(answer)
    });
}

#[test]
fn figures_are_served_while_a_run_goes_on() {
    let Some(lab) = project() else { return };
    lab.run(&["tests/test_one.py"]).expect(0);
    let port = free_port();
    let args = [
        "run",
        "--workers",
        "4",
        "--metrics-port",
        &port.to_string(),
        "tests/unit",
    ];
    let mut agent = Going::start(&mut lab.command(&args));
    let addr = on_loopback(port);
    // Of the run before; the present one has no end yet.
    scrape_until(addr, "\nmenace_agent_runs_total{outcome=\"passed\"} 1\n");
    let text = scrape(addr);
    assert!(text.contains("\nmenace_agent_state_readable 1\n"), "{text}");
    assert!(text.contains("\nself_test_passed_total 1\n"), "{text}");
    lab.write("go", "");
    agent.end().expect(0);
    assert!(try_ask(addr, b"").is_err(), "it listens after its end");
}

#[test]
fn a_port_that_is_taken_is_a_warning_and_no_more() {
    let Some(lab) = project() else { return };
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let answer = lab.run(&["--metrics-port", &port, "tests/test_one.py"]);
    let answer = answer.expect(0);
    let warning = format!(
        "warning: cannot show figures on 127.0.0.1:{port}: another program listens there\nhint: "
    );
    assert!(answer.stderr.contains(&warning), "{answer}");
    let stored = lab.rows("SELECT level FROM notice WHERE code = 'metrics-port'");
    assert_eq!(stored, ["warning"]);
}

#[test]
fn figures_that_others_can_read_are_a_warning() {
    let Some(lab) = project() else { return };
    let port = free_port();
    let args = ["--metrics-addr", "0.0.0.0", "--metrics-port"];
    let answer = lab.run(&[&args[..], &[&port.to_string(), "tests/test_one.py"]].concat());
    let warning = format!(
        "warning: whoever can reach 0.0.0.0:{port} can read the figures\n\
        hint: with `--metrics-addr 127.0.0.1` only this machine can\n"
    );
    let answer = answer.expect(0);
    assert!(answer.stderr.contains(&warning), "{answer}");
    let args = ["--metrics-port", &port.to_string(), "tests/test_one.py"];
    let answer = lab.run(&args).expect(0);
    assert!(!answer.stderr.contains("warning"), "{answer}");
}

#[test]
fn a_run_leaves_its_figures_in_a_file() {
    let Some(lab) = project() else { return };
    let args = ["--metrics-textfile", "agent.prom", "tests/test_one.py"];
    for runs in 1..=2 {
        lab.run(&args).expect(0);
        let text = fs::read_to_string(lab.path().join("agent.prom")).unwrap();
        let counted = format!("\nmenace_agent_runs_total{{outcome=\"passed\"}} {runs}\n");
        assert!(text.contains(&counted), "{text}");
        assert!(text.contains("\nself_test_passed_total 1\n"), "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_a_warning_and_no_more() {
    let Some(lab) = project() else { return };
    let args = ["--metrics-textfile", "none/agent.prom", "tests/test_one.py"];
    let answer = lab.run(&args).expect(0);
    let warning = format!(
        "warning: cannot write the figures to `{}`: ",
        lab.path().join("none/agent.prom").display()
    );
    assert!(answer.stderr.contains(&warning), "{answer}");
    assert!(!lab.path().join("none").exists());
}

#[test]
fn a_real_prometheus_scrapes_the_agent_and_evaluates_its_rules() {
    if !is_there("prometheus") {
        return;
    }
    let Some(lab) = project() else { return };
    lab.run(&["tests/test_one.py"]).expect(0);
    let port = free_port();
    let args = ["run", "--metrics-port", &port.to_string(), "tests/unit"];
    let mut agent = Going::start(&mut lab.command(&args));
    let rules = monitoring::folder().join("alerts.yml");
    let prometheus = Prometheus::start(on_loopback(port), &rules);
    let runs = wait_for("a scrape", || {
        let found = prometheus.query("menace_agent_runs_total", "outcome");
        (!found.is_empty()).then_some(found).ok_or(prometheus.log())
    });
    assert_eq!(
        runs,
        [
            "empty 0",
            "error 0",
            "failed 0",
            "incomplete 0",
            "interrupted 0",
            "passed 1"
        ]
    );
    assert_eq!(prometheus.query("up", "job"), ["agent 1"]);
    assert_eq!(
        prometheus.query("self_test_passed_total", "job"),
        ["agent 1"]
    );
    for query in monitoring::queries() {
        let found = prometheus.query(&query, "outcome");
        let unknown_here = [
            "next_cycle",
            "last_run_coverage",
            "last_run_outcome",
            "[1d]",
        ];
        let is_unknown = unknown_here.iter().any(|part| query.contains(part));
        assert!(is_unknown || !found.is_empty(), "{query} finds nothing");
    }
    wait_for("the rules", || {
        let rules = prometheus.api("rules");
        let groups = rules["data"]["groups"].as_array().unwrap().iter();
        let health = groups.flat_map(|group| group["rules"].as_array().unwrap());
        let mut health = health.map(|rule| rule["health"] == "ok").peekable();
        let all_ok = health.peek().is_some() && health.all(|is_ok| is_ok);
        all_ok.then_some(()).ok_or(rules.to_string())
    });
    lab.write("go", "");
    agent.end().expect(0);
}
