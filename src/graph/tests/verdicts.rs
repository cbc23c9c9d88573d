//! Modules that no test reaches, and the reasons.

use std::collections::BTreeSet;

use super::project::{file, id, project, verdicts};
use crate::graph::{
    Apart, EntryPoint, Layout, NodeId, Observed, Resolution, Role, Tested, Verdict, Verdicts,
};
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
            "app.types: unreferenced: only `app.core` imports it, in code that never runs, as under TYPE_CHECKING",
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

#[test]
fn modules_for_other_systems_are_no_orphans_here() {
    let found = project(
        &layout(),
        &[
            ("app/__init__.py", ""),
            ("app/cli.py", "elsewhere import app.both"),
            ("app/both.py", ""),
            ("app/core.py", "elsewhere import app.win; import app.both"),
            ("app/spare.py", "elsewhere import app.old; import app.old"),
            ("app/old.py", ""),
            ("app/win.py", "import app.win_types"),
            ("app/win_types.py", ""),
            ("tests/test_core.py", "import app.core"),
        ],
    );
    let verdicts = verdicts(&found);
    let verdict = |file| verdicts.verdict(id(&found, file));
    for file in ["app/win.py", "app/win_types.py"] {
        assert_eq!(verdict(file), Verdict::Apart(Apart::Elsewhere), "{file}");
    }
    assert_eq!(verdict("app/both.py"), Verdict::Tested(Tested::Imported));
    assert_eq!(verdict("app/old.py"), Verdict::Orphan(OrphanKind::Island));
    let why = verdicts.why(id(&found, "app/win.py"));
    assert_eq!(
        why.reason,
        "only code for other systems or other versions of Python imports it"
    );
}

fn names(found: &Resolution, ids: &[NodeId]) -> Vec<String> {
    let files = ids.iter().map(|id| file(found, *id).to_owned());
    files.collect()
}

#[test]
fn recursion_follows_the_imports_of_orphans() {
    let found = project(
        &Layout::default(),
        &[
            ("first.py", "import second; text pkg.named"),
            ("other.py", "import third"),
            ("pkg/__init__.py", ""),
            ("pkg/named.py", ""),
            ("second.py", "import third"),
            ("third.py", "import used; import fourth"),
            ("fourth.py", "import third"),
            ("used.py", ""),
            ("test_used.py", "import used"),
        ],
    );
    let verdicts = verdicts(&found);
    assert_eq!(
        lines(&verdicts.orphans(false)),
        [
            "first: unreferenced (isolated): no module imports it",
            "other: unreferenced (isolated): no module imports it",
            "pkg.named: island (isolated): no module imports it, and only `first` names it, which \
             no test reaches",
        ]
    );
    let all = verdicts.orphans(true);
    assert_eq!(
        lines(&all),
        [
            "first: unreferenced (isolated): no module imports it",
            "fourth: island: only `third` imports it, which no test reaches <- first.py <- other.py",
            "other: unreferenced (isolated): no module imports it",
            "pkg: island: only `pkg.named` is in it, which no test reaches <- pkg/named.py",
            "pkg.named: island (isolated): no module imports it, and only `first` names it, which \
             no test reaches",
            "second: island: only `first` imports it, which no test reaches <- first.py",
            "third: island: only `fourth`, `other` and 1 other import it, which no test reaches \
             <- first.py <- other.py",
        ]
    );
    assert_eq!(verdicts.isolated(true), all);
}

#[test]
fn isolated_modules_may_be_tested() {
    let found = project(
        &Layout::default(),
        &[
            ("alone.py", "import alone"),
            ("named.py", ""),
            ("run.py", "main; import inner"),
            ("inner.py", ""),
            ("pkg/__main__.py", ""),
            ("test_a.py", "patch named.thing"),
        ],
    );
    assert_eq!(
        lines(&verdicts(&found).isolated(true)),
        [
            "alone: unreferenced (isolated): no module imports it",
            "inner: untested: `run` (a script) reaches it, no test does <- run.py",
            "named: isolated (isolated): no module imports it, but `test_a.py` names it in line 1",
            "run: untested (isolated): it can be run as a script, no test reaches it",
        ]
    );
    let lists = lines(&verdicts(&found).orphans(false));
    assert!(
        lists.contains(
            &"pkg.__main__: untested: `python -m pkg` runs it, no test reaches it".to_owned()
        ),
        "{lists:?}"
    );
}

#[test]
fn coverage_wins_over_the_graph() {
    let found = project(
        &Layout::default(),
        &[
            ("magic.py", "import more"),
            ("more.py", ""),
            ("test_a.py", ""),
        ],
    );
    let covered = Observed::of_coverage(BTreeSet::from(["magic.py".to_owned()]));
    let verdicts = Verdicts::new(&found.graph, &covered);
    let verdict = |file| verdicts.verdict(id(&found, file));
    assert_eq!(verdict("magic.py"), Verdict::Tested(Tested::Covered));
    assert_eq!(verdict("more.py"), Verdict::Tested(Tested::Imported));
    assert_eq!(verdicts.orphans(true), []);
    let why = verdicts.why(id(&found, "more.py"));
    assert_eq!(
        why.reason,
        "`magic` imports it in line 1, and coverage shows that a test runs that"
    );
}

#[test]
fn a_chain_goes_along_imports_before_it_goes_along_names() {
    let found = project(
        &Layout::default(),
        &[
            ("conftest.py", "import a"),
            ("a.py", ";lazy import b"),
            ("b.py", ""),
            ("c.py", ""),
            ("test_one.py", "text x.y; patch b.thing; skip c"),
            ("test_two.py", "import nothing"),
        ],
    );
    let verdicts = verdicts(&found);
    let why = verdicts.why(id(&found, "b.py"));
    let chain: Vec<(&str, Role, u32)> = (why.chain.iter())
        .map(|step| (step.module.name.as_str(), step.role, step.line))
        .collect();
    assert_eq!(
        chain,
        [("conftest", Role::Conftest, 1), ("a", Role::Module, 2)]
    );
    assert_eq!(why.importers, []);
    assert_eq!(
        names(&found, &verdicts.tests_reaching(&[id(&found, "b.py")])),
        ["test_one.py", "test_two.py"]
    );
    assert_eq!(
        names(&found, &verdicts.tests_reaching(&[id(&found, "c.py")])),
        ["test_one.py"]
    );
    assert_eq!(verdicts.tests_reaching(&[]), []);
}

#[test]
fn what_is_missing_is_told_for_each_importer() {
    let found = project(&layout(), &APP);
    let why = verdicts(&found).why(id(&found, "app/types.py"));
    assert_eq!(why.chain, []);
    let importers: Vec<(&str, &str)> = (why.importers.iter())
        .map(|importer| (importer.module.name.as_str(), importer.why_not.as_str()))
        .collect();
    assert_eq!(
        importers,
        [(
            "app.core",
            "its import is in code that never runs, as under TYPE_CHECKING"
        )]
    );
    let why = verdicts(&found).why(id(&found, "app/report.py"));
    assert_eq!(why.chain.len(), 1);
    assert_eq!(
        why.importers[0].why_not,
        "no test reaches it: pyproject.toml, [project.scripts], app starts it, no test reaches it"
    );
}

#[test]
fn an_empty_project_has_no_verdicts() {
    let found = project(&Layout::default(), &[]);
    let verdicts = verdicts(&found);
    assert_eq!(verdicts.orphans(true), []);
    assert_eq!(verdicts.isolated(true), []);
    assert!((found.health.percent() - 100.0).abs() < f64::EPSILON);
}

#[test]
fn long_chains_and_large_circles_end() {
    const COUNT: usize = 20_000;
    for is_circle in [false, true] {
        let texts: Vec<(String, String)> = (0..COUNT)
            .map(|at| {
                let next = if is_circle { (at + 1) % COUNT } else { at + 1 };
                (format!("m{at}.py"), format!("import m{next}"))
            })
            .collect();
        let files: Vec<(&str, &str)> = (texts.iter())
            .map(|(file, text)| (file.as_str(), text.as_str()))
            .collect();
        let found = project(&Layout::default(), &files);
        let verdicts = verdicts(&found);
        let heads = if is_circle { COUNT } else { 1 };
        assert_eq!(verdicts.orphans(false).len(), heads);
        assert_eq!(verdicts.orphans(true).len(), COUNT);
        let last = id(&found, "m19999.py");
        assert_eq!(verdicts.tests_reaching(&[last]), []);
        assert_eq!(verdicts.why(last).importers.len(), 1);
    }
}

#[test]
fn a_test_that_the_settings_leave_out_reaches_nothing_and_is_no_orphan() {
    let layout = Layout {
        testpaths: vec!["tests/unit".to_owned()],
        ..Layout::default()
    };
    let files = [
        ("app.py", ""),
        ("tests/lab/test_lab.py", "import app"),
        ("tests/unit/test_a.py", ""),
    ];
    let found = project(&layout, &files);
    let verdicts = verdicts(&found);
    let test = id(&found, "tests/lab/test_lab.py");
    assert_eq!(found.graph.node(test).role, Role::IdleTest);
    assert_eq!(
        lines(&verdicts.orphans(true)),
        [
            "app: island: only `tests/lab/test_lab.py` imports it, and pytest's settings leave that out"
        ]
    );
    assert_eq!(verdicts.isolated(true), []);
}
