//! Failing tests again, and runs that stop after enough failures.

use crate::lab::{lab, numbered};

/// Fails, or worse, as often as the file `tries` is short.
const FLAKY: &str = "import os\n\
    def tried(times):\n\
    \x20   with open('tries', 'a') as file: file.write('x')\n\
    \x20   return os.path.getsize('tries') > times\n\
    def test_flaky(): assert tried(1)\n\
    def test_steady(): pass\n";

#[test]
fn a_test_that_passes_when_it_is_tried_again_is_flaky() {
    let Some(lab) = lab(&[("test_a.py", FLAKY)]) else {
        return;
    };
    let answer = lab.run(&["--no-cov", "--reruns", "2"]).expect(0);
    insta::assert_snapshot!(lab.headlines(&answer.stdout), @r"
    FAIL test_a.py::test_flaky ([TIME])
    FLAKY test_a.py::test_flaky (passed on attempt 2, [TIME])
    PASS test_a.py (1 flaky, 2 passed, [TIME])
    run 1: 1 flaky, 2 passed in [TIME]

    flaky (1)
      test_a.py::test_flaky
    ");
    assert_eq!(lab.verdict(), "passed | 0");
    let attempts = "SELECT nodeid, attempt, outcome FROM test_attempt ORDER BY nodeid, attempt";
    insta::assert_snapshot!(lab.rows(attempts).join("\n"), @r"
    test_a.py::test_flaky | 1 | failed
    test_a.py::test_flaky | 2 | passed
    test_a.py::test_steady | 1 | passed
    ");
    assert_eq!(
        lab.rows("SELECT passed, failed, flaky, total FROM run_summary"),
        ["2 | 0 | 1 | 2"]
    );
    assert_eq!(lab.rows("SELECT count(*) FROM process"), ["2"]);
}

#[test]
fn a_test_that_keeps_failing_is_tried_no_more_than_asked() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "def test_one(): assert False\ndef test_two(): pass\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov", "--reruns", "2"]).expect(1);
    let attempts = "SELECT nodeid, attempt, outcome FROM test_attempt ORDER BY nodeid, attempt";
    insta::assert_snapshot!(lab.rows(attempts).join("\n"), @r"
    test_a.py::test_one | 1 | failed
    test_a.py::test_one | 2 | failed
    test_a.py::test_one | 3 | failed
    test_a.py::test_two | 1 | passed
    ");
    assert_eq!(
        lab.rows("SELECT passed, failed, flaky, total FROM run_summary"),
        ["1 | 1 | 0 | 2"]
    );
}

#[test]
fn a_test_that_crashes_and_then_passes_is_flaky() {
    let crashing = FLAKY.replace("assert tried(1)", "tried(1) or os._exit(5)");
    let Some(lab) = lab(&[("test_a.py", &crashing)]) else {
        return;
    };
    lab.run(&["--no-cov", "--reruns", "1"]).expect(0);
    assert_eq!(lab.verdict(), "passed | 0");
    assert_eq!(
        lab.rows("SELECT passed, crashed, flaky, total FROM run_summary"),
        ["2 | 0 | 1 | 2"]
    );
}

#[test]
fn a_test_that_times_out_is_tried_again() {
    let hanging = FLAKY.replace(
        "assert tried(1)",
        "tried(1) or __import__('time').sleep(600)",
    );
    let Some(lab) = lab(&[("test_a.py", &hanging)]) else {
        return;
    };
    lab.run(&["--no-cov", "--reruns", "1", "--test-timeout", "2"])
        .expect(0);
    assert_eq!(
        lab.rows("SELECT passed, timed_out, flaky, total FROM run_summary"),
        ["2 | 0 | 1 | 2"]
    );
}

#[test]
fn a_rerun_finds_parametrized_tests_classes_and_other_rootdirs() {
    let Some(lab) = lab(&[
        ("sub/pytest.ini", "[pytest]\n"),
        (
            "sub/tests/test_a.py",
            "import pytest, unittest\n\
             @pytest.mark.parametrize('x', ['a b', 'c::d', 'é', '[', 'a-b/c'])\n\
             def test_one(x): assert False\n\
             class TestTwo:\n    def test_two(self): assert False\n\
             class Case(unittest.TestCase):\n    def test_three(self): self.fail()\n",
        ),
    ]) else {
        return;
    };
    lab.run(&["--no-cov", "--reruns", "1", "sub"]).expect(1);
    let attempts = "SELECT DISTINCT attempts, outcome, count(*) FROM test_outcome GROUP BY 1, 2";
    assert_eq!(lab.rows(attempts), ["2 | failed | 7"]);
}

#[test]
fn fail_fast_stops_after_the_first_failure() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "def test_one(): pass\ndef test_two(): assert False\n\
         def test_three(): pass\ndef test_four(): assert False\n",
    )]) else {
        return;
    };
    // The order to stop needs a moment to arrive: a test may slip through, none may be lost.
    let answer = lab.run(&["--no-cov", "--fail-fast"]).expect(1);
    assert_eq!(lab.verdict(), "failed | 1");
    assert_eq!(lab.outcomes()["test_a.py::test_two"], "failed");
    assert_eq!(lab.outcomes().len(), 4);
    assert!(answer.stdout.contains("failed"), "{answer}");
    lab.assert_whole();
}

#[test]
fn a_limit_of_failures_counts_over_all_shards() {
    let many = numbered(200, |n| {
        format!("def test_{n}(): __import__('time').sleep(0.1)\n")
    });
    let a = format!("def test_first(): assert False\n{many}");
    let Some(lab) = lab(&[("a/test_a.py", &a), ("b/test_b.py", &a)]) else {
        return;
    };
    let args = ["--no-cov", "--workers", "2", "--max-fail", "2", "a", "b"];
    lab.run(&args).expect(1);
    assert_eq!(lab.verdict(), "failed | 1");
    let counts = lab.rows("SELECT failed, total, not_run > 300 FROM run_summary");
    assert_eq!(counts, ["2 | 402 | 1"]);
    let reasons = lab.rows("SELECT DISTINCT message FROM test_outcome WHERE outcome = 'not_run'");
    assert_eq!(reasons, ["not run: stopped after 2 failures"]);
}

#[test]
fn pytests_own_limit_is_obeyed() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "def test_one(): assert False\ndef test_two(): pass\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov", "--", "-x"]).expect(1);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one failed
    test_a.py::test_two not_run
    ");
    let messages = lab.rows("SELECT message FROM test_outcome WHERE outcome = 'not_run'");
    assert_eq!(messages, ["not run: pytest stopped after the failures"]);
}

#[test]
fn each_file_is_told_of_once() {
    let Some(lab) = lab(&[
        ("test_a.py", FLAKY),
        ("test_b.py", "def test_one(): pass\n"),
    ]) else {
        return;
    };
    let answer = lab
        .run(&["--no-cov", "--reruns", "1", "--events", "-"])
        .expect(0);
    let mut files: Vec<String> = answer
        .events()
        .iter()
        .filter(|event| event["t"] == "file_finished")
        .map(|event| event["file"].to_string())
        .collect();
    files.sort();
    assert_eq!(files, ["\"test_a.py\"", "\"test_b.py\""]);
}
