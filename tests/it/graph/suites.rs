//! A project as pytest sees it: tests, conftests, plugins, and folders on `sys.path`.

use super::reality::{Only, Project, check};

#[test]
fn a_folder_of_tests_is_on_the_path() {
    check(&Project {
        files: &[
            ("helper.py", ""),
            ("tests/conftest.py", "import shared"),
            ("tests/shared.py", ""),
            (
                "tests/unit/test_a.py",
                "import near, shared\ndef test(): pass",
            ),
            ("tests/unit/near.py", "import further"),
            ("tests/unit/further.py", ""),
            ("tests/unit/unused.py", ""),
            ("tests/deep/pack/__init__.py", ""),
            (
                "tests/deep/pack/test_b.py",
                "from . import beside\nfrom pack import other\nimport loose\ndef test(): pass",
            ),
            ("tests/deep/pack/beside.py", ""),
            ("tests/deep/pack/other.py", ""),
            ("tests/deep/loose.py", ""),
        ],
        ..Project::default()
    });
}

#[test]
fn the_folder_of_a_test_goes_before_that_of_another() {
    check(&Project {
        files: &[
            ("tests/one/test_a.py", "import helper\ndef test(): pass"),
            ("tests/one/helper.py", ""),
            ("tests/two/test_b.py", "import helper\ndef test(): pass"),
            ("tests/two/helper.py", ""),
        ],
        differences: &[(
            Only::Graph,
            "tests/two/helper.py",
            "both tests run in one process, which has imported the other helper already; alone, the \
             test gets its own",
        )],
        ..Project::default()
    });
}

#[test]
fn appended_folders_come_last() {
    check(&Project {
        files: &[
            (
                "pytest.ini",
                "[pytest]\naddopts = --import-mode=append\npythonpath = lib\n",
            ),
            ("lib/helper.py", ""),
            ("tests/helper.py", ""),
            ("tests/other.py", ""),
            ("tests/test_a.py", "import helper, other\ndef test(): pass"),
        ],
        ..Project::default()
    });
}

#[test]
fn importlib_leaves_the_path_alone() {
    check(&Project {
        files: &[
            (
                "pyproject.toml",
                "[tool.pytest.ini_options]\naddopts = ['--import-mode=importlib']\npythonpath = ['src']\n",
            ),
            ("src/app.py", ""),
            ("tests/helper.py", ""),
            (
                "tests/test_a.py",
                "import app\ntry:\n    import helper\nexcept ImportError:\n    pass\ndef test(): pass",
            ),
            ("tests/pack/__init__.py", ""),
            ("tests/pack/beside.py", ""),
            (
                "tests/pack/test_b.py",
                "from . import beside\ndef test(): pass",
            ),
        ],
        ..Project::default()
    });
}

#[test]
fn conftests_are_loaded_where_pytest_looks() {
    check(&Project {
        files: &[
            ("conftest.py", "import top"),
            ("top.py", ""),
            ("checks/conftest.py", "import middle"),
            ("checks/middle.py", ""),
            ("checks/a/conftest.py", "import inner"),
            ("checks/a/inner.py", ""),
            ("checks/a/test_a.py", "def test(): pass"),
            ("checks/b/conftest.py", "import helper"),
            ("checks/b/helper.py", ""),
            ("build/conftest.py", "raise SystemExit"),
        ],
        ..Project::default()
    });
}

#[test]
fn packages_of_tests_run_their_init() {
    check(&Project {
        files: &[
            ("tests/__init__.py", "from . import setting"),
            ("tests/setting.py", ""),
            ("tests/unit/__init__.py", ""),
            (
                "tests/unit/test_a.py",
                "from .. import common\nfrom tests.unit.helper import X\ndef test(): pass",
            ),
            ("tests/unit/helper.py", "X = 1"),
            ("tests/common.py", ""),
            ("tests/bare/test_b.py", "import lone\ndef test(): pass"),
            ("tests/bare/lone.py", ""),
        ],
        ..Project::default()
    });
}

#[test]
fn settings_say_which_files_are_tests() {
    check(&Project {
        files: &[
            (
                "tox.ini",
                "[tox]\nenvlist = py3\n[pytest]\npython_files = check_*.py *_spec.py\ntestpaths = checks more/*\nnorecursedirs = old data\naddopts = --ignore=checks/broken\n",
            ),
            ("setup.cfg", "[tool:pytest]\ntestpaths = nowhere\n"),
            ("checks/check_a.py", "import used\ndef test(): pass"),
            ("checks/used.py", ""),
            ("checks/test_b.py", "raise SystemExit"),
            ("checks/old/check_c.py", "raise SystemExit"),
            ("checks/broken/check_d.py", "raise SystemExit"),
            ("more/x/e_spec.py", "def test(): pass"),
            ("other/check_f.py", "raise SystemExit"),
        ],
        ..Project::default()
    });
}

#[test]
fn plugins_are_loaded_by_name() {
    check(&Project {
        files: &[
            (
                "pytest.ini",
                "[pytest]\npythonpath = .\naddopts = -p plugs.early\n",
            ),
            ("plugs/__init__.py", ""),
            ("plugs/early.py", "import plugs.inner"),
            ("plugs/inner.py", ""),
            ("plugs/named.py", "pytest_plugins = 'plugs.nested'"),
            ("plugs/nested.py", ""),
            ("plugs/unused.py", ""),
            ("conftest.py", "pytest_plugins = ['plugs.named']"),
            ("tests/test_a.py", "def test(): pass"),
        ],
        ..Project::default()
    });
}

#[test]
fn doctests_are_collected_from_modules() {
    check(&Project {
        files: &[
            (
                "pytest.ini",
                "[pytest]\naddopts = --doctest-modules\ntestpaths = app tests\n",
            ),
            ("app/__init__.py", ""),
            ("app/__main__.py", "raise SystemExit"),
            (
                "app/core.py",
                "import other\ndef one():\n    '''\n    >>> one()\n    1\n    '''\n    return 1",
            ),
            ("app/plain.py", ""),
            ("other.py", ""),
            ("another.py", ""),
            ("setup.py", "raise SystemExit"),
            ("tests/test_a.py", "def test(): pass"),
        ],
        ..Project::default()
    });
}

#[test]
fn entry_points_and_scripts_are_no_tests() {
    check(&Project {
        files: &[
            (
                "pyproject.toml",
                "[project]\nname = 'app'\nversion = '1'\n[project.scripts]\napp = 'app.cli:main'\n[project.entry-points.'app.plugins']\nx = 'app.plugin'\n",
            ),
            ("app/__init__.py", ""),
            ("app/__main__.py", "import app.cli"),
            ("app/cli.py", ""),
            ("app/plugin.py", ""),
            ("app/core.py", ""),
            (
                "manage.py",
                "import app.cli\nif __name__ == '__main__':\n    pass",
            ),
            ("noxfile.py", "import app.cli"),
            ("docs/conf.py", "import app.cli"),
            ("conftest.py", ""),
            ("tests/test_a.py", "import app.core\ndef test(): pass"),
        ],
        ..Project::default()
    });
}
