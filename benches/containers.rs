//! The time that the agent adds to a container: a real suite under plain pytest in `docker run` and
//! under `agent run --use-container`, in turn.
//!
//! ```text
//! cargo bench --bench containers                                  docker, five rounds
//! cargo bench --bench containers -- --runtime podman --rounds 9
//! cargo bench --bench containers -- --image lab:1
//! cargo bench --bench containers -- --image-tar lab.tar.gz        and how long it takes to find
//! ```                                                             that its image is loaded
//!
//! Both sides run the same path of networkx from the same folder in a container of the same image,
//! without coverage and with byte code that is warm. Every second round runs them in reverse. The
//! ratio is between the medians. Needs an engine, and an image that has pytest:
//! `offline/build-image.sh` makes `menace-selftest:1`; and a package index, on the first use.
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

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use menace_agent::engine::child::Cancel;
use menace_agent::engine::container::{Engine, Wanted};
use menace_agent::service::images;
use menace_agent::store::Store;
use packages::{NETWORKX, prepare};
use tempfile::TempDir;

const PATH: &str = "networkx/classes";
const RATIO_GOAL: f64 = 1.10;

/// The time that finding may take, in milliseconds.
const FIND_GOAL: f64 = 50.0;

struct Options {
    runtime: String,
    image: String,
    image_tar: Option<PathBuf>,
    rounds: usize,
}

fn main() {
    let options = options();
    let ready = prepare(&NETWORKX).unwrap_or_else(|skip| panic!("{skip:?}"));
    let project = ready.source.as_path();
    let out = tempfile::tempdir().unwrap();
    println!(
        "{} {}, {PATH}, in {} of {}, {} rounds",
        NETWORKX.name, NETWORKX.version, options.image, options.runtime, options.rounds,
    );
    // Byte code is written before anything is measured.
    plain(&options, project);
    agent(&options, project, &out);
    let (mut plain_s, mut agent_s) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        if round % 2 == 1 {
            plain_s.push(plain(&options, project));
            agent_s.push(agent(&options, project, &out));
        } else {
            agent_s.push(agent(&options, project, &out));
            plain_s.push(plain(&options, project));
        }
        let (plain, agent) = (plain_s[round - 1], agent_s[round - 1]);
        println!("round {round}  pytest {plain:6.2} s  agent {agent:6.2} s");
    }
    let (plain, agent) = (median(plain_s), median(agent_s));
    let ratio = agent / plain;
    let verdict = if ratio <= RATIO_GOAL { "met" } else { "missed" };
    println!(
        "\nagent run {agent:.2} s / {} run pytest {plain:.2} s = {ratio:.3} (goal: at most \
         {RATIO_GOAL:.2}, {verdict})",
        options.runtime
    );
    if let Some(file) = &options.image_tar {
        find(&options, file, &out);
    }
}

fn options() -> Options {
    let mut options = Options {
        runtime: "docker".to_owned(),
        image: "menace-selftest:1".to_owned(),
        image_tar: None,
        rounds: 5,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            // cargo says so to every benchmark.
            "--bench" => {}
            "--runtime" => options.runtime = value(),
            "--image" => options.image = value(),
            "--image-tar" => options.image_tar = Some(value().into()),
            "--rounds" => options.rounds = value().parse().expect("--rounds N"),
            other => panic!("unknown option {other}: --runtime, --image, --image-tar, --rounds"),
        }
    }
    options
}

/// Measures the work of a run with a tarball before it starts a container, when the tarball is on
/// record and its image is in the engine.
fn find(options: &Options, file: &Path, out: &TempDir) {
    let wanted = Wanted {
        runtime: Some(options.runtime.clone()),
        host: None,
    };
    let engine = Engine::detect(&wanted, &Cancel::default()).expect("the engine answers");
    let mut store = Store::open(&out.path().join("find.db"), 0).expect("a state file");
    let file = std::path::absolute(file).unwrap();
    let mut find = || {
        let started = Instant::now();
        let tarball = images::check_tarball(&mut store, &file, &images::platform(Some(&engine)));
        let tarball = tarball.expect("the tarball is whole");
        let loaded = images::load_tarball(&engine, &tarball).expect("the engine takes it");
        (started.elapsed().as_secs_f64(), loaded.loaded)
    };
    find();
    let found: Vec<(f64, bool)> = (0..20).map(|_| find()).collect();
    assert!(found.iter().all(|(_, loaded)| !loaded), "loaded again");
    let ms = 1000.0 * median(found.into_iter().map(|(seconds, _)| seconds).collect());
    let verdict = if ms < FIND_GOAL { "met" } else { "missed" };
    println!("finding a loaded image {ms:.1} ms (goal: under {FIND_GOAL} ms, {verdict})");
}

fn plain(options: &Options, project: &Path) -> f64 {
    let folder = project.display();
    let mut command = Command::new(&options.runtime);
    command
        .args(["run", "--rm", "--network", "none", "--pull", "never"])
        .args(["--volume", &format!("{folder}:{folder}")])
        .args(["--workdir", &folder.to_string()])
        .args(["--entrypoint", "python3", &options.image])
        .args(["-m", "pytest", "-q", PATH]);
    finish(&mut command)
}

fn agent(options: &Options, project: &Path, out: &TempDir) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    command
        .args([
            "run",
            "--no-include-orphans",
            "--require-container",
            "--offline",
            "--no-cov",
        ])
        .args(["--container-runtime", &options.runtime])
        .args(["--container-image", &options.image])
        .arg("--project")
        .arg(project)
        .env("SANDBOX_DATA_DIR", out.path())
        .env_remove("SELF_TEST_PYTHON")
        .arg(project.join(PATH));
    finish(&mut command)
}

/// Runs a command to its end; it must succeed.
fn finish(command: &mut Command) -> f64 {
    command.env_remove("PYTHONDONTWRITEBYTECODE");
    command.stdin(Stdio::null());
    let started = Instant::now();
    let output = command.output().expect("the program starts");
    let seconds = started.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}{complaints}");
    seconds
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    if seconds.len() % 2 == 1 {
        seconds[middle]
    } else {
        f64::midpoint(seconds[middle - 1], seconds[middle])
    }
}
