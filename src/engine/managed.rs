//! A private environment for a project whose interpreter has no pytest.
//!
//! A venv under the data folder, made by that interpreter, with pytest, coverage.py and
//! pytest-xdist; the packages of the project's own environment come first on its path, editable
//! installs included, so that the project is tested with what it has. It is made once: a marker
//! file, written last, says that it is whole, and a half-made folder is made again.
//!
//! A folder of wheels may hold a `requirements.txt`, as `offline/fetch-wheels.sh` writes it: what
//! it lists is installed as well. Another list is another environment, because a run may be using
//! the earlier one; without a folder of wheels the one that was made last serves.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::Deserialize;

use super::child::{CANCEL_LATENCY, Cancel};
use super::process::{ProcessError, ProcessSpec, run_unless};
use crate::diag::Hint;
use crate::links;
use crate::model::digest;

/// The packages that pip installs. xdist and coverage.py serve `--workers` and coverage.
const PACKAGES: [&str; 3] = ["pytest>=7", "coverage", "pytest-xdist"];
const MARKER: &str = "ready.json";
/// The file in a folder of wheels that lists further packages.
const REQUIREMENTS: &str = "requirements.txt";
/// Thousands of packages take a tenth of it.
const REQUIREMENTS_LIMIT_BYTES: u64 = 1024 * 1024;
/// An installation over a slow link, or from a slow disk.
const INSTALL_LIMIT: Duration = Duration::from_mins(10);
const VENV_LIMIT: Duration = Duration::from_mins(3);
const PROBE_LIMIT: Duration = Duration::from_mins(1);
/// Asks an interpreter for the folders of its packages, the user site included if it is in use, and
/// for the modules that it needs to make an environment and lacks.
const PROBE: &str = "import importlib.util, json, site, sys, sysconfig\n\
    dirs = [sysconfig.get_paths()[k] for k in ('purelib', 'platlib')]\n\
    dirs += getattr(site, 'getsitepackages', lambda: [])()\n\
    dirs += [site.getusersitepackages()] if site.ENABLE_USER_SITE else []\n\
    json.dump({'executable': sys.executable, 'version': sys.version.split()[0],\
    'prefix': sys.prefix, 'dirs': sorted(set(dirs), key=dirs.index),\
    'lacks': [m for m in ('venv', 'ensurepip') if importlib.util.find_spec(m) is None]}, sys.stdout)";
/// Imported at each start of the environment's interpreter: the project's packages, with their own
/// `.pth` files, go before ours.
const PATH_MODULE: &str = "\
import site, sys

_end = len(sys.path)
for _folder in @DIRS@:
    site.addsitedir(_folder)
_new = sys.path[_end:]
del sys.path[_end:]
_at = sys.path.index(@SITE@) if @SITE@ in sys.path else _end
sys.path[_at:_at] = _new
";
const PATH_MODULE_NAME: &str = "_project_packages";

/// The input from which an environment is made.
#[derive(Debug, Clone)]
pub struct ManagedSpec {
    /// The project's interpreter, which makes the venv.
    pub python: PathBuf,
    /// The project, as working directory of the commands.
    pub project: PathBuf,
    /// The agent's data folder; environments are in its folder `env`.
    pub data_dir: PathBuf,
    /// True if the package index must not be asked.
    pub offline: bool,
    /// A folder of wheels, asked first, and alone when offline; pip also installs the packages that
    /// its `requirements.txt` lists.
    pub wheels: Option<PathBuf>,
    /// Ends the making of it early.
    pub cancel: Cancel,
}

/// An environment that is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedEnv {
    /// The `bin/python` of the environment.
    pub python: PathBuf,
    /// True if this call made it.
    pub created: bool,
}

/// The reason why there is no environment.
#[derive(Debug, thiserror::Error)]
pub enum ManagedError {
    /// The project's interpreter does not tell where its packages are.
    #[error("cannot ask `{}` for its packages", .python.display())]
    Probe {
        python: PathBuf,
        #[source]
        source: ProcessError,
    },
    /// The answer of the interpreter is not the JSON that was asked for.
    #[error("`{}` did not answer as a Python interpreter: {answer}", .python.display())]
    Answer {
        python: PathBuf,
        /// The start of its answer.
        answer: String,
    },
    /// The interpreter comes without what makes environments, as Debian's does.
    #[error("`{}` has no pytest, and cannot make an environment: it has no module `{module}`", .python.display())]
    NoVenv {
        python: PathBuf,
        /// The first module that it lacks.
        module: String,
    },
    /// The interpreter has no pytest, the agent is offline, and there is no folder of wheels.
    #[error("`{}` has no pytest, and without a folder of wheels none can be installed offline", .0.display())]
    NoWheels(PathBuf),
    /// The venv could not be made.
    #[error("cannot make the environment `{}`", .path.display())]
    Venv {
        path: PathBuf,
        #[source]
        source: ProcessError,
    },
    /// The packages could not be installed.
    #[error("cannot install pytest into `{}`", .path.display())]
    Install {
        path: PathBuf,
        /// True if the folder of wheels was the only source.
        offline: bool,
        #[source]
        source: ProcessError,
    },
    /// The list of a folder of wheels could not be read.
    #[error("cannot read `{}`", .path.display())]
    Requirements {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file of the environment could not be written.
    #[error("cannot write `{}`", .path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Hint for ManagedError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Probe { .. } | Self::Answer { .. } => {
                "pass `--python` the interpreter that has the project's packages".to_owned()
            }
            Self::NoVenv { .. } => {
                "`apt-get install python3-venv` on Debian and Ubuntu; or install \
                 pytest into it, or pass `--python` another interpreter"
                    .to_owned()
            }
            Self::NoWheels(_) => "on a connected machine run `pip download pytest coverage \
                 pytest-xdist -d wheels`, copy the folder here and pass `--wheels wheels`"
                .to_owned(),
            Self::Venv { .. } => "install pytest into the interpreter and try again, or pass \
                 `--python` another one"
                .to_owned(),
            Self::Install { offline: true, .. } => "the folder of `--wheels` needs wheels of \
                 pytest, coverage and pytest-xdist, with all they require, for this Python"
                .to_owned(),
            Self::Install { offline: false, .. } => "without a package index pass `--offline \
                 --wheels DIR`; or install pytest into the project's own environment"
                .to_owned(),
            Self::Requirements { .. } => "it is the list of a folder of wheels, a package a line; \
                 `offline/fetch-wheels.sh` makes both"
                .to_owned(),
            Self::Write { .. } => {
                "choose another data folder with SANDBOX_DATA_DIR, or make room".to_owned()
            }
        })
    }
}

#[derive(Debug, Deserialize)]
struct Site {
    executable: String,
    version: String,
    prefix: String,
    dirs: Vec<String>,
    lacks: Vec<String>,
}

/// The list of a folder of wheels: its path, for pip, and its text, for the key.
struct Requirements {
    path: PathBuf,
    text: String,
}

/// Returns the environment for an interpreter, and makes it if it is not there.
pub fn provide(spec: &ManagedSpec) -> Result<ManagedEnv, ManagedError> {
    let site = probe(spec)?;
    let requirements = requirements(spec.wheels.as_deref())?;
    let parent = spec.data_dir.join("env");
    let mut key = environment_key(&site);
    if spec.wheels.is_none()
        && let Some(folder) = made_last(&parent, &key)
    {
        return Ok(ManagedEnv::in_folder(&folder, false));
    }
    if let Some(list) = &requirements {
        key = format!("{key}-{}", &digest::of_texts([list.text.as_str()])[..8]);
    }
    let folder = parent.join(&key);
    let writing = |path: &Path| {
        let path = path.to_owned();
        move |source| ManagedError::Write { path, source }
    };
    let lock_path = parent.join(format!("{key}.lock"));
    for path in [&folder, &lock_path] {
        links::keep_in(path, &spec.data_dir).map_err(writing(path))?;
    }
    fs::create_dir_all(&parent).map_err(writing(&parent))?;
    let lock_file = File::create(&lock_path).map_err(writing(&lock_path))?;
    // Two agents that start together make one environment; the lock ends with the file handle.
    let _lock = lock(lock_file, &spec.cancel).map_err(writing(&lock_path))?;
    if folder.join(MARKER).is_file() {
        return Ok(ManagedEnv::in_folder(&folder, false));
    }
    if spec.offline && spec.wheels.is_none() {
        return Err(ManagedError::NoWheels(spec.python.clone()));
    }
    if let Some(module) = site.lacks.first() {
        return Err(ManagedError::NoVenv {
            python: spec.python.clone(),
            module: module.clone(),
        });
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(writing(&folder))?;
    }
    create(spec, &site, requirements.as_ref(), &folder)?;
    Ok(ManagedEnv::in_folder(&folder, true))
}

impl ManagedEnv {
    fn in_folder(folder: &Path, created: bool) -> Self {
        Self {
            python: folder.join("bin/python"),
            created,
        }
    }
}

fn requirements(wheels: Option<&Path>) -> Result<Option<Requirements>, ManagedError> {
    let Some(path) = wheels.map(|wheels| wheels.join(REQUIREMENTS)) else {
        return Ok(None);
    };
    if !path.is_file() {
        return Ok(None);
    }
    match read_bounded(&path) {
        Ok(text) => Ok(Some(Requirements { path, text })),
        Err(source) => Err(ManagedError::Requirements { path, source }),
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let limit = REQUIREMENTS_LIMIT_BYTES + 1;
    File::open(path)?.take(limit).read_to_string(&mut text)?;
    if text.len() as u64 == limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is larger than 1 MiB",
        ));
    }
    Ok(text)
}

/// The newest whole environment whose name begins with an interpreter's key.
fn made_last(parent: &Path, key: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(parent).ok()?.flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(key))
        .filter_map(|entry| {
            let marker = fs::metadata(entry.path().join(MARKER)).ok()?;
            Some((marker.modified().ok()?, entry.path()))
        })
        .max()
        .map(|(_, folder)| folder)
}

/// Another agent may hold the lock for as long as an installation takes.
fn lock(mut file: File, cancel: &Cancel) -> io::Result<Flock<File>> {
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((_, errno)) if errno != Errno::EWOULDBLOCK || cancel.is_cancelled() => {
                return Err(errno.into());
            }
            Err((refused, _)) => file = refused,
        }
        thread::park_timeout(CANCEL_LATENCY);
    }
}

fn probe(spec: &ManagedSpec) -> Result<Site, ManagedError> {
    let command = ProcessSpec::new(&spec.python, &spec.project).args(["-c", PROBE]);
    let answer =
        run_unless(&command, PROBE_LIMIT, &spec.cancel).map_err(|source| ManagedError::Probe {
            python: spec.python.clone(),
            source,
        })?;
    serde_json::from_str(&answer.stdout).map_err(|_| ManagedError::Answer {
        python: spec.python.clone(),
        answer: answer.stdout.chars().take(200).collect(),
    })
}

/// One environment for each interpreter; a new Python version under the same path is a new one.
fn environment_key(site: &Site) -> String {
    let key = digest::of_texts([site.executable.as_str(), &site.prefix, &site.version]);
    format!("py{}-{}", site.version, &key[..12])
}

fn create(
    spec: &ManagedSpec,
    site: &Site,
    requirements: Option<&Requirements>,
    folder: &Path,
) -> Result<(), ManagedError> {
    let python = folder.join("bin/python");
    let venv = ProcessSpec::new(&spec.python, &spec.project)
        .args(["-m", "venv"])
        .args([folder]);
    run_unless(&venv, VENV_LIMIT, &spec.cancel).map_err(|source| ManagedError::Venv {
        path: folder.to_owned(),
        source,
    })?;
    let mut pip = ProcessSpec::new(&python, &spec.project).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]);
    if let Some(wheels) = &spec.wheels {
        pip = pip.args(["--find-links"]).args([wheels]);
    }
    if spec.offline {
        pip = pip.args(["--no-index"]);
    }
    if let Some(list) = requirements {
        pip = pip.args(["--requirement"]).args([&list.path]);
    }
    run_unless(&pip.args(PACKAGES), INSTALL_LIMIT, &spec.cancel).map_err(|source| {
        ManagedError::Install {
            path: folder.to_owned(),
            offline: spec.offline,
            source,
        }
    })?;
    let own = probe(&ManagedSpec {
        python,
        ..spec.clone()
    })?;
    let own_site = own.dirs.first().cloned().unwrap_or_default();
    // A JSON string or list of strings is a Python literal as well.
    let module = PATH_MODULE
        .replace("@DIRS@", &serde_json::json!(site.dirs).to_string())
        .replace("@SITE@", &serde_json::json!(own_site).to_string());
    let own_site = Path::new(&own_site);
    write_whole(
        &own_site.join(PATH_MODULE_NAME).with_extension("py"),
        module.as_bytes(),
    )?;
    let import = format!("import {PATH_MODULE_NAME}\n");
    write_whole(
        &own_site.join(PATH_MODULE_NAME).with_extension("pth"),
        import.as_bytes(),
    )?;
    let marker = serde_json::json!({ "python": site.executable, "version": site.version });
    write_whole(&folder.join(MARKER), marker.to_string().as_bytes())
}

fn write_whole(path: &Path, content: &[u8]) -> Result<(), ManagedError> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|source| ManagedError::Write {
        path: path.to_owned(),
        source,
    })
}
