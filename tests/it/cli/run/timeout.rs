//! Tests and shards that run out of time: they are ended, named, and shown with their stacks.

use crate::lab::{Lab, lab, processes_of};

/// Generous for a loaded machine: what must not time out takes milliseconds.
const LIMIT: &str = "2";

fn longrepr(lab: &Lab) -> String {
    lab.agent(&["show", "latest"]).expect(0).stdout
}

#[test]
fn a_test_that_sleeps_is_timed_out_with_the_stacks_of_all_threads() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import threading, time\n\
         def in_thread(): time.sleep(600)\n\
         def test_one(): pass\n\
         def test_two():\n\
         \x20   threading.Thread(target=in_thread, daemon=True).start()\n\
         \x20   time.sleep(600)\n\
         def test_three(): pass\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov", "--test-timeout", LIMIT]).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_three passed
    test_a.py::test_two timed_out
    ");
    let shown = longrepr(&lab);
    assert!(shown.contains("in test_two"), "{shown}");
    assert!(shown.contains("in in_thread"), "{shown}");
    assert_eq!(processes_of(&lab), [""; 0]);
}

#[test]
fn a_test_that_hangs_in_native_code_is_timed_out() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import ctypes, re\n\
             def test_pause(): ctypes.CDLL(None).pause()\n\
             def test_locked(): ctypes.PyDLL(None).pause()\n\
             def test_regex(): re.match('(a|aa)+$', 'a' * 60 + 'b')\n\
             def test_last(): pass\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov", "--test-timeout", "1"]).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_last passed
    test_a.py::test_locked timed_out
    test_a.py::test_pause timed_out
    test_a.py::test_regex timed_out
    ");
    let shown = longrepr(&lab);
    for name in ["in test_pause", "in test_locked", "in test_regex"] {
        assert!(shown.contains(name), "{name}: {shown}");
    }
}

#[test]
fn a_test_that_ignores_sigterm_is_killed() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import signal, time\n\
         def test_one():\n\
         \x20   signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
         \x20   time.sleep(600)\n\
         def test_two(): pass\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov", "--test-timeout", "1"]).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one timed_out
    test_a.py::test_two passed
    ");
    let statuses = lab.rows("SELECT status FROM process ORDER BY started_ms");
    assert_eq!(statuses, ["killed by SIGKILL", "exit status 0"]);
}

#[test]
fn a_test_that_turns_sigterm_into_a_failure_is_timed_out_all_the_same() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import signal, sys, time\n\
         def test_one():\n\
         \x20   signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))\n\
         \x20   time.sleep(600)\n\
         def test_two(): pass\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov", "--test-timeout", "1"]).expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one timed_out
    test_a.py::test_two passed
    ");
    let messages = lab.rows("SELECT message FROM test_outcome WHERE message <> ''");
    assert_eq!(messages, ["ran longer than 1s (--test-timeout)"]);
    let shown = longrepr(&lab);
    assert!(shown.contains("most recent call first"), "{shown}");
}

#[test]
fn a_shard_out_of_time_names_what_ran_and_what_did_not() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import time\n\
         def test_one(): pass\n\
         def test_two(): time.sleep(600)\n\
         def test_three(): pass\n",
    )]) else {
        return;
    };
    let answer = lab.run(&["--no-cov", "--timeout", LIMIT]).expect(6);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    warning: `the project` ran out of its [TIME]
    hint: give it more with `--timeout SECONDS` or SELF_TEST_TIMEOUT
    ");
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_three not_run
    test_a.py::test_two timed_out
    ");
    let shown = longrepr(&lab);
    assert!(shown.contains("in test_two"), "{shown}");
}

#[test]
fn each_shard_out_of_time_while_it_collects_is_told_of() {
    let slow = "import time\ntime.sleep(600)\n";
    let Some(lab) = lab(&[("test_a.py", slow), ("test_b.py", slow)]) else {
        return;
    };
    let args = [
        "--no-cov",
        "--timeout",
        LIMIT,
        "--workers",
        "2",
        "test_a.py",
        "test_b.py",
    ];
    lab.run(&args).expect(6);
    assert_eq!(lab.verdict(), "incomplete | 6");
    let notices = "SELECT message FROM notice WHERE code = 'shard-timeout' ORDER BY message";
    insta::assert_snapshot!(lab.rows(notices).join("\n"), @r"
    `test_a.py` ran out of its 2s
    `test_b.py` ran out of its 2s
    ");
}

#[test]
fn a_worker_out_of_time_is_replaced() {
    let Some(lab) = lab(&[
        (
            "test_a.py",
            "import time\n\
             def test_one(): pass\n\
             def test_two(): time.sleep(600)\n\
             def test_three(): pass\n",
        ),
        (
            "test_b.py",
            "def test_four(): pass\ndef test_five(): pass\n",
        ),
    ]) else {
        return;
    };
    lab.run(&["--no-cov", "--workers", "2", "--test-timeout", LIMIT])
        .expect(6);
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_three passed
    test_a.py::test_two timed_out
    test_b.py::test_five passed
    test_b.py::test_four passed
    ");
    let shown = longrepr(&lab);
    assert!(shown.contains("in test_two"), "{shown}");
    assert_eq!(lab.rows("SELECT count(*) FROM process"), ["1"]);
}

#[test]
fn a_shard_with_workers_out_of_time() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import time\n\
         def test_one(): pass\n\
         def test_two(): time.sleep(600)\n\
         def test_three(): time.sleep(600)\n\
         def test_four(): time.sleep(600)\n\
         def test_five(): time.sleep(600)\n\
         def test_six(): time.sleep(600)\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov", "--workers", "2", "--timeout", "4"])
        .expect(6);
    let count = |outcome| lab.outcomes().values().filter(|o| *o == outcome).count();
    assert_eq!(
        (count("timed_out"), count("passed"), count("not_run")),
        (2, 1, 3),
        "{}",
        lab.table()
    );
    assert_eq!(processes_of(&lab), [""; 0]);
}
