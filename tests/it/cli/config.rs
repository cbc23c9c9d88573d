//! `agent config`.

use std::collections::BTreeSet;
use std::fs;

use super::Project;

/// The cells of a table, whatever the widths of its columns.
fn cells(table: &str) -> String {
    let row = |line: &str| {
        let cells = line.split("  ").map(str::trim);
        let cells: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
        cells.join(" | ") + "\n"
    };
    table.lines().map(row).collect()
}

#[test]
fn every_setting_is_listed_with_its_value_and_origin() {
    let project = Project::with("menace.toml", "workers = 3\npaths = ['tests', 'a b']\n");
    let mut command = project.command(&["config", "--db", "x.db"]);
    let answer = project.answer(command.env("SELF_TEST_TEST_TIMEOUT", "1.5"));
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(cells(&answer.stdout));
}

#[test]
fn the_columns_of_the_table_are_aligned() {
    let project = Project::new();
    let output = project.command(&["config"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let columns: BTreeSet<_> = table.lines().map(|line| line.rfind("  default")).collect();
    assert_eq!(columns.len(), 1, "{table}");
    assert!(!columns.contains(&None), "{table}");
}

#[test]
fn global_flags_may_stand_on_either_side_of_the_command() {
    let project = Project::new();
    let before = project.call(&["--db", "x.db", "config"]);
    let after = project.call(&["config", "--db", "x.db"]);
    assert_eq!(before.to_string(), after.to_string());
    assert!(before.stdout.contains("flag --db"), "{before}");
}

#[test]
fn the_json_holds_what_the_table_says() {
    let project = Project::with("menace.toml", "reruns = 3\n");
    let mut command = project.command(&["config", "--json"]);
    let answer = project.answer(command.env("SELF_TEST_COVERAGE", "off"));
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let report: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    let setting = |name: &str| report["settings"][name].to_string();
    insta::assert_snapshot!(setting("reruns"), @r#"{"flags":["--reruns"],"origin":{"from":"file","line":1,"path":"[PROJECT]/menace.toml"},"value":3,"variable":"SELF_TEST_RERUNS","variables":["SELF_TEST_RERUNS"]}"#);
    insta::assert_snapshot!(setting("coverage"), @r#"{"flags":["--cov","--no-cov"],"origin":{"from":"variable","name":"SELF_TEST_COVERAGE"},"value":false,"variable":"SELF_TEST_COVERAGE","variables":["SELF_TEST_COVERAGE"]}"#);
    insta::assert_snapshot!(setting("max-fail"), @r#"{"flags":["--max-fail","--fail-fast"],"origin":{"from":"default"},"value":null,"variable":"SELF_TEST_MAX_FAIL","variables":["SELF_TEST_MAX_FAIL"]}"#);
    insta::assert_snapshot!(setting("timeout"), @r#"{"flags":["--timeout"],"origin":{"from":"default"},"value":null,"variable":"SELF_TEST_TIMEOUT","variables":["SELF_TEST_TIMEOUT"]}"#);
}

#[test]
fn two_files_with_settings_are_warned_about() {
    let project = Project::with("menace.toml", "workers = 3\n");
    let pyproject = project.path().join("pyproject.toml");
    fs::write(pyproject, "[tool.menace]\nworkers = 4\n").unwrap();
    let answer = project.call(&["config"]);
    assert_eq!(answer.code, 0);
    insta::assert_snapshot!(answer.stderr, @"
    warning: the table `tool.menace` of [PROJECT]/pyproject.toml is not used, because [PROJECT]/menace.toml exists
    hint: keep the settings in one of the two files
    ");

    let answer = project.call(&["config", "--json"]);
    assert_eq!(answer.stderr, "");
    let report: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(report["notices"][0]["code"], "settings-shadowed");
}

#[test]
fn a_typo_in_a_file_is_a_usage_error() {
    let project = Project::with("menace.toml", "wokers = 3\n");
    insta::assert_snapshot!(project.call(&["config"]), @"
    exit 2
    --- stdout
    --- stderr
    error: cannot use the settings in [PROJECT]/menace.toml:1
      caused by: no setting is called `wokers`, in the line `wokers = 3`
    hint: did you mean `workers`?
    ");
}

#[test]
fn a_variable_that_is_no_switch_is_a_usage_error() {
    let project = Project::new();
    let mut command = project.command(&["config"]);
    let answer = project.answer(command.env("MENACE_OFFLINE_INSTALL", "maybe"));
    insta::assert_snapshot!(answer, @"
    exit 2
    --- stdout
    --- stderr
    error: cannot use the variable `MENACE_OFFLINE_INSTALL`
      caused by: its value is `maybe`, expected 1/0, true/false, yes/no or on/off
    ");
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let project = Project::new();
    let escape = '\u{1b}';
    let coloured = project.call(&["config", "--color", "always"]);
    assert!(coloured.stdout.contains(escape), "{coloured}");
    for args in [&["config"][..], &["config", "--color", "never"]] {
        let plain = project.call(args);
        assert!(!plain.stdout.contains(escape), "{args:?}");
    }
    let refused = project.call(&["config", "--color", "always", "--project", "nowhere"]);
    assert!(refused.stderr.contains(escape), "{refused}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let project = Project::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = project.command(&["config"]).stdout(writer).spawn();
    let output = child.unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    let project = Project::new();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = project.command(&["config"]);
    let answer = project.answer(command.stdout(full));
    insta::assert_snapshot!(answer, @"
    exit 3
    --- stdout
    --- stderr
    error: cannot write to standard output
      caused by: No space left on device (os error 28)
    ");
}
