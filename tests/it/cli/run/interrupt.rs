//! Signals: the tests end, their fixtures are torn down, what finished is kept, nothing is left.

use nix::sys::signal::Signal;

use crate::lab::{Lab, group, lab, processes_of};
use crate::wait::wait_until_gone;

const SLOW: &str = "import pathlib, pytest, time\n\
    @pytest.fixture\n\
    def service():\n\
    \x20   yield\n\
    \x20   pathlib.Path('torn-down').write_text('yes')\n\
    def test_one(): pass\n\
    def test_two(service): time.sleep(600)\n\
    def test_three(): pass\n";

fn assert_nothing_left(lab: &Lab, agent: u32, harness: u32) {
    assert_eq!(group(agent), [""; 0]);
    assert_eq!(group(harness), [""; 0]);
    assert_eq!(processes_of(lab), [""; 0]);
    lab.assert_whole();
}

#[test]
fn an_interrupt_tears_down_and_keeps_what_finished() {
    let Some(lab) = lab(&[("test_a.py", SLOW)]) else {
        return;
    };
    let mut agent = lab.start(&["--no-cov"]);
    let harness = agent.harness();
    agent.wait_for_test("test_two");
    agent.signal(Signal::SIGINT);
    let pid = agent.pid();
    let answer = agent.end().expect(130);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    LOST test_a.py::test_two
    LOST test_a.py::test_three
    LOST test_a.py (2 not run, 1 passed, [TIME])
    run 1 interrupted: 2 not run, 1 passed in [TIME]
    interrupted: the run was stopped; what had finished is stored, 2 tests did not
      run
    hint: `agent run` starts a new run, `agent show 1` shows the results so far

    not run (2)
      test_a.py::test_two
          not run: interrupted
      test_a.py::test_three
          not run: interrupted
    ");
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_three not_run
    test_a.py::test_two not_run
    ");
    assert_eq!(lab.verdict(), "interrupted | 130");
    assert!(lab.path().join("torn-down").exists());
    assert_nothing_left(&lab, pid, harness);
}

#[test]
fn a_second_interrupt_kills_at_once() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import pathlib, signal, time\n\
         def test_one(): pass\n\
         def test_two():\n\
         \x20   signal.signal(signal.SIGINT, lambda *_: pathlib.Path('heard').touch())\n\
         \x20   pathlib.Path('ready').touch()\n\
         \x20   while True: time.sleep(1)\n",
    )]) else {
        return;
    };
    let mut agent = lab.start(&["--no-cov"]);
    let harness = agent.harness();
    agent.wait_for_test("test_two");
    lab.wait_for_file("ready");
    agent.signal(Signal::SIGINT);
    lab.wait_for_file("heard");
    let began = std::time::Instant::now();
    agent.signal(Signal::SIGINT);
    let pid = agent.pid();
    agent.end().expect(130);
    assert!(began.elapsed().as_secs() < 4, "{:?}", began.elapsed());
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_one passed
    test_a.py::test_two not_run
    ");
    assert_eq!(
        lab.rows("SELECT status FROM process"),
        ["killed by SIGKILL"]
    );
    assert_nothing_left(&lab, pid, harness);
}

#[test]
fn a_termination_ends_the_run_likewise() {
    let Some(lab) = lab(&[("test_a.py", SLOW)]) else {
        return;
    };
    let mut agent = lab.start(&["--no-cov"]);
    let harness = agent.harness();
    agent.wait_for_test("test_two");
    agent.signal(Signal::SIGTERM);
    let pid = agent.pid();
    agent.end().expect(143);
    assert_eq!(lab.verdict(), "interrupted | 143");
    assert_eq!(lab.outcomes()["test_a.py::test_one"], "passed");
    assert_eq!(lab.outcomes()["test_a.py::test_three"], "not_run");
    assert!(lab.path().join("torn-down").exists());
    assert_nothing_left(&lab, pid, harness);
}

#[test]
fn a_terminal_that_is_closed_ends_the_run() {
    let Some(lab) = lab(&[("test_a.py", SLOW)]) else {
        return;
    };
    let mut agent = lab.start(&["--no-cov"]);
    agent.wait_for_test("test_two");
    agent.signal(Signal::SIGHUP);
    agent.end().expect(143);
    assert_eq!(lab.verdict(), "interrupted | 143");
}

#[test]
fn workers_are_interrupted_with_their_run() {
    let Some(lab) = lab(&[
        ("test_a.py", SLOW),
        (
            "test_b.py",
            "import time\ndef test_four(): time.sleep(600)\n",
        ),
    ]) else {
        return;
    };
    let mut agent = lab.start(&["--no-cov", "--workers", "2"]);
    let harness = agent.harness();
    agent.wait_for_test("test_two");
    agent.signal(Signal::SIGINT);
    let pid = agent.pid();
    agent.end().expect(130);
    assert_eq!(lab.verdict(), "interrupted | 130");
    assert_eq!(lab.outcomes()["test_a.py::test_two"], "not_run");
    assert_nothing_left(&lab, pid, harness);
}

#[test]
fn an_interrupt_while_files_are_collected() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import pathlib, time\npathlib.Path('collecting').touch()\ntime.sleep(600)\n",
    )]) else {
        return;
    };
    let mut agent = lab.start(&["--no-cov"]);
    lab.wait_for_file("collecting");
    agent.signal(Signal::SIGINT);
    agent.end().expect(130);
    assert_eq!(lab.verdict(), "interrupted | 130");
    assert_eq!(processes_of(&lab), [""; 0]);
}

#[test]
fn an_interrupt_ends_the_shards_that_wait_as_well() {
    let Some(lab) = lab(&[("test_a.py", SLOW), ("test_b.py", SLOW)]) else {
        return;
    };
    let mut agent = lab.start(&["--no-cov", "test_a.py", "test_b.py"]);
    agent.wait_for_test("test_two");
    agent.signal(Signal::SIGINT);
    let answer = agent.end().expect(130);
    let last = answer.events().pop().unwrap();
    assert_eq!(last["t"], "run_finished");
    assert_eq!(lab.rows("SELECT count(*) FROM process"), ["1"]);
}

#[test]
fn a_daemon_that_holds_the_pipes_does_not_hold_the_run() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import os, subprocess, sys\n\
         def test_one():\n\
         \x20   daemon = 'import time; time.sleep(600)'\n\
         \x20   child = subprocess.Popen([sys.executable, '-c', daemon], start_new_session=True)\n\
         \x20   open('daemon', 'w').write(str(child.pid))\n\
         def test_two():\n\
         \x20   subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n",
    )]) else {
        return;
    };
    let began = std::time::Instant::now();
    lab.run(&["--no-cov", "--", "-s"]).expect(0);
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    end_daemon(&lab);
}

#[test]
fn a_daemon_that_floods_the_pipes_does_not_hold_the_run() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import os, subprocess, sys, time\n\
         FLOOD = '''\n\
         import os\n\
         os.write(2, bytes(1 << 20))\n\
         open('flooding', 'w').close()\n\
         while True: os.write(2, bytes(1 << 20))\n\
         '''\n\
         def test_one():\n\
         \x20   child = subprocess.Popen([sys.executable, '-c', FLOOD], start_new_session=True)\n\
         \x20   open('daemon', 'w').write(str(child.pid))\n\
         \x20   while not os.path.exists('flooding'): time.sleep(0.01)\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov", "--", "-s"]).expect(0);
    end_daemon(&lab);
}

/// Ends the process that left the group on purpose: the agent must not, so the test does.
fn end_daemon(lab: &Lab) {
    let pid = std::fs::read_to_string(lab.path().join("daemon")).unwrap();
    let pid = nix::unistd::Pid::from_raw(pid.parse().unwrap());
    let _gone = nix::sys::signal::kill(pid, Signal::SIGKILL);
    wait_until_gone("the daemon", || processes_of(lab));
}
