//! The end of the report.

use menace_agent::cli::terminal::TerminalOptions;
use menace_agent::model::{
    Comparison, Counts, CoverageTotals, Outcome, RunOutcome, RunSummary, SlowTest,
};

use super::script::{
    attempt, failed_test, file, finished, print, report, run_finished, run_started, summary,
};

fn shown(summary: RunSummary) -> String {
    report(&[run_finished(summary)])
}

fn names(prefix: &str, number: usize) -> Vec<String> {
    (1..=number)
        .map(|index| format!("tests/test_{prefix}.py::test_{index}"))
        .collect()
}

/// So many of 10,000 statements, and of no branches or of none that were measured.
fn covered(covered: u64, branches: Option<u64>) -> CoverageTotals {
    CoverageTotals {
        statements: 10_000,
        covered,
        branches,
        covered_branches: branches,
    }
}

fn eventful() -> RunSummary {
    let counts = Counts {
        passed: 240,
        failed: 14,
        skipped: 2,
        flaky: 1,
        ..Counts::default()
    };
    let mut run = summary(RunOutcome::Failed, counts);
    run.run.coverage = Some(covered(8_736, None));
    let mut newly = names("new", 12);
    newly.push("tests/test_new.py::TestDeep::test_with_a_long_name[and-long-parameters-that-nobody-may-break]".to_owned());
    run.failures = newly
        .iter()
        .map(|name| failed_test(name, Outcome::Failed, "assert 3 == 4"))
        .collect();
    run.failures.push(failed_test(
        "tests/test_old.py::test_1",
        Outcome::Failed,
        "",
    ));
    newly.swap(1, 12);
    run.flaky_tests = names("net", 1);
    run.comparison = Some(Comparison {
        previous_run: 11,
        newly_failing: newly,
        fixed: names("fixed", 1),
        still_failing: names("old", 1),
        added: 12,
        removed: 1,
        coverage_change: Some(0.31),
        ..Comparison::default()
    });
    run.slowest = [
        ("tests/test_slow.py::test_a", 125.0),
        ("tests/test_slow.py::test_b", 2.31),
        ("t.py::t", 0.001),
    ]
    .map(|(nodeid, duration_s)| SlowTest {
        nodeid: nodeid.to_owned(),
        duration_s,
    })
    .to_vec();
    run.run.warnings = 1;
    run
}

#[test]
fn the_summary_compares_with_the_previous_run() {
    insta::assert_snapshot!(shown(eventful()), @"
    run 12: 14 failed, 1 flaky, 240 passed, 2 skipped in 12.3s
      coverage 87.4% (+0.3)

    newly failing since run 11 (13)
      tests/test_new.py::test_1
          assert 3 == 4
      tests/test_new.py::TestDeep::test_with_a_long_name[and-long-parameters-that-nobody-may-break]
          assert 3 == 4
      tests/test_new.py::test_3
          assert 3 == 4
      tests/test_new.py::test_4
          assert 3 == 4
      tests/test_new.py::test_5
          assert 3 == 4
      tests/test_new.py::test_6
          assert 3 == 4
      tests/test_new.py::test_7
          assert 3 == 4
      tests/test_new.py::test_8
          assert 3 == 4
      tests/test_new.py::test_9
          assert 3 == 4
      tests/test_new.py::test_10
          assert 3 == 4
      and 3 more: agent show 12

    fixed since run 11 (1)
      tests/test_fixed.py::test_1

    still failing (1)
      tests/test_old.py::test_1

    flaky (1)
      tests/test_net.py::test_1

    12 tests added, 1 test gone since run 11

    slowest
      2m 05s  tests/test_slow.py::test_a
       2.31s  tests/test_slow.py::test_b

    1 Python warning: agent show 12
    ");
}

#[test]
fn a_first_run_has_nothing_to_compare_with() {
    let counts = Counts {
        passed: 1,
        failed: 1,
        ..Counts::default()
    };
    let mut run = summary(RunOutcome::Failed, counts);
    run.runtime = 0.31;
    run.failures = vec![failed_test("t.py::test_x", Outcome::Failed, "assert 0")];
    insta::assert_snapshot!(shown(run), @"
    run 12: 1 failed, 1 passed in 0.31s

    failed (1)
      t.py::test_x
          assert 0
    ");
}

#[test]
fn flaky_tests_of_a_first_run_are_named() {
    let mut flaky = attempt("t.py::test_net", Outcome::Passed);
    flaky.attempt = 2;
    flaky.flaky = true;
    let counts = Counts {
        passed: 1,
        flaky: 1,
        ..Counts::default()
    };
    let mut run = summary(RunOutcome::Passed, counts);
    run.flaky_tests = vec!["t.py::test_net".to_owned()];
    insta::assert_snapshot!(report(&[finished(flaky), run_finished(run)]), @"
    FLAKY t.py::test_net (passed on attempt 2, 0.02s)
    run 12: 1 flaky, 1 passed in 12.3s

    flaky (1)
      t.py::test_net
    ");
}

#[test]
fn a_run_that_passed_is_one_line() {
    let counts = Counts {
        passed: 240,
        ..Counts::default()
    };
    let mut run = summary(RunOutcome::Passed, counts);
    run.run.coverage = Some(covered(9_000, None));
    run.comparison = Some(Comparison {
        coverage_change: Some(-0.01),
        ..Comparison::default()
    });
    insta::assert_snapshot!(shown(run), @"run 12: 240 passed in 12.3s · coverage 90.0% (unchanged)");
}

#[test]
fn more_failures_than_the_summary_names_are_counted() {
    let counts = Counts {
        failed: 4000,
        ..Counts::default()
    };
    let mut run = summary(RunOutcome::Failed, counts);
    run.failures = names("x", 1000)
        .iter()
        .map(|name| failed_test(name, Outcome::Failed, ""))
        .collect();
    let text = shown(run);
    assert!(text.contains("failed (4000)\n"), "{text}");
    assert!(text.ends_with("  and 3990 more: agent show 12\n"), "{text}");
}

#[test]
fn an_incomplete_run_says_what_was_lost_and_what_to_do() {
    let counts = Counts {
        passed: 10,
        error: 2,
        crashed: 1,
        timed_out: 1,
        not_run: 3,
        ..Counts::default()
    };
    let mut run = summary(RunOutcome::Incomplete, counts);
    run.failures = vec![
        failed_test("t.py::test_segv", Outcome::Crashed, "killed by SIGSEGV"),
        failed_test("t.py::test_lost", Outcome::NotRun, ""),
    ];
    insta::assert_snapshot!(shown(run), @"
    run 12 incomplete: 2 errors, 1 crashed, 1 timed out, 3 not run, 10 passed
      in 12.3s
    incomplete: not every test came to an end of its own: 1 test ended the
      interpreter, 1 test ran out of time, 3 tests did not run
    hint: `agent show 12` has their stacks and the exits of their processes

    failed (4)
      t.py::test_segv
          killed by SIGSEGV
      and 3 more: agent show 12

    not run (3)
      t.py::test_lost
      and 2 more: agent show 12
    ");
}

#[test]
fn other_ends_are_explained_too() {
    let counts = |not_run| Counts {
        passed: 1,
        not_run,
        ..Counts::default()
    };
    let ends = [
        (RunOutcome::Interrupted, counts(41)),
        (RunOutcome::Failed, counts(1)),
        (RunOutcome::Error, Counts::default()),
        (RunOutcome::Empty, Counts::default()),
    ];
    let text: Vec<String> = ends
        .into_iter()
        .map(|(outcome, counts)| shown(summary(outcome, counts)))
        .collect();
    insta::assert_snapshot!(text.join("\n"), @"
    run 12 interrupted: 41 not run, 1 passed in 12.3s
    interrupted: the run was stopped; what had finished is stored, 41 tests did
      not run
    hint: `agent run` starts a new run, `agent show 12` shows the results so far

    run 12: 1 not run, 1 passed in 12.3s
    failed: the run stopped early: 1 test did not run
    hint: leave out --fail-fast and --max-fail to run all of them

    run 12 error: no test ran in 12.3s

    run 12 empty: no test ran in 12.3s
    empty: pytest found no test in /home/me/project
    hint: check the paths, -k, -m, and pytest's settings testpaths and
      python_files
    ");
}

#[test]
fn a_verdict_with_every_number_is_wrapped() {
    let counts = Counts {
        passed: 100_000,
        failed: 1,
        error: 1,
        skipped: 20_000,
        xfailed: 30,
        xpassed: 4,
        crashed: 5,
        timed_out: 6,
        not_run: 7,
        flaky: 8,
    };
    let mut run = summary(RunOutcome::Incomplete, counts);
    run.run.coverage = Some(covered(9_999, Some(0)));
    let text = shown(run);
    insta::assert_snapshot!(text, @"
    run 12 incomplete: 1 failed, 1 error, 5 crashed, 6 timed out, 7 not run,
      8 flaky, 100000 passed, 20000 skipped, 30 xfailed, 4 xpassed in 12.3s
      coverage 99.9% with branches
    incomplete: not every test came to an end of its own: 5 tests ended the
      interpreter, 6 tests ran out of time, 7 tests did not run
    hint: `agent show 12` has their stacks and the exits of their processes
    ");
}

#[test]
fn a_whole_report_in_colour() {
    let mut bad = attempt("tests/test_a.py::test_bad", Outcome::Failed);
    bad.longrepr =
        Some(">   assert 0\nE   assert 0\n\ntests/test_a.py:2: AssertionError".to_owned());
    let counts = Counts {
        passed: 1,
        failed: 1,
        ..Counts::default()
    };
    let mut run = summary(RunOutcome::Failed, counts);
    run.failures = vec![failed_test(&bad.nodeid, Outcome::Failed, "assert 0")];
    let options = TerminalOptions {
        report_palette: menace_agent::diag::Palette::ANSI,
        ..TerminalOptions::default()
    };
    let events = [
        run_started(),
        finished(bad),
        file("tests/test_a.py", counts),
        run_finished(run),
    ];
    let text = print(options, &events).report.replace('\x1b', "^");
    insta::assert_snapshot!(text, @"
    ^[1m^[31mFAIL^[0m tests/test_a.py::test_bad ^[2m(0.02s)^[0m
        ^[1m>   assert 0^[0m
        ^[1m^[31mE   assert 0^[0m
        ^[2mtests/test_a.py:2: AssertionError^[0m
    ^[1m^[31mFAIL^[0m tests/test_a.py ^[2m(1 failed, 1 passed, 0.31s)^[0m
    ^[1mrun 12:^[0m ^[1m^[31m1 failed,^[0m ^[32m1 passed^[0m in 12.3s

    ^[1m^[31mfailed^[0m (1)
      tests/test_a.py::test_bad
          ^[2massert 0^[0m
    ");
}
