//! One cycle of a schedule: it drains, it logs, and it does not outlive its supervisor.

use std::io::pipe;
use std::process::Stdio;

use menace_agent::clock::now_ms;
use menace_agent::model::log::{LogLevel, LogLine};
use menace_agent::store::Store;
use nix::sys::signal::Signal;

use crate::lab::{Going, Lab, answer, bare_lab, group, lab, processes_of};

/// The first test goes on until the harness has been told to stop, in its own process or in the
/// process of the session.
pub(super) const UNTIL_STOPPED: &str = "import gc, select, time\n\
    def test_one():\n\
    \x20   session = next(it for it in gc.get_objects() if hasattr(it, 'deselected')\n\
    \x20                  and type(it).__module__.startswith('_menace.'))\n\
    \x20   for _ in range(6000):\n\
    \x20       if session.stop: return\n\
    \x20       channel = getattr(session, 'channel', None)\n\
    \x20       if channel and select.select([channel.commands], [], [], 0)[0]: return\n\
    \x20       time.sleep(0.01)\n\
    \x20   assert False, 'nobody said so'\n\
    def test_two(): pass\n\
    def test_three(): pass\n";

/// A test that no signal but SIGKILL ends.
const STUBBORN: &str = "import pathlib, signal, time\n\
    def test_one():\n\
    \x20   for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)\n\
    \x20   pathlib.Path('ready').touch()\n\
    \x20   while True: time.sleep(1)\n\
    def test_two(): pass\n";

/// The log of a cycle that was told to write JSON.
fn log(stderr: &str) -> Vec<LogLine> {
    let line = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no entry: {line}"));
    stderr.lines().map(line).collect()
}

fn events(log: &[LogLine]) -> Vec<&str> {
    log.iter().map(|line| line.event.as_str()).collect()
}

fn wait_until_ready(lab: &Lab, cycle: &mut Going) {
    cycle.wait_for_test("test_one");
    lab.wait_for_file("ready");
}

/// The row that a supervisor writes before it starts a cycle.
fn give_row(lab: &Lab) {
    drop(Store::open(&lab.db(), now_ms()).unwrap());
    lab.execute("INSERT INTO cycle (reason, due_ms, missed, started_ms) VALUES ('due', 0, 0, 0)");
}

#[test]
fn the_running_test_finishes_and_the_next_does_not_begin() {
    for workers in ["1", "2"] {
        let Some(lab) = lab(&[("test_a.py", UNTIL_STOPPED)]) else {
            return;
        };
        give_row(&lab);
        let args = ["--no-cov", "--workers", workers, "--", "--dist", "loadfile"];
        let args = if workers == "1" { &args[..3] } else { &args };
        let args = [args, &["-n2"][..usize::from(workers == "2")]].concat();
        let mut cycle = lab.cycle(&args);
        let harness = cycle.harness();
        cycle.wait_for_test("test_one");
        cycle.signal(Signal::SIGTERM);
        let pid = cycle.pid();
        cycle.end().expect(143);
        assert_eq!(lab.verdict(), "interrupted | 143");
        let sql = "SELECT nodeid, outcome, message FROM test_outcome ORDER BY nodeid";
        let why = "not_run | not run: the agent was asked to end";
        assert_eq!(
            lab.rows(sql),
            [
                "test_a.py::test_one | passed | NULL".to_owned(),
                format!("test_a.py::test_three | {why}"),
                format!("test_a.py::test_two | {why}"),
            ]
        );
        let of_run =
            "SELECT c.run_id, r.trigger FROM cycle_summary c JOIN run_summary r USING (run_id)";
        assert_eq!(lab.rows(of_run), ["1 | schedule"]);
        assert_eq!(group(pid), [""; 0]);
        assert_eq!(group(harness), [""; 0]);
        assert_eq!(processes_of(&lab), [""; 0]);
        lab.assert_whole();
    }
}

#[test]
fn neither_the_next_path_nor_a_new_try_begins() {
    let fails = UNTIL_STOPPED.replace("0)[0]: return", "0)[0]: break");
    let Some(lab) = lab(&[("test_a.py", &fails), ("test_b.py", "def test_b(): pass\n")]) else {
        return;
    };
    let mut cycle = lab.cycle(&["--no-cov", "--reruns", "3", "test_a.py", "test_b.py"]);
    cycle.wait_for_test("test_one");
    cycle.signal(Signal::SIGINT);
    cycle.end().expect(130);
    assert_eq!(lab.verdict(), "interrupted | 130");
    let sql = "SELECT nodeid, outcome, attempts FROM test_outcome WHERE outcome <> 'not_run'";
    assert_eq!(lab.rows(sql), ["test_a.py::test_one | failed | 1"]);
    assert_eq!(lab.rows("SELECT count(*) FROM process"), ["1"]);
}

#[test]
fn a_second_signal_kills_what_does_not_end() {
    let Some(lab) = lab(&[("test_a.py", STUBBORN)]) else {
        return;
    };
    let mut cycle = lab.cycle(&["--no-cov"]);
    let harness = cycle.harness();
    wait_until_ready(&lab, &mut cycle);
    cycle.signal(Signal::SIGTERM);
    cycle.wait_to_say("running tests finish, nothing new begins");
    let began = std::time::Instant::now();
    cycle.signal(Signal::SIGTERM);
    cycle.end().expect(143);
    assert!(began.elapsed().as_secs() < 4, "{:?}", began.elapsed());
    assert_eq!(lab.verdict(), "interrupted | 143");
    let messages = lab.rows("SELECT DISTINCT message FROM test_outcome");
    assert_eq!(messages, ["not run: terminated"]);
    assert_eq!(
        lab.rows("SELECT status FROM process"),
        ["killed by SIGKILL"]
    );
    assert_eq!(group(harness), [""; 0]);
}

#[test]
fn a_cycle_does_not_outlive_its_supervisor() {
    let Some(lab) = lab(&[("test_a.py", STUBBORN)]) else {
        return;
    };
    let mut cycle = lab.cycle(&["--no-cov", "--log-format", "json"]);
    let harness = cycle.harness();
    wait_until_ready(&lab, &mut cycle);
    cycle.hang_up();
    let log = log(&cycle.end().expect(143).stderr);
    assert_eq!(
        events(&log),
        ["run-started", "not-waited-for", "run-finished"]
    );
    assert_eq!(lab.verdict(), "interrupted | 143");
    assert_eq!(group(harness), [""; 0]);
    lab.assert_whole();
}

#[test]
fn what_is_running_is_logged_on_request_and_a_hangup_changes_nothing() {
    let Some(lab) = lab(&[("test_a.py", UNTIL_STOPPED)]) else {
        return;
    };
    let mut cycle = lab.cycle(&["--no-cov", "--log-format", "json"]);
    cycle.wait_for_test("test_one");
    cycle.signal(Signal::SIGHUP);
    cycle.signal(Signal::SIGUSR1);
    cycle.wait_to_say("\"event\":\"running\"");
    cycle.signal(Signal::SIGTERM);
    let log = log(&cycle.end().expect(143).stderr);
    assert_eq!(
        events(&log),
        [
            "run-started",
            "running",
            "draining",
            "running",
            "run-finished"
        ]
    );
    let running = &log[1].message;
    assert!(running.starts_with("0 of 3 tests done in "), "{running}");
    assert!(
        running.contains("; running: test_a.py::test_one ("),
        "{running}"
    );
    assert_eq!(
        (log[1].fields.cycle.unwrap().0, log[1].fields.run.unwrap().0),
        (1, 1)
    );
}

#[test]
fn a_cycle_logs_its_run_and_writes_what_else_it_was_asked_for() {
    let test = "def test_ok(): pass\ndef test_bad(): assert 1 == 2, 'a\\x1b[31m\\nb'\n";
    let Some(lab) = lab(&[("test_a.py", test), ("lonely.py", "import nothing\n")]) else {
        return;
    };
    let args = ["cycle", "1", "--no-cov", "--json", "--junit", "j.xml"];
    let mut command = lab.command(&args);
    let answer = answer(command.stdin(Stdio::piped())).expect(1);
    assert_eq!(answer.json()["trigger"], "schedule");
    assert!(lab.path().join("j.xml").exists());
    let said = lab.plain(&answer.stderr);
    let said = said.lines().map(|line| {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
        format!("{rest}\n")
    });
    insta::assert_snapshot!(said.collect::<Vec<_>>().concat(), @r"
    info cycle 1, run 1: started with 1 worker
    warning cycle 1, run 1: test_a.py::test_bad failed: AssertionError: a\x1b[31m
    info cycle 1, run 1: tries 1 orphan
    warning cycle 1, run 1: orphan lonely.py failed: it does not import: ModuleNotFoundError: No module named 'nothing'
    warning cycle 1, run 1: failed: 1 failed, 1 passed in [TIME]; 1 of 1 orphan failed (hint: `agent show 1` shows what failed)
    ");
}

#[test]
fn the_log_for_programs_is_its_contract() {
    let Some(lab) = lab(&[("test_a.py", "def test_bad(): assert 0\n")]) else {
        return;
    };
    let mut command = lab.command(&["cycle", "1", "--no-cov"]);
    command
        .env("SELF_TEST_LOG_FORMAT", "json")
        .stdin(Stdio::piped());
    let log = log(&answer(&mut command).expect(1).stderr);
    assert_eq!(events(&log), ["run-started", "test-failed", "run-finished"]);
    let failed = &log[1];
    assert_eq!(failed.level, LogLevel::Warning);
    assert_eq!(failed.fields.nodeid.as_deref(), Some("test_a.py::test_bad"));
    assert_eq!(
        failed.message,
        "test_a.py::test_bad failed: AssertionError: assert 0"
    );
    let tests = log[2].fields.tests.unwrap();
    assert_eq!((tests.failed, log[2].fields.exit_code), (1, Some(1)));
}

#[test]
fn a_cycle_that_cannot_start_says_why_in_the_log_and_in_its_row() {
    let lab = bare_lab("no-such-python", &[("test_a.py", "def test_a(): pass\n")]);
    give_row(&lab);
    let mut command = lab.command(&["cycle", "1", "--log-format", "json"]);
    let stderr = answer(command.stdin(Stdio::piped())).expect(3).stderr;
    let log = log(&stderr);
    assert_eq!(events(&log), ["cycle-failed"]);
    assert_eq!(log[0].level, LogLevel::Error);
    assert!(log[0].message.contains("`no-such-python`"), "{stderr}");
    assert!(log[0].fields.hint.is_some(), "{stderr}");
    let noted = lab.rows("SELECT message, run_id FROM cycle_summary");
    assert_eq!(noted, [format!("{} | NULL", log[0].message)]);
    assert_eq!(lab.rows("SELECT count(*) FROM run_summary"), ["0"]);
}

#[test]
fn settings_that_became_wrong_are_an_entry_of_the_log() {
    let lab = bare_lab("python3", &[("menace.toml", "wokers = 3\n")]);
    let mut command = lab.command(&["cycle", "7"]);
    command
        .env("SELF_TEST_LOG_FORMAT", "json")
        .stdin(Stdio::piped());
    let log = log(&answer(&mut command).expect(2).stderr);
    assert_eq!(events(&log), ["cycle-failed"]);
    assert_eq!(log[0].fields.cycle.unwrap().0, 7);
    assert!(log[0].message.contains("wokers"));
}

#[test]
fn a_log_that_nobody_reads_ends_no_cycle() {
    let Some(lab) = lab(&[("test_a.py", "def test_bad(): assert 0\n")]) else {
        return;
    };
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = lab.command(&["cycle", "1", "--no-cov"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(writer)
        .spawn()
        .unwrap();
    let _supervisor = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(lab.verdict(), "failed | 1");
}

#[test]
fn an_image_without_an_engine_is_no_error_of_a_cycle() {
    let Some(lab) = lab(&[("test_a.py", "def test_a(): pass\n")]) else {
        return;
    };
    let image = [
        "--container-runtime",
        "/bin/false",
        "--container-image",
        "lab:1",
    ];
    let args = [&["cycle", "1", "--no-cov", "--json"], &image[..]].concat();
    let mut command = lab.command(&args);
    let answer = answer(command.stdin(Stdio::piped())).expect(0);
    assert_eq!(answer.json()["executor"], "host");
    let notice = &answer.json()["notices"][0];
    assert_eq!(
        (notice["level"].as_str(), notice["code"].as_str()),
        (Some("warning"), Some("image-not-ready"))
    );
    let message = notice["message"].as_str().unwrap();
    assert!(
        message.starts_with("runs on the host, not in `lab:1`: no container engine answers"),
        "{message}"
    );
}

#[test]
fn a_tarball_that_cannot_be_used_is_an_error_of_a_cycle() {
    let Some(lab) = lab(&[
        ("test_a.py", "def test_a(): pass\n"),
        ("junk.tar", "no archive"),
    ]) else {
        return;
    };
    let cycle = ["cycle", "1", "--no-cov"];
    let image = [
        "--container-runtime",
        "/bin/false",
        "--image-tar",
        "junk.tar",
    ];
    let mut command = lab.command(&[&cycle[..], &image].concat());
    let ended = answer(command.stdin(Stdio::piped())).expect(3);
    assert!(ended.stderr.contains("junk.tar"), "{}", ended.stderr);
    assert_eq!(lab.rows("SELECT nodeid FROM test_outcome"), [""; 0]);
}
