//! The folder of the project, and the folders that relative paths start from.

use std::fs;

use super::{Place, text_of};

const MARKERS: [&str; 7] = [
    "menace.toml",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "pytest.ini",
    "tox.ini",
    ".git",
];

#[test]
fn the_project_is_the_nearest_folder_with_a_marker() {
    for marker in MARKERS {
        let place = Place::new()
            .write(&format!("project/inner/{marker}"), "")
            .cwd("project/inner/a/b");
        assert_eq!(
            place.settings().project,
            place.path("project/inner"),
            "{marker}"
        );
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn without_a_marker_the_working_folder_is_the_project() {
    let place = Place::new().cwd("home");
    // Whatever lies above the folder for temporary files is not ours to know.
    let above = place
        .path("")
        .ancestors()
        .any(|folder| MARKERS.iter().any(|name| folder.join(name).exists()));
    if above {
        println!("SKIPPED: the folder for temporary files lies in a project");
        return;
    }
    assert_eq!(place.settings().project, place.path("home"));
    assert_eq!(place.origin("project"), "default");
}

#[test]
fn the_flag_names_the_project_from_the_working_folder() {
    let place = Place::new().cwd("home").flag("--project", "../project");
    assert_eq!(place.settings().project, place.path("project"));
    assert_eq!(place.origin("project"), "flag --project");
    let place = place.write("project/menace.toml", "workers = 2");
    assert_eq!(place.settings().workers, 2);
}

#[test]
fn paths_of_the_command_line_start_from_the_working_folder() {
    let cases = [
        ("project", "tests/unit", "tests/unit"),
        ("project", "./tests//unit/", "./tests//unit/"),
        ("project", "/elsewhere/t.py::a", "/elsewhere/t.py::a"),
        ("project/src", "t.py", "src/t.py"),
        (
            "project/src",
            "t.py::T::t[../x::y]",
            "src/t.py::T::t[../x::y]",
        ),
        ("project/src", "../tests/unit*", "tests/unit*"),
        ("project/src", "..", "."),
        ("project/src", "../../home/t.py", "…/home/t.py"),
    ];
    for (cwd, given, expected) in cases {
        let place = Place::new().cwd(cwd).paths(&[given]);
        let settings = place.settings();
        assert_eq!(
            place.without_root(&settings.paths[0]),
            expected,
            "{given} in {cwd}"
        );
    }
    let outside = Place::new()
        .cwd("home")
        .paths(&["../project/tests", "t.py"]);
    let outside = outside.flag("--project", "../project");
    let home = text_of(&outside.path("home/t.py"));
    assert_eq!(outside.settings().paths, ["tests".to_owned(), home]);
}

#[test]
fn paths_of_a_file_start_from_its_folder() {
    let place = Place::new()
        .project_file(
            "paths = ['tests', 'more/test_a.py::test']\npython = 'env/bin/python'\n\
             wheels = '../wheels'\ndata-dir = 'data'",
        )
        .user_file("db = 'shared.db'")
        .cwd("project/src")
        .trusted();
    let settings = place.settings();
    assert_eq!(settings.paths, ["tests", "more/test_a.py::test"]);
    let python = text_of(&place.path("project/env/bin/python"));
    assert_eq!(settings.python, Some(python));
    assert_eq!(settings.wheels, Some(place.path("project/../wheels")));
    assert_eq!(settings.data_dir, place.path("project/data"));
    assert_eq!(settings.db, place.path("home/.config/menace/shared.db"));
}

#[test]
fn paths_of_variables_start_from_the_working_folder() {
    let place = Place::new()
        .cwd("project/src")
        .env("SANDBOX_DATA_DIR", "data")
        .env("SELF_TEST_PYTHON", "./python");
    let settings = place.settings();
    assert_eq!(settings.data_dir, place.path("project/src/data"));
    let python = text_of(&place.path("project/src/python"));
    assert_eq!(settings.python, Some(python));
}

#[test]
fn a_command_is_left_for_the_search_path() {
    let place = Place::new().flag("--python", "python3.12");
    assert_eq!(place.settings().python.as_deref(), Some("python3.12"));
}

#[test]
fn a_linked_working_folder_is_its_real_one() {
    let place = Place::new();
    fs::create_dir(place.path("project/src")).unwrap();
    std::os::unix::fs::symlink(place.path("project/src"), place.path("link")).unwrap();
    let place = place.cwd("link").paths(&["t.py"]);
    assert_eq!(place.settings().project, place.path("project"));
    assert_eq!(place.settings().paths, ["src/t.py"]);
}
