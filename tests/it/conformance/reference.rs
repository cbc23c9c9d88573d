//! The results of a suite under plain pytest: pytest-reportlog's phase reports, judged by rules of
//! this file's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Variant;
use super::packages::{Ready, command};

/// The verdicts of plain pytest.
#[derive(Debug)]
pub(super) struct Reference {
    /// The exit status of pytest.
    pub(super) status: i32,
    /// By node id; a file that was skipped, or could not be collected, goes by its own.
    pub(super) outcomes: BTreeMap<String, String>,
    /// By file.
    pub(super) coverage: Option<BTreeMap<String, Figures>>,
}

/// The figures of a source file; without branches, 0 stands for theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) statements: u32,
    pub(super) covered: u32,
    pub(super) branches: u32,
    pub(super) covered_branches: u32,
}

pub(super) fn run(ready: &Ready, args: &[&str], variant: Variant, out: &Path) -> Reference {
    let log = out.join("reference.jsonl");
    let report = out.join("coverage.json");
    let mut pytest = command(ready, &ready.python.with_file_name("pytest"), out);
    // As one word: of two, pytest would take the second for a path when it looks for its rootdir.
    pytest
        .args(args)
        .arg(format!("--report-log={}", log.display()));
    if let Some(workers) = variant.xdist() {
        pytest.args(["-n", &workers.to_string()]);
    }
    if let Some(option) = variant.coverage() {
        let json = format!("--cov-report=json:{}", report.display());
        pytest.args([option, json.as_str()]);
    }
    let output = pytest.output().expect("pytest starts");
    let status = output.status.code().expect("no signal ended pytest");
    let text = fs::read_to_string(&log).unwrap_or_else(|error| {
        let said = String::from_utf8_lossy(&output.stdout);
        panic!("pytest wrote no report: {error}\n{said}")
    });
    let mut outcomes = outcomes(&text);
    if status == 2 {
        for nodeid in collected(ready, args, out) {
            outcomes.entry(nodeid).or_insert("not_run".to_owned());
        }
    }
    Reference {
        status,
        outcomes,
        coverage: variant.coverage().map(|_| coverage(&report)),
    }
}

/// The verdict over all phases of each test. A test that is collected twice under one name starts
/// again with its second setup.
fn outcomes(log: &str) -> BTreeMap<String, String> {
    let mut outcomes = BTreeMap::new();
    let mut phases: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut setups: BTreeMap<String, usize> = BTreeMap::new();
    for line in log.lines() {
        let report = parse(line);
        let text = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
        let nodeid = text("nodeid");
        // pytest's own subtests go by another key than its other reports.
        let kind = Some(text("$report_type")).filter(|kind| !kind.is_empty());
        match kind.unwrap_or_else(|| text("_report_type")).as_str() {
            "CollectReport" => match text("outcome").as_str() {
                "failed" => drop(outcomes.insert(nodeid, "error".to_owned())),
                "skipped" => drop(outcomes.insert(nodeid, "skipped".to_owned())),
                _ => {}
            },
            "TestReport" | "SubTestReport" | "SubtestReport" => {
                let count = setups.entry(nodeid.clone()).or_default();
                *count += usize::from(text("when") == "setup");
                let name = match *count {
                    0 | 1 => nodeid,
                    count => format!("{nodeid}#{count}"),
                };
                phases.entry(name).or_default().push(report);
            }
            "SessionStart" | "SessionFinish" | "WarningMessage" => {}
            other => panic!("a report of an unknown type: {other}"),
        }
    }
    let judged = phases
        .into_iter()
        .map(|(nodeid, reports)| (nodeid, verdict(&reports).to_owned()));
    outcomes.extend(judged);
    outcomes
}

/// Python writes numbers that JSON does not have, such as the arguments of subtests.
fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| {
        let plain = ["-Infinity", "Infinity", "NaN"]
            .iter()
            .fold(line.to_owned(), |line, number| line.replace(number, "null"));
        serde_json::from_str(&plain).expect("a line of the report log")
    })
}

/// A failure of the test weighs more than one of its surroundings, and both more than anything
/// else. Subtests only matter if they fail.
fn verdict(reports: &[Value]) -> &'static str {
    let is = |report: &Value, key: &str, value: &str| report[key].as_str() == Some(value);
    let any = |matches: &dyn Fn(&Value) -> bool| reports.iter().any(matches);
    let own = |report: &Value| is(report, "$report_type", "TestReport");
    let expected = |report: &Value| report.get("wasxfail").is_some();
    let failed = |report: &Value| is(report, "outcome", "failed");
    if any(&|report| failed(report) && is(report, "when", "call")) {
        "failed"
    } else if any(&failed) {
        "error"
    } else if any(&|report| own(report) && expected(report) && is(report, "outcome", "skipped")) {
        "xfailed"
    } else if any(&|report| own(report) && expected(report)) {
        "xpassed"
    } else if any(&|report| own(report) && is(report, "outcome", "skipped")) {
        "skipped"
    } else {
        "passed"
    }
}

/// The tests that pytest found before it gave up because of a file that it could not collect.
fn collected(ready: &Ready, args: &[&str], out: &Path) -> Vec<String> {
    let mut pytest = command(ready, &ready.python.with_file_name("pytest"), out);
    pytest.args(args).args(["--collect-only", "--quiet"]);
    let output = pytest.output().expect("pytest starts");
    let text = String::from_utf8(output.stdout).expect("the list of tests is UTF-8");
    text.lines()
        .take_while(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

fn coverage(report: &Path) -> BTreeMap<String, Figures> {
    let text = fs::read_to_string(report).expect("pytest-cov wrote its report");
    let report: Value = serde_json::from_str(&text).expect("the report is JSON");
    let files = report["files"].as_object().expect("the files");
    files
        .iter()
        .map(|(file, entry)| {
            let count = |key: &str| {
                let value = entry["summary"][key].as_u64()?;
                Some(u32::try_from(value).expect("a file of this size"))
            };
            let figures = Figures {
                statements: count("num_statements").expect("a number"),
                covered: count("covered_lines").expect("a number"),
                branches: count("num_branches").unwrap_or(0),
                covered_branches: count("covered_branches").unwrap_or(0),
            };
            (file.clone(), figures)
        })
        .collect()
}
