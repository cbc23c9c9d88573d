//! The texts that each kind of setting accepts.

use std::net::IpAddr;
use std::time::Duration;

use menace_agent::schedule::Cron;
use menace_agent::settings::{Settings, SettingsError};

use super::Place;

fn with_variable(name: &str, word: &str) -> Result<Settings, SettingsError> {
    let place = Place::new().env(name, word);
    place.load().map(|(settings, _)| settings)
}

fn with_file(line: &str) -> Result<Settings, SettingsError> {
    let place = Place::new().user_file(line);
    place.load().map(|(settings, _)| settings)
}

#[test]
fn switches_read_four_pairs_of_words_in_any_case() {
    let on = ["1", "true", "yes", "on", "TRUE", "Yes", "oN"];
    let off = ["0", "false", "no", "off", "False", "NO", "oFF"];
    let field = |settings: &Settings, variable: &str| match variable {
        "SELF_TEST_COVERAGE" => settings.harness.coverage,
        "SELF_TEST_MANAGED_ENV" => settings.managed_env,
        _ => settings.offline,
    };
    for variable in [
        "SELF_TEST_COVERAGE",
        "SELF_TEST_MANAGED_ENV",
        "MENACE_OFFLINE_INSTALL",
    ] {
        for word in on {
            assert!(
                field(&with_variable(variable, word).unwrap(), variable),
                "{variable}={word}"
            );
        }
        for word in off {
            assert!(
                !field(&with_variable(variable, word).unwrap(), variable),
                "{variable}={word}"
            );
        }
        for word in ["2", "y", "enable", " on", "-1", "ja"] {
            let error = with_variable(variable, word).expect_err(word).to_string();
            assert!(error.contains(variable), "{error}");
        }
    }
}

#[test]
fn switches_in_files_are_toml_booleans() {
    assert!(!with_file("coverage = false").unwrap().harness.coverage);
    for line in ["coverage = 'false'", "coverage = 0", "coverage = 'off'"] {
        assert!(with_file(line).is_err(), "{line}");
    }
}

#[test]
fn workers_are_a_number_from_one_or_the_processors() {
    let processors = std::thread::available_parallelism().unwrap().get();
    let auto = with_variable("SELF_TEST_WORKERS", "auto").unwrap();
    assert_eq!(auto.workers as usize, processors);
    assert_eq!(with_file("workers = 'auto'").unwrap().workers, auto.workers);
    assert_eq!(
        with_variable("SELF_TEST_WORKERS", "12").unwrap().workers,
        12
    );
    for word in ["0", "-1", "1.5", "4294967296", "many", "AUTO", "1 "] {
        assert!(with_variable("SELF_TEST_WORKERS", word).is_err(), "{word}");
    }
    for line in [
        "workers = 0",
        "workers = -3",
        "workers = '4'",
        "workers = true",
    ] {
        assert!(with_file(line).is_err(), "{line}");
    }
}

#[test]
fn times_are_seconds_above_zero() {
    let cases = [
        ("1", Duration::from_secs(1)),
        ("0.25", Duration::from_millis(250)),
        ("0.001", Duration::from_millis(1)),
        ("1e3", Duration::from_secs(1000)),
        ("1000000000", Duration::from_secs(1_000_000_000)),
    ];
    for (word, time) in cases {
        let settings = with_variable("SELF_TEST_TIMEOUT", word).unwrap();
        assert_eq!(settings.timeout, Some(time), "{word}");
        let settings = with_file(&format!("timeout = {word}")).unwrap();
        assert_eq!(settings.timeout, Some(time), "{word} in a file");
    }
    for word in ["0", "-1", "-0", "nan", "inf", "1e-9", "1e10", "1e400", "5m"] {
        assert!(with_variable("SELF_TEST_TIMEOUT", word).is_err(), "{word}");
    }
    assert!(with_variable("SELF_TEST_INTERVAL", "none").is_err());
}

#[test]
fn patience_may_be_nothing_or_endless() {
    let of = |word| with_variable("SELF_TEST_LOCK_TIMEOUT", word).map(|s| s.lock_timeout);
    assert_eq!(of("0").unwrap(), Some(Duration::ZERO));
    assert_eq!(of("0.0").unwrap(), Some(Duration::ZERO));
    assert_eq!(of("1.5").unwrap(), Some(Duration::from_millis(1_500)));
    assert_eq!(of("none").unwrap(), None);
    assert_eq!(
        with_file("lock-timeout = 0").unwrap().lock_timeout,
        of("0").unwrap()
    );
    for word in ["-1", "soon", "1e10"] {
        assert!(of(word).is_err(), "{word}");
    }
}

#[test]
fn limits_can_be_taken_away_again() {
    let place = Place::new()
        .project_file("timeout = 9\ntest-timeout = 3\nmax-fail = 2")
        .env("SELF_TEST_TIMEOUT", "none")
        .env("SELF_TEST_TEST_TIMEOUT", "none")
        .env("SELF_TEST_MAX_FAIL", "none");
    assert_eq!(place.settings().timeout, None);
    assert_eq!(place.settings().test_timeout, None);
    assert_eq!(place.settings().max_fail, None);
    let in_file = with_file("test-timeout = 'none'\nmax-fail = 'none'").unwrap();
    assert_eq!((in_file.test_timeout, in_file.max_fail), (None, None));
    for (variable, word) in [("SELF_TEST_TEST_TIMEOUT", "0"), ("SELF_TEST_MAX_FAIL", "0")] {
        assert!(with_variable(variable, word).is_err(), "{variable}={word}");
    }
}

#[test]
fn pytest_arguments_are_shell_words_or_an_array() {
    let cases: [(&str, &[&str]); 4] = [
        ("-x -k 'a or b'", &["-x", "-k", "a or b"]),
        (
            r#"--deselect "t.py::t[a b]""#,
            &["--deselect", "t.py::t[a b]"],
        ),
        (r"a\ b", &["a b"]),
        ("  ", &[]),
    ];
    for (words, expected) in cases {
        let settings = with_variable("SELF_TEST_ARGS", words).unwrap();
        assert_eq!(settings.pytest_args, expected, "{words}");
        let settings = with_file(&format!("pytest-args = '''{words}'''")).unwrap();
        assert_eq!(settings.pytest_args, expected, "{words} in a file");
    }
    let array = with_file("pytest-args = ['-k', 'a or b']").unwrap();
    assert_eq!(array.pytest_args, ["-k", "a or b"]);
    assert!(with_variable("SELF_TEST_ARGS", "it's").is_err());
    assert!(with_file("pytest-args = ['-k', 3]").is_err());
}

#[test]
fn names_are_taken_literally() {
    for (name, good, bad) in [
        ("color", "always", "Always"),
        ("progress", "bar", "fancy"),
        ("verbosity", "verbose", "2"),
    ] {
        assert!(with_file(&format!("{name} = '{good}'")).is_ok(), "{name}");
        assert!(with_file(&format!("{name} = '{bad}'")).is_err(), "{name}");
        assert!(with_file(&format!("{name} = ''")).is_err(), "{name}");
    }
}

#[test]
fn a_jitter_may_be_nothing_and_is_never_endless() {
    let of = |word| with_variable("SELF_TEST_JITTER", word).map(|s| s.schedule.jitter);
    let in_file = |word| with_file(&format!("jitter = {word}")).map(|s| s.schedule.jitter);
    for (word, time) in [
        ("0", Duration::ZERO),
        ("0.0", Duration::ZERO),
        ("0.25", Duration::from_millis(250)),
        ("900", Duration::from_mins(15)),
    ] {
        assert_eq!(of(word).unwrap(), time, "{word}");
        assert_eq!(in_file(word).unwrap(), time, "{word} in a file");
    }
    for word in ["-1", "none", "soon", "nan", "inf", "1e10"] {
        assert!(of(word).is_err(), "{word}");
    }
    for word in ["-1", "'0'", "'none'", "nan", "true"] {
        assert!(in_file(word).is_err(), "{word} in a file");
    }
}

#[test]
fn a_cron_is_five_fields_or_none() {
    let of = |word| with_variable("SELF_TEST_CRON", word).map(|s| s.schedule.cron);
    let kept = |text: &str| Some(Cron::parse(text).unwrap());
    assert_eq!(of("30 2 * * *").unwrap(), kept("30 2 * * *"));
    assert_eq!(
        of(" */5  2 * jan mon-fri ").unwrap(),
        kept("*/5 2 * JAN MON-FRI")
    );
    assert_eq!(of("none").unwrap(), None);
    let in_file = with_file("cron = '0 3 * * SUN'").unwrap();
    assert_eq!(in_file.schedule.cron, kept("0 3 * * SUN"));
    for word in [
        "",
        "* * * *",
        "0 30 2 * * *",
        "@daily",
        "60 * * * *",
        "* * 30 2 *",
        "None",
    ] {
        // An empty variable is an unset one, an empty text in a file is none.
        assert!(word.is_empty() || of(word).is_err(), "{word} in a variable");
        assert!(
            with_file(&format!("cron = '{word}'")).is_err(),
            "{word} in a file"
        );
    }
    for line in ["cron = 5", "cron = ['* * * * *']", "cron = true"] {
        assert!(with_file(line).is_err(), "{line}");
    }
}

#[test]
fn a_port_is_a_number_up_to_65535_or_none() {
    let of = |word| with_variable("SELF_TEST_METRICS_PORT", word).map(|s| s.metrics.port);
    assert_eq!(of("1").unwrap(), Some(1));
    assert_eq!(of("65535").unwrap(), Some(65_535));
    assert_eq!(of("none").unwrap(), None);
    let in_file = with_file("metrics-port = 9100").unwrap();
    assert_eq!(in_file.metrics.port, Some(9100));
    for word in ["0", "65536", "-1", "9100.0", "http", "4294967296"] {
        assert!(of(word).is_err(), "{word}");
    }
    for line in ["metrics-port = '9100'", "metrics-port = 0"] {
        assert!(with_file(line).is_err(), "{line}");
    }
}

#[test]
fn the_exporter_listens_on_an_address_and_not_on_a_name() {
    let of = |word| with_variable("SELF_TEST_METRICS_ADDR", word).map(|s| s.metrics.addr);
    for word in ["127.0.0.1", "0.0.0.0", "::1", "::", "fd00::5"] {
        let address: IpAddr = word.parse().unwrap();
        assert_eq!(of(word).unwrap(), address, "{word}");
        let in_file = with_file(&format!("metrics-addr = '{word}'")).unwrap();
        assert_eq!(in_file.metrics.addr, address, "{word} in a file");
    }
    let with_port = with_file("metrics-port = 9100\nmetrics-addr = '::1'").unwrap();
    assert_eq!(
        with_port.metrics.listen().unwrap().to_string(),
        "[::1]:9100"
    );
    assert_eq!(
        with_file("metrics-addr = '::1'").unwrap().metrics.listen(),
        None
    );
    for word in ["localhost", "127.0.0.1:9100", "[::1]", "127.1", "*"] {
        assert!(of(word).is_err(), "{word}");
    }
    assert!(with_file("metrics-addr = 127").is_err());
}
