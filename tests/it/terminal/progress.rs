//! The output while nothing fails: lines a file, lines a test, notices.

use menace_agent::cli::terminal::{ProgressMode, TerminalOptions, Verbosity};
use menace_agent::model::{Counts, Event, Level, Outcome, RunOutcome, ShardIndex};

use super::script::{
    attempt, file, finished, notice, print, run_finished, run_started, section, summary,
};

fn passed(passed: u64) -> Counts {
    Counts {
        passed,
        ..Counts::default()
    }
}

fn small_run() -> Vec<Event> {
    let mut skipped = attempt("tests/test_b.py::test_skip", Outcome::Skipped);
    skipped.message = Some("needs a network".to_owned());
    let mut failed = attempt("tests/test_b.py::test_bad", Outcome::Failed);
    failed.message = Some("assert 1 == 2".to_owned());
    let counts = Counts {
        skipped: 1,
        failed: 1,
        ..Counts::default()
    };
    vec![
        run_started(),
        Event::ShardStarted {
            shard: ShardIndex(0),
            path: String::new(),
            python: "3.11.7".to_owned(),
            pytest: "8.4.1".to_owned(),
            pid: 4711,
        },
        Event::Collected {
            shard: ShardIndex(0),
            tests: 3,
            deselected: 0,
            expected_s: None,
        },
        finished(attempt("tests/test_a.py::test_one", Outcome::Passed)),
        file("tests/test_a.py", passed(1)),
        finished(skipped),
        finished(failed),
        file("tests/test_b.py", counts),
        run_finished(summary(
            RunOutcome::Failed,
            Counts {
                passed: 1,
                ..counts
            },
        )),
    ]
}

#[test]
fn without_a_terminal_there_is_a_line_a_file() {
    let printed = print(TerminalOptions::default(), &small_run());
    insta::assert_snapshot!(printed.report, @"
    PASS tests/test_a.py (1 test, 0.31s)
    FAIL tests/test_b.py::test_bad (0.02s)
        assert 1 == 2
    FAIL tests/test_b.py (1 failed, 1 skipped, 0.31s)
    run 12: 1 failed, 1 passed, 1 skipped in 12.3s
    ");
    assert_eq!(printed.talk, "");
}

#[test]
fn quiet_is_failures_and_the_verdict() {
    let options = TerminalOptions {
        verbosity: Verbosity::Quiet,
        ..TerminalOptions::default()
    };
    let printed = print(options, &small_run());
    insta::assert_snapshot!(printed.report, @"
    FAIL tests/test_b.py::test_bad (0.02s)
        assert 1 == 2
    run 12: 1 failed, 1 passed, 1 skipped in 12.3s
    ");
    assert_eq!(printed.talk, "");
}

#[test]
fn verbose_is_a_line_a_test_and_where_it_runs() {
    let options = TerminalOptions {
        verbosity: Verbosity::Verbose,
        ..TerminalOptions::default()
    };
    let printed = print(options, &small_run());
    insta::assert_snapshot!(printed.report, @"
    PASS tests/test_a.py::test_one (0.02s)
    SKIP tests/test_b.py::test_skip (0.02s)
            needs a network
    FAIL tests/test_b.py::test_bad (0.02s)
        assert 1 == 2
    run 12: 1 failed, 1 passed, 1 skipped in 12.3s
    ");
    insta::assert_snapshot!(printed.talk, @"
    note: tests: Python 3.11.7, pytest 8.4.1, process 4711
    note: collected 3 tests, 0 deselected
    ");
}

#[test]
fn no_progress_is_failures_and_the_summary() {
    let options = TerminalOptions {
        progress: ProgressMode::None,
        ..TerminalOptions::default()
    };
    let printed = print(options, &small_run());
    insta::assert_snapshot!(printed.report, @"
    FAIL tests/test_b.py::test_bad (0.02s)
        assert 1 == 2
    run 12: 1 failed, 1 passed, 1 skipped in 12.3s
    ");
}

#[test]
fn the_line_of_a_file_is_named_after_its_worst_test() {
    let mixed = |outcome: Outcome| {
        let mut counts = passed(3);
        *counts.get_mut(outcome) += 1;
        file("tests/test_a.py", counts)
    };
    let skipped = Counts {
        skipped: 2,
        ..Counts::default()
    };
    let mut events: Vec<Event> = Outcome::ALL.into_iter().map(mixed).collect();
    events.push(file("tests/test_s.py", skipped));
    events.push(file(
        "tests/test_f.py",
        Counts {
            flaky: 1,
            ..passed(2)
        },
    ));
    insta::assert_snapshot!(super::script::report(&events), @"
    PASS tests/test_a.py (4 tests, 0.31s)
    FAIL tests/test_a.py (1 failed, 3 passed, 0.31s)
    ERROR tests/test_a.py (1 error, 3 passed, 0.31s)
    PASS tests/test_a.py (3 passed, 1 skipped, 0.31s)
    PASS tests/test_a.py (3 passed, 1 xfailed, 0.31s)
    PASS tests/test_a.py (3 passed, 1 xpassed, 0.31s)
    CRASH tests/test_a.py (1 crashed, 3 passed, 0.31s)
    TIMEOUT tests/test_a.py (1 timed out, 3 passed, 0.31s)
    LOST tests/test_a.py (1 not run, 3 passed, 0.31s)
    SKIP tests/test_s.py (2 skipped, 0.31s)
    PASS tests/test_f.py (1 flaky, 2 passed, 0.31s)
    ");
}

#[test]
fn notices_are_talk_and_are_said_once() {
    let missing = notice(
        Level::Warning,
        "coverage.py cannot be imported by /p/.venv/bin/python, so that no coverage is measured in this run",
        Some("pip install coverage"),
    );
    let late = notice(Level::Info, "a note that came with the summary", None);
    let mut end = summary(RunOutcome::Passed, passed(1));
    end.notices = vec![missing.clone(), late];
    let printed = print(
        TerminalOptions::default(),
        &[run_started(), Event::Notice(missing), run_finished(end)],
    );
    insta::assert_snapshot!(printed.talk, @"
    warning: coverage.py cannot be imported by /p/.venv/bin/python, so that no
      coverage is measured in this run
    hint: pip install coverage
    note: a note that came with the summary
    ");
    insta::assert_snapshot!(printed.report, @"run 12: 1 passed in 12.3s");
}

#[test]
fn the_last_words_of_a_process_that_died_between_tests_are_shown() {
    let died = |nodeid: Option<&str>| Event::ProcessDied {
        shard: ShardIndex(0),
        status: "killed by SIGKILL".to_owned(),
        nodeid: nodeid.map(str::to_owned),
        stderr_tail: "one\ntwo\nthree\nfour\nfive\n\x1b[31msix\x1b[0m\n".to_owned(),
    };
    let events = [died(None), died(Some("tests/test_a.py::test_kill"))];
    let printed = print(TerminalOptions::default(), &events);
    insta::assert_snapshot!(printed.talk, @"
    warning: a test process ended (killed by SIGKILL) between tests; its last
      words:
        two
        three
        four
        five
        six
    warning: a test process ended (killed by SIGKILL) while it ran
        tests/test_a.py::test_kill
    ");
}

#[test]
fn output_of_the_tests_that_passed_is_not_shown() {
    let mut record = attempt("tests/test_a.py::test_one", Outcome::Passed);
    record.sections = vec![section("Captured stdout call", "hello")];
    assert_eq!(super::script::report(&[finished(record)]), "");
}
