//! Compares a project's graph with its `sys.modules`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use menace_agent::graph::{Observed, Resolution, Verdicts, resolve};
use menace_agent::source::{ScanError, ScanOptions, layout, scan};

use crate::envs::{available, venv};

/// Runs in every process of Python below pytest, and notes what it has imported, and what it has
/// run without a place in `sys.modules`.
const NOTE: &str = "
import atexit, os, sys

executed = set()
sys.addaudithook(lambda event, args: event == 'exec' and executed.add(args[0].co_filename))

def note():
    # The main module loses its file when it is done.
    files = [sys.argv[0]]
    files += executed
    files += [getattr(module, '__file__', None) for module in list(sys.modules.values())]
    with open(os.environ['NOTE_MODULES'], 'a') as out:
        for file in files:
            if isinstance(file, str):
                out.write(os.path.realpath(file) + '\\n')

atexit.register(note)
";

/// The side on which a file is, if it is on one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Only {
    /// The graph reaches it, and Python did not import it.
    Graph,
    /// Python imported it, and the graph does not reach it.
    Python,
}

/// A file that is on one side only, and why.
pub(super) type Difference = (Only, &'static str, &'static str);

#[derive(Default)]
pub(super) struct Project {
    pub(super) files: &'static [(&'static str, &'static str)],
    /// Folders that an installation of the project would put on `sys.path`.
    pub(super) installed: &'static [&'static str],
    /// Local imports that lead nowhere: the file, the line, the name.
    pub(super) unresolved: &'static [(&'static str, u32, &'static str)],
    pub(super) differences: &'static [Difference],
}

/// Holds the graph of a project against a run of its tests.
#[track_caller]
pub(super) fn check(project: &Project) {
    let Some(python) = available(venv("python3", &["pytest"])) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for (path, text) in project.files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let found = graph_of(&root);
    let mut pytest = Command::new(&python);
    let pytest = pytest.arg(python.parent().unwrap().join("pytest"));
    let python = imported(pytest, &root, project.installed);
    assert_eq!(differences(&found, &python), expected(project.differences));
    let unresolved: Vec<(&str, u32, &str)> = (found.health.unresolved.iter())
        .map(|import| (import.file.as_str(), import.line, import.name.as_str()))
        .collect();
    assert_eq!(unresolved, project.unresolved);
}

pub(super) fn graph_of(root: &Path) -> Resolution {
    let options = ScanOptions {
        project: root,
        data_dir: &root.join("sandbox_data"),
        exclude: &[],
        texts: &[],
    };
    let files = scan(&options, || Ok::<_, ScanError>(Vec::new()))
        .unwrap()
        .files;
    let (layout, problems) = layout(root);
    assert_eq!(problems, []);
    resolve(&layout, &files)
}

/// The files of the project that Python had imported when the command had run the tests.
pub(super) fn imported(pytest: &mut Command, root: &Path, installed: &[&str]) -> BTreeSet<String> {
    let note = tempfile::tempdir().unwrap();
    fs::write(note.path().join("sitecustomize.py"), NOTE).unwrap();
    let modules = note.path().join("modules");
    let path: Vec<String> = std::iter::once(note.path().display().to_string())
        .chain(
            installed
                .iter()
                .map(|folder| root.join(folder).display().to_string()),
        )
        .collect();
    let output = pytest
        .args(["-q", "-p", "no:cacheprovider"])
        .current_dir(root)
        .env_remove("PYTEST_ADDOPTS")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", path.join(":"))
        .env("NOTE_MODULES", &modules)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    // A test may fail: its file was imported all the same.
    let has_run = matches!(output.status.code(), Some(0 | 1));
    assert!(
        has_run,
        "{}{stderr}",
        String::from_utf8_lossy(&output.stdout)
    );
    let text = fs::read_to_string(modules).unwrap();
    let local = text
        .lines()
        .filter_map(|file| Path::new(file).strip_prefix(root).ok());
    let local = local.map(|file| file.to_str().unwrap().to_owned());
    // A module in an archive is no file of the project.
    local
        .filter(|file| file.strip_suffix(".py").is_some() && root.join(file).is_file())
        .collect()
}

type Differences = BTreeMap<String, Only>;

pub(super) fn differences(found: &Resolution, python: &BTreeSet<String>) -> Differences {
    let observed = Observed::default();
    let verdicts = Verdicts::new(&found.graph, &observed);
    let reached = found.graph.ids().filter(|id| verdicts.is_reached(*id));
    let reached: BTreeSet<String> = reached
        .map(|id| found.graph.node(id).module.file.clone())
        .collect();
    let graph = reached
        .difference(python)
        .map(|file| (file.clone(), Only::Graph));
    let python = python
        .difference(&reached)
        .map(|file| (file.clone(), Only::Python));
    graph.chain(python).collect()
}

pub(super) fn expected(differences: &[Difference]) -> Differences {
    let lines = differences.iter();
    lines
        .map(|(only, file, reason)| {
            assert!(reason.contains(' '), "{file}: no reason");
            ((*file).to_owned(), *only)
        })
        .collect()
}
