//! `agent orphans`.

use std::fs;

use serde_json::Value;

use super::Project;

/// An application that its only test does not reach whole.
pub(super) fn project() -> Project {
    let project = Project::new();
    for (file, text) in [
        ("app/__init__.py", ""),
        ("app/core.py", "import json\n"),
        (
            "app/report.py",
            "from app import core\nfrom app.shapes import square\n",
        ),
        ("app/shapes.py", "import app.gone\n"),
        (
            "app/cli.py",
            "import app.report\nif __name__ == '__main__': app.report\n",
        ),
        ("app/old.py", "print 'two'\n"),
        (
            "tests/test_core.py",
            "import app.core\ndef test_core(): pass\n",
        ),
    ] {
        let path = project.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    project
}

pub(super) fn json(project: &Project, args: &[&str]) -> Value {
    let answer = project.call(args);
    assert_eq!(answer.code, 0, "{answer}");
    serde_json::from_str(&answer.stdout).unwrap()
}

#[test]
fn a_scan_shows_what_it_found_and_what_it_could_not_read() {
    insta::assert_snapshot!(project().call(&["orphans", "scan"]), @"
    exit 0
    --- stdout
    7 files, 6 analysed (85.7%): 2 modules tested, 4 orphans

    unreferenced: nothing imports them
      app.old  app/old.py
          no module imports it

    untested: the application reaches them, no test does
      app.cli  app/cli.py
          it can be run as a script, no test reaches it
      app.report  app/report.py
          `app.cli` (a script) reaches it, no test does
      app.shapes  app/shapes.py
          `app.cli` (a script) reaches it, no test does

    no run shows yet what the tests load, so that imports and names in texts decide

    not analysed: 1
      app/old.py:1: Simple statements must be separated by newlines or semicolons

    imports that lead to no file of the project: 1
      app/shapes.py:1: app.gone
    --- stderr
    ");
}

#[test]
fn a_scan_as_json_has_the_evidence_and_the_health() {
    let project = project();
    let report = json(
        &project,
        &["orphans", "scan", "--json", "--exclude", "old.py"],
    );
    assert_eq!(
        (&report["files"], &report["analysed"]),
        (&6.into(), &6.into())
    );
    assert_eq!(
        (&report["tests"], &report["shown_tests"]),
        (&1.into(), &0.into())
    );
    assert_eq!(report["unresolved"][0]["name"], "app.gone");
    let orphans = report["orphans"].as_array().unwrap();
    let kinds: Vec<_> = orphans
        .iter()
        .map(|orphan| {
            (
                orphan["module"].as_str().unwrap(),
                orphan["kind"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("app.cli", "untested"),
            ("app.report", "untested"),
            ("app.shapes", "untested")
        ]
    );
    assert!(
        !project
            .path()
            .join("sandbox_data/orphan_modules.json")
            .exists()
    );
}

#[test]
fn the_list_is_made_by_a_scan_that_writes() {
    let project = project();
    let empty = project.call(&["orphans", "list", "--db", "none.db"]);
    assert_eq!(empty.code, 4, "{empty}");
    project.call(&["orphans", "scan"]);
    insta::assert_snapshot!(project.call(&["orphans", "list"]), @"
    exit 0
    --- stdout
    no list yet; `agent orphans scan --write` makes it, and so does `agent run`
    --- stderr
    ");
    project.call(&["orphans", "scan", "--write"]);
    insta::assert_snapshot!(project.call(&["orphans", "list"]), @"
    exit 0
    --- stdout
    app.cli     untested      untried
    app.old     unreferenced  untried
    app.report  untested      untried
    app.shapes  untested      untried
    --- stderr
    ");
    let file = project.path().join("sandbox_data/orphan_modules.json");
    let list: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(list.as_object().unwrap().len(), 4);
    let report = json(&project, &["orphans", "list", "--json"]);
    assert_eq!(report["orphans"][0]["status"], "untried");
    assert!(report["scanned_at"].is_string());
}
