//! Names, roles and health of files.

use super::project::project;
use crate::graph::{ImportMode, Layout, Role};

fn names(layout: &Layout, files: &[&str]) -> Vec<(String, Role)> {
    let files: Vec<(&str, &str)> = files.iter().map(|file| (*file, "")).collect();
    let nodes = project(layout, &files).graph;
    let nodes = nodes.nodes().iter();
    nodes
        .map(|node| (node.module.name.clone(), node.role))
        .collect()
}

#[test]
fn a_file_is_named_from_its_innermost_root() {
    use Role::{Conftest, IdleTest, Module, Stub, Test, Tool};
    let cases: [(&str, &str, Role); 15] = [
        ("__init__.py", "__init__", Module),
        ("app/part.py", "app.part", Module),
        ("app/part.pyi", "app.part", Stub),
        ("app/sub/test_inner.py", "test_inner", Test),
        ("app/sub/core.py", "app.sub.core", Module),
        ("docs/source/conf.py", "docs.source.conf", Tool),
        ("my-script.py", "my-script", Module),
        ("setup.py", "setup", Tool),
        ("src/pkg/__init__.py", "pkg", Module),
        ("src/pkg/setup.py", "pkg.setup", Module),
        ("tests/conftest.py", "conftest", Conftest),
        ("tests/helper.py", "helper", Module),
        ("tests/pack/__init__.py", "pack", Module),
        ("tests/pack/test_b.py", "pack.test_b", Test),
        ("build/test_c.py", "build.test_c", IdleTest),
    ];
    let layout = Layout {
        roots: vec!["src".to_owned(), String::new()],
        ..Layout::default()
    };
    // It makes `app` a package, so that `app/sub` is a folder of it.
    let mut files: Vec<&str> = cases.iter().map(|(file, ..)| *file).collect();
    files.push("app/__init__.py");
    let found = names(&layout, &files);
    for (file, name, role) in cases {
        let is_there = found.contains(&(name.to_owned(), role));
        assert!(is_there, "{file}: no {name} {role:?} in {found:?}");
    }
}

#[test]
fn the_name_of_a_project_that_is_a_package_stands_before_its_modules() {
    let of = |name: &str, is_root_added, init: &str| {
        let layout = Layout {
            name: name.to_owned(),
            is_root_added,
            ..Layout::default()
        };
        let found = names(
            &layout,
            &[init, "a.py", "sub/__init__.py", "tests/test_x.py"],
        );
        found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let inner = ["shop", "shop.a", "shop.sub", "test_x"];
    assert_eq!(of("shop", false, "__init__.py"), inner);
    let plain = ["__init__", "a", "sub", "test_x"];
    assert_eq!(of("shop", true, "__init__.py"), plain, "`pythonpath = .`");
    assert_eq!(
        of("my-shop", false, "__init__.py"),
        plain,
        "no name of Python"
    );
    let other = ["a", "b", "sub", "test_x"];
    assert_eq!(of("shop", false, "b.py"), other, "no package");
}

#[test]
fn importlib_names_tests_from_the_project() {
    let layout = Layout {
        import_mode: ImportMode::Importlib,
        ..Layout::default()
    };
    let expected = ("tests.unit.test_a".to_owned(), Role::Test);
    assert_eq!(names(&layout, &["tests/unit/test_a.py"]), [expected]);
}

#[test]
fn what_cannot_be_analysed_is_counted() {
    let found = project(
        &Layout::default(),
        &[
            (
                "app/__init__.py",
                "import os; import os.path; lazy import numpy",
            ),
            ("app/broken.py", "!"),
            (
                "app/core.py",
                "from . import gone; from .gone import x; from ... import far; import app.gone",
            ),
        ],
    );
    let health = found.health;
    assert_eq!((health.files, health.analysed), (3, 2));
    assert!((health.percent() - 66.67).abs() < 0.01);
    assert_eq!(health.problems[0].file, "app/broken.py");
    let external: Vec<(&str, usize)> = (health.external.iter())
        .map(|external| (external.name.as_str(), external.imports))
        .collect();
    assert_eq!(external, [("numpy", 1), ("os", 2)]);
    let unresolved: Vec<(u32, &str)> = (health.unresolved.iter())
        .map(|import| (import.line, import.name.as_str()))
        .collect();
    assert_eq!(unresolved, [(2, ".gone"), (3, "...far"), (4, "app.gone")]);
}

#[test]
fn absurd_input_is_no_trouble() {
    let dots = ".".repeat(5000);
    let text = format!(
        "from {dots}a import b; import a..b; import .; call {dots}a; text ...; from . import ."
    );
    let deep = format!("{}m.py", "d/".repeat(3000));
    let found = project(
        &Layout::default(),
        &[
            (&deep, &text),
            ("a.py", &text),
            ("", &text),
            ("/a.py", &text),
            ("x//y.py", ""),
            ("../z.py", "import a"),
            ("d/.py", "import a"),
        ],
    );
    assert_eq!(found.graph.nodes().len(), 7);
}
