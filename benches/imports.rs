//! The speed of reading a project's imports: beside `ruff analyze graph`, and beside a plain walk.
//!
//! ```text
//! cargo bench --bench imports                          Home Assistant, eleven rounds
//! cargo bench --bench imports -- --project DIR --rounds 5
//! ```
//!
//! A round measures, each as a whole process: `ruff analyze graph` (it keeps no cache); a scan that
//! remembers nothing; one that remembers everything; one after a change of one file; and a walk
//! that asks for size and time of every file, one after the other. Every second round goes
//! backwards. Ratios are between the medians.
//!
//! The walk is this program itself, started again; a scan is `agent orphans scan --json`.
//!
//! Without `--project`, a wheel with over 6,000 modules is unpacked into the target folder on the
//! first use, and a test that reaches them is written; that, and ruff, need a package index.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a program of its own, which starts processes, prints figures and stops at a surprise"
)]

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../tests/it/envs.rs"]
mod envs;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use menace_agent::source::{ScanError, ScanOptions, scan};
use menace_agent::store::Store;

const WHEEL: &str = "homeassistant==2025.4.4";
const RUFF: &str = "ruff==0.17.6";

/// The most that each may take of what it is compared with.
const COLD_GOAL: f64 = 0.5;
const WARM_GOAL: f64 = 1.0 / 15.0;
const WALK_GOAL: f64 = 3.0;
const CHANGE_GOAL_MS: f64 = 10.0;

/// The first argument of this program when it is one of the processes that are measured.
const WALK: &str = "measured-walk";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Ruff,
    Cold,
    Warm,
    Changed,
    Walk,
}

impl Way {
    const ALL: [Self; 5] = [
        Self::Ruff,
        Self::Cold,
        Self::Warm,
        Self::Changed,
        Self::Walk,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Ruff => "ruff analyze graph",
            Self::Cold => "scan, cold",
            Self::Warm => "scan, warm",
            Self::Changed => "scan, one file changed",
            Self::Walk => "walk with stat",
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        [WALK, project] => measured_walk(Path::new(project)),
        _ => compare(&words),
    }
}

fn compare(args: &[&str]) {
    let (project, rounds) = options(args);
    let ruff = envs::venv("python3", &[RUFF]).unwrap_or_else(|skip| panic!("{skip:?}"));
    let states = tempfile::tempdir().expect("a folder for state files");
    let bench = Bench {
        victim: victim(&project),
        project,
        ruff: ruff.with_file_name("ruff"),
        cold: states.path().join("cold.db"),
        warm: states.path().join("warm.db"),
    };
    let files = bench.warm_up();
    println!("{files} Python files in {}", bench.project.display());
    let mut all = Vec::new();
    for round in 0..rounds {
        let mut ways = Way::ALL;
        if round % 2 == 1 {
            ways.reverse();
        }
        all.extend(ways.map(|way| (way, bench.measure(way))));
    }
    report(&all);
}

fn options(args: &[&str]) -> (PathBuf, usize) {
    let (mut project, mut rounds) = (None, 11);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            // cargo says so to every benchmark.
            "--bench" => {}
            "--project" => project = args.next().map(PathBuf::from),
            "--rounds" => {
                let count = args.next().and_then(|count| count.parse().ok());
                rounds = count.filter(|count| *count > 0).expect("--rounds N");
            }
            other => panic!("unknown option {other}: --project DIR, --rounds N"),
        }
    }
    let project = project.unwrap_or_else(sample_project);
    (
        project.canonicalize().expect("the project is there"),
        rounds,
    )
}

/// The folder of the unpacked wheel, with a test that reaches its modules.
fn sample_project() -> PathBuf {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("imports");
    let project = cache.join("project");
    let done = cache.join("complete-with-test");
    if done.exists() {
        return project;
    }
    fs::create_dir_all(&project).expect("the folder of the sample can be made");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--only-binary=:all:", "--python-version", "3.13", "--dest"])
        .args([cache.as_os_str(), OsStr::new(WHEEL)]);
    run(&mut pip);
    let entries = fs::read_dir(&cache).expect("the folder can be listed");
    let wheel = entries
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|suffix| suffix == "whl"))
        .expect("pip downloads a wheel");
    let mut unzip = Command::new("python3");
    unzip.args(["-m", "zipfile", "-e"]).args([&wheel, &project]);
    run(&mut unzip);
    // A file of the wheel refers to it.
    fs::write(project.join("pyproject.toml"), "[tool.ruff]\n").expect("a file is written");
    write_test(&project);
    fs::write(done, "").expect("the marker is written");
    project
}

/// A test that imports every module. The wheel has none, and every module would be an orphan: a
/// warm scan then lists and prints eight thousand of them, which took a sixth of its time.
fn write_test(project: &Path) {
    let options = ScanOptions {
        project,
        data_dir: &project.join("sandbox_data"),
        exclude: &[],
        texts: &[],
    };
    let nothing = || Ok::<_, ScanError>(Vec::new());
    let files = scan(&options, nothing).expect("the project can be scanned");
    let names = files.files.iter().filter_map(|file| {
        let name = file.path.strip_suffix(".py")?;
        Some(
            name.strip_suffix("/__init__")
                .unwrap_or(name)
                .replace('/', "."),
        )
    });
    let imports: String = names
        .map(|name| ["import ", &name, "\n"].concat())
        .collect();
    let folder = project.join("tests");
    fs::create_dir_all(&folder).expect("the folder of the test can be made");
    let text = imports + "def test_nothing(): pass\n";
    fs::write(folder.join("test_imports.py"), text).expect("the test is written");
}

fn run(command: &mut Command) {
    let status = command.status().expect("the program starts");
    assert!(status.success(), "{command:?}: {status}");
}

/// The file that is changed: a large one, which is the worst case.
fn victim(project: &Path) -> PathBuf {
    let options = ScanOptions {
        project,
        data_dir: &project.join("sandbox_data"),
        exclude: &[],
        texts: &[],
    };
    let files = scan(&options, || Ok::<_, ScanError>(Vec::new()));
    let files = files.expect("the project can be scanned");
    let paths = files.files.iter().map(|file| project.join(&file.path));
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let small = paths.filter(|path| size(path) < 100_000);
    small.max_by_key(size).expect("a Python file")
}

struct Bench {
    project: PathBuf,
    ruff: PathBuf,
    /// The state file of scans that remember nothing.
    cold: PathBuf,
    warm: PathBuf,
    victim: PathBuf,
}

impl Bench {
    /// Files are in the page cache, and the warm state file knows them.
    fn warm_up(&self) -> usize {
        self.time(&mut self.scan_command(&self.warm));
        let store = Store::open(&self.warm, 0).expect("the state file opens");
        store.known_files().expect("it can be read").len()
    }

    /// The milliseconds that one whole process takes.
    fn measure(&self, way: Way) -> f64 {
        match way {
            Way::Ruff => {
                let mut ruff = Command::new(&self.ruff);
                ruff.args(["analyze", "graph"]);
                self.time(&mut ruff)
            }
            Way::Cold => {
                forget(&self.cold);
                self.time(&mut self.scan_command(&self.cold))
            }
            Way::Warm => self.time(&mut self.scan_command(&self.warm)),
            Way::Changed => self.with_a_change(),
            Way::Walk => {
                let mut walk = Command::new(itself());
                walk.arg(WALK).arg(&self.project);
                self.time(&mut walk)
            }
        }
    }

    fn scan_command(&self, db: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
        command.args(["orphans", "scan", "--json", "--project"]);
        command.arg(&self.project).arg("--db").arg(db);
        command
    }

    /// Changes a file, measures a scan, and leaves all as it was.
    fn with_a_change(&self) -> f64 {
        let before = fs::read(&self.victim).expect("the file can be read");
        let modified = fs::metadata(&self.victim).and_then(|metadata| metadata.modified());
        let mut after = before.clone();
        after.extend(b"\nimport changed_by_a_benchmark\n");
        fs::write(&self.victim, after).expect("the file can be written");
        let changed_ms = self.time(&mut self.scan_command(&self.warm));
        fs::write(&self.victim, before).expect("the file can be written");
        let file = File::options().write(true).open(&self.victim);
        file.expect("the file opens")
            .set_modified(modified.expect("a time"))
            .expect("its time can be set");
        self.time(&mut self.scan_command(&self.warm));
        changed_ms
    }

    fn time(&self, command: &mut Command) -> f64 {
        command
            .current_dir(&self.project)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        let status = command.status().expect("the program starts");
        let seconds = started.elapsed().as_secs_f64();
        assert!(status.success(), "{command:?}: {status}");
        seconds * 1e3
    }
}

fn itself() -> PathBuf {
    std::env::current_exe().expect("the path of this program")
}

fn forget(db: &Path) {
    let mut store = Store::open(db, 0).expect("the state file opens");
    let known = store.known_files().expect("it can be read");
    let paths: Vec<String> = known.into_iter().map(|file| file.path).collect();
    store
        .put_known_files(&[], &paths)
        .expect("it can be written");
}

fn measured_walk(folder: &Path) {
    println!("{} bytes", bytes_below(folder));
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("the folder can be listed");
    let sizes = entries.map(|entry| {
        let entry = entry.expect("an entry");
        let metadata = entry.metadata().expect("its size");
        if metadata.is_dir() {
            bytes_below(&entry.path())
        } else {
            metadata.len()
        }
    });
    sizes.sum()
}

fn report(all: &[(Way, f64)]) {
    for way in Way::ALL {
        println!("{:<24} {:9.1} ms", way.label(), median(all, way));
    }
    println!();
    ratio(all, Way::Cold, Way::Ruff, COLD_GOAL);
    ratio(all, Way::Warm, Way::Ruff, WARM_GOAL);
    ratio(all, Way::Warm, Way::Walk, WALK_GOAL);
    let change_ms = median(all, Way::Changed) - median(all, Way::Warm);
    println!(
        "one file changed, more than warm: {change_ms:.1} ms (goal: at most {CHANGE_GOAL_MS}, {})",
        verdict(change_ms <= CHANGE_GOAL_MS)
    );
}

fn ratio(all: &[(Way, f64)], way: Way, other: Way, goal: f64) {
    let ratio = median(all, way) / median(all, other);
    println!(
        "{} / {} = {ratio:.3} (goal: at most {goal:.3}, {})",
        way.label(),
        other.label(),
        verdict(ratio <= goal),
    );
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn median(all: &[(Way, f64)], way: Way) -> f64 {
    let of_way = all.iter().filter(|(measured, _)| *measured == way);
    let mut times: Vec<f64> = of_way.map(|(_, ms)| *ms).collect();
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len() % 2 == 1 {
        times[middle]
    } else {
        f64::midpoint(times[middle - 1], times[middle])
    }
}
