//! `--junit FILE`: the run as JUnit XML, a suite a file, names as pytest's own reporter gives them.
//!
//! Attempts are collected as they happen; the file is written when the run is finished, to a
//! temporary name first, so that a reader finds the old report or the new one and never half of it.
//!
//! **Invariant:** a report without failures and errors means a run that passed. Lost tests are
//! errors, and a run that ended badly without a bad test gets an error of its own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quick_junit::{
    NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestRerun, TestSuite,
};

use super::events::make_parent;
use crate::clock::rfc3339;
use crate::model::{
    AttemptRecord, Event, FailedTest, Outcome, RunOutcome, RunSummary, ShardIndex, TestKey,
};

/// The reason why the report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum JunitError {
    /// The report cannot be put into XML.
    #[error("cannot make the JUnit XML for `{}`", path.display())]
    Serialize {
        path: PathBuf,
        source: SerializeError,
    },
    /// The file, or the temporary one beside it, cannot be written.
    #[error("cannot write JUnit XML to `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The sink that writes the report.
#[derive(Debug)]
pub struct JunitSink {
    path: PathBuf,
    tests: Vec<Vec<AttemptRecord>>,
    positions: HashMap<(ShardIndex, TestKey), usize>,
}

impl JunitSink {
    /// Will write to `path`, whose folder is made if it is not there.
    pub fn new(path: &Path) -> Result<Self, JunitError> {
        let path = path.to_owned();
        if let Err(source) = make_parent(&path) {
            return Err(JunitError::Write { path, source });
        }
        Ok(Self {
            path,
            tests: Vec::new(),
            positions: HashMap::new(),
        })
    }

    /// Takes in an attempt; writes the file when the run is finished.
    pub fn handle(&mut self, event: &Event) -> Result<(), JunitError> {
        match event {
            Event::TestFinished(record) => {
                self.add(record);
                Ok(())
            }
            Event::RunFinished(summary) => self.write(summary),
            _ => Ok(()),
        }
    }

    fn add(&mut self, record: &AttemptRecord) {
        let key = TestKey {
            root: record.root.clone(),
            nodeid: record.nodeid.clone(),
        };
        let next = self.tests.len();
        let position = *self.positions.entry((record.shard, key)).or_insert(next);
        if position == next {
            self.tests.push(Vec::new());
        }
        if let Some(attempts) = self.tests.get_mut(position) {
            // A verdict may be replaced: attempts are told apart by their number.
            attempts.retain(|attempt| attempt.attempt != record.attempt);
            attempts.push(record.clone());
            attempts.sort_by_key(|attempt| attempt.attempt);
        }
    }

    fn write(&self, summary: &RunSummary) -> Result<(), JunitError> {
        let report = self.report(summary);
        let xml = report.to_string().map_err(|source| JunitError::Serialize {
            path: self.path.clone(),
            source,
        })?;
        write_whole(&self.path, &xml).map_err(|source| JunitError::Write {
            path: self.path.clone(),
            source,
        })
    }

    fn report(&self, summary: &RunSummary) -> Report {
        let mut report = Report::new("agent");
        report.timestamp = rfc3339(summary.run.facts.started_ms).parse().ok();
        report.set_time(to_duration(summary.runtime));
        let mut files: BTreeMap<&str, Vec<TestCase>> = BTreeMap::new();
        for attempts in &self.tests {
            if let Some((last, earlier)) = attempts.split_last() {
                let cases = files.entry(&last.file).or_default();
                cases.push(test_case(last, earlier));
            }
        }
        for lost in self.unreported(summary) {
            let cases = files.entry(&lost.last.file).or_default();
            cases.push(lost_case(lost));
        }
        for (file, cases) in files {
            let mut suite = TestSuite::new(clean(file));
            suite.set_time(cases.iter().filter_map(|case| case.time).sum());
            suite.add_test_cases(cases);
            report.add_test_suite(suite);
        }
        let seen = u64::try_from(report.tests).unwrap_or(u64::MAX);
        let missing = summary.total.saturating_sub(seen);
        let unexplained =
            summary.outcome() != RunOutcome::Passed && report.failures + report.errors == 0;
        if missing > 0 || unexplained {
            report.add_test_suite(run_suite(summary, missing));
        }
        report
    }

    /// Failures of the summary that no event told of.
    fn unreported<'a>(&self, summary: &'a RunSummary) -> Vec<&'a FailedTest> {
        let known: HashSet<TestKey> = self
            .tests
            .iter()
            .flatten()
            .map(AttemptRecord::key)
            .collect();
        summary
            .failures
            .iter()
            .filter(|test| !known.contains(&test.last.key()))
            .collect()
    }
}

fn test_case(last: &AttemptRecord, earlier: &[AttemptRecord]) -> TestCase {
    let mut status = status(last.outcome, last.message.as_deref());
    if let Some(report) = &last.longrepr {
        status.set_description(clean(report));
    }
    status.add_reruns(earlier.iter().filter_map(rerun));
    let mut case = named_case(&last.nodeid, status);
    if let Some(duration_s) = last.duration_s {
        case.set_time(to_duration(duration_s));
    }
    let (out, err) = streams(last);
    if !out.is_empty() {
        case.set_system_out(clean(&out));
    }
    if !err.is_empty() {
        case.set_system_err(clean(&err));
    }
    case
}

fn lost_case(test: &FailedTest) -> TestCase {
    let last = &test.last;
    named_case(&last.nodeid, status(last.outcome, last.message.as_deref()))
}

fn named_case(nodeid: &str, status: TestCaseStatus) -> TestCase {
    let (classname, name) = names(nodeid);
    let mut case = TestCase::new(clean(&name), status);
    case.set_classname(clean(&classname));
    case
}

fn status(outcome: Outcome, message: Option<&str>) -> TestCaseStatus {
    let (mut status, kind) = match outcome {
        Outcome::Passed | Outcome::Xpassed => return TestCaseStatus::success(),
        Outcome::Skipped => (TestCaseStatus::skipped(), "pytest.skip"),
        Outcome::Xfailed => (TestCaseStatus::skipped(), "pytest.xfail"),
        bad => (TestCaseStatus::non_success(kind(bad)), bad.as_str()),
    };
    status.set_type(kind);
    if let Some(message) = message {
        status.set_message(clean(message));
    }
    status
}

fn rerun(attempt: &AttemptRecord) -> Option<TestRerun> {
    if attempt.outcome.is_success() {
        return None;
    }
    let mut rerun = TestRerun::new(kind(attempt.outcome));
    rerun.set_type(attempt.outcome.as_str());
    if let Some(message) = &attempt.message {
        rerun.set_message(clean(message));
    }
    if let Some(report) = &attempt.longrepr {
        rerun.set_stack_trace(clean(report));
    }
    if let Some(duration_s) = attempt.duration_s {
        rerun.set_time(to_duration(duration_s));
    }
    let (out, err) = streams(attempt);
    if !out.is_empty() {
        rerun.set_system_out(clean(&out));
    }
    if !err.is_empty() {
        rerun.set_system_err(clean(&err));
    }
    Some(rerun)
}

fn kind(outcome: Outcome) -> NonSuccessKind {
    if outcome == Outcome::Failed {
        NonSuccessKind::Failure
    } else {
        NonSuccessKind::Error
    }
}

/// The error of a run that lost `missing` tests or ended badly without any bad test.
fn run_suite(summary: &RunSummary, missing: u64) -> TestSuite {
    let message = if missing > 0 {
        format!("{missing} of {} tests did not report", summary.total)
    } else {
        format!("the run ended as {}", summary.outcome())
    };
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type(summary.outcome().as_str());
    status.set_message(message);
    let mut suite = TestSuite::new("agent");
    suite.add_test_case(TestCase::new(format!("run {}", summary.run.run_id), status));
    suite
}

/// pytest's `classname` and `name`: the dotted path of file and classes, and the name with its
/// parameters, which may contain anything and are therefore left alone.
fn names(nodeid: &str) -> (String, String) {
    let (address, parameters) = match nodeid.find('[') {
        Some(bracket) => nodeid.split_at(bracket),
        None => (nodeid, ""),
    };
    let mut names: Vec<String> = address.split("::").map(str::to_owned).collect();
    if let Some(file) = names.first_mut() {
        let dotted = file.replace('/', ".");
        dotted
            .strip_suffix(".py")
            .unwrap_or(&dotted)
            .clone_into(file);
    }
    let name = names.pop().unwrap_or_default();
    (names.join("."), name + parameters)
}

/// Captured output, by stream; a section of neither goes with stdout.
fn streams(record: &AttemptRecord) -> (String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    for section in &record.sections {
        let stream = if section.title.contains("stderr") {
            &mut err
        } else {
            &mut out
        };
        let title = format!("--- {} ---\n", section.title);
        stream.push_str(&title);
        stream.push_str(&section.text);
        stream.push('\n');
    }
    (out, err)
}

/// `text` with what XML 1.0 cannot hold spelled out, as pytest does: `#x1B`.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        let invalid = matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f'
            | '\x7f'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
        if invalid {
            let code = format!("#x{:02X}", u32::from(c));
            clean.push_str(&code);
        } else {
            clean.push(c);
        }
    }
    clean
}

fn to_duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Writes beside `path` and renames, so that `path` is always whole. Devices and pipes are written
/// to: a rename would replace them.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::write(path, text);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to report; a file that was never made cannot be removed.
        let _ = fs::remove_file(&temporary);
    }
    written
}
