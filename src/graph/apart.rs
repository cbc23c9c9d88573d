//! [`find_apart`]: files that are no modules of the application, though they look like some: nobody would
//! import them by the name that they have here.
//!
//! A file of these is only told apart if no test reaches it. It is no orphan then, and never tried.

use std::collections::{BTreeMap, BTreeSet};

use super::import_graph::{Apart, ImportGraph, NodeId, Role, StartCause};
use super::layout::Layout;
use super::library::is_taken;
use super::mentions::is_identifier;

/// The names of folders that hold tests, if they are at the top, or if a test or a conftest lies
/// below them; an underscore before them changes nothing.
const TESTS: [&str; 5] = ["t", "test", "tests", "testsuite", "testdata"];
/// The names of folders that are no packages, and what lies below them.
const FOLDERS: [(&str, Apart); 26] = [
    ("doc", Apart::Docs),
    ("docs", Apart::Docs),
    ("documentation", Apart::Docs),
    ("sphinx", Apart::Docs),
    ("example", Apart::Example),
    ("examples", Apart::Example),
    ("sample", Apart::Example),
    ("samples", Apart::Example),
    ("demo", Apart::Example),
    ("demos", Apart::Example),
    ("tutorial", Apart::Example),
    ("tutorials", Apart::Example),
    ("benchmark", Apart::Example),
    ("benchmarks", Apart::Example),
    ("asv_bench", Apart::Example),
    ("template", Apart::Template),
    ("templates", Apart::Template),
    ("skeleton", Apart::Template),
    ("skeletons", Apart::Template),
    ("cookiecutter", Apart::Template),
    ("project_template", Apart::Template),
    ("app_template", Apart::Template),
    ("scripts", Apart::Script),
    ("script", Apart::Script),
    ("bin", Apart::Script),
    ("tools", Apart::Script),
];
/// Modules of the standard library that folders are often called after: a folder that is no package
/// comes after them, wherever it lies on `sys.path`.
const LIBRARY: [&str; 32] = [
    "ast",
    "asyncio",
    "calendar",
    "code",
    "collections",
    "concurrent",
    "copy",
    "ctypes",
    "dbm",
    "email",
    "encodings",
    "html",
    "http",
    "importlib",
    "io",
    "json",
    "logging",
    "multiprocessing",
    "operator",
    "parser",
    "platform",
    "queue",
    "random",
    "select",
    "site",
    "statistics",
    "string",
    "token",
    "types",
    "typing",
    "unittest",
    "xml",
];

/// The files that are no modules of the application. `nested` are the folders with settings of a project
/// of their own.
pub fn find_apart(
    graph: &ImportGraph,
    layout: &Layout,
    nested: &[String],
) -> BTreeMap<NodeId, Apart> {
    let nodes = graph.nodes();
    let mut packages = BTreeSet::new();
    let mut with_tests = BTreeSet::new();
    let mut collected = BTreeSet::new();
    for node in nodes {
        let file = node.module.file.as_str();
        if let Some(folder) = file.strip_suffix("/__init__.py") {
            packages.insert(folder);
        }
        let is_tests = matches!(node.role, Role::Test | Role::IdleTest | Role::Conftest);
        for folder in folders(file).filter(|_| is_tests) {
            with_tests.insert(folder);
            if node.role == Role::Test {
                collected.insert(folder);
            }
        }
    }
    // What runs here belongs here.
    let nested: BTreeSet<&str> = (nested.iter().map(String::as_str))
        .filter(|folder| !collected.contains(folder))
        .collect();
    let declared: BTreeSet<NodeId> = (graph.starts().iter())
        .filter(|start| !matches!(start.cause, StartCause::MainFile | StartCause::MainGuard))
        .map(|start| start.node)
        .collect();
    let judge = |file: &str, name: &str| {
        if folders(file).any(|folder| nested.contains(folder)) {
            return Some(Apart::Nested);
        }
        let is_for_tests = |at: &str| {
            let is_called_so = TESTS.contains(&last(at).trim_start_matches('_'));
            is_called_so && (with_tests.contains(at) || (!at.contains('/') && at != "t"))
        };
        if folders(file).any(is_for_tests) {
            return Some(Apart::TestData);
        }
        let by_folder = folders(file).find_map(|folder| {
            let known = FOLDERS.iter().find(|(name, _)| *name == last(folder))?;
            let is_package = packages.contains(folder);
            let is_own = known.1 != Apart::Script || !folder.contains('/');
            (!is_package && is_own).then_some(known.1)
        });
        if by_folder.is_some() {
            return by_folder;
        }
        if file.contains(['{', '}', '%', '$']) {
            return Some(Apart::Template);
        }
        if !name.split('.').all(is_identifier) {
            return Some(Apart::NoName);
        }
        let first = name.split('.').next().unwrap_or_default();
        if is_taken(first) {
            return Some(Apart::Shadowed);
        }
        let is_folder = name.contains('.') && LIBRARY.contains(&first);
        let of_name = |folder: &str| last(folder) == first;
        let is_package = folders(file).any(|at| of_name(at) && packages.contains(at));
        (is_folder && !is_package).then_some(Apart::Shadowed)
    };
    // The modules lie in folders of their own: a file beside these, which nothing imports, is none.
    let has_inner_roots = !layout.is_root_added && layout.roots.iter().any(|root| !root.is_empty());
    let is_loose = |id: NodeId| {
        let mut back = graph.back_edges(id).iter();
        let file = &graph.node(id).module.file;
        has_inner_roots && !file.contains('/') && !back.any(|edge| edge.kind.is_followed())
    };
    let modules = graph
        .ids()
        .filter(|id| graph.node(*id).role == Role::Module);
    modules
        .filter(|id| !declared.contains(id))
        .filter_map(|id| {
            let module = &graph.node(id).module;
            let apart = judge(&module.file, &module.name);
            let apart = apart.or_else(|| is_loose(id).then_some(Apart::Script));
            Some((id, apart?))
        })
        .collect()
}

/// The folders that a file lies in, the outermost first.
fn folders(file: &str) -> impl Iterator<Item = &str> {
    file.match_indices('/').map(|(at, _)| &file[..at])
}

fn last(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{SourceFile, collect, resolve};

    fn apart(layout: &Layout, files: &[&str], nested: &[&str]) -> BTreeMap<String, Apart> {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|file| SourceFile::new((*file).to_owned(), &collect("")))
            .collect();
        let graph = resolve(layout, &files).graph;
        let nested: Vec<String> = nested.iter().map(|&folder| folder.to_owned()).collect();
        let found = find_apart(&graph, layout, &nested).into_iter();
        found
            .map(|(id, apart)| (graph.node(id).module.file.clone(), apart))
            .collect()
    }

    #[test]
    fn files_that_nobody_imports_by_their_name_are_told_apart() {
        let cases = [
            ("tests/typing/typing_simple.py", Some(Apart::TestData)),
            ("tests/data/cases/comments.py", Some(Apart::TestData)),
            ("pkg/_tests/type_tests/run.py", Some(Apart::TestData)),
            ("examples/hello.py", Some(Apart::Example)),
            ("docs/conf_part.py", Some(Apart::Docs)),
            (
                "pkg/templates/project/module/items.py",
                Some(Apart::Template),
            ),
            ("{{cookiecutter.name}}/main.py", Some(Apart::Template)),
            ("typing-cases/baseline.py", Some(Apart::NoName)),
            ("typing/generics.py", Some(Apart::Shadowed)),
            ("scripts/release.py", Some(Apart::Script)),
            ("t/unit/data.py", Some(Apart::TestData)),
            ("pkg/part.py", None),
            ("pkg/scripts/run.py", None),
            ("pkg/examples/loader.py", None),
            ("pkg/testing/fakes.py", None),
            ("pkg/test/fakes.py", None),
            ("loose/thing.py", None),
            ("top.py", None),
            ("json/__init__.py", Some(Apart::Shadowed)),
            ("types.py", Some(Apart::Shadowed)),
            ("statistics/__init__.py", None),
            ("statistics/part.py", None),
        ];
        let mut files: Vec<&str> = cases.iter().map(|(file, _)| *file).collect();
        files.extend([
            "pkg/__init__.py",
            "pkg/examples/__init__.py",
            "pkg/_tests/test_b.py",
            "t/unit/test_c.py",
            "tests/test_a.py",
        ]);
        files.sort_unstable();
        let found = apart(&Layout::default(), &files, &[]);
        for (file, expected) in cases {
            assert_eq!(found.get(file).copied(), expected, "{file}");
        }
    }

    #[test]
    fn a_file_beside_the_folder_of_the_modules_is_a_script() {
        let files = ["show_off.py", "src/pkg/__init__.py", "src/pkg/a.py"];
        let mut layout = Layout {
            roots: vec!["src".to_owned(), String::new()],
            ..Layout::default()
        };
        let found = apart(&layout, &files, &[]);
        assert_eq!(found.get("show_off.py"), Some(&Apart::Script));
        assert_eq!(found.len(), 1);
        layout.is_root_added = true;
        assert_eq!(apart(&layout, &files, &[]).len(), 0);
        assert_eq!(apart(&Layout::default(), &files, &[]).len(), 0);
    }

    #[test]
    fn a_project_in_the_project_is_another_one_unless_its_tests_run_here() {
        let files = [
            "flaskr/db.py",
            "tests/test_a.py",
            "tool/app.py",
            "tool/test_app.py",
        ];
        let found = apart(&Layout::default(), &files, &["flaskr", "tool"]);
        assert_eq!(found.get("flaskr/db.py"), Some(&Apart::Nested));
        assert_eq!(found.get("tool/app.py"), None);
    }
}
