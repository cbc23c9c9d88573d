//! Coverage is the union of what ran, or nothing at all.

use crate::lab::{lab, lab_with};

const CODE: &str = "def left():\n    return 1\n\n\ndef right():\n    return 2\n";

fn test_of(name: &str) -> String {
    format!("import code_of\ndef test_one(): assert code_of.{name}()\n")
}

fn of_code(lab: &crate::lab::Lab) -> Vec<String> {
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
fn lines_survive_a_crash_as_a_lower_bound() {
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
    lab.run(&[]).expect(6);
    assert_eq!(of_code(&lab), ["4 | 4"]);
    let notices = lab.rows("SELECT code FROM notice");
    assert_eq!(notices, ["coverage-partial"]);
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
