//! Scripted runs: events as the run loop sends them, and a terminal that keeps what it prints.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use menace_agent::cli::terminal::{Terminal, TerminalOptions};
use menace_agent::model::record::{Level, Section};
use menace_agent::model::summary::FailedTest;
use menace_agent::model::{
    AttemptRecord, Counts, Event, FileRecord, Notice, Outcome, RunId, RunOutcome, RunSummary,
    ShardIndex,
};

/// What was printed on the two streams.
pub(super) struct Printed {
    pub(super) report: String,
    pub(super) talk: String,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints `events` as run 12.
pub(super) fn print(options: TerminalOptions, events: &[Event]) -> Printed {
    let (report, talk) = (Kept::default(), Kept::default());
    let mut terminal =
        Terminal::to_writers(options, Box::new(report.clone()), Box::new(talk.clone()));
    terminal.set_run(RunId(12));
    for event in events {
        terminal.handle(event);
    }
    Printed {
        report: report.text(),
        talk: talk.text(),
    }
}

/// Prints `events` without colours, and gives the report.
pub(super) fn report(events: &[Event]) -> String {
    print(TerminalOptions::default(), events).report
}

pub(super) fn run_started() -> Event {
    Event::RunStarted {
        uuid: "0190".to_owned(),
        project: "/p".to_owned(),
        shards: vec![String::new()],
        workers: 1,
        started_ms: 0,
        expected_tests: None,
        expected_s: None,
    }
}

pub(super) fn attempt(nodeid: &str, outcome: Outcome) -> AttemptRecord {
    let file = nodeid.split("::").next().unwrap_or_default();
    AttemptRecord {
        shard: ShardIndex(0),
        root: String::new(),
        nodeid: nodeid.to_owned(),
        file: file.to_owned(),
        line: Some(1),
        attempt: 1,
        outcome,
        flaky: false,
        started_ms: Some(0),
        duration_s: Some(0.02),
        setup_s: None,
        call_s: Some(0.02),
        teardown_s: None,
        worker: Some("main".to_owned()),
        peak_rss_bytes: None,
        cpu_s: None,
        message: None,
        longrepr: None,
        sections: Vec::new(),
    }
}

pub(super) fn finished(record: AttemptRecord) -> Event {
    Event::TestFinished(Box::new(record))
}

pub(super) fn section(title: &str, text: &str) -> Section {
    Section {
        title: title.to_owned(),
        text: text.to_owned(),
    }
}

pub(super) fn file(name: &str, counts: Counts) -> Event {
    Event::FileFinished(FileRecord {
        file: name.to_owned(),
        duration_s: 0.314,
        counts,
    })
}

pub(super) fn notice(level: Level, message: &str, hint: Option<&str>) -> Notice {
    Notice {
        level,
        code: "code".to_owned(),
        message: message.to_owned(),
        hint: hint.map(str::to_owned),
    }
}

pub(super) fn failed_test(nodeid: &str, outcome: Outcome, message: &str) -> FailedTest {
    FailedTest {
        nodeid: nodeid.to_owned(),
        file: "tests/test_a.py".to_owned(),
        outcome,
        attempts: 1,
        message: (!message.is_empty()).then(|| message.to_owned()),
    }
}

pub(super) fn summary(outcome: RunOutcome, counts: Counts) -> RunSummary {
    RunSummary {
        v: 1,
        run_id: RunId(12),
        uuid: "0190".to_owned(),
        trigger: "manual".to_owned(),
        project: "/p".to_owned(),
        paths: vec![String::new()],
        started_at: "2026-11-24T03:00:00Z".to_owned(),
        finished_at: "2026-11-24T03:00:12Z".to_owned(),
        runtime: 12.34,
        outcome,
        exit_code: 0,
        executor: "host".to_owned(),
        workers: 1,
        python: Some("3.11.7".to_owned()),
        pytest: Some("8.4.1".to_owned()),
        total: counts.total(),
        counts,
        coverage: None,
        git_commit: None,
        git_dirty: None,
        failures: Vec::new(),
        slowest: Vec::new(),
        orphan_total: None,
        orphan_passed: None,
        orphan_failed: None,
        orphan_failures: Vec::new(),
        integration: None,
        comparison: None,
        flaky_tests: Vec::new(),
        notices: Vec::new(),
        warnings: 0,
    }
}

pub(super) fn run_finished(summary: RunSummary) -> Event {
    Event::RunFinished(Box::new(summary))
}
