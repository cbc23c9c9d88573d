//! The settings files that are read, and their order.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use menace_agent::settings::environment;

use super::Place;

#[test]
fn pyproject_holds_settings_in_a_table_of_its_own() {
    let place = Place::new().write(
        "project/pyproject.toml",
        "[project]\nname = 'x'\nworkers = 9\n\n[tool.other]\nx = 1\n\n[tool.menace]\nworkers = 3\n",
    );
    assert_eq!(place.settings().workers, 3);
    assert_eq!(place.origin("workers"), "…/project/pyproject.toml:9");
}

#[test]
fn pyproject_without_our_table_says_nothing() {
    for text in ["", "[project]\nname = 'x'\n", "[tool.other]\nmenace = 1\n"] {
        let place = Place::new().write("project/pyproject.toml", text);
        assert_eq!(place.origin("workers"), "default");
    }
}

#[test]
fn our_own_file_wins_as_a_whole_and_says_so() {
    let place = Place::new().project_file("workers = 2").write(
        "project/pyproject.toml",
        "[tool.menace]\nworkers = 3\nreruns = 4",
    );
    let (settings, notices) = place.load().unwrap();
    assert_eq!((settings.workers, settings.reruns), (2, 0));
    let [notice] = notices.as_slice() else {
        panic!("one notice, not {notices:?}");
    };
    assert_eq!(notice.code, "settings-shadowed");
    insta::assert_snapshot!(place.without_root(&notice.message), @"the table `tool.menace` of …/project/pyproject.toml is not used, because …/project/menace.toml exists");
}

#[test]
fn our_own_file_is_enough_where_pyproject_is_broken_or_has_no_table_of_ours() {
    for text in ["[broken", "[tool.other]\nx = 1", "\u{0}"] {
        let place = Place::new()
            .project_file("workers = 2")
            .write("project/pyproject.toml", text);
        assert_eq!(place.settings().workers, 2, "{text:?}");
    }
}

#[test]
fn the_user_file_is_looked_for_where_its_standard_says() {
    let place = Place::new()
        .user_file("workers = 2")
        .write("xdg/menace/config.toml", "workers = 3");
    assert_eq!(place.settings().workers, 2);
    let xdg = place.path("xdg").to_str().unwrap().to_owned();
    let place = place.env("XDG_CONFIG_HOME", &xdg);
    assert_eq!(place.settings().workers, 3);
    let place = place.env("XDG_CONFIG_HOME", "relative/folder");
    assert_eq!(place.settings().workers, 2);
    let place = place.env("XDG_CONFIG_HOME", "").env("HOME", "");
    assert_eq!(place.settings().workers, 1);
}

#[test]
fn an_empty_file_and_windows_line_ends_are_fine() {
    assert_eq!(Place::new().project_file("").settings().workers, 1);
    let place = Place::new().project_file("\u{feff}# ours\r\n\r\nworkers = 3\r\n");
    assert_eq!(place.origin("workers"), "…/project/menace.toml:3");
}

#[test]
fn variables_that_are_no_text_matter_only_where_they_are_ours() {
    let pair = |name: &str| (OsString::from(name), OsString::from_vec(vec![b'/', 0xff]));
    let read = environment([pair("LS_COLORS")].into_iter()).unwrap();
    assert!(read.is_empty());
    let error = environment([pair("SANDBOX_DATA_DIR")].into_iter()).unwrap_err();
    insta::assert_snapshot!(super::rendered(&error), @"
    error: the value of the variable `SANDBOX_DATA_DIR` is not UTF-8
    hint: run `unset SANDBOX_DATA_DIR`
    ");
}
