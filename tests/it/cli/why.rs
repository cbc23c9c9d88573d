//! `agent why`.

use super::orphans::{json, project};

#[test]
fn why_shows_the_way_or_what_is_missing() {
    let project = project();
    insta::assert_snapshot!(project.call(&["why", "app.core"]), @"
    exit 0
    --- stdout
    app.core  app/core.py
      tested: `tests/test_core.py` imports it in line 1

      tests/test_core.py:1 imports
      app.core
    --- stderr
    ");
    insta::assert_snapshot!(project.call(&["why", "app/shapes.py"]), @"
    exit 0
    --- stdout
    app.shapes  app/shapes.py
      orphan (untested): `app.cli` (a script) reaches it, no test does

      app/cli.py:1 imports
      app/report.py:2 imports
      app.shapes

      app/report.py:2 imports
          no test reaches it: `app.cli` (a script) reaches it, no test does
    --- stderr
    ");
    insta::assert_snapshot!(project.call(&["why", "app.shape"]), @"
    exit 2
    --- stdout
    --- stderr
    error: the project has no module `app.shape`
    hint: did you mean `app.shapes` or `app/shapes.py` or `app`?
    ");
    let report = json(&project, &["why", "app.core", "--json"]);
    assert_eq!(
        report["modules"][0]["chain"][0]["file"],
        "tests/test_core.py"
    );
    assert_eq!(report["modules"][0]["chain"][0]["line"], 1);
}
