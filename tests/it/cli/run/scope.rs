//! Whole runs and parts: what a run covered, and what is made of it.

use std::fs;

use crate::lab::{Lab, lab};

const TESTS: &str = "def test_ok(): pass\n\
    def test_bad(): assert 0\n";

fn project() -> Option<Lab> {
    lab(&[
        ("tests/test_a.py", TESTS),
        ("tests/test_b.py", "def test_other(): pass\n"),
    ])
}

fn scopes(lab: &Lab) -> Vec<String> {
    lab.rows("SELECT scope, narrowed_by FROM run_summary ORDER BY run_id")
}

#[test]
fn a_part_resolves_no_alert() {
    let Some(lab) = project() else { return };
    lab.run(&[]).expect(1);
    let figures = |args: &[&str]| {
        lab.run(&[&["--metrics-textfile", "figures.prom"], args].concat())
            .expect(0);
        let text = fs::read_to_string(lab.path().join("figures.prom")).unwrap();
        let ours = [
            "self_test_passed_total ",
            "self_test_failed_total ",
            "menace_agent_last_run_outcome{outcome=\"failed\"} ",
            "menace_agent_last_success_timestamp_seconds ",
        ];
        let is_ours = |line: &&str| ours.iter().any(|name| line.starts_with(name));
        text.lines().filter(is_ours).collect::<Vec<_>>().join("\n")
    };
    let of_the_whole_run = "self_test_passed_total 2\n\
        self_test_failed_total 1\n\
        menace_agent_last_success_timestamp_seconds 0\n\
        menace_agent_last_run_outcome{outcome=\"failed\"} 1";
    for part in [
        &["tests/test_a.py::test_ok"][..],
        &["tests/test_b.py"],
        &["--", "-k", "ok"],
        &["--pytest-args", "-k ok"],
        &["--", "--deselect", "tests/test_a.py::test_bad"],
        &["--", "tests/test_b.py"],
    ] {
        assert_eq!(figures(part), of_the_whole_run, "{part:?}");
    }
    assert_eq!(
        scopes(&lab),
        [
            "whole | NULL",
            "part | tests/test_a.py::test_ok",
            "part | tests/test_b.py",
            "part | -k ok",
            "part | -k ok",
            "part | --deselect tests/test_a.py::test_bad",
            "part | tests/test_b.py",
        ]
    );
    assert_eq!(
        lab.rows("SELECT passed, failed FROM self_test_history"),
        ["2 | 1"]
    );
    let history = lab.agent(&["history"]).expect(0).stdout;
    assert_eq!(history.matches("passed, part").count(), 6, "{history}");
    let shown = lab.agent(&["show", "4"]).expect(0).stdout;
    assert!(shown.contains("\n  part       -k ok\n"), "{shown}");
}

#[test]
fn what_the_project_configures_is_whole() {
    let Some(lab) = project() else { return };
    lab.write(
        "menace.toml",
        "paths = [\"tests/test_b.py\"]\npytest-args = [\"-m\", \"not slow\"]\n",
    );
    lab.run(&[]).expect(0);
    lab.run(&["tests/test_b.py", "--", "-x"]).expect(0);
    lab.run(&["tests"]).expect(1);
    lab.run(&["--", "--lf"]).expect(0);
    assert_eq!(
        scopes(&lab),
        [
            "whole | NULL",
            "whole | NULL",
            "whole | NULL",
            "part | --lf"
        ]
    );
    let addopts = lab
        .command(&["run"])
        .env("PYTEST_ADDOPTS", "-k other")
        .output();
    assert!(addopts.unwrap().status.success());
    assert_eq!(scopes(&lab)[4], "part | -k other");
}

#[test]
fn a_schedule_has_all_the_tests_that_it_was_given() {
    let Some(lab) = project() else { return };
    lab.run(&[]).expect(1);
    lab.cycle(&["tests/test_b.py", "--", "-k", "other"])
        .end()
        .expect(0);
    assert_eq!(scopes(&lab), ["whole | NULL", "whole | NULL"]);
}

#[test]
fn a_path_behind_the_dashes_runs_once_and_never_in_the_process_of_the_map() {
    let Some(lab) = project() else { return };
    lab.write("lonely.py", "NUMBER = 1\n");
    lab.run(&[]).expect(1);
    assert_eq!(
        lab.rows("SELECT file FROM orphan_module WHERE status = 'integrated'"),
        ["lonely.py"]
    );
    lab.run(&["--include-orphans", "--", "tests/test_a.py::test_ok"])
        .expect(0);
    assert_eq!(
        lab.table(),
        "lonely.py::import passed\ntests/test_a.py::test_ok passed\n"
    );
    assert_eq!(
        lab.rows("SELECT passed, total FROM run_summary ORDER BY run_id DESC LIMIT 1"),
        ["2 | 2"]
    );
    // A part of the tests says nothing about modules that no test reaches.
    let part = lab.run(&["--", "tests/test_a.py::test_ok"]).expect(0);
    assert_eq!(lab.table(), "tests/test_a.py::test_ok passed\n");
    assert!(part.stdout.contains(": 1 passed in "), "{}", part.stdout);
    // The path takes the place of those that are configured, as one before the dashes does.
    lab.write("menace.toml", "paths = [\"tests/test_b.py\"]\n");
    lab.run(&["--", "tests/test_a.py::test_ok"]).expect(0);
    assert_eq!(lab.table(), "tests/test_a.py::test_ok passed\n");
}
