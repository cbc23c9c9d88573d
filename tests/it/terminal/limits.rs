//! Properties that hold for any text and any sequence of events.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use menace_agent::cli::terminal::{Terminal, TerminalOptions, Verbosity};
use menace_agent::clock::Mono;
use menace_agent::model::{Counts, Event, Outcome, RunOutcome, ShardIndex};
use proptest::prelude::*;

use super::script::{
    Kept, attempt, failed_test, finished, print, run_finished, run_started, section, summary,
};

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop::sample::select(Outcome::ALL.to_vec())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~\\n\\t\\x1b日\u{301}\u{fe0f}]{0,300}",
        "(E   |>   |    |t.py:[0-9]: |_ _ _ _ _ _ |  File \"x\", line 1, in f)?[a-z ]{0,100}\\n{0,2}",
    ]
}

prop_compose! {
    fn any_attempt()(
        nodeid in any_text(),
        outcome in any_outcome(),
        attempt_number in 1u32..4,
        flaky in any::<bool>(),
        message in prop::option::of(any_text()),
        longrepr in prop::option::of(prop::collection::vec(any_text(), 0..20)),
        output in any_text(),
        duration_s in prop::option::of(any::<f64>()),
    ) -> Event {
        let mut record = attempt(&nodeid, outcome);
        record.attempt = attempt_number;
        record.flaky = flaky;
        record.message = message;
        record.longrepr = longrepr.map(|lines| lines.join("\n"));
        record.sections = vec![section("Captured stdout call", &output)];
        record.duration_s = duration_s;
        finished(record)
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any_attempt(),
        1 => (0u32..5, any_text()).prop_map(|(shard, nodeid)| Event::TestStarted {
            shard: ShardIndex(shard),
            nodeid,
            attempt: 1,
            worker: "gw0".to_owned(),
        }),
        1 => (0u32..5, any::<u32>()).prop_map(|(shard, tests)| Event::Collected {
            shard: ShardIndex(shard),
            tests: u64::from(tests),
            deselected: 0,
            expected_s: Some(1.0),
        }),
        1 => (any_text(), any_text()).prop_map(|(status, stderr_tail)| Event::ProcessDied {
            shard: ShardIndex(0),
            status,
            nodeid: None,
            stderr_tail,
        }),
    ]
}

proptest! {
    #[test]
    fn no_event_makes_the_terminal_panic_or_pass_on_an_escape(
        events in prop::collection::vec(any_event(), 0..12),
        verbose in any::<bool>(),
        failing in any_text(),
        message in any_text(),
    ) {
        let mut events = events;
        events.insert(0, run_started());
        let mut end = summary(RunOutcome::Failed, Counts { failed: 1, ..Counts::default() });
        end.failures = vec![failed_test(&failing, Outcome::Failed, &message)];
        events.push(run_finished(end));
        let verbosity = if verbose { Verbosity::Verbose } else { Verbosity::Normal };
        let printed = print(TerminalOptions { verbosity, ..TerminalOptions::default() }, &events);
        for text in [printed.report, printed.talk] {
            prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        }
    }

    #[test]
    fn lines_of_a_failure_are_neither_cut_nor_folded(
        line in "[>E]   [!-~]{1,400}",
        output in "[!-~]{1,400}",
    ) {
        let mut record = attempt("t.py::t", Outcome::Failed);
        record.longrepr = Some(line.clone());
        record.sections = vec![section("Captured stdout call", &output)];
        let printed = print(TerminalOptions::default(), &[finished(record)]);
        let shown: Vec<&str> = printed.report.lines().map(str::trim_start).collect();
        prop_assert!(shown.contains(&&*line), "{line}");
        prop_assert!(shown.contains(&&*output), "{output}");
    }
}

/// A stream whose reader left after some bytes; counts how often it was written to.
#[derive(Clone, Default)]
struct Left {
    room: usize,
    writes: Arc<AtomicUsize>,
}

impl io::Write for Left {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        if taken == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_hung_up_is_written_to_once_more_and_nobody_is_warned() {
    let (report, talk) = (
        Left {
            room: 10,
            ..Left::default()
        },
        Kept::default(),
    );
    let writes = Arc::clone(&report.writes);
    let options = TerminalOptions::default();
    let mut terminal = Terminal::to_writers(options, Box::new(report), Box::new(talk.clone()));
    for number in 0..3 {
        terminal.tick(Mono(number * 100));
        terminal.handle(&finished(attempt("t.py::t", Outcome::Failed)));
    }
    terminal.handle(&run_finished(summary(
        RunOutcome::Failed,
        Counts::default(),
    )));
    assert_eq!(
        writes.load(Ordering::Relaxed),
        2,
        "ten bytes, and the failure"
    );
    assert_eq!(talk.text(), "");
}

#[test]
fn the_terminal_can_move_to_another_thread() {
    fn is_send<T: Send>(_: &T) -> bool {
        true
    }
    let (report, talk) = (Kept::default(), Kept::default());
    let options = TerminalOptions::default();
    let terminal = Terminal::to_writers(options, Box::new(report), Box::new(talk));
    assert!(is_send(&terminal));
}
