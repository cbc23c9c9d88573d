//! The list of orphans from run to run: what is new on it, what leaves it, and what stays off it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::discovery::{HELPER, list, orphans, project, run};
use crate::lab::{Lab, answer, flat};

fn map(lab: &Lab) -> Vec<String> {
    lab.rows("SELECT module, source, added_run FROM module_group ORDER BY module")
}

fn json_file(lab: &Lab, name: &str) -> String {
    fs::read_to_string(lab.path().join("sandbox_data").join(name)).unwrap_or_default()
}

fn forbid(lab: &Lab, path: &str, mode: u32) {
    fs::set_permissions(lab.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_orphan_that_comes_later_is_found_said_tried_and_added() {
    let Some(lab) = project(&[]) else { return };
    let first = lab.run(&[]).expect(0);
    assert!(!first.stderr.contains("new on the list"), "{first}");
    lab.write("pkg/late.py", "");
    let second = lab.run(&[]).expect(0);
    assert!(
        flat(&second.stderr).contains("new on the list of orphans: no test reaches `pkg/late.py`"),
        "{second}"
    );
    assert!(
        flat(&second.stderr).contains("`agent why pkg/late.py`"),
        "{second}"
    );
    assert!(
        flat(&second.stderr).contains("`agent module-map undo 2` undoes"),
        "{second}"
    );
    assert_eq!(list(&lab)[1], "pkg/late.py | unreferenced | integrated");
    let third = lab.run(&[]).expect(0);
    assert!(!third.stderr.contains("new on the list"), "{third}");
    assert!(lab.table().contains("pkg/late.py::import passed"));
}

#[test]
fn a_module_that_loses_its_test_is_an_orphan_and_gets_another_way_to_be_tested() {
    let more = [
        ("tests/test_b.py", "import pkg.b\ndef test_b(): pass\n"),
        ("pkg/b.py", "X = 1\n"),
    ];
    let Some(lab) = project(&more) else { return };
    run(&lab, &["--no-cov"]);
    assert_eq!(map(&lab)[1], "pkg.b | build | NULL");
    fs::remove_file(lab.path().join("tests/test_b.py")).unwrap();
    let summary = run(&lab, &["--no-cov"]);
    assert_eq!(orphans(&summary), [1, 1, 0].map(Value::from));
    assert_eq!(list(&lab)[0], "pkg/b.py | unreferenced | integrated");
    assert_eq!(map(&lab)[1], "pkg.b | run | 2");
    run(&lab, &["--no-cov"]);
    assert!(lab.table().contains("pkg/b.py::import passed"));
    // The test is back: it is no orphan, and its import is no test of its own any more.
    lab.write("tests/test_b.py", "import pkg.b\ndef test_b(): pass\n");
    run(&lab, &["--no-cov"]);
    assert!(!list(&lab).join("\n").contains("pkg/b.py"));
    run(&lab, &["--no-cov"]);
    assert!(!lab.table().contains("pkg/b.py::import"));
    // Gone again: it has its place, and nobody needs to hear of that twice.
    fs::remove_file(lab.path().join("tests/test_b.py")).unwrap();
    let summary = run(&lab, &["--no-cov"]);
    assert_eq!(orphans(&summary), [0, 0, 0].map(Value::from));
    assert_eq!(list(&lab)[0], "pkg/b.py | unreferenced | integrated");
    lab.agent(&["module-map", "undo", "2"]).expect(0);
    assert_eq!(list(&lab)[0], "pkg/b.py | unreferenced | passed");
    assert!(!map(&lab).join("\n").contains("pkg.b"));
}

#[test]
fn coverage_of_a_test_that_is_gone_counts_until_a_whole_run_has_passed_without_it() {
    let more = [
        ("tests/test_b.py", "import pkg.b\ndef test_b(): pass\n"),
        ("pkg/b.py", "X = 1\n"),
    ];
    let Some(lab) = project(&more) else { return };
    run(&lab, &["--cov"]);
    fs::remove_file(lab.path().join("tests/test_b.py")).unwrap();
    run(&lab, &["--cov"]);
    run(&lab, &["--cov"]);
    assert_eq!(list(&lab)[0], "pkg/b.py | unreferenced | integrated");
}

#[test]
fn a_module_that_is_deleted_leaves_the_list_the_map_and_the_workflows() {
    let broken = ("pkg/broken.py", "import nonesuch\n");
    let Some(lab) = project(&[broken]) else {
        return;
    };
    run(&lab, &[]);
    for (name, modules) in [
        ("checkout", &["pkg.helper", "pkg.used", "pkg.lonely"][..]),
        ("other", &["pkg.used"]),
    ] {
        lab.agent(&[&["workflow", "create", name][..], modules].concat())
            .expect(0);
    }
    for file in ["pkg/broken.py", "pkg/helper.py"] {
        fs::remove_file(lab.path().join(file)).unwrap();
    }
    lab.write("pkg/lonely.py", "from pkg import used\n");
    let answer = lab.run(&[]).expect(0);
    assert!(
        flat(&answer.stderr).contains(
            "`pkg/broken.py`, `pkg/helper.py` left the module map and the workflow `checkout`"
        ),
        "{answer}"
    );
    assert_eq!(list(&lab), ["pkg/lonely.py | unreferenced | integrated"]);
    assert!(!map(&lab).join("\n").contains("helper"));
    assert_eq!(
        lab.rows("SELECT workflow, position, module FROM workflow_module ORDER BY 1, 2"),
        [
            "checkout | 1 | pkg.used",
            "checkout | 2 | pkg.lonely",
            "other | 1 | pkg.used"
        ]
    );
    assert!(!json_file(&lab, "orphan_modules.json").contains("broken"));
    assert!(!json_file(&lab, "module_map.json").contains("helper"));
    let again = lab.run(&[]).expect(0);
    assert!(!again.stderr.contains("no such file"), "{again}");
}

#[test]
fn a_command_that_scans_forgets_what_is_gone_as_well() {
    let Some(lab) = project(&[]) else { return };
    run(&lab, &[]);
    fs::remove_file(lab.path().join("pkg/lonely.py")).unwrap();
    lab.agent(&["orphans", "scan"]).expect(0);
    assert!(map(&lab).join("\n").contains("lonely"), "it only looked");
    lab.agent(&["orphans", "scan", "--write"]).expect(0);
    assert!(!map(&lab).join("\n").contains("lonely"));
    assert!(!list(&lab).join("\n").contains("lonely"));
}

#[test]
fn a_project_that_is_not_there_loses_nothing() {
    let Some(lab) = project(&[]) else { return };
    run(&lab, &[]);
    let before = (list(&lab), map(&lab));
    for folder in ["pkg", "tests"] {
        fs::rename(
            lab.path().join(folder),
            lab.path().join(format!(".{folder}")),
        )
        .unwrap();
    }
    lab.run(&[]).expect(5);
    assert_eq!(map(&lab), before.1);
    for folder in ["pkg", "tests"] {
        fs::rename(
            lab.path().join(format!(".{folder}")),
            lab.path().join(folder),
        )
        .unwrap();
    }
    run(&lab, &[]);
    assert_eq!((list(&lab), map(&lab)), before);
}

#[test]
fn a_folder_that_cannot_be_read_now_is_said_and_nothing_of_it_is_forgotten() {
    let more = [
        ("pkg/locked/__init__.py", ""),
        ("pkg/locked/bad.py", "import nonesuch\n"),
        ("pkg/locked/good.py", "X = 1\n"),
    ];
    let Some(lab) = project(&more) else { return };
    run(&lab, &[]);
    lab.agent(&["workflow", "create", "w", "pkg.locked.good"])
        .expect(0);
    let steps = "SELECT workflow, position, module FROM workflow_module";
    let before = (list(&lab), map(&lab), lab.rows(steps));
    assert!(
        before
            .0
            .contains(&"pkg/locked/bad.py | unreferenced | failed".to_owned())
    );
    lab.write("pkg/late.py", "");
    forbid(&lab, "pkg/locked", 0);
    let said = lab.bound_by_permissions(&["orphans", "scan", "--write"]);
    let said = said.map(|mut command| answer(&mut command));
    forbid(&lab, "pkg/locked", 0o755);
    let Some(said) = said else { return };
    let said = said.expect(0);
    assert!(
        flat(&said.stderr).contains("cannot list `pkg/locked/`"),
        "{said}"
    );
    assert!(
        flat(&said.stderr).contains("the list of orphans stays as it is"),
        "{said}"
    );
    assert_eq!((list(&lab), map(&lab), lab.rows(steps)), before);
    run(&lab, &[]);
    assert!(list(&lab).join("\n").contains("pkg/late.py"));
}

#[test]
fn what_somebody_took_off_the_list_stays_off_it_until_a_new_list_is_wanted() {
    let broken = ("pkg/broken.py", "import nonesuch\n");
    let Some(lab) = project(&[broken]) else {
        return;
    };
    run(&lab, &["--no-merge-orphans"]);
    lab.write("sandbox_data/orphan_modules.json", "[\"pkg/lonely.py\"]");
    for _ in 0..2 {
        let summary = run(&lab, &["--no-merge-orphans"]);
        assert_eq!(orphans(&summary), [1, 1, 0].map(Value::from));
    }
    let summary = run(&lab, &["--no-merge-orphans", "--refresh-orphans"]);
    assert_eq!(orphans(&summary), [3, 2, 1].map(Value::from));
}

#[test]
fn what_a_scan_with_more_searches_found_stays_on_the_list() {
    let more = [
        (
            "tests/test_b.py",
            "import subprocess, sys\n\
             def test_b(): subprocess.run([sys.executable, '-m', 'pkg.tool'], check=True)\n",
        ),
        ("pkg/tool.py", "X = 1\n"),
    ];
    let Some(lab) = project(&more) else { return };
    lab.agent(&["orphans", "scan", "--isolated", "--write"])
        .expect(0);
    let isolated = || list(&lab).join("\n").contains("pkg/tool.py | isolated");
    assert!(isolated(), "{:?}", list(&lab));
    run(&lab, &[]);
    assert!(isolated(), "{:?}", list(&lab));
}

#[test]
fn a_workflow_runs_the_imports_of_its_members_and_of_no_others() {
    let Some(lab) = project(&[]) else { return };
    run(&lab, &[]);
    for (name, modules) in [
        ("both", &["pkg.used", "pkg.helper"][..]),
        ("alone", &["pkg.lonely"]),
        ("tested", &["pkg.used"]),
    ] {
        lab.agent(&[&["workflow", "create", name][..], modules].concat())
            .expect(0);
    }
    let tests = [
        (
            "both",
            "pkg/helper.py::import passed\n\
             pkg/helper.py::pkg.helper passed\n\
             tests/test_a.py::test_one passed\n",
        ),
        ("alone", "pkg/lonely.py::import passed\n"),
        ("tested", "tests/test_a.py::test_one passed\n"),
    ];
    for (name, expected) in tests {
        lab.agent(&["workflow", "run", name]).expect(0);
        assert_eq!(lab.table(), expected, "{name}");
    }
    assert_eq!(
        lab.rows("SELECT outcome, scope, narrowed_by FROM run_summary WHERE run_id = 3"),
        ["passed | part | workflow alone"]
    );
    lab.write("pkg/lonely.py", "raise OSError('no')\n");
    let answer = lab.agent(&["workflow", "run", "alone"]).expect(1);
    assert!(answer.stdout.contains("pkg/lonely.py::import"), "{answer}");
    // One that was taken back is no member that is tested.
    lab.agent(&["module-map", "undo", "1"]).expect(0);
    lab.agent(&["workflow", "run", "alone"]).expect(5);
}

#[test]
fn an_orphan_that_fits_no_workflow_founds_one_and_undo_takes_that_back() {
    let Some(lab) = project(&[("alone.py", "X = 1\n")]) else {
        return;
    };
    lab.agent(&["workflow", "create", "w", "pkg.used"])
        .expect(0);
    let steps = || lab.rows("SELECT workflow, module FROM workflow_module ORDER BY 1, position");
    let answer = lab.run(&["--new-workflow"]).expect(0);
    assert!(
        flat(&answer.stderr).contains("the workflow `alone` was made for it"),
        "{answer}"
    );
    let all = [
        "alone | alone",
        "w | pkg.used",
        "w | pkg.helper",
        "w | pkg.lonely",
    ];
    assert_eq!(steps(), all);
    lab.agent(&["module-map", "undo", "1"]).expect(0);
    assert_eq!(steps(), ["w | pkg.used"]);
    assert_eq!(lab.rows("SELECT name FROM workflow"), ["w"]);
    let named = ["module-map", "integrate", "alone"];
    let more = ["--new-workflow", "--dry-run"];
    let shown = lab.agent(&[&named[..], &more].concat()).expect(0).stdout;
    assert!(
        shown.contains("would have made the workflow `alone`"),
        "{shown}"
    );
    lab.agent(&[&named[..], &more[..1]].concat()).expect(0);
    assert_eq!(steps(), ["alone | alone", "w | pkg.used"]);
}

#[test]
fn the_file_of_the_list_has_the_figures_of_trials_and_what_is_redundant() {
    let more = [
        ("pkg/copy.py", HELPER.1),
        (
            "pkg/kept.py",
            "import os\ntry: open('left', 'w')\nexcept OSError: pass\n",
        ),
    ];
    let Some(lab) = project(&more) else { return };
    let file =
        || -> Value { serde_json::from_str(&json_file(&lab, "orphan_modules.json")).unwrap() };
    run(&lab, &[]);
    let entries = file();
    assert_eq!(entries.as_object().unwrap().len(), 2, "{entries}");
    let kept = &entries["pkg/kept.py"]["trial"];
    assert_eq!(
        (&kept["run"], &kept["outcome"]),
        (&1.into(), &"passed".into())
    );
    assert!(kept["duration_s"].as_f64().unwrap() < 60.0, "{kept}");
    assert_eq!(
        (&kept["touched"][0]["event"], &kept["touched"][0]["target"]),
        (&"open".into(), &"left".into())
    );
    // The first of two equal files joined.
    assert_eq!(entries["pkg/helper.py"]["redundant"], true, "{entries}");
    // Both are the agent's, and no edit of the user.
    run(&lab, &[]);
    assert_eq!(file()["pkg/kept.py"]["trial"]["run"], 2);
    assert!(list(&lab).contains(&"pkg/helper.py | island | redundant".to_owned()));
}

#[test]
fn what_a_user_calls_redundant_does_not_join() {
    let Some(lab) = project(&[]) else { return };
    let own = r#"{"pkg/helper.py": {"redundant": true, "by": "me"}, "pkg/lonely.py": {}}"#;
    lab.write("sandbox_data/orphan_modules.json", own);
    run(&lab, &[]);
    let listed = lab.rows("SELECT file, status FROM orphan_module ORDER BY file");
    assert_eq!(
        listed,
        ["pkg/helper.py | redundant", "pkg/lonely.py | integrated"]
    );
    let text = json_file(&lab, "orphan_modules.json");
    assert!(
        text.contains(r#""pkg/helper.py": {"by": "me", "redundant": true, "trial": "#),
        "{text}"
    );
}
