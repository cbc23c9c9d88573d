//! [`Packaging`]: roots and entry points, as the build backends read them.

use std::path::Path;

use toml::{Table, Value};

use super::config::{folder, texts};
use super::ini::Ini;
use crate::graph::EntryPoint;

/// Members of a workspace beyond these are left out.
const MAX_MEMBERS: usize = 1000;

/// The keys below `tool` that tell a backend the folders of the packages: one text or a list.
const FOLDERS: [&[&str]; 7] = [
    &["setuptools", "packages", "find", "where"],
    &["hatch", "build", "sources"],
    &["hatch", "build", "targets", "wheel", "sources"],
    &["hatch", "build", "dev-mode-dirs"],
    &["pdm", "build", "package-dir"],
    &["uv", "build-backend", "module-root"],
    &["maturin", "python-source"],
];

/// The keys below `tool` that tell a backend the packages themselves, with their folders.
const PACKAGES: [&[&str]; 3] = [
    &["hatch", "build", "packages"],
    &["hatch", "build", "targets", "wheel", "packages"],
    &["scikit-build", "wheel", "packages"],
];

/// The folders of packages, workspace members and entry points that a project declares.
#[derive(Debug, Default)]
pub(super) struct Packaging {
    /// In the order in which they were found, without repetitions.
    folders: Vec<String>,
    members: Vec<String>,
    pub(super) entry_points: Vec<EntryPoint>,
}

impl Packaging {
    /// Reads the settings of the files in `base`; all folders are from the project on.
    pub(super) fn new(base: &str, pyproject: &Table, setup_cfg: &Ini) -> Self {
        let mut packaging = Self::default();
        let tool = |path: &[&str]| at(pyproject.get("tool")?, path);
        for value in FOLDERS.iter().filter_map(|path| tool(path)) {
            for text in texts(value) {
                packaging.add_folder(base, text);
            }
        }
        for value in PACKAGES.iter().filter_map(|path| tool(path)) {
            for text in texts(value) {
                packaging.add_folder(base, outer(text));
            }
        }
        if let Some(Value::Table(places)) = tool(&["setuptools", "package-dir"]) {
            for (package, place) in places {
                packaging.add_package(base, package, place.as_str().unwrap_or_default());
            }
        }
        if let Some(Value::Array(packages)) = tool(&["poetry", "packages"]) {
            let places = packages
                .iter()
                .filter_map(|package| package.get("from")?.as_str());
            places.for_each(|place| packaging.add_folder(base, place));
        }
        packaging.read_setup_cfg(base, setup_cfg);
        packaging.read_entry_points(base, pyproject, setup_cfg);
        packaging.add_folder(base, "src");
        packaging.add_folder(base, "");
        if let Some(members) = tool(&["uv", "workspace", "members"]) {
            packaging.members = texts(members).map(str::to_owned).collect();
        }
        packaging
    }

    /// The folders of the workspace's members, sorted.
    pub(super) fn members(&self, project: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for pattern in self.members.iter().filter_map(|member| folder(member)) {
            let base = glob::Pattern::escape(&project.to_string_lossy());
            let Ok(paths) = glob::glob(&format!("{base}/{pattern}")) else {
                continue;
            };
            let folders = paths.flatten().filter(|path| path.is_dir());
            let inner = folders.filter_map(|path| {
                let path = path.strip_prefix(project).ok()?;
                path.to_str()
                    .filter(|path| !path.is_empty())
                    .map(str::to_owned)
            });
            found.extend(inner.take(MAX_MEMBERS));
        }
        found.sort();
        found.dedup();
        found.truncate(MAX_MEMBERS);
        found
    }

    /// Adds the folders and entry points of a member of the workspace.
    pub(super) fn add(&mut self, member: Self) {
        for folder in member.folders {
            if !self.folders.contains(&folder) {
                self.folders.push(folder);
            }
        }
        self.entry_points.extend(member.entry_points);
    }

    /// The roots that are there, the project last: a folder that is a package itself is none.
    pub(super) fn roots(&self, project: &Path) -> Vec<String> {
        let is_root = |folder: &&String| {
            let path = project.join(folder);
            path.is_dir() && !path.join("__init__.py").exists()
        };
        let inner = self.folders.iter().filter(|folder| !folder.is_empty());
        let mut roots: Vec<String> = inner.filter(is_root).cloned().collect();
        roots.push(String::new());
        roots
    }

    fn add_folder(&mut self, base: &str, text: &str) {
        if let Some(inner) = folder(text)
            && let Some(folder) = folder(format!("{base}/{inner}").trim_start_matches('/'))
            && !self.folders.contains(&folder)
        {
            self.folders.push(folder);
        }
    }

    /// The folder of a package, which is a root if the package has its own name there.
    fn add_package(&mut self, base: &str, package: &str, place: &str) {
        let tail = package.replace('.', "/");
        let place = place.trim_end_matches('/');
        if package.is_empty() {
            self.add_folder(base, place);
        } else if let Some(outer) = place.strip_suffix(&tail)
            && (outer.is_empty() || outer.ends_with('/'))
        {
            self.add_folder(base, outer.trim_end_matches('/'));
        }
    }

    fn read_setup_cfg(&mut self, base: &str, setup_cfg: &Ini) {
        let places = ["package_dir", "package-dir"];
        let places = places.iter().find_map(|key| setup_cfg.get("options", key));
        for line in places.unwrap_or_default().split(['\n', ',']) {
            if let Some((package, place)) = line.split_once('=') {
                self.add_package(base, package.trim(), place.trim());
            }
        }
        let place = setup_cfg.get("options.packages.find", "where");
        for line in place
            .unwrap_or_default()
            .split(['\n', ','])
            .filter(|line| !line.is_empty())
        {
            self.add_folder(base, line);
        }
    }

    fn read_entry_points(&mut self, base: &str, pyproject: &Table, setup_cfg: &Ini) {
        let project = pyproject.get("project");
        let tool = pyproject.get("tool");
        let groups = [
            (project, vec!["scripts"], "project"),
            (project, vec!["gui-scripts"], "project"),
            (tool, vec!["poetry", "scripts"], "tool"),
            (tool, vec!["flit", "scripts"], "tool"),
        ];
        for (table, path, name) in groups {
            let section = format!("[{name}.{}]", path.join("."));
            let entries = table.and_then(|table| at(table, &path));
            self.add_entries(base, &section, false, entries);
        }
        let nested = [
            (project, vec!["entry-points"], "project"),
            (tool, vec!["poetry", "plugins"], "tool"),
            (tool, vec!["flit", "entrypoints"], "tool"),
        ];
        for (table, path, name) in nested {
            let groups = table.and_then(|table| at(table, &path)?.as_table());
            for (group, entries) in groups.into_iter().flatten() {
                let section = format!("[{name}.{}.{group}]", path.join("."));
                self.add_entries(base, &section, group == "pytest11", Some(entries));
            }
        }
        let groups = setup_cfg
            .section("options.entry_points")
            .unwrap_or_default();
        for (group, entries) in groups {
            for (name, value) in entries.lines().filter_map(|line| line.split_once('=')) {
                let source = format!("setup.cfg, [options.entry_points] {group}, {}", name.trim());
                self.add_entry(base, source, value, group == "pytest11");
            }
        }
    }

    fn add_entries(&mut self, base: &str, section: &str, by_pytest: bool, table: Option<&Value>) {
        for (name, value) in table.and_then(Value::as_table).into_iter().flatten() {
            // Poetry also has tables, with the same in `reference`.
            let reference = value.get("reference").or_else(|| value.get("callable"));
            if let Some(value) = reference.unwrap_or(value).as_str() {
                let source = format!("pyproject.toml, {section}, {name}");
                self.add_entry(base, source, value, by_pytest);
            }
        }
    }

    fn add_entry(&mut self, base: &str, source: String, value: &str, by_pytest: bool) {
        let module = value.split([':', '[']).next().unwrap_or_default().trim();
        let source = if base.is_empty() {
            source
        } else {
            format!("{base}/{source}")
        };
        self.entry_points.push(EntryPoint {
            module: module.to_owned(),
            source,
            by_pytest,
        });
    }
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

fn outer(path: &str) -> &str {
    path.trim_end_matches('/')
        .rsplit_once('/')
        .map_or("", |(outer, _)| outer)
}
