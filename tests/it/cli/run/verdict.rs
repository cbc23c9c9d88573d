//! The verdict on a suite: the exit code, the outcome and every test of it.

use crate::lab::{answer, lab, lab_with};

const GREEN: &str = "def test_one(): pass\ndef test_two(): pass\n";

#[test]
fn a_suite_that_passes() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    let answer = lab.run(&["--no-cov"]).expect(0);
    insta::assert_snapshot!(lab.plain(&answer.stdout), @r"
    PASS test_a.py (2 tests, [TIME])
    run 1: 2 passed in [TIME]
    ");
    assert_eq!(answer.stderr, "");
    assert_eq!(lab.verdict(), "passed | 0");
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_two passed
    ");
    lab.assert_whole();
}

#[test]
fn a_suite_with_every_kind_of_test() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import pytest\n\
         @pytest.fixture\n\
         def broken(): raise OSError('no such thing')\n\
         @pytest.fixture\n\
         def torn():\n    yield\n    raise OSError('torn down')\n\
         def test_fails(): assert 1 + 1 == 3\n\
         def test_setup(broken): pass\n\
         def test_teardown(torn): pass\n\
         def test_skips(): pytest.skip('not here')\n\
         @pytest.mark.xfail(reason='known')\n\
         def test_xfails(): assert False\n\
         @pytest.mark.xfail\n\
         def test_xpasses(): pass\n\
         @pytest.mark.xfail(strict=True)\n\
         def test_strict(): pass\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(1);
    assert_eq!(lab.verdict(), "failed | 1");
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_fails failed
    test_a.py::test_setup error
    test_a.py::test_skips skipped
    test_a.py::test_strict failed
    test_a.py::test_teardown error
    test_a.py::test_xfails xfailed
    test_a.py::test_xpasses xpassed
    ");
    let messages = lab.rows("SELECT nodeid, message FROM test_outcome WHERE message <> ''");
    insta::assert_snapshot!(messages.join("\n"), @r"
    test_a.py::test_fails | AssertionError: assert (1 + 1) == 3
    test_a.py::test_setup | OSError: no such thing
    test_a.py::test_teardown | OSError: torn down
    test_a.py::test_skips | not here
    test_a.py::test_xfails | known
    test_a.py::test_strict | [XPASS(strict)]
    ");
    lab.assert_whole();
}

#[test]
fn a_project_without_tests() {
    let Some(lab) = lab(&[("a.py", "")]) else {
        return;
    };
    let answer = lab.run(&["--no-cov"]).expect(5);
    insta::assert_snapshot!(lab.plain(&answer.stdout), @"
    trying 1 orphan
    run 1 empty: no test ran in [TIME]
    empty: pytest found no test in [PROJECT]
    hint: check the paths, -k, -m, and pytest's settings testpaths and
      python_files

    orphans: 1 passed (1 integrated)
    ");
    assert_eq!(lab.verdict(), "empty | 5");
}

#[test]
fn a_selection_that_matches_nothing() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    lab.run(&["--no-cov", "--", "-k", "nothing"]).expect(5);
    assert_eq!(lab.verdict(), "empty | 5");
    lab.run(&["--no-cov", "--pytest-args=-k one"]).expect(0);
    assert_eq!(lab.table(), "test_a.py::test_one passed\n");
}

#[test]
fn a_broken_conftest() {
    let Some(lab) = lab(&[
        ("conftest.py", "import there_is_no_such_module\n"),
        ("test_a.py", GREEN),
    ]) else {
        return;
    };
    let answer = lab.run(&["--no-cov"]).expect(6);
    insta::assert_snapshot!(lab.plain(&answer.stdout), @r"
    ERROR conftest.py
        ImportError while loading conftest '[PROJECT]/conftest.py'.
        conftest.py:1: in <module>
            import there_is_no_such_module
        E   ModuleNotFoundError: No module named 'there_is_no_such_module'
    ERROR conftest.py (1 error, [TIME])
    run 1 incomplete: 1 error in [TIME]
    incomplete: not every test could be collected
    hint: `agent show 1` has the whole reports

    failed (1)
      conftest.py
          ModuleNotFoundError: No module named 'there_is_no_such_module'
    ");
    assert_eq!(lab.verdict(), "incomplete | 6");
    insta::assert_snapshot!(lab.table(), @"conftest.py error");
}

#[test]
fn a_file_that_cannot_be_imported() {
    let Some(lab) = lab(&[("test_a.py", GREEN), ("test_b.py", "def test_three(:\n")]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one not_run
    test_a.py::test_two not_run
    test_b.py error
    ");
    lab.run(&["--no-cov", "--", "--continue-on-collection-errors"])
        .expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_two passed
    test_b.py error
    ");
}

#[test]
fn a_session_that_pytest_exit_ends() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import pytest\n\
         def test_one(): pass\n\
         def test_two(): pytest.exit('enough')\n\
         def test_three(): pass\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_three not_run
    test_a.py::test_two not_run
    ");
}

#[test]
fn an_error_of_a_plugin_loses_no_test() {
    let Some(lab) = lab(&[
        (
            "conftest.py",
            "def pytest_runtest_logfinish(nodeid):\n    if 'two' in nodeid: raise OSError('plugin')\n",
        ),
        (
            "test_a.py",
            "def test_one(): pass\ndef test_two(): pass\ndef test_three(): pass\n",
        ),
    ]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_three not_run
    test_a.py::test_two passed
    ");
    let notices = lab.rows("SELECT code, message FROM notice").join("\n");
    insta::assert_snapshot!(lab.plain(&notices), @r#"pytest-internal-error | pytest failed: OSError: plugin (File "[PROJECT]/conftest.py", line 2, in pytest_runtest_logfinish)"#);
}

#[test]
fn a_module_named_like_one_of_the_standard_library_does_not_hide_it() {
    let Some(lab) = lab(&[
        ("json.py", "raise SystemExit('json of the project')\n"),
        ("select.py", "raise SystemExit('select of the project')\n"),
        ("email.py", "raise SystemExit('email of the project')\n"),
        ("tests/test_a.py", GREEN),
    ]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(0);
    assert_eq!(lab.verdict(), "passed | 0");
}

/// A test that passes.
const FINE: (&str, &str) = ("test_a.py", "def test_a(): pass\n");

#[test]
fn a_session_that_ends_with_a_status_of_its_own_is_not_green() {
    let cases = [
        (
            "def pytest_sessionfinish(session): session.exitstatus = 17\n",
            6,
            "pytest ended with exit status 17, which its tests do not explain",
        ),
        (
            "def pytest_sessionfinish(session): session.exitstatus = 1\n",
            1,
            "pytest ended with exit status 1, which its tests do not explain",
        ),
        (
            "def pytest_sessionfinish(session): session.exitstatus = 5\n",
            6,
            "pytest ended with exit status 5, which its tests do not explain",
        ),
        (
            "import atexit, os, signal\n\
             atexit.register(lambda: os.kill(os.getpid(), signal.SIGSEGV))\n",
            6,
            "the interpreter was killed by SIGSEGV after its last test",
        ),
        (
            "import atexit, os\natexit.register(lambda: os._exit(9))\n",
            6,
            "the interpreter ended with exit status 9 after its last test",
        ),
    ];
    for (conftest, code, message) in cases {
        let Some(lab) = lab(&[("conftest.py", conftest), FINE]) else {
            return;
        };
        let answer = lab.run(&["--no-cov"]).expect(code);
        assert!(answer.stderr.contains(message), "{}", answer.stderr);
        let outcome = if code == 1 { "failed" } else { "incomplete" };
        assert_eq!(lab.verdict(), format!("{outcome} | {code}"), "{conftest}");
        assert_eq!(lab.rows("SELECT code FROM notice"), ["unexplained-exit"]);
    }
}

#[test]
fn an_interpreter_that_leaves_before_pytest_ends_is_not_green() {
    for hook in ["sessionfinish", "unconfigure"] {
        let conftest = format!("import os\ndef pytest_{hook}(): os._exit(0)\n");
        let Some(lab) = lab(&[("conftest.py", conftest.as_str()), FINE]) else {
            return;
        };
        let answer = lab.run(&["--no-cov"]).expect(6);
        let message = "the interpreter ended (exit status 0) before pytest did";
        assert!(answer.stderr.contains(message), "{}", answer.stderr);
        assert_eq!(lab.verdict(), "incomplete | 6", "{hook}");
    }
}

#[test]
fn options_under_which_no_test_runs_are_not_green() {
    for option in [
        "--collect-only",
        "--setup-plan",
        "--setup-only",
        "--fixtures",
        "--help",
    ] {
        let Some(lab) = lab(&[FINE]) else {
            return;
        };
        // On the command line they are refused; the agent does not see the words of pytest's own
        // variable and files before pytest does.
        let mut command = lab.command(&["run", "--no-cov"]);
        let answer = answer(command.env("PYTEST_ADDOPTS", option));
        assert_ne!(answer.code, 0, "{option}: {}", answer.stderr);
        let passed = "SELECT count(*) FROM test_outcome WHERE outcome = 'passed'";
        assert_eq!(lab.rows(passed), ["0"], "{option}");
    }
}

#[test]
fn coverage_below_the_limit_of_pytest_cov_fails_the_run_and_says_so() {
    let Some(lab) = lab_with(
        &["pytest", "coverage", "pytest-cov"],
        &[
            (
                "pytest.ini",
                "[pytest]\npythonpath = .\naddopts = --cov=code_of --cov-fail-under=100\n",
            ),
            ("code_of.py", "def left():\n    return 1\n"),
            ("test_a.py", "import code_of\ndef test_a(): pass\n"),
        ],
    ) else {
        return;
    };
    let answer = lab.run(&[]).expect(1);
    assert_eq!(lab.verdict(), "failed | 1");
    assert!(
        answer.stdout.contains("every test passed"),
        "{}",
        answer.stdout
    );
    let hint = lab.rows("SELECT hint FROM notice").concat();
    let said = "FAIL Required test coverage of 100% not reached. Total coverage: 50.00%";
    assert!(hint.ends_with(said), "{hint}");
}
