//! The files that tests reach by the import graphs of other tools: `ruff analyze graph`, grimp.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use super::rules::Rule;

/// Prints the modules that each module imports, as files from the folder on.
const GRIMP: &str = r#"
import sys
# No file of the project stands in the way of the tool.
sys.path[:] = filter(None, sys.path)
import json, os
import grimp
root, folders = os.getcwd(), [folder for folder in sys.argv[1:] if folder]
sys.path[:0] = [os.path.join(root, folder) for folder in folders] + [root]
packages, files = set(), {}
for base in folders + ["."]:
    for name in sorted(os.listdir(base)):
        if name.isidentifier() and os.path.isdir(os.path.join(base, name)):
            packages.add(name)
def importable(package):
    try:
        return bool(grimp.build_graph(package, cache_dir=None))
    except Exception:
        return False
graph, packages = {}, list(filter(importable, sorted(packages)))
if packages:
    found = grimp.build_graph(*packages, cache_dir=None)
    graph = {module: found.find_modules_directly_imported_by(module) for module in found.modules}
def file(module):
    for base in folders + ["."]:
        path = os.path.normpath(os.path.join(base, module.replace(".", "/")))
        for candidate in (path + "/__init__.py", path + ".py"):
            if os.path.isfile(candidate):
                return candidate
edges = {}
for module, imported in graph.items():
    source = file(module)
    if source:
        edges[source] = sorted(filter(None, map(file, imported)))
print(json.dumps(edges))
"#;

pub(super) fn ruff(python: &Path, rule: &Rule, root: &Path) -> BTreeSet<String> {
    let folders = inner(rule, root);
    let folders: Vec<String> = folders.iter().map(|folder| format!("{folder:?}")).collect();
    let mut command = Command::new(python.with_file_name("ruff"));
    command
        .args(["analyze", "graph", "--isolated", "--detect-string-imports"])
        .args(["--min-dots", "1"])
        .arg("--config")
        .arg(format!("src = [\".\", \"src\", {}]", folders.join(", ")));
    reached(command.current_dir(root), rule)
}

pub(super) fn grimp(python: &Path, rule: &Rule, root: &Path) -> BTreeSet<String> {
    let mut command = Command::new(python);
    command.args(["-c", GRIMP]).args(inner(rule, root));
    reached(command.current_dir(root), rule)
}

/// The folders in the project that stand for its installation.
fn inner(rule: &Rule, root: &Path) -> Vec<String> {
    let path = rule.python_path(root);
    let folders = path.split(':').map(Path::new);
    let inner = folders.filter_map(|folder| folder.strip_prefix(root).ok()?.to_str());
    inner
        .filter(|folder| !folder.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The judged files that can be reached from tests and conftests, by the answer of a tool. A tool
/// that does not answer is no rival.
fn reached(command: &mut Command, rule: &Rule) -> BTreeSet<String> {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", rule.name);
    let edges: BTreeMap<String, Vec<String>> = serde_json::from_slice(&output.stdout).unwrap();
    let judged = rule.judged();
    let is_test = |file: &&String| !judged.contains(*file);
    let mut open: Vec<&String> = edges.keys().filter(is_test).collect();
    let mut seen: BTreeSet<&String> = open.iter().copied().collect();
    while let Some(file) = open.pop() {
        // The packages of a module run before it; neither tool says so.
        let folders = file.match_indices('/').map(|(at, _)| &file[..at]);
        let packages = folders.filter_map(|folder| judged.get(&format!("{folder}/__init__.py")));
        let imported = edges.get(file).into_iter().flatten();
        for to in imported.chain(packages) {
            if seen.insert(to) {
                open.push(to);
            }
        }
    }
    let found = seen.into_iter().filter(|file| judged.contains(*file));
    found.cloned().collect()
}
