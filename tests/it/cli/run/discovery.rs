//! Modules that no test reaches: found, tried and integrated by runs, as their users see it.

use std::fs;

use serde_json::{Value, json};

use crate::lab::{Answer, Lab, lab};

const TEST: (&str, &str) = ("tests/test_a.py", "import pkg.used\ndef test_one(): pass\n");
const PACKAGE: [(&str, &str); 4] = [
    (
        "pyproject.toml",
        "[tool.pytest.ini_options]\npythonpath = ['.']\n",
    ),
    ("pkg/__init__.py", ""),
    ("pkg/used.py", ""),
    ("pkg/lonely.py", "from pkg import used, helper\n"),
];
pub(super) const HELPER: (&str, &str) = ("pkg/helper.py", "'''\n>>> 1 + 1\n2\n'''\nX = 1\n");
const BROKEN: (&str, &str) = ("pkg/broken.py", "import nonesuch\n");

pub(super) fn project(more: &[(&str, &str)]) -> Option<Lab> {
    lab(&[&[TEST][..], &PACKAGE, &[HELPER], more].concat())
}

pub(super) fn run(lab: &Lab, args: &[&str]) -> Value {
    lab.run(&[&["--json"], args].concat()).expect(0).json()
}

/// `orphan_total`, `orphan_passed` and `orphan_failed` of a summary.
pub(super) fn orphans(summary: &Value) -> [Value; 3] {
    ["orphan_total", "orphan_passed", "orphan_failed"].map(|key| summary[key].clone())
}

pub(super) fn list(lab: &Lab) -> Vec<String> {
    lab.rows("SELECT file, kind, status FROM orphan_module ORDER BY file")
}

#[test]
fn a_run_finds_tries_and_integrates_and_the_next_one_tests_what_joined_like_any_module() {
    let Some(lab) = project(&[BROKEN]) else {
        return;
    };
    let first = run(&lab, &[]);
    assert_eq!(orphans(&first), [3, 2, 1].map(Value::from));
    assert_eq!(
        first["integration"],
        json!({"integrated": ["pkg/helper.py", "pkg/lonely.py"], "redundant": []})
    );
    assert_eq!(
        (&first["outcome"], &first["total"]),
        (&"passed".into(), &1.into())
    );
    assert_eq!(
        list(&lab),
        [
            "pkg/broken.py | unreferenced | failed",
            "pkg/helper.py | island | integrated",
            "pkg/lonely.py | unreferenced | integrated",
        ]
    );
    let map = lab.rows("SELECT module, source, added_run FROM module_group ORDER BY module");
    assert_eq!(
        map,
        [
            "pkg | build | NULL",
            "pkg.helper | run | 1",
            "pkg.lonely | run | 1",
            "pkg.used | build | NULL",
        ]
    );

    let second = run(&lab, &[]);
    assert_eq!(orphans(&second), [1, 0, 1].map(Value::from));
    assert_eq!(second["integration"], Value::Null);
    assert_eq!(
        lab.table(),
        "pkg/helper.py::import passed\n\
         pkg/helper.py::pkg.helper passed\n\
         pkg/lonely.py::import passed\n\
         tests/test_a.py::test_one passed\n"
    );
    // A module that joined is no orphan to be found again, though coverage shows that it runs.
    run(&lab, &["--refresh-orphans"]);
    assert_eq!(list(&lab).len(), 3);
}

#[test]
fn a_module_that_joined_and_breaks_makes_the_run_fail() {
    let Some(lab) = project(&[]) else { return };
    run(&lab, &[]);
    lab.write("pkg/helper.py", "import nonesuch\n");
    let answer = lab.run(&[]).expect(1);
    assert!(answer.stdout.contains("pkg/helper.py::import"), "{answer}");
    assert_eq!(lab.verdict(), "failed | 1");
}

#[test]
fn what_is_switched_off_is_not_done() {
    let Some(lab) = project(&[]) else { return };
    let mut off = lab.command(&["run", "--json"]);
    let summary = crate::lab::answer(off.env("SELF_TEST_DISABLE_ORPHANS", "1"));
    assert_eq!(
        orphans(&summary.expect(0).json()),
        [const { Value::Null }; 3]
    );
    let summary = run(&lab, &["--no-discover-orphans"]);
    assert_eq!(orphans(&summary), [0, 0, 0].map(Value::from));
    assert_eq!(list(&lab), [""; 0]);
    let summary = run(&lab, &["--no-recursive-orphans"]);
    assert_eq!(orphans(&summary), [1, 1, 0].map(Value::from));
    assert_eq!(list(&lab), ["pkg/lonely.py | unreferenced | integrated"]);
}

#[test]
fn an_orphan_that_is_suppressed_is_listed_and_not_tried() {
    let settings = "[[suppress-orphans]]\nmodule = 'pkg.bro*'\nreason = 'needs the lab'\n";
    let Some(lab) = project(&[BROKEN, ("menace.toml", settings)]) else {
        return;
    };
    let summary = run(&lab, &["--strict-orphans"]);
    assert_eq!(orphans(&summary), [2, 2, 0].map(Value::from));
    assert_eq!(list(&lab)[0], "pkg/broken.py | unreferenced | untried");
    let shown = lab.agent(&["orphans", "list"]).expect(0).stdout;
    assert!(shown.contains("suppressed"), "{shown}");
}

#[test]
fn a_list_of_the_user_is_taken_and_its_fields_survive() {
    let Some(lab) = project(&[]) else { return };
    let own = r#"{"pkg/helper.py": {"owner": "ada"}, "pkg/lonely.py": {"owner": "bob"}}"#;
    lab.write("sandbox_data/orphan_modules.json", own);
    lab.write("pkg/helper.py", "raise OSError('no')\n");
    let summary = run(&lab, &[]);
    assert_eq!(orphans(&summary), [2, 0, 2].map(Value::from));
    let read = fs::read_to_string(lab.path().join("sandbox_data/orphan_modules.json")).unwrap();
    let read: Value = serde_json::from_str(&read).unwrap();
    assert_eq!(read["pkg/helper.py"]["owner"], "ada");
    assert_eq!(
        lab.rows("SELECT count(*) FROM scan"),
        ["0"],
        "the list was there"
    );
}

#[test]
fn a_damaged_list_is_kept_aside_and_told() {
    let Some(lab) = project(&[]) else { return };
    lab.write("sandbox_data/orphan_modules.json", "[\"pkg/helper.py\",");
    let answer: Answer = lab.run(&[]).expect(0);
    assert!(answer.stderr.contains("orphan_modules.json"), "{answer}");
    let kept = lab.path().join("sandbox_data/orphan_modules.json.damaged");
    assert_eq!(fs::read_to_string(kept).unwrap(), "[\"pkg/helper.py\",");
    assert_eq!(list(&lab).len(), 2);
}

#[test]
fn what_was_taken_back_joins_again_only_by_name() {
    let Some(lab) = project(&[]) else { return };
    run(&lab, &[]);
    let shown = lab
        .agent(&["module-map", "undo", "1", "--dry-run"])
        .expect(0);
    assert!(shown.stdout.contains("pkg.helper"), "{shown}");
    assert_eq!(lab.rows("SELECT count(*) FROM module_group"), ["4"]);
    lab.agent(&["module-map", "undo", "1"]).expect(0);
    let summary = run(&lab, &[]);
    assert_eq!(orphans(&summary), [2, 2, 0].map(Value::from));
    assert_eq!(summary["integration"], Value::Null);
    lab.agent(&["module-map", "integrate", "pkg.helper"])
        .expect(0);
    assert_eq!(
        list(&lab),
        [
            "pkg/helper.py | island | integrated",
            "pkg/lonely.py | unreferenced | passed",
        ]
    );
}

#[test]
fn nothing_joins_where_too_little_could_be_analysed() {
    let Some(lab) = project(&[("pkg/python2.py", "print 'two'\n")]) else {
        return;
    };
    let answer = lab.run(&["--json"]).expect(0);
    assert_eq!(answer.json()["integration"], Value::Null);
    assert!(answer.stderr.contains("5 of 6 files"), "{answer}");
    assert_eq!(lab.rows("SELECT count(*) FROM module_group"), ["0"]);
}

#[test]
fn coverage_is_evidence_and_isolated_modules_are_tried_when_asked() {
    let files = [
        (
            "tests/test_b.py",
            "import importlib, subprocess, sys\n\
             def test_hidden(): importlib.import_module('pkg.' + 'hidden')\n\
             def test_tool(): subprocess.run([sys.executable, '-m', 'pkg.tool'], check=True)\n",
        ),
        ("pkg/hidden.py", "X = 1\n"),
        ("pkg/tool.py", "X = 1\n"),
    ];
    let Some(lab) = project(&files) else { return };
    run(&lab, &["--cov"]);
    let listed = list(&lab).join("\n");
    assert!(!listed.contains("hidden"), "{listed}");
    assert!(!listed.contains("tool"), "{listed}");
    let summary = run(&lab, &["--discover-isolated"]);
    assert_eq!(orphans(&summary)[2], 0);
    let listed = list(&lab).join("\n");
    assert!(listed.contains("pkg/tool.py | isolated"), "{listed}");
    assert!(listed.contains("pkg/hidden.py | isolated"), "{listed}");
}

#[test]
fn what_a_module_was_kept_from_is_shown_and_keeps_it_off_the_map() {
    let swallows = "import os\ntry: open('left-behind', 'w')\nexcept OSError: pass\n";
    let Some(lab) = project(&[("pkg/swallows.py", swallows)]) else {
        return;
    };
    let answer = lab.run(&[]).expect(0);
    assert!(
        answer.stdout.contains("kept from: open left-behind"),
        "{answer}"
    );
    assert_eq!(list(&lab)[2], "pkg/swallows.py | unreferenced | passed");
    lab.run(&[]).expect(0);
    assert!(!lab.path().join("left-behind").exists());
    let shown = lab.agent(&["show", "2"]).expect(0);
    assert!(shown.stdout.contains("left-behind"), "{shown}");
    lab.agent(&["module-map", "integrate", "pkg.swallows"])
        .expect(0);
    assert_eq!(list(&lab)[2], "pkg/swallows.py | unreferenced | integrated");
}

#[test]
fn a_strict_run_is_incomplete_where_an_orphan_was_not_tried() {
    let slow = "import time\ntime.sleep(60)\n";
    // Each takes the quarter of the time that one module may take.
    let files = [
        ("pkg/a_slow.py", slow),
        ("pkg/b_slow.py", slow),
        ("pkg/c_slow.py", slow),
        ("pkg/d_slow.py", slow),
        ("pkg/z.py", ""),
    ];
    let Some(lab) = project(&files) else { return };
    let args = ["--strict-orphans", "--no-cov", "--timeout", "4"];
    lab.run(&args).expect(6);
    let trials = lab.rows("SELECT file, outcome FROM orphan_trial ORDER BY file");
    assert_eq!(trials[0], "pkg/a_slow.py | timed_out");
    assert_eq!(trials.last().unwrap(), "pkg/z.py | not_run");
}

#[test]
fn a_hold_outlives_the_list() {
    let Some(lab) = project(&[]) else { return };
    run(&lab, &[]);
    lab.agent(&["module-map", "undo", "1"]).expect(0);
    lab.write("sandbox_data/orphan_modules.json", "[]");
    run(&lab, &[]);
    let again = run(&lab, &["--refresh-orphans"]);
    assert_eq!(again["integration"], Value::Null);
    assert_eq!(lab.rows("SELECT count(*) FROM module_group"), ["2"]);
}

#[test]
fn imports_alone_do_not_make_a_suite() {
    let files = [("pkg/__init__.py", ""), ("pkg/a.py", "X = 1\n")];
    let Some(lab) = lab(&files) else { return };
    for _ in 0..2 {
        lab.run(&["--no-cov"]).expect(5);
    }
    assert_eq!(
        lab.rows("SELECT outcome, passed FROM run_summary"),
        ["empty | 0", "empty | 2"]
    );
}

#[test]
fn who_is_after_certain_tests_gets_these_alone() {
    let Some(lab) = project(&[]) else { return };
    run(&lab, &[]);
    for args in [
        &["tests/test_a.py::test_one"][..],
        &["--", "-k", "test_one"],
    ] {
        let summary = run(&lab, args);
        assert_eq!(
            (&summary["total"], &summary["orphan_total"]),
            (&1.into(), &Value::Null)
        );
    }
    let summary = run(&lab, &["--include-orphans", "tests/test_a.py::test_one"]);
    assert_eq!(summary["total"], 4);
}

#[test]
fn edits_of_the_map_count_from_the_next_command_on() {
    let Some(lab) = project(&[]) else { return };
    run(&lab, &[]);
    lab.write("sandbox_data/module_map.json", r#"{"pkg/used.py": 7}"#);
    let shown = lab.agent(&["module-map", "show"]).expect(0).stdout;
    assert!(
        shown.contains("group 7") && !shown.contains("lonely"),
        "{shown}"
    );
    let summary = run(&lab, &[]);
    assert_eq!(summary["total"], 1, "what left the map is no test any more");
    assert_eq!(orphans(&summary), [2, 2, 0].map(Value::from));
    assert_eq!(
        summary["integration"],
        Value::Null,
        "it was taken off by hand"
    );
}

#[test]
fn without_integration_the_map_stays_as_it_is() {
    let Some(lab) = project(&[]) else { return };
    let summary = run(&lab, &["--no-merge-orphans"]);
    assert_eq!(orphans(&summary), [2, 2, 0].map(Value::from));
    assert_eq!(lab.rows("SELECT count(*) FROM module_group"), ["0"]);
}

#[test]
fn an_excluded_orphan_goes_from_the_list_and_is_tested_no_more() {
    let Some(lab) = project(&[]) else { return };
    run(&lab, &[]);
    lab.write("menace.toml", "exclude-modules = ['lonely.py', 'other/']\n");
    let summary = run(&lab, &[]);
    assert_eq!(summary["total"], 3, "the test, and the two of pkg.helper");
    assert_eq!(list(&lab), ["pkg/helper.py | unreferenced | integrated"]);
}
