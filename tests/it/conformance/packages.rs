//! Packages from PyPI: their sources, unpacked, and an environment that holds what they need.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::envs::{Skip, venv};

/// The packages that both sides run with. pytest-reportlog writes the reference.
const TOOLS: [&str; 4] = [
    "coverage==7.10.7",
    "pytest-cov==6.2.1",
    "pytest-reportlog==0.4.0",
    "pytest-xdist==3.8.0",
];

/// The suite that the overhead is measured with, too.
pub(crate) const NETWORKX: Package = Package {
    name: "networkx",
    version: "3.4.2",
    pytest: "8.4.2",
    needs: &["numpy>=1.26,<3"],
};

/// A source distribution that brings its tests.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The version of pytest to run it with.
    pub(crate) pytest: &'static str,
    /// Further packages that its tests import.
    pub(crate) needs: &'static [&'static str],
}

/// A package whose tests can be run.
pub(crate) struct Ready {
    pub(crate) source: PathBuf,
    pub(crate) python: PathBuf,
}

/// Downloads, unpacks and installs, or finds what an earlier test run left.
pub(crate) fn prepare(package: &Package) -> Result<Ready, Skip> {
    let downloader = venv("python3", &["pip>=21"])?;
    let source = source(&downloader, package)?;
    let pytest = format!("pytest=={}", package.pytest);
    let editable = format!("--editable={}", source.display());
    let mut requirements = vec![pytest.as_str()];
    requirements.extend(TOOLS);
    requirements.extend(package.needs);
    requirements.push(&editable);
    let python = venv("python3", &requirements)?;
    Ok(Ready { source, python })
}

/// Downloads and unpacks the sources, or finds what an earlier test run left.
pub(crate) fn source_of(package: &Package) -> Result<PathBuf, Skip> {
    source(&venv("python3", &["pip>=21"])?, package)
}

/// The folder of the unpacked sources. It lies beside the environments.
fn source(python: &Path, package: &Package) -> Result<PathBuf, Skip> {
    let cache = python
        .ancestors()
        .nth(3)
        .expect("the cache of environments")
        .join("sources");
    let requirement = format!("{}=={}", package.name, package.version);
    let folder = cache.join(format!("{}-{}", package.name, package.version));
    fs::create_dir_all(&cache).expect("the cache of sources can be created");
    let lock = fs::File::create(cache.join(format!("{requirement}.lock"))).expect("lock file");
    lock.lock().expect("the lock can be taken");
    if !folder.join("complete").exists() {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                panic!("{}: {error}", folder.display())
            }
            _ => {}
        }
        download(python, &requirement, &folder)?;
        fs::write(folder.join("complete"), "").expect("the marker can be written");
    }
    Ok(only_entry(&folder.join("unpacked")))
}

fn download(python: &Path, requirement: &str, folder: &Path) -> Result<(), Skip> {
    let archive = folder.join("archive");
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--no-binary", ":all:", "--dest"])
        .arg(&archive)
        .arg(requirement);
    run(&mut pip)?;
    let unpack = "import shutil, sys; shutil.unpack_archive(*sys.argv[1:])";
    run(Command::new(python)
        .args(["-c", unpack])
        .arg(only_entry(&archive))
        .arg(folder.join("unpacked")))
}

fn run(command: &mut Command) -> Result<(), Skip> {
    let output = command.output().expect("the interpreter starts");
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Skip(format!("{command:?}: {}", stderr.trim())))
}

fn only_entry(folder: &Path) -> PathBuf {
    let entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(entries.len(), 1, "{}: {entries:?}", folder.display());
    entries[0].clone()
}

/// `program` in the sources of a package, as a user of its environment would start it.
pub(crate) fn command(ready: &Ready, program: &Path, out: &Path) -> Command {
    let bin = ready.python.parent().expect("the folder of the programs");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command
        .current_dir(&ready.source)
        .env_clear()
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("HOME", out)
        .env("LANG", "C.UTF-8")
        // The lines that a suite executes depend on the order of its sets.
        .env("PYTHONHASHSEED", "0")
        .env("COVERAGE_FILE", out.join("coverage.data"))
        .stdin(std::process::Stdio::null());
    command
}
