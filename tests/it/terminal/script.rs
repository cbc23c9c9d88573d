//! Scripted runs: events as the run loop sends them, and a terminal that keeps what it prints.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use menace_agent::cli::terminal::{Terminal, TerminalOptions};
use menace_agent::model::summary::FailedTest;
use menace_agent::model::{
    AttemptRecord, Counts, Event, FileRecord, Level, Notice, Outcome, RunId, RunOutcome, RunRecord,
    RunSummary, Section,
};

use crate::sample;

/// The texts that were printed on the two streams.
pub(super) struct Printed {
    pub(super) report: String,
    pub(super) talk: String,
}

/// A stream that keeps the bytes written to it.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(super) fn text(&self) -> String {
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
    AttemptRecord {
        line: Some(1),
        started_ms: Some(0),
        duration_s: Some(0.02),
        call_s: Some(0.02),
        worker: Some("main".to_owned()),
        ..sample::attempt(nodeid, outcome)
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
        last: AttemptRecord {
            message: (!message.is_empty()).then(|| message.to_owned()),
            ..sample::attempt(nodeid, outcome)
        },
        attempts: 1,
    }
}

/// Run 12, which took 12.34 s.
pub(super) fn summary(outcome: RunOutcome, counts: Counts) -> RunSummary {
    sample::summary(RunRecord {
        counts,
        ..sample::ended(12, outcome, 12_340)
    })
}

pub(super) fn run_finished(summary: RunSummary) -> Event {
    Event::RunFinished(Box::new(summary))
}
