//! [`layout`]: the places of a project's modules and tests, from its configuration files.
//!
//! | file | read for |
//! |---|---|
//! | `pyproject.toml` | roots, entry points, pytest's settings |
//! | `setup.cfg` | the same |
//! | `pytest.toml`, `pytest.ini`, both also with a dot before, `tox.ini` | pytest's settings |
//!
//! Nothing is run: settings that only a `setup.py` has are not known, apart from the usual `src`
//! folder.

use std::path::Path;

use super::config::Files;
use super::packaging::Packaging;
use super::pytest_settings;
use crate::graph::{Layout, Problem};

/// The layout of a project, and the problems of its configuration files. A file that cannot be read
/// counts as not there; of a broken INI file the other lines count.
pub fn layout(project: &Path) -> (Layout, Vec<Problem>) {
    let mut files = Files::new(project);
    let pyproject = files.toml("pyproject.toml").unwrap_or_default();
    let setup_cfg = files.ini("setup.cfg").unwrap_or_default();
    let mut packaging = Packaging::new("", &pyproject, &setup_cfg);
    for member in packaging.members(project) {
        let folder = project.join(&member);
        let mut inner = Files::new(&folder);
        let pyproject = inner.toml("pyproject.toml").unwrap_or_default();
        let setup_cfg = inner.ini("setup.cfg").unwrap_or_default();
        packaging.add(Packaging::new(&member, &pyproject, &setup_cfg));
        for mut problem in inner.problems {
            problem.file = format!("{member}/{}", problem.file);
            files.problems.push(problem);
        }
    }
    let name = project.file_name().and_then(|name| name.to_str());
    let mut layout = Layout {
        name: name.map_or_else(String::new, str::to_owned),
        roots: packaging.roots(project),
        entry_points: packaging.entry_points,
        ..Layout::default()
    };
    pytest_settings::read(&mut files, &pyproject, &setup_cfg).apply(&mut layout);
    (layout, files.problems)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::graph::ImportMode;

    fn read(files: &[(&str, &str)]) -> (Layout, Vec<Problem>) {
        let project = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = project.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (mut layout, problems) = layout(project.path());
        let name = std::mem::take(&mut layout.name);
        assert_eq!(project.path().file_name().unwrap().to_str(), Some(&*name));
        (layout, problems)
    }

    #[test]
    fn build_backends_say_where_packages_are() {
        let cases: [(&str, &str, &str); 12] = [
            ("setuptools", "tool.setuptools.package-dir", "'' = 'lib'"),
            (
                "a package",
                "tool.setuptools.package-dir",
                "'pkg.sub' = 'lib/pkg/sub'",
            ),
            (
                "find",
                "tool.setuptools.packages.find",
                "where = ['lib', '../out']",
            ),
            (
                "poetry",
                "tool.poetry",
                "packages = [{include = 'pkg', from = 'lib'}, {include = 'x'}]",
            ),
            (
                "hatch",
                "tool.hatch.build.targets.wheel",
                "packages = ['lib/pkg']",
            ),
            (
                "hatch sources",
                "tool.hatch.build.targets.wheel",
                "sources = ['lib']",
            ),
            (
                "hatch rewrites",
                "tool.hatch.build.targets.wheel.sources",
                "'lib' = ''",
            ),
            (
                "hatch dev mode",
                "tool.hatch.build",
                "dev-mode-dirs = ['lib', '.']",
            ),
            ("pdm", "tool.pdm.build", "package-dir = './lib/'"),
            ("uv", "tool.uv.build-backend", "module-root = 'lib'"),
            ("maturin", "tool.maturin", "python-source = 'lib'"),
            (
                "scikit-build",
                "tool.scikit-build",
                "wheel.packages = ['lib/pkg']",
            ),
        ];
        for (name, section, entry) in cases {
            let text = format!("[{section}]\n{entry}\n");
            let (layout, problems) = read(&[("pyproject.toml", &text), ("lib/pkg/a.py", "")]);
            assert_eq!(layout.roots, ["lib", ""], "{name}");
            assert_eq!(problems, [], "{name}");
        }
    }

    #[test]
    fn a_src_folder_is_a_root_unless_it_is_a_package() {
        assert_eq!(read(&[("src/a.py", "")]).0.roots, ["src", ""]);
        assert_eq!(read(&[("src/__init__.py", "")]).0.roots, [""]);
        assert_eq!(read(&[]).0, Layout::default());
    }

    #[test]
    fn members_of_a_workspace_have_roots_and_scripts() {
        let (layout, problems) = read(&[
            (
                "pyproject.toml",
                "[tool.uv.workspace]\nmembers = ['packages/*', '../*']\n",
            ),
            (
                "packages/a/pyproject.toml",
                "[project.scripts]\nrun = 'a.cli:main'\n",
            ),
            ("packages/a/src/a/cli.py", ""),
            ("packages/b/pyproject.toml", "broken"),
            ("packages/b/b.py", ""),
        ]);
        assert_eq!(
            layout.roots,
            ["packages/a/src", "packages/a", "packages/b", ""]
        );
        assert_eq!(layout.entry_points[0].module, "a.cli");
        assert_eq!(
            layout.entry_points[0].source,
            "packages/a/pyproject.toml, [project.scripts], run"
        );
        assert_eq!(problems[0].file, "packages/b/pyproject.toml");
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn entry_points_are_found_everywhere() {
        let pyproject = "[project.scripts]\na = 'm.a:main'\n[project.gui-scripts]\nb = 'm.b'\n\
            [project.entry-points.pytest11]\nc = 'm.c'\n[tool.poetry.scripts]\n\
            d = {reference = 'm.d:x', type = 'console'}\n[tool.poetry.plugins.'x.y']\ne = 'm.e [z]'\n";
        let setup = "[options.entry_points]\nconsole_scripts =\n    f = m.f:main\n";
        let (layout, _) = read(&[("pyproject.toml", pyproject), ("setup.cfg", setup)]);
        let found: Vec<(&str, &str, bool)> = (layout.entry_points.iter())
            .map(|entry| {
                (
                    entry.module.as_str(),
                    entry.source.as_str(),
                    entry.by_pytest,
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("m.a", "pyproject.toml, [project.scripts], a", false),
                ("m.b", "pyproject.toml, [project.gui-scripts], b", false),
                ("m.d", "pyproject.toml, [tool.poetry.scripts], d", false),
                (
                    "m.c",
                    "pyproject.toml, [project.entry-points.pytest11], c",
                    true
                ),
                ("m.e", "pyproject.toml, [tool.poetry.plugins.x.y], e", false),
                (
                    "m.f",
                    "setup.cfg, [options.entry_points] console_scripts, f",
                    false
                ),
            ]
        );
    }

    #[test]
    fn pytest_takes_the_first_file_that_has_settings() {
        let all = [
            ("pytest.toml", "[pytest]\ntestpaths = ['a']\n"),
            (".pytest.toml", "[pytest]\ntestpaths = ['b']\n"),
            ("pytest.ini", "[pytest]\ntestpaths = c\n"),
            (".pytest.ini", "[pytest]\ntestpaths = d\n"),
            (
                "pyproject.toml",
                "[tool.pytest.ini_options]\ntestpaths = ['e']\n",
            ),
            ("tox.ini", "[pytest]\ntestpaths = f\n"),
            ("setup.cfg", "[tool:pytest]\ntestpaths = g\n"),
        ];
        for (at, expected) in ["a", "b", "c", "d", "e", "f", "g"].iter().enumerate() {
            assert_eq!(read(&all[at..]).0.testpaths, [*expected]);
        }
        let native = ("pyproject.toml", "[tool.pytest]\ntestpaths = ['h']\n");
        assert_eq!(read(&[native]).0.testpaths, ["h"]);
        // It counts even if it is empty.
        assert_eq!(read(&[("pytest.ini", ""), all[4]]).0, Layout::default());
        assert_eq!(read(&[("tox.ini", "[tox]\n"), all[6]]).0.testpaths, ["g"]);
    }

    #[test]
    fn options_of_pytest_are_read() {
        let text = "[pytest]\npythonpath = . lib\npython_files = check_*.py 'x y.py'\n\
            norecursedirs = old\nDJANGO_SETTINGS_MODULE = shop.settings\naddopts = --import-mode importlib --doctest-modules\n\
            \x20   --ignore=a/ --ignore-glob 'b*' --doctest-glob=*.rst\n\
            \x20   --doctest-glob guide.md --ds=site.settings -p plug.in -pother -p no:x -k '-p not'\n";
        let (layout, problems) = read(&[("pytest.ini", text), ("lib/a.py", "")]);
        assert_eq!(problems, []);
        assert_eq!(layout.roots, ["", "lib"]);
        assert_eq!(layout.python_files, ["check_*.py", "x y.py"]);
        assert_eq!(layout.norecursedirs, ["old"]);
        assert_eq!(layout.import_mode, ImportMode::Importlib);
        assert!(layout.doctest_modules);
        assert_eq!(layout.ignored, ["a", "b*"]);
        assert!(layout.is_root_added);
        assert_eq!(layout.doctest_globs, ["*.rst", "guide.md"]);
        let plugins: Vec<&str> = (layout.entry_points.iter())
            .map(|entry| entry.module.as_str())
            .collect();
        assert_eq!(
            plugins,
            ["shop.settings", "site.settings", "plug.in", "other"]
        );
        assert!(layout.entry_points.iter().all(|entry| entry.by_pytest));
    }

    #[test]
    fn a_broken_file_is_a_problem_and_no_end() {
        let (layout, problems) = read(&[
            ("pyproject.toml", "[project]\nname = \n"),
            ("setup.cfg", "[tool:pytest]\n???\ntestpaths = x\n"),
            ("tox.ini/file", ""),
        ]);
        assert_eq!(layout.testpaths, ["x"]);
        let found: Vec<(&str, Option<u32>)> = (problems.iter())
            .map(|problem| (problem.file.as_str(), problem.line))
            .collect();
        assert_eq!(
            found,
            [
                ("pyproject.toml", Some(2)),
                ("setup.cfg", Some(2)),
                ("tox.ini", None)
            ]
        );
    }
}
