//! What no test reaches, and why.

use super::project::{file, id, project, verdicts};
use crate::graph::{EntryPoint, Layout, Tested, Verdict};
use crate::model::{Orphan, OrphanKind};

const APP: [(&str, &str); 9] = [
    ("app/__init__.py", ""),
    ("app/cli.py", "import app.report"),
    ("app/core.py", "typing import app.types; text app.plugin"),
    ("app/left.py", "from . import right"),
    ("app/plugin.py", ""),
    ("app/report.py", ""),
    ("app/right.py", "from . import left"),
    ("app/types.py", ""),
    ("tests/test_core.py", "import app.core"),
];

fn layout() -> Layout {
    Layout {
        entry_points: vec![EntryPoint {
            module: "app.cli".to_owned(),
            source: "pyproject.toml, [project.scripts], app".to_owned(),
            by_pytest: false,
        }],
        ..Layout::default()
    }
}

fn lines(list: &[Orphan]) -> Vec<String> {
    list.iter()
        .map(|orphan| {
            let Orphan {
                module,
                kind,
                isolated,
                reason,
                led_by,
            } = orphan;
            let isolated = if *isolated { " (isolated)" } else { "" };
            let leads: String = led_by.iter().map(|file| [" <- ", file].concat()).collect();
            format!(
                "{}: {}{isolated}: {reason}{leads}",
                module.name,
                kind.as_str()
            )
        })
        .collect()
}

#[test]
fn each_kind_of_orphan_has_its_evidence() {
    let found = project(&layout(), &APP);
    let verdicts = verdicts(&found);
    assert_eq!(
        lines(&verdicts.orphans(false)),
        [
            "app.cli: untested: pyproject.toml, [project.scripts], app starts it, no test reaches it",
            "app.left: island: only `app.right` imports it, which no test reaches",
            "app.report: untested: `app.cli` (pyproject.toml, [project.scripts], app) reaches it, no test does",
            "app.right: island: only `app.left` imports it, which no test reaches",
            "app.types: unreferenced: only `app.core` imports it, and under TYPE_CHECKING, which never runs",
        ]
    );
    assert_eq!(verdicts.orphans(true), verdicts.orphans(false));
    let verdict = |file| verdicts.verdict(id(&found, file));
    assert_eq!(verdict("app/core.py"), Verdict::Tested(Tested::Imported));
    assert_eq!(verdict("app/plugin.py"), Verdict::Tested(Tested::Named));
    assert_eq!(
        verdict("app/types.py"),
        Verdict::Orphan(OrphanKind::Unreferenced)
    );
    assert_eq!(verdict("tests/test_core.py"), Verdict::NoModule);
    let reaching = verdicts.tests_reaching(&[id(&found, "app/plugin.py")]);
    let reaching: Vec<&str> = reaching.iter().map(|id| file(&found, *id)).collect();
    assert_eq!(reaching, ["tests/test_core.py"]);
}
