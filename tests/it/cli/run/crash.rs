//! Interpreters that die: every test is accounted for, and the rest runs in a new process.

use crate::lab::{Lab, answer as run_to_end, lab};

const SEGFAULT: &str = "import faulthandler, ctypes\n\
    def test_one(): pass\n\
    def test_two(): ctypes.string_at(0)\n\
    def test_three(): pass\n";

#[test]
fn a_test_that_exits_the_interpreter_is_crashed_and_the_rest_runs() {
    let Some(lab) = lab(&[
        (
            "test_a.py",
            "import os\n\
             def test_one(): pass\n\
             def test_two(): os._exit(0)\n\
             def test_three(): pass\n",
        ),
        (
            "test_b.py",
            "import os\ndef test_four(): os._exit(3)\ndef test_five(): pass\n",
        ),
    ]) else {
        return;
    };
    let answer = lab.run(&["--no-cov"]).expect(6);
    insta::assert_snapshot!(lab.headlines(&answer.stdout), @r"
    CRASH test_a.py::test_two ([TIME])
    CRASH test_a.py (1 crashed, 2 passed, [TIME])
    CRASH test_b.py::test_four ([TIME])
    CRASH test_b.py (1 crashed, 1 passed, [TIME])
    run 1 incomplete: 2 crashed, 3 passed in [TIME]
    incomplete: not every test came to an end of its own: 2 tests ended the
      interpreter
    hint: `agent show 1` has their stacks and the exits of their processes

    failed (2)
      test_a.py::test_two
      test_b.py::test_four
    ");
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    warning: a test process ended (exit status 0) while it ran
        test_a.py::test_two
    warning: a test process ended (exit status 3) while it ran
        test_b.py::test_four
    ");
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_three passed
    test_a.py::test_two crashed
    test_b.py::test_five passed
    test_b.py::test_four crashed
    ");
    let processes = lab.rows("SELECT status FROM process ORDER BY started_ms");
    assert_eq!(
        processes,
        ["exit status 0", "exit status 3", "exit status 0"]
    );
    assert_eq!(lab.rows("SELECT deaths, exit_status FROM shard"), ["2 | 0"]);
    lab.assert_whole();
}

/// The frames of pytest and of its workers are many, and the same for every test.
fn assert_shows_the_segfault(lab: &Lab) {
    let shown = lab.agent(&["show", "latest"]).expect(0).stdout;
    let lines = shown.lines().filter(|line| !line.contains("site-packages"));
    let told = lines.collect::<Vec<_>>().join("\n");
    assert!(
        told.contains("Fatal Python error: Segmentation fault"),
        "{told}"
    );
    assert!(told.contains("in test_two"), "{told}");
}

#[test]
fn a_segfault_shows_where_it_was() {
    let Some(lab) = lab(&[("test_a.py", SEGFAULT)]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_three passed
    test_a.py::test_two crashed
    ");
    assert_shows_the_segfault(&lab);
}

#[test]
fn a_segfault_in_a_worker_costs_that_worker() {
    let Some(lab) = lab(&[
        ("test_a.py", SEGFAULT),
        (
            "test_b.py",
            "def test_four(): pass\ndef test_five(): pass\n",
        ),
    ]) else {
        return;
    };
    lab.run(&["--no-cov", "--workers", "2"]).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_three passed
    test_a.py::test_two crashed
    test_b.py::test_five passed
    test_b.py::test_four passed
    ");
    assert_shows_the_segfault(&lab);
    assert_eq!(lab.rows("SELECT count(*) FROM process"), ["1"]);
}

#[test]
fn three_deaths_in_collection_end_the_shard() {
    let Some(lab) = lab(&[
        ("test_a.py", "def test_one(): pass\n"),
        ("test_b.py", "import os\nos._exit(9)\n"),
    ]) else {
        return;
    };
    let answer = lab.run(&["--no-cov"]).expect(6);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    warning: a test process ended (exit status 9) between tests; its last words:
    warning: the interpreter ended (exit status 9) while `test_b.py` was collected
    warning: a test process ended (exit status 9) between tests; its last words:
    warning: a test process ended (exit status 9) between tests; its last words:
    ");
    let processes = lab.rows("SELECT status FROM process");
    assert_eq!(processes, ["exit status 9"; 3]);
}

#[test]
fn an_interpreter_that_dies_after_the_last_test_is_no_success() {
    let Some(lab) = lab(&[
        (
            "conftest.py",
            "import os, pytest\n\
             @pytest.fixture(scope='session', autouse=True)\n\
             def service():\n    yield\n    os._exit(0)\n",
        ),
        ("test_a.py", "def test_one(): pass\ndef test_two(): pass\n"),
    ]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_two crashed
    ");
    // Its last words are pytest's, without the dots that would run into stacks.
    let shown = lab.agent(&["show", "latest"]).expect(0).stdout;
    assert!(shown.contains("collected 2 items"), "{shown}");
    let dots = shown.lines().find(|line| line.contains("test_a.py ."));
    assert_eq!(dots, None, "{shown}");
}

#[test]
fn an_interpreter_that_starts_no_more_ends_the_shard() {
    // A test breaks the interpreter and then dies: its successors end before their first word.
    let Some(lab) = lab(&[
        (
            "site/sitecustomize.py",
            "import os\nif os.path.exists('broken'): os._exit(7)\n",
        ),
        (
            "test_a.py",
            "import os\n\
             def test_one(): pass\n\
             def test_two():\n    open('broken', 'w').close()\n    os._exit(1)\n\
             def test_three(): pass\n",
        ),
    ]) else {
        return;
    };
    let mut command = lab.command(&["run", "--no-include-orphans", "--no-cov", "--timeout", "20"]);
    run_to_end(command.env("PYTHONPATH", lab.path().join("site"))).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_three not_run
    test_a.py::test_two crashed
    ");
    let statuses = lab.rows("SELECT status FROM process ORDER BY started_ms");
    assert_eq!(
        statuses,
        [
            "exit status 1",
            "exit status 7",
            "exit status 7",
            "exit status 7"
        ]
    );
}

#[test]
fn tests_whose_ids_change_run_once_although_a_process_dies() {
    let file = "import os, uuid, pytest\n\
        values = [uuid.uuid4().hex for _ in range(4)]\n\
        @pytest.mark.parametrize('value', values)\n\
        def test_value(value):\n\
        \x20   place = values.index(value)\n\
        \x20   with open('log', 'a') as log: log.write(str(place))\n\
        \x20   if place == 1 and not os.path.exists('died'):\n\
        \x20       open('died', 'w').close()\n\
        \x20       os._exit(3)\n\
        \x20   assert place != 2 or os.path.exists('again')\n\
        \x20   if place == 3: open('again', 'w').close()\n";
    let Some(lab) = lab(&[("test_a.py", file)]) else {
        return;
    };
    let answer = lab.run(&["--no-cov", "--reruns", "1"]).expect(0);
    let log = std::fs::read_to_string(lab.path().join("log")).unwrap();
    assert_eq!(log, "012312", "each once, and the two that failed again");
    let counts = "SELECT total, passed, flaky, not_run FROM run_summary";
    assert_eq!(lab.rows(counts), ["4 | 4 | 2 | 0"], "{answer}");
    let said = "tests with other ids in each";
    let output = format!("{}{}", answer.stdout, answer.stderr);
    assert_eq!(output.matches(said).count(), 1, "{answer}");
}
