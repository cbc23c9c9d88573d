//! A project whose folder is itself a package, `__init__.py` and all.

use serde_json::json;

use crate::lab::lab;

#[test]
fn its_modules_are_found_tried_and_tested_by_the_name_of_the_folder() {
    let files = [
        (
            "shop/pyproject.toml",
            "[tool.pytest.ini_options]\npythonpath = ['..']\n",
        ),
        ("shop/__init__.py", ""),
        ("shop/a.py", "from . import b\n"),
        ("shop/b.py", ""),
        ("shop/lonely.py", "from . import b\nfrom shop import a\n"),
        (
            "shop/tests/test_x.py",
            "from shop import a\ndef test(): pass\n",
        ),
    ];
    let Some(lab) = lab(&files) else {
        return;
    };
    let state = lab.db();
    let args = [
        "--project",
        "shop",
        "--json",
        "--db",
        state.to_str().unwrap(),
    ];
    let first = lab.run(&args).expect(0).json();
    assert_eq!(
        first["integration"],
        json!({"integrated": ["lonely.py"], "redundant": []})
    );
    assert_eq!(
        lab.rows("SELECT module FROM orphan_module"),
        ["shop.lonely"]
    );
    lab.run(&args).expect(0);
    assert_eq!(
        lab.table(),
        "lonely.py::import passed\n\
         tests/test_x.py::test passed\n"
    );
}
