//! The output of a run on each stream, also when nobody can read it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::lab::{Lab, answer as run_to_end, lab, numbered};
use crate::wait::{PATIENCE, wait_for_end};

const MIXED: &str = "import pytest, warnings\n\
    def test_passes(): pass\n\
    def test_fails():\n    print('\\x1b[31mred\\x1b[0m')\n    assert [1, 2] == [1, 3]\n\
    def test_skips(): pytest.skip('not here')\n\
    def test_warns(): warnings.warn('old')\n\
    @pytest.fixture\n\
    def broken(): raise OSError('x')\n\
    def test_error(broken): pass\n";

fn mixed() -> Option<Lab> {
    lab(&[("test_a.py", MIXED)])
}

fn assert_valid(lab: &Lab, of: &str, values: &[Value]) {
    let schema = lab.agent(&["schema", of]).expect(0).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for value in values {
        let problems: Vec<_> = validator
            .iter_errors(value)
            .map(|e| e.to_string())
            .collect();
        assert!(problems.is_empty(), "{problems:?}\n{value:#}");
    }
}

#[test]
fn the_summary_as_json_is_alone_on_stdout_and_keeps_its_schema() {
    let Some(lab) = mixed() else {
        return;
    };
    let answer = lab.run(&["--json", "-v"]).expect(1);
    let summary = answer.json();
    assert_valid(&lab, "summary", std::slice::from_ref(&summary));
    assert!(answer.stderr.contains("test_fails"), "{answer}");
    assert_eq!(summary["total"], 5);
    assert_eq!(summary["failures"].as_array().unwrap().len(), 2);
    assert_eq!(summary["warnings"], 1);
    // The file says the same as the summary, and so does a later look.
    let sql = "SELECT json_object('passed', passed, 'failed', failed, 'error', error,
        'skipped', skipped, 'total', total, 'coverage', coverage_percent, 'uuid', uuid,
        'exit_code', exit_code, 'outcome', outcome, 'runtime', duration_s) FROM run_summary";
    let row: Value = serde_json::from_str(&lab.rows(sql).concat()).unwrap();
    for (key, value) in row.as_object().unwrap() {
        assert_eq!(&summary[key], value, "{key}");
    }
    assert_eq!(
        lab.agent(&["show", "latest", "--json"]).expect(0).json(),
        summary
    );
}

#[test]
fn the_events_are_alone_on_stdout_and_keep_their_schema() {
    let Some(lab) = mixed() else {
        return;
    };
    lab.write(
        "test_b.py",
        "import os\ndef test_one(): os._exit(1)\ndef test_two(): pass\n",
    );
    let answer = lab.run(&["--events", "-", "-v", "--reruns", "1"]).expect(6);
    let events = answer.events();
    assert_valid(&lab, "events", &events);
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event["t"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.first(), Some(&"run_started"));
    assert_eq!(kinds.last(), Some(&"run_finished"));
    for kind in [
        "shard_started",
        "collected",
        "test_started",
        "test_finished",
        "process_died",
    ] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    let stored = lab.rows("SELECT count(*) FROM test_attempt WHERE outcome <> 'not_run'");
    let finished = kinds
        .iter()
        .filter(|kind| **kind == "test_finished")
        .count();
    assert_eq!(stored, [finished.to_string()]);
}

#[test]
fn events_in_a_file_are_those_of_stdout() {
    let Some(lab) = mixed() else {
        return;
    };
    let args = [
        "--no-cov",
        "--events",
        "events.jsonl",
        "--junit",
        "report.xml",
        "-q",
    ];
    let answer = lab.run(&args).expect(1);
    let text = std::fs::read_to_string(lab.path().join("events.jsonl")).unwrap();
    assert_valid(&lab, "events", &crate::lab::events(&text));
    assert!(!answer.stdout.contains("{\""), "{answer}");
    let report = std::fs::read_to_string(lab.path().join("report.xml")).unwrap();
    assert!(
        report.contains(r#"tests="5" skipped="1" failures="1" errors="1""#),
        "{report}"
    );
}

#[test]
fn a_reader_that_hangs_up_ends_the_output_and_not_the_run() {
    let tests = numbered(300, |n| format!("def test_{n}(): pass\n"));
    let Some(lab) = lab(&[("test_a.py", &tests)]) else {
        return;
    };
    for args in [
        ["run", "--no-cov", "-v"].as_slice(),
        &["run", "--no-cov", "--events", "-"],
    ] {
        let mut command = lab.command(args);
        let mut agent = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut reader = BufReader::new(agent.stdout.take().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        drop(reader);
        let status = wait_for_end(PATIENCE, &mut agent);
        assert_eq!(status.code(), Some(0));
        let complaints = std::io::read_to_string(agent.stderr.take().unwrap()).unwrap();
        assert!(!complaints.contains("panicked"), "{complaints}");
    }
    assert_eq!(lab.rows("SELECT passed FROM run_summary"), ["300", "300"]);
}

#[test]
fn a_full_device_behind_stdout_is_said_and_loses_no_result() {
    let Some(lab) = mixed() else {
        return;
    };
    let mut said = Vec::new();
    for args in [
        ["run", "--no-cov"].as_slice(),
        &["run", "--no-cov", "--json"],
    ] {
        let full = File::options().write(true).open("/dev/full");
        let Ok(full) = full else {
            return crate::lab::skipped("this machine has no /dev/full");
        };
        let output = lab.command(args).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let lines = stderr.lines().filter(|line| line.contains("cannot"));
        let lines: Vec<_> = lines.map(str::to_owned).collect();
        said.push(format!("{:?} {}", output.status.code(), lines.join("\n")));
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    Some(1) warning: cannot print the report: No space left on device (os error 28)
    Some(3) error: cannot write to standard output
    ");
    assert_eq!(
        lab.rows("SELECT failed, total FROM run_summary"),
        ["1 | 5", "1 | 5"]
    );
}

#[test]
fn pipes_get_no_colours_unless_they_are_asked_for() {
    let Some(lab) = mixed() else {
        return;
    };
    let controls = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
    let answer = lab.run(&["--no-cov", "-v"]).expect(1);
    assert!(
        !controls(&answer.stdout) && !controls(&answer.stderr),
        "{answer}"
    );
    let mut command = lab.command(&["run", "--no-cov", "--color", "always"]);
    let answer = run_to_end(command.env("NO_COLOR", "1")).expect(1);
    assert!(answer.stdout.contains('\u{1b}'), "{answer}");
    let mut command = lab.command(&["run", "--no-cov"]);
    let answer = run_to_end(command.env("NO_COLOR", "1")).expect(1);
    assert!(!controls(&answer.stdout), "{answer}");
    let answer = lab.agent(&["show", "latest"]).expect(0);
    assert!(!controls(&answer.stdout), "{answer}");
}

#[test]
fn the_report_fits_eighty_columns() {
    let Some(lab) = mixed() else {
        return;
    };
    lab.write("test_b.py", "import os\ndef test_one(): os._exit(1)\n");
    let answer = lab
        .run(&["-v", "--reruns", "1", "--workers", "2"])
        .expect(6);
    let lines = answer.stdout.lines().chain(answer.stderr.lines());
    let wide: Vec<_> = lines.filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn quiet_says_the_failures_and_the_verdict() {
    let Some(lab) = mixed() else {
        return;
    };
    let answer = lab.run(&["--no-cov", "-q"]).expect(1);
    insta::assert_snapshot!(lab.headlines(&answer.stdout), @r"
    FAIL test_a.py::test_fails ([TIME])
    ERROR test_a.py::test_error ([TIME])
    run 1: 1 failed, 1 error, 2 passed, 1 skipped in [TIME]
    ");
    assert_eq!(answer.stderr, "");
}

/// Runs its arguments in a terminal of their own.
const IN_TERMINAL: &str = "import os, pty, sys\n\
    sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))\n";

#[test]
fn a_shell_that_a_test_starts_does_not_stop_the_run_in_a_terminal() {
    let asks = "import subprocess\n\
        def test_shell():\n\
        \x20   command = ['bash', '-ic', 'echo hi']\n\
        \x20   out = subprocess.run(command, stdout=subprocess.PIPE, timeout=600).stdout\n\
        \x20   assert out == b'hi\\n'\n";
    let Some(lab) = lab(&[("test_a.py", asks)]) else {
        return;
    };
    let run = lab.command(&["run", "--no-cov"]);
    let mut in_terminal = Command::new(lab.python());
    in_terminal.args(["-c", IN_TERMINAL]).arg(run.get_program());
    in_terminal.args(run.get_args()).current_dir(lab.path());
    for (name, value) in run.get_envs() {
        in_terminal.env(name, value.unwrap());
    }
    in_terminal.stdin(Stdio::null());
    run_to_end(&mut in_terminal).expect(0);
    assert_eq!(lab.table(), "test_a.py::test_shell passed\n");
}
