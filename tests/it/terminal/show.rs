//! One run in full.

use jiff::tz::TimeZone;
use menace_agent::cli::terminal::{ShownRun, show_run};
use menace_agent::diag::Palette;
use menace_agent::model::{
    Counts, CoverageTotals, ExitCode, Level, Outcome, RunEnd, RunFacts, RunOutcome, RunRecord,
};

use super::script::{attempt, notice, section};
use crate::sample;

#[test]
fn a_run_is_shown_with_all_of_its_failures() {
    let mut failure = attempt("tests/test_a.py::test_sum", Outcome::Failed);
    let lines: Vec<String> = (1..=30).map(|line| format!("E   line {line}")).collect();
    failure.longrepr = Some(lines.join("\n"));
    failure.sections = vec![section("Captured stdout call", "\x1b[31mred\x1b[0m\n")];
    let mut lost = attempt("tests/test_a.py::test_lost", Outcome::NotRun);
    lost.duration_s = None;
    lost.message = Some("its process was killed by SIGKILL".to_owned());
    let run = ShownRun {
        failures: vec![failure, lost],
        ..run()
    };
    let text = show_run(&run, &TimeZone::UTC, &Palette::PLAIN);
    insta::assert_snapshot!(text, @"
    run 12: incomplete in 2m 05s
      tests      1 failed, 1 not run, 240 passed
      coverage   87.4%
      started    2026-11-24 03:13:20 UTC (manual)
      project    /home/me/project
      path       tests/unit
      path       tests/api
      ran on     host, 2 workers, Python 3.11.7, pytest 8.4.1
      commit     9516a53 with changes
      exit code  6
      uuid       01920000-0000-7000-8000-000000000000

    warning: something is odd
    hint: look

    FAIL tests/test_a.py::test_sum (0.02s)
        E   line 1
        E   line 2
        E   line 3
        E   line 4
        E   line 5
        E   line 6
        E   line 7
        E   line 8
        E   line 9
        E   line 10
        E   line 11
        E   line 12
        E   line 13
        E   line 14
        E   line 15
        E   line 16
        E   line 17
        E   line 18
        E   line 19
        E   line 20
        E   line 21
        E   line 22
        E   line 23
        E   line 24
        E   line 25
        E   line 26
        E   line 27
        E   line 28
        E   line 29
        E   line 30
        --- Captured stdout call ---
        red

    LOST tests/test_a.py::test_lost
        its process was killed by SIGKILL
    ");
}

#[test]
fn the_last_words_of_a_command_keep_their_lines() {
    let failed =
        "`python3 -m venv env` failed: exit status 1\n    it says why\n\n        and \x1b how\n";
    let notices = vec![notice(Level::Warning, failed, Some("look"))];
    let shown = show_run(
        &ShownRun { notices, ..run() },
        &TimeZone::UTC,
        &Palette::default(),
    );
    let (_, end) = shown.split_once("\n\n").unwrap();
    insta::assert_snapshot!(end, @r"
    warning: `python3 -m venv env` failed: exit status 1
          it says why

              and \x1b how
    hint: look
    ");
}

fn run() -> ShownRun {
    let facts = RunFacts {
        uuid: "01920000-0000-7000-8000-000000000000".to_owned(),
        paths: vec!["tests/unit".to_owned(), "tests/api".to_owned()],
        started_ms: 1_795_490_000_000,
        workers: 2,
        ..sample::run(12).facts
    };
    ShownRun {
        run: RunRecord {
            end: Some(RunEnd {
                finished_ms: facts.started_ms + 125_000,
                outcome: RunOutcome::Incomplete,
                exit_code: ExitCode::INCOMPLETE,
                failure: None,
            }),
            facts,
            python: Some("3.11.7".to_owned()),
            pytest: Some("8.4.1".to_owned()),
            counts: Counts {
                passed: 240,
                failed: 1,
                not_run: 1,
                ..Counts::default()
            },
            coverage: Some(CoverageTotals {
                statements: 10_000,
                covered: 8_744,
                ..CoverageTotals::default()
            }),
            git_commit: Some("9516a53c0ffee".to_owned()),
            git_dirty: Some(true),
            ..sample::run(12)
        },
        notices: vec![notice(Level::Warning, "something is odd", Some("look"))],
        failures: Vec::new(),
        notable_trials: Vec::new(),
    }
}
