//! `--isolate`: the tests are collected once, and forked children run them.

use crate::lab::{Lab, lab, lab_with};

/// A file whose tests see what other files leave behind in their process.
const LEAVES: &str = "import state\ndef test_it():\n    state.seen.append(__name__)\n    assert state.seen == [__name__]\n";

fn isolated(lab: &Lab, isolation: &str, args: &[&str]) -> crate::lab::Answer {
    let fixed = ["--no-cov", "--no-include-orphans", "--isolate", isolation];
    lab.run(&[&fixed, args].concat())
}

#[test]
fn with_file_no_file_sees_what_another_one_left() {
    let files = [
        ("pytest.ini", "[pytest]\npythonpath = .\n"),
        ("state.py", "seen = []\n"),
        ("test_a.py", LEAVES),
        ("test_b.py", LEAVES),
    ];
    let Some(lab) = lab(&files) else { return };
    isolated(&lab, "none", &[]).expect(1);
    isolated(&lab, "file", &[]).expect(0);
    isolated(&lab, "auto", &["--workers", "2"]).expect(0);
    isolated(&lab, "worker", &[]).expect(1);
    lab.assert_whole();
}

#[test]
fn all_files_are_collected_in_one_process_and_each_runs_in_its_own() {
    let file = "import os\nwith open('imports', 'a') as f: print(os.getpid(), file=f)\n\
                def test_it():\n    with open('runs', 'a') as f: print(os.getpid(), file=f)\n";
    let files = [
        ("test_a.py", file),
        ("test_b.py", file),
        ("test_c.py", file),
    ];
    let Some(lab) = lab(&files) else { return };
    isolated(&lab, "file", &[]).expect(0);
    let pids = |name: &str| {
        let text = std::fs::read_to_string(lab.path().join(name)).unwrap();
        let all: Vec<String> = text.lines().map(str::to_owned).collect();
        let different: std::collections::BTreeSet<String> = all.iter().cloned().collect();
        (all.len(), different.len())
    };
    assert_eq!((pids("imports"), pids("runs")), ((3, 1), (3, 3)));
}

#[test]
fn a_test_that_kills_its_process_costs_itself_alone_and_nothing_is_collected_again() {
    let file = "import os, signal\nprint('imported', file=open('imports', 'a'))\n\
                def test_before(): pass\n\
                def test_kill():\n    print('last words')\n    os.kill(os.getpid(), signal.SIGKILL)\n\
                def test_after(): pass\n";
    let files = [("test_a.py", file), ("test_b.py", "def test_it(): pass\n")];
    let Some(lab) = lab(&files) else { return };
    for workers in ["1", "2"] {
        std::fs::remove_file(lab.path().join("imports")).ok();
        isolated(&lab, "file", &["--workers", workers]).expect(6);
        assert_eq!(
            lab.table(),
            "test_a.py::test_after passed\ntest_a.py::test_before passed\n\
             test_a.py::test_kill crashed\ntest_b.py::test_it passed\n"
        );
        let message = lab.rows("SELECT message FROM test_outcome WHERE outcome = 'crashed'");
        let expected = "the interpreter was killed by SIGKILL in this test";
        assert_eq!(message.last().map(String::as_str), Some(expected));
        let imports = std::fs::read_to_string(lab.path().join("imports")).unwrap();
        assert_eq!(imports.lines().count(), 1);
        let shown = lab.agent(&["show", "latest", "test_kill"]).expect(0);
        assert!(shown.stdout.contains("last words"), "{shown}");
    }
}

#[test]
fn a_segmentation_fault_shows_the_stacks_of_its_own_process() {
    let file = "import ctypes\ndef fall(): ctypes.string_at(0)\ndef test_fall(): fall()\n\
                def test_after(): pass\n";
    let Some(lab) = lab(&[("test_a.py", file), ("test_b.py", file)]) else {
        return;
    };
    isolated(&lab, "file", &["--workers", "2"]).expect(6);
    for name in ["test_a.py", "test_b.py"] {
        let shown = lab.agent(&["show", "latest", &format!("{name}::test_fall")]);
        let shown = shown.expect(0);
        assert!(
            shown.stdout.contains(&format!("{name}\", line 2 in fall")),
            "{shown}"
        );
    }
}

#[test]
fn a_test_out_of_time_costs_itself_alone() {
    let file = "import time\ndef test_slow(): time.sleep(60)\ndef test_after(): pass\n";
    let files = [("test_a.py", file), ("test_b.py", "def test_it(): pass\n")];
    let Some(lab) = lab(&files) else { return };
    isolated(&lab, "file", &["--test-timeout", "1"]).expect(6);
    assert_eq!(
        lab.table(),
        "test_a.py::test_after passed\ntest_a.py::test_slow timed_out\ntest_b.py::test_it passed\n"
    );
    let shown = lab.agent(&["show", "latest", "test_slow"]).expect(0);
    assert!(shown.stdout.contains("in test_slow"), "{shown}");
}

#[test]
fn hooks_and_reports_of_plug_ins_see_one_session() {
    let conftest = "reports, began = [], []\n\
        def pytest_sessionstart(session): print('start', file=open('log', 'a'))\n\
        def pytest_runtest_logreport(report):\n    \
            if report.when == 'call': reports.append(report.nodeid)\n\
        def pytest_sessionfinish(session, exitstatus):\n    \
            print('finish', int(exitstatus), session.testsfailed, sorted(reports), file=open('log', 'a'))\n";
    let files = [
        ("conftest.py", conftest),
        (
            "test_a.py",
            "def test_one(): pass\ndef test_two(): assert 0\n",
        ),
        ("test_b.py", "def test_one(): pass\n"),
        (
            "test_c.py",
            "import pytest\ndef test_one(record_property):\n    record_property('key', 'worth')\n\
             @pytest.mark.skip\ndef test_two(): pass\n",
        ),
    ];
    let Some(lab) = lab(&files) else { return };
    isolated(&lab, "file", &["--", "--junitxml=j.xml"]).expect(1);
    let log = std::fs::read_to_string(lab.path().join("log")).unwrap();
    let tests = "['test_a.py::test_one', 'test_a.py::test_two', 'test_b.py::test_one', 'test_c.py::test_one']";
    assert_eq!(log, format!("start\nfinish 1 1 {tests}\n"));
    let junit = std::fs::read_to_string(lab.path().join("j.xml")).unwrap();
    assert!(
        junit.contains(r#"failures="1""#) && junit.contains(r#"tests="5""#),
        "{junit}"
    );
    let property = r#"<property name="key" value="worth""#;
    assert!(junit.contains(property), "{junit}");
    // The cache of what failed was written once, and holds for the next session.
    isolated(&lab, "file", &["--", "--lf"]).expect(1);
    let last =
        "SELECT nodeid FROM test_outcome WHERE run_id = (SELECT max(run_id) FROM test_outcome)";
    assert_eq!(lab.rows(last), ["test_a.py::test_two"]);
}

#[test]
fn a_worker_takes_file_after_file_and_its_session_fixtures_last() {
    let conftest = "import pytest, time\n\
        @pytest.fixture(scope='session')\n\
        def costly():\n    \
            print('up', file=open('log', 'a'))\n    \
            time.sleep(0.15)\n    \
            yield\n    \
            print('down', file=open('log', 'a'))\n";
    let test = "def test_it(costly): pass\n";
    let names = ["test_a.py", "test_b.py", "test_c.py", "test_d.py"];
    let mut files = vec![("conftest.py", conftest)];
    files.extend(names.map(|name| (name, test)));
    let Some(lab) = lab(&files) else { return };
    let ups = |isolation: &str| {
        std::fs::remove_file(lab.path().join("log")).ok();
        isolated(&lab, isolation, &[]).expect(0);
        let log = std::fs::read_to_string(lab.path().join("log")).unwrap();
        assert_eq!(
            log.matches("up").count(),
            log.matches("down").count(),
            "{log}"
        );
        log.matches("up").count()
    };
    // `auto` learns from the first file that the fixture takes its time.
    assert_eq!((ups("file"), ups("worker"), ups("auto")), (4, 1, 1));
}

#[test]
fn workers_are_named_as_by_xdist_and_have_files_of_their_own() {
    let test = "import os\n\
        def test_it(worker_id, tmp_path_factory, testrun_uid):\n    \
            assert worker_id == os.environ['PYTEST_XDIST_WORKER']\n    \
            assert worker_id in ('gw0', 'gw1')\n    \
            assert os.environ['PYTEST_XDIST_WORKER_COUNT'] == '2'\n    \
            tmp_path_factory.mktemp('same', numbered=False)\n    \
            root = tmp_path_factory.getbasetemp().parent\n    \
            (root / testrun_uid).touch()\n    \
            assert len(list(root.glob('????????????????????????????????'))) == 1\n";
    let files = [
        ("test_a.py", test),
        ("test_b.py", test),
        ("test_c.py", test),
    ];
    let Some(lab) = lab(&files) else { return };
    isolated(&lab, "file", &["--workers", "2"]).expect(0);
    let alone = "def test_it(worker_id): assert worker_id == 'master'\n";
    lab.write("test_a.py", alone);
    isolated(&lab, "file", &["test_a.py"]).expect(0);
}

#[test]
fn what_cannot_be_forked_runs_in_one_process_and_is_said() {
    let thread = "import threading, time\n\
        threading.Thread(target=time.sleep, args=(60,), daemon=True, name='ticker').start()\n\
        def test_it(): pass\n";
    let asks = "import os\nWORKER = os.environ.get('PYTEST_XDIST_WORKER')\n\
        def test_it(): assert WORKER in ('gw0', 'gw1')\n";
    let socket = "import socket\nS = socket.socket()\ndef test_it(): pass\n";
    let cases = [
        (
            thread,
            "1",
            "the imports of the tests started a thread (ticker)",
        ),
        (socket, "1", "the imports of the tests opened a socket"),
        (
            asks,
            "2",
            "the tests ask for their xdist worker when they are imported",
        ),
    ];
    for (source, workers, reason) in cases {
        let Some(lab) = lab(&[("test_a.py", source), ("test_b.py", source)]) else {
            return;
        };
        let answer = isolated(&lab, "file", &["--workers", workers]).expect(0);
        let said = crate::lab::flat(&answer.stderr);
        let expected = format!("`--isolate file` is not possible: {reason}");
        assert_eq!(said.matches(&expected).count(), 1, "{answer}");
        lab.assert_whole();
    }
}

#[test]
fn the_coverage_of_children_is_united() {
    let files = [
        ("pytest.ini", "[pytest]\npythonpath = .\n"),
        (
            "lib.py",
            "def one():\n    return 1\n\ndef two():\n    return 2\n\ndef three():\n    return 3\n",
        ),
        (
            "test_a.py",
            "import lib\ndef test_it(): assert lib.one() == 1\n",
        ),
        (
            "test_b.py",
            "import lib\ndef test_it(): assert lib.two() == 2\n",
        ),
    ];
    let Some(lab) = lab_with(&["pytest", "coverage", "pytest-cov"], &files) else {
        return;
    };
    let sql =
        "SELECT covered FROM file_coverage WHERE file = 'lib.py' ORDER BY run_id DESC LIMIT 1";
    for args in [&[][..], &["--", "--cov=."]] {
        for isolation in ["none", "file", "worker"] {
            let fixed = [
                "--no-include-orphans",
                "--workers",
                "1",
                "--isolate",
                isolation,
            ];
            lab.run(&[&fixed, args].concat()).expect(0);
            assert_eq!(lab.rows(sql), ["5"], "{isolation} {args:?}");
        }
    }
}

#[test]
fn failing_tests_are_tried_again_without_a_new_collection() {
    let file = "import os\nprint('imported', file=open('imports', 'a'))\n\
        def test_flaky():\n    \
            first = not os.path.exists('tried')\n    \
            open('tried', 'w').close()\n    \
            assert not first\n\
        def test_fine(): pass\n";
    let Some(lab) = lab(&[("test_a.py", file), ("test_b.py", "def test_it(): pass\n")]) else {
        return;
    };
    let answer = isolated(&lab, "file", &["--reruns", "2"]).expect(0);
    assert!(answer.stdout.contains("flaky"), "{answer}");
    let imports = std::fs::read_to_string(lab.path().join("imports")).unwrap();
    assert_eq!(imports.lines().count(), 1);
}

#[test]
fn the_run_stops_after_the_first_failure() {
    let failing = "def test_one(): assert 0\ndef test_two(): pass\n";
    let names = ["test_a.py", "test_b.py", "test_c.py"];
    let Some(lab) = lab(&names.map(|name| (name, failing))) else {
        return;
    };
    let not_run = |args: &[&str]| {
        let answer = isolated(&lab, "file", args).expect(1);
        assert!(answer.stdout.contains("1 failed"), "{answer}");
        lab.table().matches("not_run").count()
    };
    assert_eq!(not_run(&["--", "-x"]), 5);
    // The agent's word may come when the next test has begun.
    assert!((4..=5).contains(&not_run(&["--fail-fast"])));
}

#[test]
fn a_child_may_end_the_session() {
    let cases = [
        (
            "import pytest\ndef test_it(): pytest.exit('enough')\n",
            "pytest.exit: enough",
        ),
        (
            "def test_it(): raise KeyboardInterrupt('stop it')\n",
            "KeyboardInterrupt",
        ),
    ];
    for (source, reason) in cases {
        let later = "def test_it(): pass\n";
        let Some(lab) = lab(&[("test_a.py", source), ("test_b.py", later)]) else {
            return;
        };
        isolated(&lab, "file", &[]).expect(6);
        let sql = "SELECT message FROM test_outcome WHERE nodeid = 'test_b.py::test_it'";
        assert!(lab.rows(sql)[0].contains(reason), "{:?}", lab.rows(sql));
    }
}

#[test]
fn a_child_that_dies_between_its_tests_keeps_the_run_from_being_green() {
    let conftest = "import os, pytest\n\
        @pytest.fixture(scope='session', autouse=True)\n\
        def rude():\n    \
            yield\n    \
            os._exit(0)\n";
    let files = [
        ("conftest.py", conftest),
        ("test_a.py", "def test_it(): pass\n"),
    ];
    let Some(lab) = lab(&files) else { return };
    isolated(&lab, "file", &[]).expect(6);
    assert_eq!(lab.table(), "test_a.py::test_it crashed\n");
}

#[test]
fn after_a_failure_with_x_a_costly_fixture_is_torn_down_once() {
    let conftest = "import pytest, time\n\
        @pytest.fixture(scope='session')\n\
        def costly():\n    \
            print('up', file=open('log', 'a'))\n    \
            time.sleep(0.15)\n    \
            yield\n    \
            print('down', file=open('log', 'a'))\n";
    let failing = "def test_it(costly): assert 0\n";
    let files = [
        ("conftest.py", conftest),
        ("test_a.py", failing),
        ("test_b.py", failing),
    ];
    let Some(lab) = lab(&files) else { return };
    isolated(&lab, "auto", &["--", "-x"]).expect(1);
    assert_eq!(
        lab.table(),
        "test_a.py::test_it failed\ntest_b.py::test_it not_run\n"
    );
    let log = std::fs::read_to_string(lab.path().join("log")).unwrap();
    assert_eq!(log, "up\ndown\n");
}

#[test]
fn a_test_that_closes_every_descriptor_is_the_one_that_crashed() {
    let file = "import os\ndef test_close(): os.closerange(3, 1100)\ndef test_after(): pass\n";
    let files = [("test_a.py", file), ("test_b.py", "def test_it(): pass\n")];
    let Some(lab) = lab(&files) else { return };
    isolated(&lab, "file", &[]).expect(6);
    assert_eq!(
        lab.table(),
        "test_a.py::test_after passed\ntest_a.py::test_close crashed\ntest_b.py::test_it passed\n"
    );
}
