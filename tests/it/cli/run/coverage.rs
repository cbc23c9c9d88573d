//! Coverage is the union of what ran, or nothing at all.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::lab::{Going, Lab, answer, lab, lab_with};

const CODE: &str = "def left():\n    return 1\n\n\ndef right():\n    return 2\n";

fn test_of(name: &str) -> String {
    format!("import code_of\ndef test_one(): assert code_of.{name}()\n")
}

fn of_code(lab: &Lab) -> Vec<String> {
    lab.rows(
        "SELECT statements, covered FROM file_coverage
         WHERE file = 'code_of.py' AND run_id = (SELECT max(run_id) FROM run_summary)",
    )
}

#[test]
fn lines_are_united_over_shards() {
    let (left, right) = (test_of("left"), test_of("right"));
    let files = [
        ("pytest.ini", "[pytest]\npythonpath = .\n"),
        ("code_of.py", CODE),
        ("a/test_a.py", left.as_str()),
        ("b/test_b.py", right.as_str()),
    ];
    let Some(lab) = lab(&files) else {
        return;
    };
    lab.run(&["a"]).expect(0);
    assert_eq!(of_code(&lab), ["4 | 3"]);
    lab.run(&["--workers", "2", "a", "b"]).expect(0);
    assert_eq!(of_code(&lab), ["4 | 4"]);
    let answer = lab.run(&["--workers", "2", "--json"]).expect(0);
    assert_eq!(of_code(&lab), ["4 | 4"]);
    assert_eq!(answer.json()["coverage"], 100.0);
}

#[test]
fn lines_survive_a_crash_as_a_partial_figure() {
    let (left, right) = (test_of("left"), test_of("right"));
    let files = [
        ("pytest.ini", "[pytest]\npythonpath = .\n"),
        ("code_of.py", CODE),
        ("test_a.py", left.as_str()),
        ("test_b.py", "import os\ndef test_one(): os._exit(1)\n"),
        ("test_c.py", right.as_str()),
    ];
    let Some(lab) = lab(&files) else {
        return;
    };
    let answer = lab.run(&[]).expect(6);
    assert!(answer.stdout.contains("% (partial)"), "{answer}");
    assert_eq!(of_code(&lab), ["4 | 4"]);
    let notices = lab.rows("SELECT code FROM notice");
    assert_eq!(notices, ["coverage-partial"]);
}

#[test]
fn a_process_without_a_last_word_makes_the_figure_partial() {
    let left = test_of("left");
    let dies = "import os, time\ndef test_two(): {}\n";
    let exits = dies.replace("{}", "os._exit(1)");
    let hangs = dies.replace("{}", "time.sleep(600)");
    for (last, args) in [
        (&exits, &["--json"][..]),
        (&hangs, &["--json", "--test-timeout", "5"]),
        (&exits, &["--json", "--workers", "2"]),
    ] {
        let files = [
            ("pytest.ini", "[pytest]\npythonpath = .\n"),
            ("code_of.py", CODE),
            ("test_a.py", left.as_str()),
            ("test_b.py", last.as_str()),
        ];
        let Some(lab) = lab(&files) else {
            return;
        };
        let run = lab.run(args);
        assert_eq!(run.json()["coverage_partial"], true, "{run}");
        assert!(run.json()["coverage"].is_f64(), "{run}");
        let show = lab.agent(&["show", "1", "--json"]).expect(0);
        assert_eq!(show.json()["coverage_partial"], true, "{show}");
        for command in [&["show", "1"][..], &["history"]] {
            let said = lab.agent(command).expect(0);
            assert!(said.stdout.contains("% (partial)"), "{said}");
        }
        let partial = lab.rows(
            "SELECT coverage_partial, statements, partial
             FROM run_summary JOIN file_coverage USING (run_id) WHERE file = 'code_of.py'",
        );
        assert_eq!(partial, ["1 | 4 | 1"], "{run}");
        let notices = lab.rows("SELECT code FROM notice WHERE code = 'coverage-partial'");
        assert_eq!(notices.len(), 1, "{run}");

        lab.write("test_b.py", "");
        let whole = lab.run(&["--json"]).expect(0).json();
        assert_eq!(whole["coverage_partial"], false);
        assert_eq!(
            whole["comparison"]["coverage_change"],
            serde_json::Value::Null
        );
        let whole = lab.rows("SELECT coverage_partial FROM run_summary WHERE run_id = 2");
        assert_eq!(whole, ["0"]);
    }
}

#[test]
fn without_coverage_py_it_is_unknown_and_said_once() {
    let Some(lab) = lab_with(
        &["pytest"],
        &[
            ("a/test_a.py", "def test_one(): pass\n"),
            ("b/test_b.py", "def test_one(): pass\n"),
        ],
    ) else {
        return;
    };
    let answer = lab.run(&["a", "b"]).expect(0);
    assert_eq!(
        answer.stderr.matches("was not measured").count(),
        1,
        "{answer}"
    );
    let notices = lab
        .rows("SELECT code, message, hint FROM notice")
        .join("\n");
    insta::assert_snapshot!(lab.plain(&notices), @"coverage-missing | coverage was not measured: [PYTHON] has no coverage.py | install `coverage` into it, or pass `--no-cov`");
    assert_eq!(
        lab.rows("SELECT coverage_percent FROM run_summary"),
        ["NULL"]
    );
}

#[test]
fn switched_off_it_is_unknown_and_nothing_is_said() {
    let Some(lab) = lab(&[("test_a.py", "def test_one(): pass\n")]) else {
        return;
    };
    let answer = lab.run(&["--no-cov", "--json"]).expect(0);
    assert_eq!(answer.json()["coverage"], serde_json::Value::Null);
    assert_eq!(
        lab.rows("SELECT coverage_percent FROM run_summary"),
        ["NULL"]
    );
    assert_eq!(lab.rows("SELECT count(*) FROM file_coverage"), ["0"]);
    assert_eq!(lab.rows("SELECT count(*) FROM notice"), ["0"]);
}

#[test]
fn a_project_that_measures_itself_is_read_and_not_disturbed() {
    let test = test_of("left");
    let Some(lab) = lab_with(
        &["pytest", "pytest-cov"],
        &[
            (
                "pytest.ini",
                "[pytest]\npythonpath = .\naddopts = --cov=. --cov-report=xml\n",
            ),
            ("code_of.py", CODE),
            ("test_a.py", &test),
        ],
    ) else {
        return;
    };
    lab.run(&[]).expect(0);
    assert_eq!(of_code(&lab), ["4 | 3"]);
    assert!(lab.path().join("coverage.xml").exists());
}

/// Ways to turn, ways that no test needs to take, and statements of several lines.
const TURNS: &str = r#"from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def sign(
    number,
    names=(
        "minus",
        "zero",
        "plus",
    ),
):
    if (
        number
        < 0
    ):
        return names[0]
    elif not number:
        return names[1]
    return names[2]


def first(names, wanted):
    for name in names:
        if name == wanted:
            break
        elif name == "assert":
            raise AssertionError(name)
    else:
        return None
    while True:
        try:
            if len(name) > 3: return name
            with open(name) as file:
                return [line for line in file if line]
        except OSError:
            if name:  # pragma: no branch
                return (lambda: name)() or None
        finally:
            wanted = name if name else wanted


def debug(name):
    if __debug__:
        print(name)
    if name == "never":  # pragma: no cover
        return name
    return "x" if name else "y"
"#;

const SETTINGS: &str = "
[tool.coverage.run]
source = ['pkg']
omit = ['*/left_out.py']
[tool.coverage.report]
exclude_also = ['if TYPE_CHECKING:']
partial_branches = ['if __debug__:']
omit = ['*/generated_*.py']
[tool.coverage.paths]
source = ['pkg', '*/elsewhere/pkg']
";

/// A project whose tests go different ways; the second file may crash.
fn turning_lab(branch: bool, second: &str) -> Option<Lab> {
    let settings = SETTINGS.replacen("source", &format!("branch = {branch}\nsource"), 1);
    lab(&[
        ("pytest.ini", "[pytest]\npythonpath = .\n"),
        ("pyproject.toml", &settings),
        ("pkg/__init__.py", ""),
        ("pkg/turns.py", TURNS),
        (
            "pkg/never.py",
            "import sys\nif sys:\n    A = 1\nelse:\n    A = 2\n",
        ),
        ("pkg/left_out.py", "A = 1\n"),
        ("pkg/generated_a.py", "A = 1\nif A:\n    B = 2\n"),
        (
            "a/test_a.py",
            "from pkg import turns, generated_a
def test_sign(): assert turns.sign(-2) == 'minus' and turns.sign(2) == 'plus'
def test_first(): assert turns.first(['ab', 'abcd'], 'abcd') == 'abcd'
",
        ),
        ("a/test_b.py", second),
        (
            "b/test_c.py",
            "from pkg import turns
def test_sign(): assert turns.sign(0) == 'zero' and turns.sign(-1) == 'minus'
def test_first(): assert turns.first(['a'], 'a') == 'a' and turns.first([], 'a') is None
def test_debug(): assert turns.debug('a') == 'x'
",
        ),
    ])
}

/// What `coverage report` prints as its total for these tests.
#[expect(
    clippy::disallowed_methods,
    reason = "coverage.py itself says what is right"
)]
fn reported(lab: &Lab, paths: &[&str]) -> String {
    let data = lab.path().join("sandbox_data/reference");
    let coverage = |args: &[&str]| {
        let output = Command::new(lab.python())
            .args([&["-m", "coverage"], args].concat())
            .current_dir(lab.path())
            .env("COVERAGE_FILE", &data)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    coverage(&[&["run", "-m", "pytest"], paths].concat());
    let total = coverage(&["report", "--format=total", "--precision=2"]);
    fs::remove_file(&data).unwrap();
    total.trim().to_owned()
}

/// The percentage of the latest run, as the state file and JSON have it.
fn percent(lab: &Lab, args: &[&str], code: i32) -> String {
    let summary = lab.run(&[&["--json"], args].concat()).expect(code).json();
    let stored = lab.rows(
        "SELECT printf('%.2f', coverage_percent) FROM run_summary ORDER BY run_id DESC LIMIT 1",
    );
    let told = summary["coverage"].as_f64().unwrap();
    assert_eq!(stored, [format!("{told:.2}")]);
    let of_files = lab.rows(
        "SELECT printf('%.2f', 100.0 * (sum(covered) + coalesce(sum(covered_branches), 0))
             / (sum(statements) + coalesce(sum(branches), 0)))
         FROM file_coverage WHERE run_id = (SELECT max(run_id) FROM run_summary)",
    );
    assert_eq!(of_files, stored);
    stored.concat()
}

#[test]
fn the_total_is_the_one_of_coverage_report() {
    for branch in [true, false] {
        let Some(lab) = turning_lab(branch, "def test_nothing(): pass\n") else {
            return;
        };
        fs::create_dir(lab.path().join("sandbox_data")).unwrap();
        let total = reported(&lab, &["a", "b"]);
        for args in [&[][..], &["--workers", "2"], &["--workers", "2", "a", "b"]] {
            assert_eq!(percent(&lab, args, 0), total, "{branch} {args:?}");
        }
        let part = reported(&lab, &["a"]);
        assert_ne!(part, total);
        assert_eq!(percent(&lab, &["a"], 0), part, "{branch}");
    }
}

#[test]
fn the_total_after_a_crash_is_the_one_of_coverage_report() {
    for branch in [true, false] {
        let dies = "import os\ndef test_dies(): os._exit(1)\n";
        let Some(lab) = turning_lab(branch, dies) else {
            return;
        };
        fs::create_dir(lab.path().join("sandbox_data")).unwrap();
        let total = reported(&lab, &["a/test_a.py", "b"]);
        assert_eq!(percent(&lab, &[], 6), total, "{branch}");
        assert_eq!(
            percent(&lab, &["--workers", "2", "a", "b"], 6),
            total,
            "{branch}"
        );
    }
}

#[test]
fn everyone_says_that_branches_count() {
    let Some(lab) = turning_lab(true, "def test_nothing(): pass\n") else {
        return;
    };
    let answer = lab.run(&[]).expect(0);
    let verdict = answer.stderr.clone() + &answer.stdout;
    assert!(verdict.contains("% with branches"), "{answer}");
    let counted = |what: &str| {
        let sql = format!("SELECT sum({what}) FROM file_coverage WHERE run_id = 2");
        lab.rows(&sql).concat().parse::<u64>().unwrap()
    };
    let summary = lab.run(&["--json"]).expect(0).json();
    for what in ["statements", "covered", "branches", "covered_branches"] {
        assert_eq!(summary[what], counted(what), "{what}");
    }
    let shown = lab.agent(&["show", "2"]).expect(0);
    assert!(shown.stdout.contains("% with branches"), "{shown}");
    // A change from lines to branches is no change of the tests.
    assert_eq!(summary["comparison"]["coverage_change"], 0.0);
    let settings = fs::read_to_string(lab.path().join("pyproject.toml")).unwrap();
    lab.write("pyproject.toml", &settings.replace("branch = true", ""));
    let summary = lab.run(&["--json"]).expect(0).json();
    assert_eq!(summary["branches"], serde_json::Value::Null);
    assert_eq!(
        summary["comparison"]["coverage_change"],
        serde_json::Value::Null
    );
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("selftest_")).collect()
}

#[test]
fn the_data_of_child_processes_goes_with_the_run_also_if_the_agent_is_killed() {
    let test = "import subprocess, sys, time\n\ndef test_one():\n    \
        subprocess.run([sys.executable, '-c', 'import code_of; code_of.right()'], check=True)\n";
    let hangs = format!("{test}    time.sleep(600)\n");
    let Some(lab) = lab(&[
        (".coveragerc", "[run]\npatch = subprocess\n"),
        ("code_of.py", CODE),
        ("test_a.py", &hangs),
    ]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let command = |args: &[&str]| {
        let mut command = lab.command(args);
        command.env("TMPDIR", folder.path());
        command
    };
    let mut going = Going::start(&mut command(&["run", "--events", "-"]));
    going.wait_for_test("test_one");
    going.kill();
    assert_eq!(names_in(folder.path()).len(), 1);

    lab.write("test_a.py", test);
    answer(&mut command(&["run"])).expect(0);
    assert_eq!(of_code(&lab), ["4 | 3"]);
    assert_eq!(names_in(folder.path()), [""; 0]);
    assert!(!lab.path().join(".coverage").exists());
}
