//! The order of the layers, and the origin that is told of each value.

use std::collections::BTreeSet;

use menace_agent::settings::{ColorChoice, Origin, SETTINGS, Settings};

use super::{Place, text_of};

#[test]
fn the_strongest_layer_wins_whatever_the_others_say() {
    for given in 0..16_u32 {
        let has = |layer: u32| given & (1 << layer) != 0;
        let mut place = Place::new();
        if has(0) {
            place = place.user_file("\n\n\nworkers = 2\n");
        }
        if has(1) {
            place = place.project_file("# ours\nworkers = 3\n");
        }
        if has(2) {
            place = place.env("SELF_TEST_WORKERS", "4");
        }
        if has(3) {
            place = place.flag("--workers", "5");
        }
        let (workers, origin) = match given {
            8.. => (5, "flag --workers"),
            4.. => (4, "variable SELF_TEST_WORKERS"),
            2.. => (3, "…/project/menace.toml:2"),
            1 => (2, "…/home/.config/menace/config.toml:4"),
            0 => (1, "default"),
        };
        assert_eq!(place.settings().workers, workers, "layers {given:04b}");
        assert_eq!(place.origin("workers"), origin, "layers {given:04b}");
    }
}

/// name, a TOML value, a word, and how both are shown.
type Example = (&'static str, &'static str, &'static str, &'static str);

/// Of every setting that is no switch.
const EXAMPLES: [Example; 42] = [
    ("paths", "['a', 'b c']", "a", "a 'b c'"),
    ("workers", "3", "3", "3"),
    ("isolate", "'file'", "file", "file"),
    (
        "pytest-args",
        "['-k', 'a or b']",
        "-k 'a or b'",
        "-k 'a or b'",
    ),
    ("python", "'python3.9'", "python3.9", "python3.9"),
    ("timeout", "2.5", "2.5", "2.5 s"),
    ("test-timeout", "30", "30", "30 s"),
    ("reruns", "2", "2", "2"),
    ("max-fail", "7", "7", "7"),
    ("wheels", "'/w'", "/w", "/w"),
    ("container-image", "'lab:1'", "lab:1", "lab:1"),
    ("image-tar", "'/i.tar'", "/i.tar", "/i.tar"),
    ("container-runtime", "'podman'", "podman", "podman"),
    ("docker-host", "'tcp://a:1'", "tcp://a:1", "tcp://a:1"),
    ("retries", "3", "3", "3"),
    ("env", "['A']", "A", "A"),
    ("network", "'none'", "none", "none"),
    ("project-mount", "'ro'", "ro", "ro"),
    ("shm-size", "'1g'", "1g", "1g"),
    ("memory", "'512M'", "512m", "512m"),
    ("cpus", "1.5", "1.5", "1.5"),
    ("pids-limit", "100", "100", "100"),
    ("container-args", "['--init']", "--init", "--init"),
    ("exclude", "['build']", "", "build"),
    ("exclude-modules", "['gen/']", "gen/", "gen/"),
    (
        "suppress-orphans",
        "[{ module = 'a.*', reason = 'old' }]",
        "",
        "'a.*: old'",
    ),
    ("data-dir", "'/d'", "/d", "/d"),
    ("db", "'/d/x.db'", "/d/x.db", "/d/x.db"),
    ("lock-file", "'/d/l'", "/d/l", "/d/l"),
    ("lock-timeout", "2.5", "2.5", "2.5 s"),
    ("interval", "900", "900", "900 s"),
    ("cron", "'30 2 * * mon'", "30  2 * * MON", "30 2 * * MON"),
    ("jitter", "0.5", "0.5", "0.5 s"),
    ("history", "'/h.json'", "/h.json", "/h.json"),
    ("drain-timeout", "0", "0", "0 s"),
    ("log-format", "'json'", "json", "json"),
    ("metrics-port", "9100", "9100", "9100"),
    ("metrics-addr", "'::1'", "::1", "::1"),
    ("metrics-textfile", "'/m.prom'", "/m.prom", "/m.prom"),
    ("color", "'never'", "never", "never"),
    ("progress", "'plain'", "plain", "plain"),
    ("verbosity", "'quiet'", "quiet", "quiet"),
];

/// Of every setting; of a switch there are two.
pub(super) fn examples() -> Vec<Example> {
    let switches = SETTINGS.iter().filter(|row| row.is_switch());
    let of_switches = switches.flat_map(|row| {
        [
            (row.name, "true", "yes", "on"),
            (row.name, "false", "0", "off"),
        ]
    });
    EXAMPLES.into_iter().chain(of_switches).collect()
}

#[test]
fn every_setting_is_read_from_every_layer_that_the_table_names() {
    let shown = |settings: &Settings, name: &str| {
        let found = settings.origins().find(|(row, ..)| row.name == name);
        let (_, value, origin) = found.unwrap();
        (value.to_string(), origin)
    };
    let mut seen = BTreeSet::from(["project"]);
    for (name, toml, word, text) in examples() {
        seen.insert(name);
        let row = SETTINGS.iter().find(|row| row.name == name).unwrap();
        assert!(row.in_files, "{name}");

        let place = Place::new()
            .project_file(&format!("{name} = {toml}"))
            .trusted();
        let path = place.path("project/menace.toml");
        let file = Origin::File { path, line: 1 };
        assert_eq!(shown(&place.settings(), name), (text.to_owned(), file));

        for variable in row.variables {
            // One variable says the opposite of its setting.
            let word = match (*variable, text) {
                ("SELF_TEST_DISABLE_ORPHANS", "on") => "no",
                ("SELF_TEST_DISABLE_ORPHANS", _) => "1",
                _ => word,
            };
            let place = Place::new().env(variable, word);
            let name_of_it = (*variable).to_owned();
            let variable = Origin::Variable { name: name_of_it };
            assert_eq!(shown(&place.settings(), name), (text.to_owned(), variable));
        }
        for flag in row.flags {
            let mut place = Place::new().flag(flag.name, word);
            if name == "paths" {
                place = place.paths(&["a", "b c"]);
            }
            let name_of_it = flag.name.to_owned();
            let flag = Origin::Flag { name: name_of_it };
            assert_eq!(shown(&place.settings(), name), (text.to_owned(), flag));
        }
    }
    let rows: BTreeSet<_> = SETTINGS.iter().map(|row| row.name).collect();
    assert_eq!(seen, rows);
}

#[test]
fn a_cron_counts_unless_a_stronger_layer_has_an_interval() {
    let uses_cron = |place: Place| place.settings().uses_cron();
    let cron = "cron = '30 2 * * *'";
    let both = "interval = 60\ncron = '30 2 * * *'";
    assert!(!uses_cron(Place::new()));
    assert!(!uses_cron(Place::new().project_file("interval = 60")));
    assert!(uses_cron(Place::new().project_file(cron)));
    assert!(uses_cron(Place::new().project_file(both)));

    // An interval over a cron.
    let flag = || Place::new().flag("--interval", "60");
    assert!(!uses_cron(flag().project_file(cron)));
    assert!(!uses_cron(flag().env("SELF_TEST_CRON", "0 * * * *")));
    let variable = || Place::new().env("SELF_TEST_INTERVAL", "60");
    assert!(!uses_cron(variable().project_file(cron)));
    let of_project = || Place::new().project_file("interval = 60");
    assert!(!uses_cron(of_project().user_file(cron)));

    // A cron over an interval.
    assert!(uses_cron(of_project().flag("--cron", "0 * * * *")));
    assert!(uses_cron(variable().flag("--cron", "0 * * * *")));
    assert!(uses_cron(of_project().env("SELF_TEST_CRON", "0 * * * *")));
    let of_user = Place::new().user_file("interval = 60");
    assert!(uses_cron(of_user.project_file(cron)));
    assert!(uses_cron(flag().flag("--cron", "0 * * * *")));

    // A cron that is taken away again.
    assert!(!uses_cron(
        Place::new().project_file(cron).flag("--cron", "none")
    ));
}

#[test]
fn no_two_settings_share_a_name_a_flag_or_a_variable() {
    let mut seen = BTreeSet::new();
    for row in SETTINGS {
        let names = row
            .flags
            .iter()
            .map(|flag| flag.name)
            .chain(row.variables.iter().copied())
            .chain([row.name]);
        for name in names {
            assert!(seen.insert(name), "{name} is there twice");
        }
    }
}

#[test]
fn defaults_are_those_of_a_library_user() {
    let place = Place::new();
    let settings = place.settings();
    let expected = Settings::for_project(place.path("project"));
    let values = |settings: &Settings| -> Vec<_> {
        let rows = settings.origins();
        rows.map(|(row, value, origin)| (row.name, value, origin))
            .collect()
    };
    assert_eq!(values(&settings), values(&expected));
    assert_eq!(settings.db, place.path("project/sandbox_data/agent.db"));
    assert_eq!(settings.timeout, None);
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let mut place = Place::new();
    for variable in SETTINGS.iter().flat_map(|row| row.variables) {
        place = place.env(variable, "");
    }
    let place = place.project_file("workers = 3").env("NO_COLOR", "");
    assert_eq!(place.settings().workers, 3);
    assert_eq!(place.origin("offline"), "default");
    assert_eq!(place.origin("color"), "default");
}

#[test]
fn variables_of_no_setting_are_left_alone_and_a_misspelt_one_is_told() {
    let place = Place::new()
        .env("SELF_TEST_WROKERS", "x")
        .env("SELF_TEST_LAB", "x")
        .env("MENACE_WHATEVER", "x")
        .env("SANDBOX_DATA_DIRS", "x")
        .env("SELF_TEST_WORKERS", "1");
    let (settings, notices) = place.load().unwrap();
    assert_eq!(settings.workers, 1);
    let told: Vec<String> = notices
        .into_iter()
        .map(|notice| format!("{}; {}", notice.message, notice.hint.unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            "no setting is read from the variable `SANDBOX_DATA_DIRS`; did you mean \
             `SANDBOX_DATA_DIR`?",
            "no setting is read from the variable `SELF_TEST_WROKERS`; did you mean \
             `SELF_TEST_WORKERS`?",
        ]
    );
}

#[test]
fn a_dumb_terminal_gets_no_colours() {
    let place = Place::new().env("TERM", "dumb");
    assert_eq!(place.settings().color, ColorChoice::Never);
    assert_eq!(place.origin("color"), "variable TERM");
    let place = Place::new().env("TERM", "dumb").flag("--color", "always");
    assert_eq!(place.settings().color, ColorChoice::Always);
}

#[test]
fn the_later_of_two_flags_of_one_setting_wins() {
    let place = Place::new().flag("--cov", "on").flag("--no-cov", "off");
    assert!(!place.settings().harness.coverage);
    assert_eq!(place.origin("coverage"), "flag --no-cov");
}

#[test]
fn a_switch_overrides_its_variable_both_ways() {
    let on = Place::new().env("MENACE_OFFLINE_INSTALL", "0");
    assert!(on.flag("--offline", "on").settings().offline);
    let off = Place::new().env("MENACE_OFFLINE_INSTALL", "1");
    assert!(!off.flag("--no-offline", "off").settings().offline);
}

#[test]
fn arguments_after_the_dashes_are_added_to_the_strongest_layer() {
    let mut alone = Place::new();
    alone.flags().pytest_args = vec!["-k".to_owned(), "a b".to_owned()];
    assert_eq!(alone.settings().pytest_args, ["-k", "a b"]);
    assert_eq!(alone.origin("pytest-args"), "arguments after --");

    let mut added = Place::new()
        .project_file("pytest-args = '-p no:randomly'")
        .env("SELF_TEST_ARGS", "-m \"not slow\"");
    added.flags().pytest_args = vec!["-x".to_owned()];
    assert_eq!(added.settings().pytest_args, ["-m", "not slow", "-x"]);
    let origin = added.origin("pytest-args");
    assert_eq!(origin, "variable SELF_TEST_ARGS, arguments after --");
}

#[test]
fn no_pytest_arguments_override_some() {
    let place = Place::new()
        .env("SELF_TEST_ARGS", "-x")
        .flag("--pytest-args", "");
    assert_eq!(place.settings().pytest_args, [""; 0]);
}

#[test]
fn the_state_file_follows_the_data_folder_unless_it_has_a_place_of_its_own() {
    let followed = Place::new().env("SANDBOX_DATA_DIR", "/data");
    assert_eq!(text_of(&followed.settings().db), "/data/agent.db");
    let own = followed.project_file("db = 'state/own.db'");
    assert_eq!(own.settings().db, own.path("project/state/own.db"));
    assert_eq!(text_of(&own.settings().data_dir), "/data");
}

#[test]
fn the_lock_file_follows_the_data_folder_unless_it_has_a_place_of_its_own() {
    let place = Place::new();
    let default = place.settings().lock_file;
    assert_eq!(default, place.path("project/sandbox_data/self_test.lock"));
    let followed = place.env("SANDBOX_DATA_DIR", "/data");
    assert_eq!(
        text_of(&followed.settings().lock_file),
        "/data/self_test.lock"
    );
    let own = followed.env("SELF_TEST_LOCK_FILE", "/run/lock/own");
    assert_eq!(text_of(&own.settings().lock_file), "/run/lock/own");
}

#[test]
fn no_color_is_heard_where_the_choice_is_automatic() {
    let place = || Place::new().env("NO_COLOR", "1");
    assert_eq!(place().origin("color"), "variable NO_COLOR");
    let auto = place().flag("--color", "auto");
    assert_eq!(auto.origin("color"), "variable NO_COLOR");
    let always = place().flag("--color", "always");
    assert_eq!(always.origin("color"), "flag --color");
}

#[test]
fn to_require_containers_is_to_use_them_unless_a_stronger_layer_refuses() {
    let wish = |place: Place| {
        let container = place.settings().container;
        (container.enabled, container.required)
    };
    let required = || Place::new().env("SELF_TEST_REQUIRE_CONTAINER", "1");
    assert_eq!(wish(required()), (true, true));
    assert_eq!(
        required().origin("use-container"),
        "variable SELF_TEST_REQUIRE_CONTAINER"
    );
    let refused = required().flag("--no-container", "off");
    assert_eq!(refused.origin("require-container"), "flag --no-container");
    assert_eq!(wish(refused), (false, false));
    let insisted = Place::new()
        .env("SELF_TEST_USE_CONTAINER", "0")
        .flag("--require-container", "on");
    assert_eq!(wish(insisted), (true, true));
    assert_eq!(wish(Place::new()), (false, false));
}

#[test]
fn of_two_files_that_of_the_project_says_also_where_settings_depend_on_each_other() {
    let place = Place::new()
        .user_file("discover-isolated = false\nuse-container = false")
        .project_file("auto-include-isolated = true\nrequire-container = true");
    let settings = place.settings();
    assert!(settings.orphans.discover_isolated && settings.orphans.recursive_isolated);
    assert!(settings.container.enabled && settings.container.required);
    let place = Place::new()
        .user_file("auto-include-isolated = true\nrequire-container = true")
        .project_file("discover-isolated = false\nuse-container = false")
        .trusted();
    let settings = place.settings();
    assert!(!settings.orphans.discover_isolated && settings.orphans.recursive_isolated);
    assert!(!settings.container.enabled && !settings.container.required);
}

#[test]
fn isolated_modules_are_included_by_one_switch_unless_a_stronger_layer_says_otherwise() {
    let place = Place::new().env("SANDBOX_AUTO_INCLUDE_ISOLATED", "1");
    let orphans = place.settings().orphans;
    assert!(orphans.discover_isolated && orphans.recursive_isolated);
    let variable = "variable SANDBOX_AUTO_INCLUDE_ISOLATED";
    assert_eq!(place.origin("discover-isolated"), variable);

    let place = place.flag("--no-recursive-isolated", "off");
    let orphans = place.settings().orphans;
    assert!(orphans.discover_isolated && !orphans.recursive_isolated);
    assert_eq!(
        place.origin("recursive-isolated"),
        "flag --no-recursive-isolated"
    );
}

#[test]
fn of_two_variables_the_first_of_the_table_wins() {
    let place = Place::new()
        .env("SELF_TEST_RECURSIVE_ORPHANS", "0")
        .env("SANDBOX_RECURSIVE_ORPHANS", "1");
    assert!(!place.settings().orphans.recursive);
    let place = Place::new()
        .env("SELF_TEST_DISABLE_ORPHANS", "1")
        .env("SELF_TEST_INCLUDE_ORPHANS", "1");
    assert!(!place.settings().orphans.include);
    let place = Place::new().env("SELF_TEST_DISABLE_ORPHANS", "0");
    assert!(place.settings().orphans.include);
}
