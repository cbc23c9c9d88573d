//! [`PytestSettings`]: the part of a project's configuration that pytest itself reads.
//!
//! pytest takes one file, the first of a fixed order that has its section, and looks at no other.

use toml::{Table, Value};

use super::config::{Files, folder, texts};
use super::ini::Ini;
use crate::graph::{EntryPoint, ImportMode, Layout};

/// The key of pytest-django for the module with the settings of Django.
const DJANGO_SETTINGS: &str = "DJANGO_SETTINGS_MODULE";

/// The settings that matter for imports; `None` for a key that the file does not have.
#[derive(Debug, Default)]
pub(super) struct PytestSettings {
    /// The file that they are from.
    file: &'static str,
    pythonpath: Option<Vec<String>>,
    python_files: Option<Vec<String>>,
    testpaths: Option<Vec<String>>,
    norecursedirs: Option<Vec<String>>,
    addopts: Option<Vec<String>>,
    /// The module with the settings of Django, of pytest-django.
    django_settings: Option<Vec<String>>,
}

/// The settings of the file that pytest takes.
pub(super) fn read(files: &mut Files<'_>, pyproject: &Table, setup_cfg: &Ini) -> PytestSettings {
    for name in ["pytest.toml", ".pytest.toml"] {
        if let Some(table) = files.toml(name) {
            return of_table(name, table.get("pytest"));
        }
    }
    // These two count even if they are empty.
    for name in ["pytest.ini", ".pytest.ini"] {
        if let Some(ini) = files.ini(name) {
            return of_section(name, &ini, "pytest");
        }
    }
    let tool = pyproject.get("tool").and_then(|tool| tool.get("pytest"));
    if let Some(table) = tool {
        return of_table(
            "pyproject.toml",
            Some(table.get("ini_options").unwrap_or(table)),
        );
    }
    if let Some(ini) = files.ini("tox.ini")
        && ini.section("pytest").is_some()
    {
        return of_section("tox.ini", &ini, "pytest");
    }
    of_section("setup.cfg", setup_cfg, "tool:pytest")
}

fn of_table(file: &'static str, table: Option<&Value>) -> PytestSettings {
    of(file, |key| {
        Some(match table?.get(key)? {
            Value::String(text) => words(text),
            list => texts(list).map(str::to_owned).collect(),
        })
    })
}

fn of_section(file: &'static str, ini: &Ini, section: &str) -> PytestSettings {
    of(file, |key| ini.get(section, key).map(words))
}

fn of(file: &'static str, get: impl Fn(&str) -> Option<Vec<String>>) -> PytestSettings {
    PytestSettings {
        file,
        pythonpath: get("pythonpath"),
        python_files: get("python_files"),
        testpaths: get("testpaths"),
        norecursedirs: get("norecursedirs"),
        addopts: get("addopts"),
        django_settings: get(DJANGO_SETTINGS),
    }
}

/// Words as a shell splits them; if quotes are broken, at white space.
fn words(text: &str) -> Vec<String> {
    let plain = |_| text.split_whitespace().map(str::to_owned).collect();
    shell_words::split(text).unwrap_or_else(plain)
}

impl PytestSettings {
    /// Writes the settings into a layout; those that are `None` leave its defaults.
    pub(super) fn apply(self, layout: &mut Layout) {
        let folders = self.pythonpath.unwrap_or_default();
        let front = folders.iter().filter_map(|path| folder(path));
        layout.is_root_added = folders
            .iter()
            .any(|path| folder(path).as_deref() == Some(""));
        let mut roots: Vec<String> = Vec::new();
        for root in front.chain(std::mem::take(&mut layout.roots)) {
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
        layout.roots = roots;
        if let Some(patterns) = self.python_files {
            layout.python_files = patterns;
        }
        if let Some(patterns) = self.norecursedirs {
            layout.norecursedirs = patterns;
        }
        for path in self.testpaths.unwrap_or_default() {
            // A pattern with `**` is kept as it is.
            layout.testpaths.extend(folder(&path));
        }
        let source = format!("{}, {DJANGO_SETTINGS}", self.file);
        for module in self.django_settings.unwrap_or_default() {
            add_plugin(layout, module, source.clone());
        }
        apply_options(layout, self.file, &self.addopts.unwrap_or_default());
    }
}

/// Adds a module that pytest loads.
fn add_plugin(layout: &mut Layout, module: String, source: String) {
    layout.entry_points.push(EntryPoint {
        module,
        source,
        by_pytest: true,
    });
}

fn apply_options(layout: &mut Layout, file: &str, options: &[String]) {
    let mut rest = options.iter().map(String::as_str);
    let mut globs = Vec::new();
    while let Some(word) = rest.next() {
        let (option, joined) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value)),
            _ if word.starts_with("-p") && word.len() > 2 => ("-p", Some(&word[2..])),
            _ => (word, None),
        };
        match option {
            "--doctest-modules" => layout.doctest_modules = true,
            "--import-mode" => {
                layout.import_mode = match joined.or_else(|| rest.next()) {
                    Some("importlib") => ImportMode::Importlib,
                    Some("append") => ImportMode::Append,
                    _ => ImportMode::Prepend,
                };
            }
            "--ignore" | "--ignore-glob" => {
                let path = joined.or_else(|| rest.next());
                layout.ignored.extend(path.and_then(folder));
            }
            "-p" => {
                let plugin = joined.or_else(|| rest.next()).unwrap_or_default();
                if !plugin.starts_with("no:") {
                    add_plugin(layout, plugin.to_owned(), format!("{file}, addopts, -p"));
                }
            }
            "--ds" => {
                let module = joined.or_else(|| rest.next()).unwrap_or_default();
                add_plugin(layout, module.to_owned(), format!("{file}, addopts, --ds"));
            }
            "--doctest-glob" => globs.extend(joined.or_else(|| rest.next()).map(str::to_owned)),
            // Their values may look like options.
            "-k" | "-m" | "-o" | "-c" | "-W" => {
                rest.next();
            }
            _ => {}
        }
    }
    // They take the place of pytest's own one.
    if !globs.is_empty() {
        layout.doctest_globs = globs;
    }
}
