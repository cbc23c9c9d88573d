//! Every complaint about settings, as the user reads it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use menace_agent::settings::SETTINGS;

use super::Place;

fn in_file(text: &str) -> String {
    Place::new().project_file(text).complaint()
}

fn in_pyproject(text: &str) -> String {
    let place = Place::new().write("project/pyproject.toml", text);
    place.complaint()
}

fn in_variable(name: &str, value: &str) -> String {
    Place::new().env(name, value).complaint()
}

#[test]
fn a_misspelled_key_is_shown_with_its_neighbour() {
    insta::assert_snapshot!(in_file("reruns = 1\n\nwokers = 4  # all\n"), @"
    error: cannot use the settings in …/project/menace.toml:3
      caused by: no setting is called `wokers`, in the line `wokers = 4  # all`
    hint: did you mean `workers`?
    ");
    insta::assert_snapshot!(in_pyproject("[tool.menace]\ntest_timeout = 4\n"), @"
    error: cannot use the settings in …/project/pyproject.toml:2
      caused by: no setting is called `test_timeout`, in the line `test_timeout = 4`
    hint: did you mean `test-timeout`?
    ");
}

#[test]
fn a_key_that_resembles_nothing_gets_the_list() {
    let rows = SETTINGS.iter().filter(|row| row.in_files);
    let keys: Vec<&str> = rows.map(|row| row.name).collect();
    let complaint = in_file("[zoology]\nport = 1\n");
    insta::assert_snapshot!(complaint.replace(&keys.join(", "), "[KEYS]"), @"
    error: cannot use the settings in …/project/menace.toml:1
      caused by: no setting is called `zoology`, in the line `[zoology]`
    hint: the settings are [KEYS]
    ");
}

#[test]
fn the_neighbour_of_a_key_is_found_by_spelling_and_by_flag() {
    let cases = [
        ("wokers", "`workers`"),
        ("WORKERS", "`workers`"),
        ("timout", "`timeout`"),
        ("pytest_args", "`pytest-args`"),
        ("path", "`paths`"),
        ("cov", "`coverage`"),
        ("no_cov", "`coverage`"),
        ("fail-fast", "`max-fail`"),
        ("data_dir", "`data-dir`"),
        ("interpreter", "the settings are"),
        ("schedule", "the settings are"),
        // Known, and not for files.
        ("project", "the settings are"),
    ];
    for (key, hint) in cases {
        let complaint = in_file(&format!("{key} = 1"));
        let (_, last) = complaint.split_once("hint: ").unwrap();
        assert!(last.contains(hint), "{key}: {last}");
    }
}

#[test]
fn the_first_wrong_line_is_the_one_complained_about() {
    let complaint = in_file("workers = 1\nreruns = 'x'\nwokers = 2\n");
    assert!(complaint.contains("menace.toml:2\n"), "{complaint}");
}

#[test]
fn a_wrong_value_in_a_file_is_shown_with_its_line() {
    insta::assert_snapshot!(in_file("# a\nworkers = 0\n"), @"
    error: cannot use the settings in …/project/menace.toml:2
      caused by: `workers` is `0`, a run needs at least one worker, in the line `workers = 0`
    hint: give 1 or more, or `auto` for one a processor (N here)
    ");
    insta::assert_snapshot!(in_file("timeout = \"5m\"\n"), @r#"
    error: cannot use the settings in …/project/menace.toml:1
      caused by: `timeout` is `"5m"`, expected a number of seconds above 0, or `none`, in the line `timeout = "5m"`
    "#);
    insta::assert_snapshot!(in_file("coverage = \"yes\"\n"), @r#"
    error: cannot use the settings in …/project/menace.toml:1
      caused by: `coverage` is `"yes"`, expected true or false, in the line `coverage = "yes"`
    "#);
    insta::assert_snapshot!(in_file("paths = [\n  \"tests\",\n  3,\n]\n"), @r#"
    error: cannot use the settings in …/project/menace.toml:1
      caused by: `paths` is `["tests", 3]`, expected an array of strings, in the line `paths = [`
    "#);
    insta::assert_snapshot!(in_file("color = \"red\"\n"), @r#"
    error: cannot use the settings in …/project/menace.toml:1
      caused by: `color` is `"red"`, expected one of auto, always, never, in the line `color = "red"`
    "#);
}

#[test]
fn a_wrong_value_of_the_service_says_what_is_right() {
    insta::assert_snapshot!(in_file("cron = \"60 2 * * *\"\n"), @r#"
    error: cannot use the settings in …/project/menace.toml:1
      caused by: `cron` is `"60 2 * * *"`, expected a number from 0 to 59 for the minute, not `60`, in the line `cron = "60 2 * * *"`
    hint: every night at half past two is `30 2 * * *`
    "#);
    insta::assert_snapshot!(in_file("cron = \"@daily\"\n"), @r#"
    error: cannot use the settings in …/project/menace.toml:1
      caused by: `cron` is `"@daily"`, expected five fields - minute, hour, day of month, month, day of week - not 1, in the line `cron = "@daily"`
    hint: every night at half past two is `30 2 * * *`
    "#);
    insta::assert_snapshot!(in_variable("SELF_TEST_CRON", "30 2 30 2 *"), @"
    error: cannot use the variable `SELF_TEST_CRON`
      caused by: its value is `30 2 30 2 *`, expected a day that comes, and none of its months has such a day
    hint: every night at half past two is `30 2 * * *`
    ");
    insta::assert_snapshot!(in_file("cron = 5\n"), @"
    error: cannot use the settings in …/project/menace.toml:1
      caused by: `cron` is `5`, expected five fields: minute, hour, day of month, month, day of week, in the line `cron = 5`
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_INTERVAL", "0"), @"
    error: cannot use the variable `SELF_TEST_INTERVAL`
      caused by: its value is `0`, expected a number of seconds above 0
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_JITTER", "-1"), @"
    error: cannot use the variable `SELF_TEST_JITTER`
      caused by: its value is `-1`, expected a number of seconds from 0
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_METRICS_PORT", "0"), @"
    error: cannot use the variable `SELF_TEST_METRICS_PORT`
      caused by: its value is `0`, expected a port from 1 to 65535, or `none`
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_METRICS_ADDR", "localhost"), @"
    error: cannot use the variable `SELF_TEST_METRICS_ADDR`
      caused by: its value is `localhost`, expected an IP address, such as 127.0.0.1 or ::1
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_LOG_FORMAT", "xml"), @"
    error: cannot use the variable `SELF_TEST_LOG_FORMAT`
      caused by: its value is `xml`, expected one of text, json
    ");
}

#[test]
fn a_wrong_value_is_an_error_even_where_it_is_overridden() {
    let place = Place::new()
        .project_file("workers = 'x'")
        .flag("--workers", "2");
    assert!(place.complaint().contains("menace.toml:1"));
    let place = Place::new()
        .env("SELF_TEST_WORKERS", "x")
        .flag("--workers", "2");
    assert!(place.complaint().contains("SELF_TEST_WORKERS"));
}

#[test]
fn broken_toml_is_shown_with_its_line() {
    insta::assert_snapshot!(in_file("workers 4\n"), @"
    error: cannot use the settings in …/project/menace.toml:1
      caused by: key with no value, expected `=`, in the line `workers 4`
    ");
    insta::assert_snapshot!(in_file("workers = 1\npython = \"x\nreruns = 3\n"), @r#"
    error: cannot use the settings in …/project/menace.toml:2
      caused by: invalid basic string, expected `"`, in the line `python = "x`
    "#);
    insta::assert_snapshot!(in_file("workers = 1\nworkers = 2\n"), @"
    error: cannot use the settings in …/project/menace.toml:2
      caused by: duplicate key, in the line `workers = 2`
    ");
    insta::assert_snapshot!(in_pyproject("[project\nname = 'x'\n"), @"
    error: cannot use the settings in …/project/pyproject.toml:1
      caused by: unclosed table, expected `]`, in the line `[project`
    ");
    insta::assert_snapshot!(in_pyproject("[tool]\nmenace = 3\n"), @"
    error: cannot use the settings in …/project/pyproject.toml:2
      caused by: invalid type: integer `3`, expected a map, in the line `menace = 3`
    ");
    insta::assert_snapshot!(in_pyproject("tool = 3\n"), @"
    error: cannot use the settings in …/project/pyproject.toml:1
      caused by: invalid type: integer `3`, expected a table, in the line `tool = 3`
    ");
}

#[test]
fn a_long_line_is_quoted_in_part() {
    let complaint = in_file(&format!("wokers = '{}'", "ä".repeat(500)));
    assert!(complaint.contains("ää…`"), "{complaint}");
    assert!(complaint.chars().count() < 400, "{complaint}");
}

#[test]
fn a_file_that_is_no_text_is_named_with_the_line() {
    let place = Place::new().write("project/menace.toml", b"workers = 1\n# caf\xe9\n");
    insta::assert_snapshot!(place.complaint(), @"
    error: the settings in …/project/menace.toml:2 are not UTF-8
    hint: save the file as UTF-8
    ");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let place = Place::new();
    fs::create_dir(place.path("project/menace.toml")).unwrap();
    insta::assert_snapshot!(place.complaint(), @"
    error: cannot read the settings in …/project/menace.toml
      caused by: Is a directory (os error 21)
    hint: make it a file that you may read, or move …/project/menace.toml away
    ");
}

#[test]
fn a_file_without_permission_is_named() {
    let place = Place::new().project_file("workers = 1");
    let path = place.path("project/menace.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        // The superuser reads everything, and then so must we.
        assert_eq!(place.settings().workers, 1);
        return;
    }
    insta::assert_snapshot!(place.complaint(), @r"
    error: cannot read the settings in …/project/menace.toml
      caused by: Permission denied (os error 13)
    hint: make it a file that you may read, or move …/project/menace.toml away
    ");
}

#[test]
fn a_wrong_variable_is_named_with_what_it_takes() {
    insta::assert_snapshot!(in_variable("SELF_TEST_COVERAGE", "maybe"), @"
    error: cannot use the variable `SELF_TEST_COVERAGE`
      caused by: its value is `maybe`, expected 1/0, true/false, yes/no or on/off
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_WORKERS", "all"), @"
    error: cannot use the variable `SELF_TEST_WORKERS`
      caused by: its value is `all`, expected a whole number from 1, or `auto`
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_TIMEOUT", "0"), @"
    error: cannot use the variable `SELF_TEST_TIMEOUT`
      caused by: its value is `0`, expected a number of seconds above 0, or `none`
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_TIMEOUT", "1e10"), @"
    error: cannot use the variable `SELF_TEST_TIMEOUT`
      caused by: its value is `1e10`, more than 1000000000 seconds
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_TEST_TIMEOUT", "-1"), @"
    error: cannot use the variable `SELF_TEST_TEST_TIMEOUT`
      caused by: its value is `-1`, expected a number of seconds above 0, or `none`
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_RERUNS", "-1"), @"
    error: cannot use the variable `SELF_TEST_RERUNS`
      caused by: its value is `-1`, expected a whole number from 0
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_MAX_FAIL", "0"), @"
    error: cannot use the variable `SELF_TEST_MAX_FAIL`
      caused by: its value is `0`, expected a whole number from 1, or `none`
    ");
    insta::assert_snapshot!(in_variable("SELF_TEST_ARGS", "-k 'a"), @"
    error: cannot use the variable `SELF_TEST_ARGS`
      caused by: its value is `-k 'a`, expected shell words with balanced quotes
    ");
}

#[test]
fn no_workers_at_all_are_refused_with_a_way_out() {
    let complaint = Place::new().flag("--workers", "0").complaint();
    insta::assert_snapshot!(complaint, @"
    error: cannot use `--workers`
      caused by: its value is `0`, a run needs at least one worker
    hint: give 1 or more, or `auto` for one a processor (N here)
    ");
}

#[test]
fn a_project_that_is_no_folder_is_refused() {
    insta::assert_snapshot!(Place::new().flag("--project", "nowhere").complaint(), @"
    error: cannot use `--project nowhere`
      caused by: No such file or directory (os error 2)
    hint: give the folder of the project
    ");
    assert!(Place::new().flag("--project", "").load().is_err());
    let place = Place::new().write("project/file", "");
    insta::assert_snapshot!(place.flag("--project", "file").complaint(), @"
    error: cannot use `--project file`
      caused by: not a directory
    hint: give the folder of the project
    ");
}

#[test]
fn an_empty_path_is_refused() {
    insta::assert_snapshot!(Place::new().paths(&["a", ""]).complaint(), @"
    error: cannot use `PATHS`
      caused by: its value is `a ''`, expected paths, and one is empty
    ");
    insta::assert_snapshot!(Place::new().flag("--db", "").complaint(), @"
    error: cannot use `--db`
      caused by: its value is ``, expected a path
    ");
}

#[test]
fn a_working_folder_that_has_gone_is_named() {
    let place = Place::new().cwd("project/gone");
    fs::remove_dir(place.path("project/gone")).unwrap();
    insta::assert_snapshot!(place.complaint(), @"
    error: cannot use the working folder …/project/gone
      caused by: No such file or directory (os error 2)
    hint: change to a folder that exists
    ");
}

#[test]
fn a_flag_of_no_setting_is_refused() {
    insta::assert_snapshot!(Place::new().flag("--wokers", "1").complaint(), @"error: no setting has the flag `--wokers`");
}
