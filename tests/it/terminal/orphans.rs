//! Orphans: in the course of a run, in its summary, and in `agent show`.

use menace_agent::cli::terminal::{ProgressMode, TerminalOptions, Verbosity};
use menace_agent::model::{
    Counts, Event, Integration, RunOutcome, RunRecord, RunSummary, Touch, Trial, TrialOutcome,
};

use super::script::{print, report, run_finished, run_started};
use crate::sample;

fn trial(file: &str, outcome: TrialOutcome) -> Trial {
    Trial {
        duration_s: Some(0.05),
        ..sample::trial(file, outcome)
    }
}

fn failing() -> Trial {
    let touch = |event: &str, target: &str, times| Touch {
        refused: true,
        event: event.to_owned(),
        target: target.to_owned(),
        times,
    };
    Trial {
        message: Some("it does not import: ValueError: no".to_owned()),
        report: Some(
            "Traceback (most recent call last):\n  File \"/p/bad.py\", line 9, in <module>\n    \
             f()\n  File \"/p/bad.py\", line 2, in f\n    g()\n  File \"/p/bad.py\", line 5, in g\n    \
             raise ValueError(\"no\")\nValueError: no\n"
                .to_owned(),
        ),
        touched: vec![
            touch("open", "log\x1b.txt", 3),
            touch("socket.connect", "192.0.2.1:80", 1),
        ],
        ..trial("bad.py", TrialOutcome::Failed)
    }
}

fn finished(trial: Trial) -> Event {
    Event::OrphanFinished(Box::new(trial))
}

fn events() -> Vec<Event> {
    let hang = Trial {
        message: Some("it did not end within 10s".to_owned()),
        report: Some("Thread 1:\n  File \"/p/hangs.py\", line 2 in spin\n".to_owned()),
        ..trial("pkg/hangs.py", TrialOutcome::TimedOut)
    };
    vec![
        run_started(),
        Event::OrphansStarted { orphans: 4 },
        finished(trial("good.py", TrialOutcome::Passed)),
        finished(failing()),
        finished(hang),
        finished(trial("left.py", TrialOutcome::NotRun)),
    ]
}

#[test]
fn failing_orphans_are_shown_in_short() {
    insta::assert_snapshot!(report(&events()), @r#"
    trying 4 orphans
    FAIL bad.py (orphan, 0.05s)
        it does not import: ValueError: no
          File "/p/bad.py", line 9, in <module>
            f()
          File "/p/bad.py", line 2, in f
            g()
          File "/p/bad.py", line 5, in g
            raise ValueError("no")
        kept from: open log\x1b.txt (3 times)
        kept from: socket.connect 192.0.2.1:80
        … 1 more line: agent show 12
    TIMEOUT pkg/hangs.py (orphan, 0.05s)
        it did not end within 10s
        Thread 1:
          File "/p/hangs.py", line 2 in spin
    "#);
}

#[test]
fn passing_orphans_are_shown_to_those_who_want_every_detail() {
    let options = TerminalOptions {
        verbosity: Verbosity::Verbose,
        progress: ProgressMode::Plain,
        ..TerminalOptions::default()
    };
    let text = print(options, &events()).report;
    assert!(text.starts_with("PASS good.py (orphan, 0.05s)\n"), "{text}");
    assert!(text.contains("\nLOST left.py"), "{text}");
}

fn with_orphans(outcome: RunOutcome) -> RunSummary {
    let counts = Counts {
        passed: 2,
        ..Counts::default()
    };
    let failed = |number: usize| Trial {
        message: (number == 0).then(|| "it does not import: ValueError: no".to_owned()),
        ..trial(&format!("pkg/m{number:02}.py"), TrialOutcome::Failed)
    };
    let run = RunRecord {
        counts,
        orphan_total: Some(16),
        orphan_passed: Some(3),
        orphan_failed: Some(12),
        integration: Some(Integration {
            integrated: vec!["a.py".to_owned(), "b.py".to_owned()],
            redundant: vec!["c.py".to_owned()],
        }),
        ..sample::ended(12, outcome, 12_340)
    };
    RunSummary {
        orphan_failures: (0..12).map(failed).collect(),
        ..sample::summary(run)
    }
}

#[test]
fn the_summary_counts_orphans_and_names_ten_that_failed() {
    let text = report(&[run_finished(with_orphans(RunOutcome::Passed))]);
    insta::assert_snapshot!(text, @"
    run 12: 2 passed in 12.3s

    orphans: 3 passed (2 integrated, 1 redundant), 12 failed, 1 not run
      pkg/m00.py
          it does not import: ValueError: no
      pkg/m01.py
      pkg/m02.py
      pkg/m03.py
      pkg/m04.py
      pkg/m05.py
      pkg/m06.py
      pkg/m07.py
      pkg/m08.py
      pkg/m09.py
      and 2 more: agent show 12
    ");
}

#[test]
fn a_strict_run_that_fails_for_its_orphans_says_so() {
    let text = report(&[run_finished(with_orphans(RunOutcome::Failed))]);
    let second = text.lines().nth(1);
    assert_eq!(
        second,
        Some("failed: every test passed, and orphans failed")
    );
}

#[test]
fn without_orphans_nothing_is_said_of_them() {
    for total in [None, Some(0)] {
        let run = RunRecord {
            orphan_total: total,
            ..sample::ended(12, RunOutcome::Passed, 12_340)
        };
        let text = report(&[run_finished(sample::summary(run))]);
        assert!(!text.contains("orphan"), "{text}");
    }
}
