//! Python environments for tests: the interpreters of this machine, and virtual environments that
//! are made once and kept.
//!
//! Several test processes may want the same environment at the same time; a file lock lets one of
//! them build it. Without a package index the tests that need one say `SKIPPED` and why, unless
//! `AGENT_CONFORMANCE=1` makes that a failure.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use menace_agent::model::digest;

/// The reason why an environment cannot be had.
#[derive(Debug)]
pub(crate) struct Skip(pub(crate) String);

/// A CPython of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interpreter {
    pub(crate) path: PathBuf,
    pub(crate) minor: u32,
}

/// One CPython of each version from 3.8 on, oldest first: `python3.N` and `python3` of the search
/// path, and the versions of pyenv.
pub(crate) fn interpreters() -> Vec<Interpreter> {
    let mut candidates: Vec<PathBuf> = (8..=14)
        .map(|minor| PathBuf::from(format!("python3.{minor}")))
        .collect();
    candidates.push(PathBuf::from("python3"));
    let pyenv = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".pyenv")));
    if let Some(versions) = pyenv.and_then(|root| fs::read_dir(root.join("versions")).ok()) {
        candidates.extend(
            versions
                .flatten()
                .map(|entry| entry.path().join("bin/python")),
        );
    }
    let mut found: Vec<Interpreter> = Vec::new();
    for interpreter in candidates.iter().filter_map(|path| look_at(path)) {
        if found.iter().all(|known| known.minor != interpreter.minor) {
            found.push(interpreter);
        }
    }
    found.sort_by_key(|interpreter| interpreter.minor);
    found
}

fn look_at(python: &Path) -> Option<Interpreter> {
    let program = "import sys\n\
        if sys.implementation.name == 'cpython' and sys.version_info >= (3, 8):\n\
        \x20   print(sys.version_info[1], sys.executable)";
    let output = Command::new(python).args(["-c", program]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (minor, path) = text.trim().split_once(' ')?;
    Some(Interpreter {
        path: PathBuf::from(path),
        minor: minor.parse().ok()?,
    })
}

/// The interpreter of a virtual environment of `python` that holds `packages` (requirements as pip
/// writes them).
pub(crate) fn venv(python: &str, packages: &[&str]) -> Result<PathBuf, Skip> {
    let cache = cache_folder();
    let name = folder_name(python, packages);
    let folder = cache.join(&name);
    let interpreter = folder.join("bin/python");
    fs::create_dir_all(&cache).expect("the cache of environments can be created");
    let lock = fs::File::create(cache.join(format!("{name}.lock"))).expect("lock file");
    lock.lock().expect("the lock can be taken");
    if folder.join("complete").exists() {
        return Ok(interpreter);
    }
    let failure = cache.join(format!("{name}.failed"));
    if let Some(reason) = recent_failure(&failure) {
        return Err(Skip(reason));
    }
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            panic!("{}: {error}", folder.display())
        }
        _ => {}
    }
    let built = build(python, &folder, &interpreter, packages);
    if let Err(Skip(reason)) = &built {
        fs::write(&failure, reason).expect("the reason can be kept");
    }
    built.map(|()| interpreter)
}

/// `Some` value, or `None` after saying `SKIPPED`; a failure if nothing may be skipped.
pub(crate) fn available<T>(wanted: Result<T, Skip>) -> Option<T> {
    match wanted {
        Ok(value) => Some(value),
        Err(Skip(reason)) if nothing_may_be_skipped() => panic!("{reason}"),
        Err(Skip(reason)) => {
            println!("SKIPPED: {reason}");
            None
        }
    }
}

/// True if a missing package index or interpreter is a failure.
pub(crate) fn nothing_may_be_skipped() -> bool {
    std::env::var_os("AGENT_CONFORMANCE").is_some_and(|value| value == "1")
}

fn build(python: &str, folder: &Path, interpreter: &Path, packages: &[&str]) -> Result<(), Skip> {
    run(Command::new(python).args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--retries", "2"]);
    run(pip.args(packages))?;
    fs::write(folder.join("complete"), "").expect("the marker can be written");
    Ok(())
}

fn run(command: &mut Command) -> Result<(), Skip> {
    let output = command
        .output()
        .map_err(|error| Skip(format!("{command:?}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Skip(format!(
        "{command:?}: {}: {}",
        output.status,
        stderr.trim()
    )))
}

/// Without an index every test would wait for pip's retries again, so that a failure counts for
/// ten minutes.
fn recent_failure(note: &Path) -> Option<String> {
    let age = fs::metadata(note).ok()?.modified().ok()?.elapsed().ok()?;
    (age < Duration::from_mins(10) && !nothing_may_be_skipped())
        .then(|| fs::read_to_string(note).ok())
        .flatten()
}

fn cache_folder() -> PathBuf {
    match std::env::var_os("AGENT_TEST_ENVS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .expect("the target folder")
            .join("test-envs"),
    }
}

fn folder_name(python: &str, packages: &[&str]) -> String {
    let hash = &digest::of_texts([python].into_iter().chain(packages.iter().copied()))[..16];
    let first: String = packages
        .first()
        .map_or("empty", |package| package)
        .to_owned();
    let readable: String = first
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    format!("{readable}-{hash}")
}
