//! What the project's own file may set, and what only in a folder that the user trusts.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use menace_agent::settings::{SETTINGS, Trust, Trusted};

use super::Place;

/// Lines of a project's file: a setting, a value that asks for trust, one that does not. `-` for a
/// setting all of whose values ask.
const ASKING: [(&str, &str, &str); 21] = [
    ("data-dir", "'../x'", "'state/here'"),
    ("db", "'/x/agent.db'", "'x.db'"),
    (
        "paths",
        "['tests', '../x/test_a.py::test_a']",
        "'tests/**/*.py'",
    ),
    ("wheels", "'../wheels'", "'wheels'"),
    ("image-tar", "'way/out/i.tar'", "'i.tar'"),
    ("lock-file", "'/tmp/x'", "'x'"),
    ("history", "'sub/../../x'", "'sub/../x'"),
    ("metrics-textfile", "'../x.prom'", "'way/in/x.prom'"),
    ("docker-host", "'unix:///x'", "-"),
    ("python", "'python3'", "-"),
    ("container-runtime", "'./evil'", "-"),
    ("container-args", "['--privileged']", "[]"),
    ("env", "['A=b', 'TOKEN']", "['A=b']"),
    ("network", "'host'", "'none'"),
    ("pids-limit", "'none'", "100"),
    ("memory", "'4g'", "'512m'"),
    ("cpus", "4", "1"),
    ("metrics-addr", "'0.0.0.0'", "'::1'"),
    ("use-container", "false", "true"),
    ("require-container", "false", "true"),
    ("offline", "false", "true"),
];

/// A project with links that stay inside and that lead out, whose user holds tests back.
fn place(line: &str) -> Place {
    let held = "use-container = true\nrequire-container = true\noffline = true\n";
    // A limit of the user is one that another value would change.
    let held = match line.split(' ').next() {
        Some("memory") if line.contains("4g") => format!("{held}memory = '1g'"),
        Some("cpus") if line.ends_with("= 4") => format!("{held}cpus = 1"),
        _ => held.to_owned(),
    };
    let place = Place::new().user_file(&held).project_file(line);
    fs::create_dir_all(place.path("project/way/deep")).unwrap();
    symlink("../..", place.path("project/way/out")).unwrap();
    symlink("deep", place.path("project/way/in")).unwrap();
    place
}

#[test]
fn a_setting_that_asks_for_trust_counts_only_with_it() {
    let mut seen = BTreeSet::new();
    for (name, asks, harmless) in ASKING {
        seen.insert(name);
        let file = "…/project/menace.toml:1";
        let origin = |place: &Place| {
            let (settings, notices) = place.load().unwrap();
            let codes: Vec<String> = notices.into_iter().map(|notice| notice.code).collect();
            let origin = settings.origin(name).to_string();
            (place.without_root(&origin), codes.join(" "))
        };
        let asking = place(&format!("{name} = {asks}"));
        let (from, said) = origin(&asking);
        assert_ne!(from, file, "{name} = {asks}");
        assert_eq!(said, "untrusted-settings", "{name} = {asks}");
        let trusted = asking.trusted();
        assert_eq!(
            origin(&trusted),
            (file.to_owned(), String::new()),
            "{name} = {asks}"
        );
        if harmless != "-" {
            let harmless = place(&format!("{name} = {harmless}"));
            assert_eq!(
                origin(&harmless),
                (file.to_owned(), String::new()),
                "{name}"
            );
        }
    }
    let rows = SETTINGS.iter().filter(|row| row.asks.is_some());
    assert_eq!(seen, rows.map(|row| row.name).collect());
}

#[test]
fn the_notice_names_settings_lines_reasons_and_the_way_out() {
    let place = place("python = 'python3'\nworkers = 2\ndb = '../x.db'\nnetwork = 'host'");
    let (settings, notices) = place.load().unwrap();
    assert_eq!(settings.workers, 2);
    assert_eq!(settings.db, place.path("project/sandbox_data/agent.db"));
    let [notice] = notices.as_slice() else {
        panic!("{notices:?}");
    };
    insta::assert_snapshot!(place.without_root(&notice.message), @"settings of …/project/menace.toml do not count: `python` in line 1 names a program; `db` in line 3 leads out of the project; `network` in line 4 gives the tests more than they have without it");
    insta::assert_snapshot!(notice.hint.as_deref().unwrap(), @"read the file and run `agent trust`, or give them by flags or variables; `agent help security` says why");
}

#[test]
fn in_pyproject_too() {
    let place = Place::new().write(
        "project/pyproject.toml",
        "[project]\nname = 'a'\n[tool.menace]\npython = './evil'\n",
    );
    assert_eq!(place.load().unwrap().0.python, None);
    let place = place.trusted();
    // What is not of the agent may change.
    let place = place.write(
        "project/pyproject.toml",
        "[project]\nname = 'b'\n[tool.menace]\npython = './evil'\n",
    );
    assert!(place.settings().python.is_some());
}

#[test]
fn the_user_and_the_command_line_are_believed() {
    let line = "container-runtime = './of-project'\n";
    let user = Place::new()
        .user_file("container-runtime = './of-user'")
        .project_file(line);
    let runtime = |place: &Place| place.load().unwrap().0.container.runtime.unwrap();
    assert!(runtime(&user).ends_with("of-user"));
    let variable = user.env("SELF_TEST_CONTAINER_RUNTIME", "of-variable");
    assert_eq!(runtime(&variable), "of-variable");
    let flag = variable.flag("--container-runtime", "of-flag");
    assert_eq!(runtime(&flag), "of-flag");
}

#[test]
fn a_wrong_value_is_one_with_or_without_trust() {
    let place = Place::new().project_file("docker-host = 'nowhere'");
    assert!(place.complaint().contains("docker-host"));
    assert!(Trust::of(&place.layers).is_err());
}

#[test]
fn a_change_of_the_settings_or_of_a_link_ends_the_trust() {
    let state = |place: &Place| Trust::of(&place.layers).unwrap().state();
    let place = place("# ours\nimage-tar = 'way/out/i.tar'\n");
    assert_eq!(state(&place), Trusted::No);
    let place = place.trusted();
    assert_eq!(state(&place), Trusted::Yes);
    let place = place.project_file("image-tar = 'way/out/i.tar' # a comment\n");
    assert_eq!(state(&place), Trusted::Yes);
    let place = place.project_file("image-tar = 'way/out/i.tar'\nworkers = 2\n");
    assert_eq!(state(&place), Trusted::Before);
    let (_, notices) = place.load().unwrap();
    assert!(notices[0].message.contains("changed since you trusted it"));

    let place = place.trusted();
    assert_eq!(state(&place), Trusted::Yes);
    fs::remove_file(place.path("project/way/out")).unwrap();
    symlink("../../..", place.path("project/way/out")).unwrap();
    assert_eq!(state(&place), Trusted::Before);

    let trust = Trust::of(&place.layers).unwrap();
    assert!(trust.revoke().unwrap());
    assert!(!trust.revoke().unwrap());
    assert_eq!(state(&place), Trusted::No);
}

#[test]
fn trust_is_kept_in_the_state_folder_of_the_user_and_for_one_folder() {
    let place = Place::new().project_file("python = 'x'").trusted();
    let notes = |place: &Place, folder: &str| fs::read_dir(place.path(folder)).unwrap().count();
    assert_eq!(notes(&place, "home/.local/state/menace/trust"), 1);
    let state = place.path("state").to_str().unwrap().to_owned();
    let place = place.env("XDG_STATE_HOME", &state);
    assert_eq!(place.load().unwrap().0.python, None);
    let place = place.trusted();
    assert_eq!(notes(&place, "state/menace/trust"), 1);

    let place = place
        .write("other/menace.toml", "python = 'x'")
        .cwd("other");
    assert_eq!(place.load().unwrap().0.python, None);
    let place = place.env("XDG_STATE_HOME", "").env("HOME", "");
    assert!(Trust::of(&place.layers).unwrap().grant().is_err());
}

#[test]
fn a_requirement_of_the_user_is_not_taken_away_by_half() {
    let place = Place::new()
        .user_file("require-container = true")
        .project_file("use-container = false");
    let (settings, notices) = place.load().unwrap();
    assert!(settings.container.enabled && settings.container.required);
    assert_eq!(notices.len(), 1);
    let flag = place.flag("--no-container", "off");
    assert!(!flag.load().unwrap().0.container.enabled);
}

#[test]
fn a_data_folder_that_nobody_named_is_inside_of_the_project() {
    for (link, at, setting) in [
        ("..", "project/sandbox_data", "SANDBOX_DATA_DIR"),
        (
            "../../x",
            "project/sandbox_data/agent.db",
            "MENACE_AGENT_DB",
        ),
        (
            "../x",
            "project/sandbox_data/self_test.lock",
            "SELF_TEST_LOCK_FILE",
        ),
    ] {
        let place = Place::new();
        let path = place.path(at);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(link, &path).unwrap();
        let complaint = place.complaint();
        assert!(complaint.contains("a link leads to"), "{complaint}");
        assert!(complaint.contains(setting), "{complaint}");
        // Whoever names it knows it.
        let place = place.env(setting, path.to_str().unwrap());
        place.settings();
    }
    let place = Place::new();
    fs::create_dir(place.path("project/real")).unwrap();
    symlink("real", place.path("project/sandbox_data")).unwrap();
    place.settings();
}
