//! Several paths: side by side, without overlap, each with its own rootdir.

use crate::lab::{lab, lab_with, numbered};

const GREEN: &str = "def test_one(): pass\n";

fn labels(lab: &crate::lab::Lab) -> Vec<String> {
    lab.rows("SELECT path FROM shard ORDER BY shard")
}

#[test]
fn each_path_is_a_shard_with_a_process_of_its_own() {
    let Some(lab) = lab(&[
        (
            "a/test_a.py",
            "import os\ndef test_one(): open(f'pid-{os.getpid()}', 'w')\n",
        ),
        (
            "b/test_b.py",
            "import os\ndef test_one(): open(f'pid-{os.getpid()}', 'w')\n",
        ),
    ]) else {
        return;
    };
    lab.run(&["--no-cov", "--workers", "2", "a", "b/test_b.py::test_one"])
        .expect(0);
    assert_eq!(labels(&lab), ["a", "b/test_b.py::test_one"]);
    assert_eq!(lab.rows("SELECT count(DISTINCT pid) FROM process"), ["2"]);
    insta::assert_snapshot!(lab.table(), @r"
    a/test_a.py::test_one passed
    b/test_b.py::test_one passed
    ");
}

#[test]
fn shards_run_side_by_side_within_the_workers() {
    // Each waits for the other: one after the other they would both fail.
    let meet = |me: &str, other: &str| {
        format!(
            "import os, time\n\
             def test_one():\n\
             \x20   open('{me}', 'w').close()\n\
             \x20   until = time.monotonic() + 30\n\
             \x20   while not os.path.exists('{other}'):\n\
             \x20       assert time.monotonic() < until\n"
        )
    };
    let (a, b) = (meet("here-a", "here-b"), meet("here-b", "here-a"));
    let Some(lab) = lab(&[("a/test_a.py", &a), ("b/test_b.py", &b)]) else {
        return;
    };
    lab.run(&["--no-cov", "--workers", "2", "a", "b"]).expect(0);
    assert_eq!(
        lab.rows("SELECT passed, workers FROM run_summary"),
        ["2 | 2"]
    );
}

#[test]
fn a_pattern_is_a_shard_for_each_match() {
    let Some(lab) = lab(&[
        ("tests/test_a.py", GREEN),
        ("tests/test_b.py", GREEN),
        ("tests/conftest.py", ""),
    ]) else {
        return;
    };
    lab.run(&["--no-cov", "tests/*.py"]).expect(0);
    assert_eq!(labels(&lab), ["tests/test_a.py", "tests/test_b.py"]);
}

#[test]
fn paths_that_overlap_run_each_test_once() {
    let Some(lab) = lab(&[("tests/test_a.py", GREEN), ("tests/test_b.py", GREEN)]) else {
        return;
    };
    let args = [
        "--no-cov",
        "tests/test_a.py",
        "tests",
        "tests/test_a.py::test_one",
    ];
    lab.run(&args).expect(0);
    assert_eq!(lab.rows("SELECT count(*) FROM shard"), ["1"]);
    assert_eq!(lab.rows("SELECT total FROM run_summary"), ["2"]);
    assert_eq!(lab.rows("SELECT count(*) FROM test_attempt"), ["2"]);
}

#[test]
fn equal_node_ids_under_two_rootdirs_are_two_tests() {
    let Some(lab) = lab(&[
        ("a/pytest.ini", "[pytest]\n"),
        ("a/test_x.py", GREEN),
        ("b/pytest.ini", "[pytest]\n"),
        ("b/test_x.py", "def test_one(): assert False\n"),
    ]) else {
        return;
    };
    let answer = lab.run(&["--no-cov", "--json", "a", "b"]).expect(1);
    assert_eq!(answer.json()["total"], 2);
    let rows = lab.rows("SELECT root, nodeid, file, outcome FROM test_outcome ORDER BY root");
    insta::assert_snapshot!(rows.join("\n"), @r"
    a | test_x.py::test_one | a/test_x.py | passed
    b | test_x.py::test_one | b/test_x.py | failed
    ");
}

#[test]
fn one_empty_path_among_others_is_a_notice() {
    let Some(lab) = lab(&[("a/test_a.py", GREEN), ("b/nothing.py", "")]) else {
        return;
    };
    let answer = lab.run(&["--no-cov", "a", "b"]).expect(0);
    insta::assert_snapshot!(answer.stderr, @"warning: no test was collected in `b`");
}

#[test]
fn workers_without_xdist_are_one_with_one_notice() {
    let Some(lab) = lab_with(
        &["pytest"],
        &[("a/test_a.py", GREEN), ("b/test_b.py", GREEN)],
    ) else {
        return;
    };
    let answer = lab.run(&["--no-cov", "--workers", "4", "a", "b"]).expect(0);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @"warning: pytest-xdist is not installed, so that one process runs the tests");
    assert_eq!(
        lab.rows("SELECT DISTINCT worker FROM test_attempt"),
        ["main"]
    );
}

#[test]
fn workers_are_shared_out_through_xdist() {
    let tests = numbered(20, |n| format!("def test_{n}(): pass\n"));
    let Some(lab) = lab(&[("test_a.py", &tests)]) else {
        return;
    };
    lab.run(&["--no-cov", "--workers", "2"]).expect(0);
    assert_eq!(
        lab.rows("SELECT count(*), count(DISTINCT worker) FROM test_attempt"),
        ["20 | 2"]
    );
}

#[test]
fn two_agents_share_one_state_file() {
    let tests = numbered(50, |n| format!("def test_{n}(): pass\n"));
    let Some(lab) = lab(&[("test_a.py", &tests)]) else {
        return;
    };
    let mut agents = [
        lab.start(&["--no-cov"]),
        lab.start(&["--no-cov"]),
        lab.start(&["--no-cov"]),
    ];
    for agent in &mut agents {
        agent.end().expect(0);
    }
    let runs = lab.rows("SELECT run_id, outcome, passed FROM run_summary ORDER BY run_id");
    assert_eq!(
        runs,
        ["1 | passed | 50", "2 | passed | 50", "3 | passed | 50"]
    );
    lab.assert_whole();
}
