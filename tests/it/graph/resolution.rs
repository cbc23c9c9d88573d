//! The ways of names to files: one project for each rule of CPython.

use super::reality::{Only, Project, check};

#[test]
fn absolute_imports_run_every_package_on_the_way() {
    check(&Project {
        files: &[
            ("app/__init__.py", ""),
            ("app/one/__init__.py", ""),
            (
                "app/one/deep.py",
                "import app.two.deep as renamed\nX = renamed.Y",
            ),
            ("app/two/__init__.py", "from app.three import Z"),
            ("app/two/deep.py", "Y = 1"),
            ("app/three.py", "Z = 1"),
            ("app/four.py", ""),
            ("app/five/__init__.py", "raise SystemExit"),
            ("app/five/inner.py", ""),
            ("conftest.py", ""),
            (
                "tests/test_app.py",
                "import app.one.deep\nfrom app import four\ndef test(): assert app.one.deep.X",
            ),
        ],
        ..Project::default()
    });
}

#[test]
fn relative_imports_count_from_the_package() {
    check(&Project {
        files: &[
            (
                "app/__init__.py",
                "from . import base\nfrom .base import VALUE",
            ),
            ("app/base.py", "VALUE = 1"),
            ("app/sub/__init__.py", "from .. import VALUE"),
            (
                "app/sub/here.py",
                "from . import there\nfrom ..other import X\nfrom .. import far",
            ),
            ("app/sub/there.py", ""),
            (
                "app/other.py",
                "X = 1\ntry:\n    from .... import far\nexcept ImportError:\n    pass",
            ),
            (
                "app/far.py",
                "try:\n    from .. import top\nexcept ImportError:\n    pass\ntry:\n    from . import nothing\nexcept ImportError:\n    pass",
            ),
            (
                "top.py",
                "try:\n    from . import loose\nexcept ImportError:\n    pass",
            ),
            ("loose.py", ""),
            ("conftest.py", ""),
            (
                "tests/test_app.py",
                "import app.sub.here, top\ndef test(): pass",
            ),
        ],
        unresolved: &[
            ("app/far.py", 2, "..top"),
            ("app/other.py", 3, "....far"),
            ("top.py", 2, ".loose"),
        ],
        ..Project::default()
    });
}

#[test]
fn a_member_is_a_module_before_it_is_an_attribute() {
    check(&Project {
        files: &[
            ("app/__init__.py", "value = 1\nshadow = 2"),
            ("app/part.py", ""),
            ("app/shadow.py", ""),
            ("app/module.py", "attribute = 1"),
            ("app/pack/__init__.py", ""),
            ("app/pack/part.py", "name = 1"),
            ("conftest.py", ""),
            (
                "tests/test_app.py",
                "from app import part, value, shadow\nfrom app.module import attribute\nfrom app.pack.part import name\ndef test(): pass",
            ),
        ],
        differences: &[(
            Only::Graph,
            "app/shadow.py",
            "the package has an attribute of the name, which goes before the submodule; what a \
             package assigns is not looked at",
        )],
        ..Project::default()
    });
}

#[test]
fn star_imports_lead_to_the_module() {
    check(&Project {
        files: &[
            ("app/__init__.py", "from .base import *"),
            ("app/base.py", "from .deep import *"),
            ("app/deep.py", "X = 1"),
            ("app/listed/__init__.py", "__all__ = ['part']"),
            ("app/listed/part.py", ""),
            ("conftest.py", ""),
            (
                "tests/test_app.py",
                "from app import *\nfrom app.listed import *\ndef test(): assert X",
            ),
        ],
        ..Project::default()
    });
}

#[test]
fn a_namespace_package_has_portions_under_several_roots() {
    check(&Project {
        files: &[
            ("pytest.ini", "[pytest]\npythonpath = one two\n"),
            (
                "one/space/first.py",
                "import space.second\nfrom . import third\nfrom .inner import fourth",
            ),
            ("two/space/second.py", ""),
            ("two/space/third.py", ""),
            ("one/space/inner/fifth.py", ""),
            (
                "two/space/inner/fourth.py",
                "from . import fifth\nfrom .. import sixth",
            ),
            ("one/space/sixth.py", ""),
            ("one/space/unused.py", ""),
            (
                "tests/test_app.py",
                "from space import first\ndef test(): pass",
            ),
        ],
        ..Project::default()
    });
}

#[test]
fn a_regular_package_anywhere_wins_over_namespace_portions() {
    check(&Project {
        files: &[
            ("pytest.ini", "[pytest]\npythonpath = one two three\n"),
            ("one/space/part.py", ""),
            ("two/space/__init__.py", ""),
            ("two/space/part.py", ""),
            ("three/space/other.py", ""),
            ("one/single/inner.py", ""),
            ("three/single.py", ""),
            (
                "tests/test_app.py",
                "import space.part, single\ntry:\n    import space.other\nexcept ImportError:\n    pass\ntry:\n    import single.inner\nexcept ImportError:\n    pass\ndef test(): pass",
            ),
        ],
        unresolved: &[
            ("tests/test_app.py", 3, "space.other"),
            ("tests/test_app.py", 7, "single.inner"),
        ],
        ..Project::default()
    });
}

#[test]
fn a_package_goes_before_a_module_and_a_module_before_a_bare_folder() {
    check(&Project {
        files: &[
            ("first.py", ""),
            ("first/__init__.py", ""),
            ("second.py", ""),
            ("second/inner.py", ""),
            ("app/__init__.py", ""),
            ("app/third.py", ""),
            ("app/third/__init__.py", ""),
            ("app/third/inner.py", ""),
            ("conftest.py", ""),
            (
                "tests/test_app.py",
                "import first, second\nimport app.third.inner\ndef test(): pass",
            ),
        ],
        ..Project::default()
    });
}

#[test]
fn the_first_root_wins_where_two_modules_have_one_name() {
    check(&Project {
        files: &[
            ("pytest.ini", "[pytest]\npythonpath = one two\n"),
            ("one/same.py", ""),
            ("two/same.py", ""),
            ("one/pack/__init__.py", ""),
            ("one/pack/part.py", "from . import twin"),
            ("one/pack/twin.py", ""),
            ("two/pack/__init__.py", ""),
            ("two/pack/twin.py", ""),
            (
                "tests/test_app.py",
                "import same, pack.part\ndef test(): pass",
            ),
        ],
        ..Project::default()
    });
}

#[test]
fn sources_below_src_have_their_names_from_there() {
    check(&Project {
        files: &[
            ("pyproject.toml", "[project]\nname = 'app'\nversion = '1'\n"),
            ("src/app/__init__.py", ""),
            ("src/app/core.py", "from app import util"),
            ("src/app/util.py", ""),
            ("src/single.py", ""),
            (
                "tests/test_app.py",
                "import app.core, single\ndef test(): pass",
            ),
        ],
        installed: &["src"],
        ..Project::default()
    });
}

#[test]
fn setup_cfg_names_the_folder_of_the_packages() {
    check(&Project {
        files: &[
            (
                "setup.cfg",
                "[options]\npackage_dir =\n    =lib\npackages = find:\n[options.packages.find]\nwhere = lib\n",
            ),
            (
                "setup.py",
                "from setuptools import setup\nimport app.version\nsetup()",
            ),
            ("lib/app/__init__.py", ""),
            ("lib/app/core.py", ""),
            ("lib/app/version.py", ""),
            ("tests/test_app.py", "import app.core\ndef test(): pass"),
        ],
        installed: &["lib"],
        ..Project::default()
    });
}

#[test]
fn one_file_may_be_reached_under_two_names() {
    check(&Project {
        files: &[
            ("pytest.ini", "[pytest]\npythonpath = lib .\n"),
            ("lib/__init__.py", ""),
            ("lib/app/__init__.py", ""),
            ("lib/app/core.py", ""),
            ("lib/app/util.py", ""),
            (
                "tests/test_app.py",
                "import app.core\nimport lib.app.util\ndef test(): pass",
            ),
        ],
        ..Project::default()
    });
}

#[test]
fn a_library_may_have_the_name_of_a_folder() {
    check(&Project {
        files: &[
            ("pluggy/notes.py", ""),
            ("conftest.py", ""),
            (
                "tests/test_app.py",
                "import pluggy\nfrom pluggy import HookimplMarker\nimport pluggy._hooks\ndef test(): pass",
            ),
        ],
        ..Project::default()
    });
}

#[test]
fn circles_and_imports_of_oneself_end() {
    check(&Project {
        files: &[
            ("app/__init__.py", "from app import left"),
            ("app/left.py", "import app.right\nimport app.left"),
            ("app/right.py", "from app import left\nfrom . import right"),
            ("app/alone.py", "import app.alone"),
            ("conftest.py", ""),
            ("tests/test_app.py", "import app.right\ndef test(): pass"),
        ],
        ..Project::default()
    });
}

#[test]
fn stubs_are_never_followed() {
    check(&Project {
        files: &[
            (
                "app/__init__.py",
                "try:\n    from . import speed\nexcept ImportError:\n    pass",
            ),
            ("app/__init__.pyi", "from . import typed"),
            ("app/core.py", ""),
            ("app/core.pyi", "import app.typed"),
            ("app/speed.pyi", "import app.typed"),
            ("app/typed.py", ""),
            ("conftest.py", ""),
            ("tests/test_app.py", "import app.core\ndef test(): pass"),
        ],
        ..Project::default()
    });
}

#[test]
fn an_import_runs_as_far_as_there_are_modules() {
    check(&Project {
        files: &[
            ("app/__init__.py", ""),
            ("app/core.py", ""),
            ("app/pack/__init__.py", ""),
            ("conftest.py", ""),
            (
                "tests/test_app.py",
                "try:\n    import app.core.inner\nexcept ImportError:\n    pass\ntry:\n    from app.pack.gone import x\nexcept ImportError:\n    pass\ndef test(): pass",
            ),
        ],
        unresolved: &[
            ("tests/test_app.py", 2, "app.core.inner"),
            ("tests/test_app.py", 6, "app.pack.gone"),
        ],
        ..Project::default()
    });
}
