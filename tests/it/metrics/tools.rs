//! The real Prometheus and its promtool: Debian's package `prometheus`.

use std::fmt::Write as _;
use std::fs;
use std::io::{Seek, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::exporter::client::{ask, body, free_port, try_ask};
use crate::wait::wait_for;

/// True if `program` is there; says `SKIPPED` if not, and fails if nothing may be skipped.
pub(crate) fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    let Err(error) = found else { return true };
    let reason = format!("{program}: {error}; Debian's package `prometheus` has it");
    let required = std::env::var("AGENT_REQUIRE_ENGINES").is_ok_and(|value| value == "1");
    assert!(!required, "{reason}");
    println!("SKIPPED: {reason}");
    false
}

pub(crate) fn promtool(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("promtool");
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

/// The output of `promtool check metrics` for a text.
pub(crate) fn check_metrics(text: &str) -> Output {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.rewind().unwrap();
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(file);
    command.output().unwrap()
}

/// Both streams of a command that ended.
pub(crate) fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

/// A Prometheus on loopback that scrapes one address every second.
pub(crate) struct Prometheus {
    child: Child,
    addr: SocketAddr,
    folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `target` and evaluates `rules`.
    pub(crate) fn start(target: SocketAddr, rules: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs: [{{job_name: agent, static_configs: [{{targets: ['{target}']}}]}}]\n",
            rules.display()
        );
        let config_file = folder.path().join("prometheus.yml");
        fs::write(&config_file, config).unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config_file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={addr}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let prometheus = Self {
            child,
            addr,
            folder,
        };
        wait_for("Prometheus", || {
            let request = "GET /-/ready HTTP/1.0\r\n\r\n";
            match try_ask(addr, request.as_bytes()) {
                Ok(answer) if answer.contains(" 200 ") => Ok(()),
                Ok(answer) => Err(answer),
                Err(error) => Err(format!("{error}\n{}", prometheus.log())),
            }
        });
        prometheus
    }

    /// An answer of its API. Version 1.0 of HTTP, so that it comes in one piece.
    pub(crate) fn api(&self, path: &str) -> Value {
        let request = format!("GET /api/v1/{path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.addr);
        let answer = ask(self.addr, &request).replacen("HTTP/1.0", "HTTP/1.1", 1);
        serde_json::from_str(body(&answer)).unwrap()
    }

    /// The results of a query as `label value`, by the label `shown`.
    pub(crate) fn query(&self, query: &str, shown: &str) -> Vec<String> {
        let answer = self.api(&format!("query?query={}", encoded(query)));
        let results = answer["data"]["result"].as_array().unwrap().iter();
        let mut results: Vec<String> = results
            .map(|result| {
                let label = result["metric"][shown].as_str().unwrap_or_default();
                format!("{label} {}", result["value"][1].as_str().unwrap())
            })
            .collect();
        results.sort();
        results
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

fn encoded(query: &str) -> String {
    let mut text = String::new();
    for byte in query.bytes() {
        let _ = write!(text, "%{byte:02X}");
    }
    text
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Its data is worthless: it need not end in peace.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
