//! Small projects, one a rule, each held against what the interpreter loads when its tests run.
//!
//! The projects are texts in `rules/`. Which modules a run loads is not written down: pytest runs
//! each project, and every process notes its `sys.modules`. A project is right if the agent calls
//! exactly those modules tested, before a run and after one.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use menace_agent::modules::{Analysis, AnalysisRequest, look};
use menace_agent::store::Reader;

use super::reality::imported;

/// A file of projects.
pub(super) struct Rules {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    /// The projects that the agent is wrong about before a run, and why.
    before: &'static [(&'static str, &'static str)],
    /// The same after a run.
    after: &'static [(&'static str, &'static str)],
}

macro_rules! rules {
    ($name:literal, before: $before:expr, after: $after:expr) => {
        Rules {
            name: $name,
            text: include_str!(concat!("rules/", $name, ".txt")),
            before: &$before,
            after: &$after,
        }
    };
}

/// The reasons for a difference.
const GONE: &str = "a module whose import failed is gone when the harness looks";
const NOT_TAKEN: &str = "the graph has a way that is not taken";

pub(super) const RULES: [Rules; 7] = [
    rules!("imports", before: [("an attribute of a package hides no module", NOT_TAKEN)], after: []),
    rules!("packages", before: [("a module with a table of names", NOT_TAKEN)], after: [("a project folder that is a package, with tests in it", GONE)]),
    rules!("names", before: [], after: []),
    rules!("programs", before: [], after: []),
    rules!("paths", before: [], after: []),
    rules!("suite", before: [], after: []),
    rules!("not_loaded", before: [("a root that is not on the path", NOT_TAKEN), ("the second helper of one name", NOT_TAKEN), ("a function that no test calls", NOT_TAKEN), ("a text that only looks like a module", NOT_TAKEN), ("a spare that is not needed", NOT_TAKEN)], after: []),
];

/// A project that shows one rule.
pub(super) struct Rule {
    pub(super) name: &'static str,
    installed: Vec<&'static str>,
    files: Vec<(&'static str, String)>,
}

impl Rules {
    /// The projects of the file.
    pub(super) fn all(&self) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        for line in self.text.lines() {
            if let Some(name) = line.strip_prefix("### ") {
                rules.push(Rule {
                    name,
                    installed: Vec::new(),
                    files: Vec::new(),
                });
            } else if let Some(rule) = rules.last_mut() {
                rule.add(line);
            }
        }
        rules
    }

    /// The names of the projects that the agent is wrong about before a run.
    pub(super) fn wrong_before(&self) -> Vec<&'static str> {
        names(self.before)
    }

    /// The same after a run.
    pub(super) fn wrong_after(&self) -> Vec<&'static str> {
        names(self.after)
    }
}

fn names(wrong: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    let names = wrong.iter().map(|(name, reason)| {
        assert!(reason.contains(' '), "{name}: no reason");
        *name
    });
    names.collect()
}

impl Rule {
    fn add(&mut self, line: &'static str) {
        if let Some(path) = line.strip_prefix("--- ") {
            self.files.push((path, String::new()));
        } else if let Some((_, text)) = self.files.last_mut() {
            text.push_str(line);
            text.push('\n');
        } else if let Some(folders) = line.strip_prefix("installed: ") {
            self.installed = folders.split(' ').collect();
        }
    }

    /// Writes the project into a folder.
    pub(super) fn write(&self, root: &Path) {
        for (path, text) in &self.files {
            let (path, target) = match path.split_once(" -> ") {
                Some((path, target)) => (path, Some(target)),
                None => (*path, None),
            };
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match target {
                Some(target) => symlink(target, path).unwrap(),
                None => fs::write(path, text.trim_end()).unwrap(),
            }
        }
    }

    /// The value of `PYTHONPATH` that stands for an installation of the project.
    pub(super) fn python_path(&self, root: &Path) -> String {
        let folders = self.installed.iter();
        let folders: Vec<String> = folders
            .map(|folder| match *folder {
                ".." => root.parent().unwrap().display().to_string(),
                inner => root.join(inner).display().to_string(),
            })
            .collect();
        folders.join(":")
    }

    /// The files that a tool has to judge: not those that pytest loads by itself.
    pub(super) fn judged(&self) -> BTreeSet<String> {
        let files = self.files.iter().filter(|(path, _)| !path.contains("->"));
        let files = files.map(|(path, _)| (*path).to_owned());
        files.filter(|path| is_judged(path)).collect()
    }

    /// Those of them that pytest and the programs of the tests load.
    pub(super) fn loaded(&self, python: &Path, root: &Path) -> BTreeSet<String> {
        let mut pytest = Command::new(python);
        pytest.arg(python.with_file_name("pytest"));
        let path = self.python_path(root);
        let folders: Vec<&str> = path.split(':').filter(|path| !path.is_empty()).collect();
        let loaded = imported(&mut pytest, root, &folders);
        &loaded & &self.judged()
    }
}

fn is_judged(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_test = |name: &str| {
        ["test_", "check_"].iter().any(|it| name.starts_with(it)) || name == "conftest.py"
    };
    name.strip_suffix(".py").is_some() && !is_test(name)
}

/// The files that tests reach, as the agent sees a project.
pub(super) fn reached(root: &Path, state: Option<&Path>) -> BTreeSet<String> {
    let request = AnalysisRequest {
        project: root.to_owned(),
        data_dir: root.join("sandbox_data"),
        exclude: Vec::new(),
    };
    let reader = state.map(|state| Reader::open(state).unwrap());
    let analysis: Analysis = look(&request, reader.as_ref()).unwrap();
    let verdicts = analysis.verdicts();
    let reached = analysis.graph.ids().filter(|id| verdicts.is_reached(*id));
    reached
        .map(|id| analysis.graph.node(id).module.file.clone())
        .collect()
}

/// Runs the tests of a project with the agent, without coverage; returns its state file.
pub(super) fn run_with_agent(rule: &Rule, python: &Path, root: &Path) -> PathBuf {
    let output = Command::new(env!("CARGO_BIN_EXE_agent"))
        .args(["run", "--no-cov", "--no-include-orphans", "--python"])
        .arg(python)
        .current_dir(root)
        .env_remove("PYTEST_ADDOPTS")
        .env("PYTHONPATH", rule.python_path(root))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let has_run = matches!(output.status.code(), Some(0 | 1));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(has_run, "{}: {stdout}{stderr}", rule.name);
    root.join("sandbox_data/agent.db")
}
