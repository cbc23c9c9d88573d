//! The description of a service: a [`Unit`](crate::unit::Unit) from settings and variables.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::InstallError;
use crate::model::{Level, Notice};
use crate::service::container::Wish;
use crate::settings::{SETTINGS, Settings};

/// Variables that lead to the engine, the interpreter and the files of settings, or say how times
/// and texts are read. Whatever else an environment has may be a secret, and stays behind.
const SURROUNDINGS: [&str; 12] = [
    "CONTAINERS_CONF",
    "CONTAINER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "LANG",
    "LC_ALL",
    "NO_COLOR",
    "TZ",
    "VIRTUAL_ENV",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
];

/// The search path for programs if nobody names one.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The time that a service may take to end after its drain timeout: the agent kills its cycle, and
/// closes the run.
const STOP_MARGIN_S: u64 = 30;

/// A path as a text in UTF-8.
///
/// # Errors
///
/// A path that is not UTF-8.
pub fn utf8(path: &Path) -> Result<&str, InstallError> {
    path.to_str().ok_or_else(|| InstallError::NotUtf8 {
        what: "a path",
        shown: path.display().to_string(),
    })
}

/// The variables of a service, by name: `PATH`, the ones of settings, a few of the surroundings.
pub fn environment(
    env: &BTreeMap<String, String>,
    path: Option<&OsStr>,
) -> Result<BTreeMap<String, String>, InstallError> {
    let settings = SETTINGS.iter().flat_map(|row| row.variables).copied();
    let names = settings.chain(SURROUNDINGS);
    let set = names.filter_map(|name| {
        let value = env.get(name).filter(|value| !value.is_empty())?;
        Some((name.to_owned(), value.clone()))
    });
    let mut environment: BTreeMap<_, _> = set.collect();
    environment.insert("PATH".to_owned(), search_path(path)?);
    Ok(environment)
}

/// The absolute folders of a search path, each once.
fn search_path(path: Option<&OsStr>) -> Result<String, InstallError> {
    let mut seen = BTreeSet::new();
    let mut folders = Vec::new();
    let bytes = path.unwrap_or_default().as_bytes();
    for folder in bytes.split(|byte| *byte == b':') {
        if !folder.starts_with(b"/") || !seen.insert(folder) {
            continue;
        }
        let folder = std::str::from_utf8(folder).map_err(|_| InstallError::NotUtf8 {
            what: "a folder of `PATH`",
            shown: String::from_utf8_lossy(folder).into_owned(),
        })?;
        folders.push(folder);
    }
    if folders.is_empty() {
        return Ok(SEARCH_PATH.to_owned());
    }
    Ok(folders.join(":"))
}

/// Checks that the settings `there`, where the service works, are the same as `here`: a relative
/// path may lead to another file.
pub fn same_settings(here: &Settings, there: &Settings) -> Result<(), InstallError> {
    for ((setting, value, origin), (_, other, _)) in here.origins().zip(there.origins()) {
        if value != other {
            return Err(InstallError::FolderDependent {
                origin: origin.to_string(),
                setting: setting.name,
                here: value.to_string(),
                there: other.to_string(),
                project: here.project.clone(),
            });
        }
    }
    Ok(())
}

/// The time that the service may take to end, in seconds.
pub fn stop_s(settings: &Settings) -> u64 {
    let drain = settings.schedule.drain_timeout;
    let whole = drain.as_secs() + u64::from(drain.subsec_nanos() > 0);
    whole.saturating_add(STOP_MARGIN_S)
}

/// True if podman may run the tests; its helpers are setuid if it has no root.
pub fn may_use_podman(settings: &Settings) -> bool {
    let runtime = settings.container.runtime.as_deref().map(Path::new);
    let docker = runtime.and_then(Path::file_name) == Some(OsStr::new("docker"));
    Wish::of(settings, true) != Wish::No && !docker
}

/// The notices that somebody should read before the service runs.
pub fn notices(
    settings: &Settings,
    environment: &BTreeMap<String, String>,
    program: &Path,
) -> Vec<Notice> {
    let warning = |code: &str, message: String, hint: &str| Notice {
        level: Level::Warning,
        code: code.to_owned(),
        message,
        hint: Some(hint.to_owned()),
    };
    let mut notices = Vec::new();
    let parts: Vec<_> = program.iter().rev().skip(1).take(2).collect();
    if parts.contains(&OsStr::new("target")) {
        notices.push(warning(
            "build-folder",
            format!("the service will run `{}`, a build", program.display()),
            "`cargo install --path .` puts the agent where it stays",
        ));
    }
    let handed_on = settings.container.env.iter();
    let missing = handed_on.filter(|word| !word.contains('=') && !environment.contains_key(*word));
    let missing: Vec<String> = missing.map(|name| format!("`{name}`")).collect();
    if !missing.is_empty() {
        notices.push(warning(
            "variables-missing",
            format!(
                "containers are to get {}, which the service does not have",
                missing.join(", ")
            ),
            "give them as NAME=VALUE, or set them in the unit by hand",
        ));
    }
    notices
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::time::Duration;

    use super::*;
    use crate::settings::{FlagValues, Layers};

    fn settings(flags: &[(&'static str, &str)]) -> Settings {
        let folder = tempfile::TempDir::new().unwrap();
        let mut values = FlagValues::default();
        for (flag, word) in flags {
            values.set(flag, *word);
        }
        let layers = Layers {
            flags: values,
            cwd: folder.path().to_path_buf(),
            ..Layers::default()
        };
        Settings::load(&layers).unwrap().0
    }

    #[test]
    fn a_service_gets_variables_of_settings_and_no_secrets() {
        let env = [
            ("SELF_TEST_WORKERS", "2"),
            ("SANDBOX_DATA_DIR", ""),
            ("MENACE_AGENT_DB", "/db"),
            ("MENACE_TOKEN", "secret"),
            ("DOCKER_HOST", "unix:///sock"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("HOME", "/home/me"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let given = environment(&env.into(), Some(OsStr::new("/b:/a:.:/b::c"))).unwrap();
        let given: Vec<String> = given.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let expected = [
            "DOCKER_HOST=unix:///sock",
            "MENACE_AGENT_DB=/db",
            "PATH=/b:/a",
            "SELF_TEST_WORKERS=2",
        ];
        assert_eq!(given, expected);
    }

    #[test]
    fn a_search_path_is_absolute_and_text() {
        assert_eq!(search_path(None).unwrap(), SEARCH_PATH);
        assert_eq!(search_path(Some(OsStr::new(":."))).unwrap(), SEARCH_PATH);
        let odd = OsString::from_vec(b"/a:/\xff".to_vec());
        let error = search_path(Some(&odd)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a folder of `PATH` is not UTF-8: /\u{fffd}"
        );
    }

    #[test]
    fn podman_may_be_used_unless_docker_or_no_container_is_asked_for() {
        let tar = ("--image-tar", "/i.tar");
        let cases: [(&[(&'static str, &str)], bool); 8] = [
            (&[], false),
            (&[tar], true),
            (&[("--container-image", "lab:1")], true),
            (&[("--use-container", "on")], true),
            (&[("--require-container", "on")], true),
            (&[tar, ("--no-container", "off")], false),
            (&[tar, ("--container-runtime", "docker")], false),
            (&[tar, ("--container-runtime", "/usr/bin/podman")], true),
        ];
        for (flags, expected) in cases {
            assert_eq!(may_use_podman(&settings(flags)), expected, "{flags:?}");
        }
    }

    #[test]
    fn a_program_in_a_build_folder_is_pointed_out() {
        let codes = |program: &str| {
            let environment = [("TZ".to_owned(), "UTC".to_owned())].into();
            let flags = [("--env", "TOKEN A=b TZ")];
            let notices = notices(&settings(&flags), &environment, Path::new(program));
            notices
                .into_iter()
                .map(|notice| notice.code)
                .collect::<Vec<_>>()
        };
        let missing = "variables-missing";
        for build in ["/a/target/release/agent", "/a/target/agent"] {
            assert_eq!(codes(build), ["build-folder", missing]);
        }
        for place in ["/usr/local/bin/agent", "/target/a/bin/agent", "/a/target"] {
            assert_eq!(codes(place), [missing]);
        }
    }

    #[test]
    fn a_service_has_half_a_minute_more_than_its_tests() {
        let mut settings = settings(&[]);
        for (drain, expected) in [
            (Duration::ZERO, 30),
            (Duration::from_mins(1), 90),
            (Duration::from_millis(1500), 32),
        ] {
            settings.schedule.drain_timeout = drain;
            assert_eq!(stop_s(&settings), expected);
        }
    }
}
