//! The cost of the agent: a real suite under plain pytest and under the agent, in turn.
//!
//! ```text
//! cargo bench --bench overhead                        a part of networkx, three rounds
//! cargo bench --bench overhead -- --full              all of it: half an hour and more
//! cargo bench --bench overhead -- --rounds 5 --no-cov
//! cargo bench --bench overhead -- --empty 50000       tests that do nothing
//! ```
//!
//! A round runs `pytest`, `agent run --no-cov`, `pytest --cov` and `agent run`, each in one
//! process; every second round runs them in reverse, so that a machine that warms up, or gets busy,
//! does not favour one side. The ratio is between the medians. Memory is the high-water mark of the
//! agent's own process (`VmHWM`), not of its children, read while it runs; only Linux tells it.
//!
//! With `--empty`, all that is measured is the cost of a test: the CPU seconds of a project with so
//! many empty tests, without coverage. Those of the agent are its own and the harness's together.
//!
//! The package and its environment are the ones of the conformance tests, made on the first use;
//! that needs a package index.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a program of its own, which starts processes, prints figures and stops at a surprise"
)]

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../tests/it/envs.rs"]
mod envs;
#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../tests/it/conformance/packages.rs"]
mod packages;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use packages::{NETWORKX, Ready, command, prepare};

/// Twenty seconds of graphs: long enough that the start of a process does not matter.
const PART: [&str; 3] = [
    "networkx/algorithms/centrality",
    "networkx/algorithms/isomorphism",
    "networkx/classes",
];
const RATIO_GOAL: f64 = 1.05;
const EMPTY_RATIO_GOAL: f64 = 1.15;
const TESTS_A_FILE: usize = 100;
const MEMORY_GOAL_MB: f64 = 40.0;
/// Short against any run, long against the reading of one small file.
const MEMORY_POLL: Duration = Duration::from_millis(20);

struct Options {
    full: bool,
    rounds: usize,
    coverage: bool,
    /// The number of empty tests, instead of a package.
    empty: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Pytest,
    Agent,
    PytestCov,
    AgentCov,
}

impl Way {
    fn label(self) -> &'static str {
        match self {
            Self::Pytest => "pytest",
            Self::Agent => "agent run --no-cov",
            Self::PytestCov => "pytest --cov",
            Self::AgentCov => "agent run",
        }
    }
}

/// One run of one side.
struct Measured {
    way: Way,
    seconds: f64,
    /// The agent's high-water mark, in megabytes; `None` for plain pytest.
    peak_mb: Option<f64>,
}

fn main() {
    let options = options();
    if let Some(count) = options.empty {
        return empty(count, options.rounds);
    }
    let ready = prepare(&NETWORKX).unwrap_or_else(|skip| panic!("{skip:?}"));
    let paths: &[&str] = if options.full { &[] } else { &PART };
    println!(
        "{} {} ({}), pytest {}, {} CPUs, {} rounds",
        NETWORKX.name,
        NETWORKX.version,
        if options.full { "whole" } else { "a part" },
        NETWORKX.pytest,
        thread::available_parallelism().expect("the number of CPUs"),
        options.rounds,
    );
    warm_up(&ready, paths);
    let mut all = Vec::new();
    for round in 1..=options.rounds {
        let mut ways = vec![Way::Pytest, Way::Agent];
        if options.coverage {
            ways.extend([Way::PytestCov, Way::AgentCov]);
        }
        if round % 2 == 0 {
            ways.reverse();
        }
        for way in ways {
            let measured = measure(&ready, way, paths);
            println!(
                "round {round}  {:<18} {:8.2} s",
                way.label(),
                measured.seconds
            );
            all.push(measured);
        }
    }
    report(&all, &options);
}

fn options() -> Options {
    let mut options = Options {
        full: false,
        rounds: 3,
        coverage: true,
        empty: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // cargo says so to every benchmark.
            "--bench" => {}
            "--full" => options.full = true,
            "--no-cov" => options.coverage = false,
            "--rounds" => {
                let count = args.next().and_then(|count| count.parse().ok());
                options.rounds = count.filter(|count| *count > 0).expect("--rounds N");
            }
            "--empty" => {
                let count = args.next().and_then(|count| count.parse().ok());
                options.empty = Some(count.filter(|count| *count > 0).expect("--empty N"));
            }
            other => panic!("unknown option {other}: --full, --rounds N, --no-cov, --empty N"),
        }
    }
    options
}

/// Compares the CPU seconds of `count` empty tests.
fn empty(count: usize, rounds: usize) {
    let pytest = format!("pytest=={}", NETWORKX.pytest);
    let python = envs::venv("python3", &[&pytest]).unwrap_or_else(|skip| panic!("{skip:?}"));
    let folder = tempfile::tempdir().unwrap();
    for first in (0..count).step_by(TESTS_A_FILE) {
        let tests = (first..count).take(TESTS_A_FILE);
        let tests: Vec<String> = tests.map(|n| format!("def test_{n}(): pass\n")).collect();
        let name = format!("test_{}.py", first / TESTS_A_FILE);
        fs::write(folder.path().join(name), tests.concat()).expect("a file of tests");
    }
    let ready = Ready {
        source: folder.path().to_owned(),
        python,
    };
    println!(
        "{count} empty tests, pytest {}, {rounds} rounds",
        NETWORKX.pytest
    );
    warm_up(&ready, &[]);
    let (mut plain, mut agent) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let mut ways = [(Way::Pytest, &mut plain), (Way::Agent, &mut agent)];
        if round % 2 == 0 {
            ways.reverse();
        }
        for (way, all) in ways {
            let before = children_s();
            measure(&ready, way, &[]);
            let seconds = children_s() - before;
            println!("round {round}  {:<18} {seconds:8.2} CPU s", way.label());
            all.push(seconds);
        }
    }
    let (plain_s, agent_s) = (middle(plain), middle(agent));
    let ratio = agent_s / plain_s;
    println!(
        "\nagent {agent_s:.2} CPU s / pytest {plain_s:.2} CPU s = {ratio:.3} \
         (goal: at most {EMPTY_RATIO_GOAL}, {})",
        verdict(ratio <= EMPTY_RATIO_GOAL),
    );
}

/// CPU seconds of all child processes that have ended, with those of their own children.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds are far below 2^52"
)]
fn children_s() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage of child processes");
    let time = usage.user_time() + usage.system_time();
    time.num_microseconds() as f64 / 1e6
}

/// Byte code is written and files are in the page cache before anything is measured.
fn warm_up(ready: &Ready, paths: &[&str]) {
    let out = tempfile::tempdir().unwrap();
    let mut pytest = command(ready, &ready.python.with_file_name("pytest"), out.path());
    pytest.args(paths).args(["--collect-only", "-q"]);
    finish(&mut pytest, Way::Pytest, out.path());
}

fn measure(ready: &Ready, way: Way, paths: &[&str]) -> Measured {
    let out = tempfile::tempdir().unwrap();
    let mut command = match way {
        Way::Pytest | Way::PytestCov => {
            let mut pytest = command(ready, &ready.python.with_file_name("pytest"), out.path());
            if way == Way::PytestCov {
                pytest.arg("--cov=.");
            }
            pytest.args(paths);
            pytest
        }
        Way::Agent | Way::AgentCov => {
            let mut agent = command(ready, Path::new(env!("CARGO_BIN_EXE_agent")), out.path());
            agent
                .args([
                    "run",
                    // pytest does not try the modules that no test reaches.
                    "--no-include-orphans",
                    "--workers",
                    "1",
                    "--timeout",
                    "7200",
                    "--project",
                    ".",
                ])
                .arg("--python")
                .arg(&ready.python)
                .arg("--db")
                .arg(out.path().join("agent.db"));
            if way == Way::Agent {
                agent.arg("--no-cov");
            }
            agent.arg("--").args(paths);
            agent
        }
    };
    let (seconds, peak_mb) = finish(&mut command, way, out.path());
    let own = matches!(way, Way::Agent | Way::AgentCov);
    Measured {
        way,
        seconds,
        peak_mb: peak_mb.filter(|_| own),
    }
}

/// Runs a command to its end: wall seconds and peak memory in MB. It must succeed.
fn finish(command: &mut Command, way: Way, out: &Path) -> (f64, Option<f64>) {
    let log = out.join("output");
    let file = File::create(&log).expect("a file for the output");
    command
        .stdout(file.try_clone().expect("a second handle"))
        .stderr(file);
    let started = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let peak = follow(&mut child);
    let status = child.wait().expect("the program ends");
    let seconds = started.elapsed().as_secs_f64();
    if !status.success() {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(20).collect();
        let tail: Vec<&str> = lines.into_iter().rev().collect();
        panic!("{}: {status}\n{}", way.label(), tail.join("\n"));
    }
    (seconds, peak.stop())
}

/// Reads a process's high-water mark until it is told to stop.
struct Follower {
    done: std::sync::mpsc::Sender<()>,
    thread: thread::JoinHandle<Option<u64>>,
}

fn follow(child: &mut Child) -> Follower {
    let status = format!("/proc/{}/status", child.id());
    let (done, until_done) = channel::<()>();
    let thread = thread::spawn(move || {
        let mut peak = None;
        loop {
            peak = high_water_kb(&status).max(peak);
            if until_done.recv_timeout(MEMORY_POLL) != Err(RecvTimeoutError::Timeout) {
                return peak;
            }
        }
    });
    Follower { done, thread }
}

impl Follower {
    #[expect(clippy::cast_precision_loss, reason = "kilobytes are far below 2^52")]
    fn stop(self) -> Option<f64> {
        drop(self.done);
        let peak_kb = self.thread.join().expect("the follower ends");
        peak_kb.map(|kb| kb as f64 * 1024.0 / 1e6)
    }
}

fn high_water_kb(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn report(all: &[Measured], options: &Options) {
    println!();
    ratio(all, Way::Pytest, Way::Agent);
    if options.coverage {
        ratio(all, Way::PytestCov, Way::AgentCov);
    }
    match all.iter().filter_map(|run| run.peak_mb).reduce(f64::max) {
        None => println!("peak memory of the agent: not told by this system"),
        Some(peak) => println!(
            "peak memory of the agent: {peak:.1} MB (goal: under {MEMORY_GOAL_MB} MB, {})",
            verdict(peak < MEMORY_GOAL_MB)
        ),
    }
}

fn ratio(all: &[Measured], plain: Way, agent: Way) {
    let (plain_s, agent_s) = (median(all, plain), median(all, agent));
    let ratio = agent_s / plain_s;
    println!(
        "{} {agent_s:.2} s / {} {plain_s:.2} s = {ratio:.3} (goal: at most {RATIO_GOAL}, {})",
        agent.label(),
        plain.label(),
        verdict(ratio <= RATIO_GOAL),
    );
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn median(all: &[Measured], way: Way) -> f64 {
    let runs = all.iter().filter(|run| run.way == way);
    middle(runs.map(|run| run.seconds).collect())
}

fn middle(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    if seconds.len() % 2 == 1 {
        seconds[middle]
    } else {
        f64::midpoint(seconds[middle - 1], seconds[middle])
    }
}
