//! Imports under conditions, later imports, and names in texts.

use super::reality::{Only, Project, check};

#[test]
fn branches_and_functions_may_import() {
    check(&Project {
        files: &[
            ("app/__init__.py", ""),
            (
                "app/core.py",
                "import sys\nfrom typing import TYPE_CHECKING\n\
                 if TYPE_CHECKING:\n    from app import typed\nelse:\n    from app import runtime\n\
                 if sys.version_info >= (3,):\n    from app import new\nelse:\n    from app import old\n\
                 try:\n    import app.taken\nexcept ImportError:\n    import app.spare\n\
                 def called():\n    from app import lazy\n\
                 def forgotten():\n    from app import never\n\
                 class Local:\n    from app import attribute\n",
            ),
            ("app/typed.py", ""),
            ("app/runtime.py", ""),
            ("app/new.py", ""),
            ("app/old.py", ""),
            ("app/taken.py", ""),
            ("app/spare.py", ""),
            ("app/lazy.py", ""),
            ("app/never.py", ""),
            ("app/attribute.py", ""),
            ("conftest.py", ""),
            (
                "tests/test_app.py",
                "from app.core import called\ndef test(): called()",
            ),
        ],
        differences: &[
            (
                Only::Graph,
                "app/spare.py",
                "what it stands in for is there",
            ),
            (
                Only::Graph,
                "app/never.py",
                "no test calls the function that imports it",
            ),
        ],
        ..Project::default()
    });
}

#[test]
fn names_in_calls_and_texts_are_evidence() {
    check(&Project {
        files: &[
            ("app/__init__.py", ""),
            ("app/by_call.py", ""),
            ("app/by_builtin.py", ""),
            ("app/by_dots.py", ""),
            (
                "app/load.py",
                "import importlib\nimportlib.import_module('.by_dots', __package__)",
            ),
            ("app/patched.py", "class Thing:\n    def method(self): pass"),
            ("app/set.py", "name = 1"),
            (
                "app/registry.py",
                "import importlib\nPLUGINS = ['app.listed', 'app.listed.nothing']\ndef load():\n    return importlib.import_module(PLUGINS[0])",
            ),
            ("app/listed.py", ""),
            ("app/skipped.py", ""),
            ("app/computed.py", ""),
            ("app/mentioned.py", ""),
            ("conftest.py", ""),
            (
                "tests/test_app.py",
                "import importlib\nfrom unittest import mock\nimport pytest\nimport app.load\nfrom app import registry\n\
                 pytest.importorskip('app.skipped')\n\
                 importlib.import_module('app.by_call')\n__import__('app.by_builtin')\n\
                 importlib.import_module('app.' + 'comp' + 'uted')\n\
                 TEXT = 'app.mentioned'\n\
                 def test(monkeypatch):\n    registry.load()\n\
                 \x20   monkeypatch.setattr('app.set.name', 2)\n\
                 \x20   with mock.patch('app.patched.Thing.method'):\n        pass\n",
            ),
        ],
        differences: &[(
            Only::Graph,
            "app/mentioned.py",
            "a text names it, and nobody imports what it names",
        )],
        ..Project::default()
    });
}

#[test]
fn commands_run_modules_in_other_processes() {
    check(&Project {
        files: &[
            ("app/__init__.py", ""),
            ("app/__main__.py", "from app import job"),
            ("app/job.py", ""),
            (
                "app/tool.py",
                "if __name__ == '__main__':\n    import app.inner",
            ),
            ("app/inner.py", ""),
            ("app/script.py", ""),
            ("conftest.py", ""),
            (
                "tests/test_app.py",
                "import subprocess, sys\n\
                 def test():\n    subprocess.run([sys.executable, '-m', 'app'], check=True)\n\
                 \x20   subprocess.run(f'{sys.executable} -m app.tool', shell=True, check=True)\n\
                 \x20   subprocess.run([sys.executable, 'app/script.py'], check=True)\n",
            ),
        ],
        ..Project::default()
    });
}

#[test]
fn what_does_not_parse_is_not_imported() {
    check(&Project {
        files: &[
            (
                "app/__init__.py",
                "try:\n    from . import broken\nexcept SyntaxError:\n    pass",
            ),
            ("app/broken.py", "print 'two'\nimport app.inner"),
            ("app/inner.py", ""),
            ("conftest.py", ""),
            ("tests/test_app.py", "import app\ndef test(): pass"),
        ],
        differences: &[(
            Only::Graph,
            "app/broken.py",
            "Python tries to import it, and fails",
        )],
        ..Project::default()
    });
}
