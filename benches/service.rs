//! A service over a long time: cycles with kills, memory, wake-ups.
//!
//! ```text
//! cargo bench --bench service                        200 cycles twice, then two quiet minutes
//! cargo bench --bench service -- --cycles 50 --idle 30 --seed 7
//! cargo bench --bench service -- --neighbours
//! .ci/engines cargo bench --bench service -- --containers
//! ```
//!
//! The first part kills the processes of cycles and of tests at random, never the agent itself, and
//! compares the agent's memory after 20 cycles with its memory at the end. The second part kills
//! the agent as well, and starts it again as a service manager would. After both, every cycle that
//! began must have a row with a true outcome: passed if nothing was killed while it ran, and never
//! passed with a test that is missing.
//!
//! With `--neighbours` both are done once more while another agent cleans up all the time, which
//! sees another process space: first that one, then the service is in a space of its own (`unshare`;
//! there the agent is not killed, as nobody could tell for two minutes that it is gone). What is
//! true without a neighbour has to be true with one.
//!
//! The third part leaves the agent alone and counts its
//! wake-ups, which are the context switches of all its threads (`/proc`, so only on Linux).
//!
//! With `--containers` the cycles run in docker, from the tarball of `.ci/engines`; then only the
//! second part is done, and no container may be left either.
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

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

/// The number of tests in the project.
const TESTS: i64 = 30;
const INTERVAL: &str = "0.5";
/// The time between two looks at the state file.
const PAUSE: Duration = Duration::from_millis(20);
/// A service that makes no progress for so long hangs.
const PATIENCE: Duration = Duration::from_mins(2);
/// Cycles in a row that fail by a kill before one is left alone.
const MOST_FAILURES: i64 = 3;
const MEMORY_GOAL_MB: f64 = 12.0;
const GROWTH_GOAL: f64 = 1.05;

struct Options {
    cycles: i64,
    idle_s: u64,
    seed: u64,
    containers: bool,
    neighbours: bool,
}

fn main() {
    let options = options();
    let python = envs::venv("python3", &["pytest", "coverage", "pytest-xdist"])
        .unwrap_or_else(|skip| panic!("{skip:?}"));
    println!("{} cycles, seed {}", options.cycles, options.seed);
    let mut chance = Chance(options.seed);
    if options.containers {
        println!("kills of the agent too, in containers:");
        let mut lab = Lab::new(&python);
        let tarball = std::env::var("AGENT_TEST_IMAGE_TAR").expect("`.ci/engines` names it");
        let wishes = [
            "--require-container",
            "--container-runtime",
            "docker",
            "--image-tar",
        ];
        lab.wishes = wishes.map(str::to_owned).into();
        lab.wishes.push(tarball);
        soak(&lab, options.cycles, &mut chance, true);
        no_container_is_left();
        return;
    }
    if options.neighbours {
        println!("kills of the agent too, beside a neighbour in a process space of its own:");
        let mut lab = Lab::new(&python);
        lab.neighbour = Some(Space::Own);
        soak(&lab, options.cycles, &mut chance, true);
        println!("kills of cycles and of tests in a process space, from outside and beside:");
        let mut lab = Lab::new(&python);
        (lab.space, lab.neighbour) = (Space::Own, Some(Space::Here));
        soak(&lab, options.cycles, &mut chance, false);
        return;
    }
    println!("kills of cycles and of tests, not of the agent:");
    let lab = Lab::new(&python);
    soak(&lab, options.cycles, &mut chance, false);
    println!("kills of the agent too:");
    let lab = Lab::new(&python);
    soak(&lab, options.cycles, &mut chance, true);
    println!("idle for {} s:", options.idle_s);
    idle(&Lab::new(&python), options.idle_s);
}

fn options() -> Options {
    let mut options = Options {
        cycles: 200,
        idle_s: 120,
        seed: 1,
        containers: false,
        neighbours: false,
    };
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = args.next() {
        let mut number = || -> u64 {
            args.next()
                .and_then(|it| it.parse().ok())
                .expect("a number")
        };
        match arg.as_str() {
            "--cycles" => options.cycles = number().try_into().expect("a number of cycles"),
            "--idle" => options.idle_s = number(),
            "--seed" => options.seed = number(),
            "--containers" => options.containers = true,
            "--neighbours" => options.neighbours = true,
            other => panic!("unknown option {other}"),
        }
    }
    options
}

/// Numbers that look random and are the same for one seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// The process space that an agent sees.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    Here,
    /// One in which it and what it starts are alone.
    Own,
}

impl Space {
    fn agent(self) -> Command {
        let agent = env!("CARGO_BIN_EXE_agent");
        match self {
            Self::Here => Command::new(agent),
            Self::Own => {
                let mut unshare = Command::new("unshare");
                let options = ["--pid", "--fork", "--mount-proc", "--kill-child"];
                unshare.args(options).arg("--").arg(agent);
                unshare
            }
        }
    }
}

struct Lab {
    folder: TempDir,
    python: PathBuf,
    space: Space,
    /// The process space of another agent, which cleans up all the time.
    neighbour: Option<Space>,
    /// Further arguments of `run-scheduled`.
    wishes: Vec<String>,
}

impl Lab {
    fn new(python: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        let source = "import pytest, time\n\
            @pytest.mark.parametrize('n', range(10))\n\
            def test_number(n): time.sleep(0.005)\n";
        for name in ["test_a.py", "test_b.py", "test_c.py"] {
            fs::write(folder.path().join(name), source).unwrap();
        }
        Self {
            folder,
            python: python.to_owned(),
            space: Space::Here,
            neighbour: None,
            wishes: Vec::new(),
        }
    }

    fn start(&self, args: &[&str]) -> Child {
        let first = ["run-scheduled", "--no-cov", "--no-include-orphans", "-q"];
        let mut agent = self.space.agent();
        agent
            .args(first)
            .args(&self.wishes)
            .args(args)
            .current_dir(self.folder.path())
            .env("SELF_TEST_PYTHON", &self.python)
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn rows(&self, sql: &str) -> Vec<Vec<i64>> {
        let path = self.folder.path().join("sandbox_data/agent.db");
        let Ok(db) = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY) else {
            return Vec::new();
        };
        db.busy_timeout(PATIENCE).unwrap();
        // Before the first start there is nothing to ask.
        let Ok(mut query) = db.prepare(sql) else {
            return Vec::new();
        };
        let columns = query.column_count();
        let rows = query.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn number(&self, sql: &str) -> i64 {
        self.rows(sql).first().map_or(0, |row| row[0])
    }

    fn ended(&self) -> i64 {
        self.number("SELECT count(*) FROM cycle WHERE finished_ms IS NOT NULL")
    }
}

/// A kill: when, UTC milliseconds since the epoch, and of what.
struct Kill {
    at_ms: i64,
    what: &'static str,
}

fn soak(lab: &Lab, cycles: i64, chance: &mut Chance, kill_agent: bool) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        if let Some(space) = lab.neighbour {
            let is_over = &is_over;
            scope.spawn(move || clean_up(lab, space, is_over));
        }
        let _over = SetAtEnd(&is_over);
        soak_alone(lab, cycles, chance, kill_agent);
    });
}

/// A service that does not outlive this program if it stops at a surprise.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Sets it also after a panic.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Cleans up as an agent would that shares the state file, again and again.
fn clean_up(lab: &Lab, space: Space, is_over: &AtomicBool) {
    let mut times = 0;
    while !is_over.load(Ordering::Relaxed) {
        let output = space
            .agent()
            .arg("cleanup")
            .current_dir(lab.folder.path())
            .output()
            .expect("`unshare` and the agent can be started");
        // An engine that does not answer is 3, and no matter here.
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 3)), "cleanup: {output:?}");
        times += 1;
    }
    println!("  a neighbour cleaned up {times} times");
}

fn soak_alone(lab: &Lab, cycles: i64, chance: &mut Chance, kill_agent: bool) {
    let mut agent = Service(lab.start(&["--interval", INTERVAL, "--run-now"]));
    let mut kills: Vec<Kill> = Vec::new();
    let mut memory = Vec::new();
    let mut progress = (0, Instant::now());
    let mut next_kill = Instant::now() + Duration::from_millis(500);
    loop {
        thread::sleep(PAUSE);
        let ended = lab.ended();
        if ended != progress.0 {
            progress = (ended, Instant::now());
            memory.push((ended, resident_kb(agent.0.id())));
        }
        assert!(
            progress.1.elapsed() < PATIENCE,
            "no cycle ended after {ended}"
        );
        if ended >= cycles {
            break;
        }
        // A service waits longer and longer between cycles that fail, up to minutes.
        let failures = lab.number("SELECT failures FROM schedule_state");
        if Instant::now() < next_kill || failures >= MOST_FAILURES {
            continue;
        }
        // A cycle in containers takes longer, and most of them should have a chance.
        let slower = if lab.wishes.is_empty() { 1 } else { 6 };
        next_kill = Instant::now() + slower * Duration::from_millis(300 + chance.below(1_500));
        let what = match chance.below(if kill_agent { 3 } else { 2 }) {
            0 => one_of(
                lab,
                "SELECT process_pid FROM cycle WHERE finished_ms IS NULL AND process_pid IS NOT NULL",
                "cycle",
            ),
            1 => one_of(
                lab,
                "SELECT pid FROM process WHERE ended_ms IS NULL",
                "tests",
            ),
            _ => {
                agent.0.kill().unwrap();
                agent.0.wait().unwrap();
                Some("agent")
            }
        };
        kills.extend(what.map(|what| Kill {
            at_ms: now_ms(),
            what,
        }));
        if what == Some("agent") {
            agent = Service(lab.start(&["--interval", INTERVAL]));
        }
    }
    let stopped_ms = now_ms();
    let service = match lab.space {
        Space::Here => i64::from(agent.0.id()),
        // `unshare` does not pass signals on.
        Space::Own => here(lab, 1).expect("the service runs"),
    };
    kill(pid(service), Signal::SIGTERM).unwrap();
    agent.0.wait().unwrap();
    report(lab, &kills, stopped_ms);
    let at = |cycle: i64| {
        memory
            .iter()
            .find(|(ended, _)| *ended >= cycle)
            .map(|(_, kb)| *kb)
    };
    let is_plain = !kill_agent && lab.space == Space::Here;
    if let (true, Some(early), Some((_, late))) = (is_plain, at(20), memory.last()) {
        let ratio = megabytes(*late) / megabytes(early);
        println!(
            "  resident after 20 cycles {:.2} MB, after {cycles} {:.2} MB: {ratio:.3} (goal {GROWTH_GOAL})",
            megabytes(early),
            megabytes(*late),
        );
    }
}

/// Kills a process that the state file names.
fn one_of(lab: &Lab, sql: &str, what: &'static str) -> Option<&'static str> {
    let found = lab.rows(sql).first().map(|row| row[0])?;
    let found = here(lab, found)?;
    kill(pid(found), Signal::SIGKILL).ok().map(|()| what)
}

/// The number that a process of the service has here.
fn here(lab: &Lab, number: i64) -> Option<i64> {
    if lab.space == Space::Here {
        return Some(number);
    }
    let folder = lab.folder.path().canonicalize().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut numbers = processes.filter_map(|entry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let spaces = status.lines().find(|line| line.starts_with("NSpid:"))?;
        let inside: Vec<i64> = spaces
            .split_whitespace()
            .skip(1)
            .map(|number| number.parse().unwrap())
            .collect();
        let is_it = inside.len() > 1 && inside.last() == Some(&number);
        let cwd = fs::read_link(entry.path().join("cwd")).ok()?;
        (is_it && cwd == folder).then(|| inside[0])
    });
    numbers.next()
}

/// Looks at every cycle, and stops at one whose row is not true. One more than was wished for may
/// have begun before the agent was told to stop, which it does not have to pass.
fn report(lab: &Lab, kills: &[Kill], stopped_ms: i64) {
    let of = |what: &str| kills.iter().filter(|kill| kill.what == what).count();
    println!(
        "  {} kills: {} of cycles, {} of tests, {} of the agent",
        kills.len(),
        of("cycle"),
        of("tests"),
        of("agent")
    );
    let rows = lab.rows(
        "SELECT c.cycle_id, c.started_ms, c.finished_ms, c.outcome = 'passed',
             coalesce(r.passed, 0), coalesce(r.outcome = c.outcome, c.outcome IN ('not_started', 'interrupted'))
         FROM cycle c LEFT JOIN run r USING (run_id) ORDER BY c.cycle_id",
    );
    let (mut passed, mut stopped) = (0, 0);
    for (position, row) in rows.iter().enumerate() {
        let [cycle, started, finished, is_passed, tests, agrees] = row[..] else {
            panic!("six columns");
        };
        assert_eq!(
            cycle,
            i64::try_from(position).unwrap() + 1,
            "a number is missing"
        );
        assert_eq!(agrees, 1, "cycle {cycle} says something else than its run");
        let meanwhile = started - 100..=finished + 100;
        let hit = kills.iter().any(|kill| meanwhile.contains(&kill.at_ms));
        if !hit && is_passed == 0 && meanwhile.contains(&stopped_ms) {
            stopped += 1;
            continue;
        }
        assert!(
            hit || is_passed == 1,
            "cycle {cycle} did not pass, and nothing was killed"
        );
        assert!(
            is_passed == 0 || tests == TESTS,
            "cycle {cycle} passed with {tests} tests"
        );
        passed += is_passed;
    }
    for (what, sql) in [
        (
            "open cycles",
            "SELECT count(*) FROM cycle WHERE finished_ms IS NULL",
        ),
        (
            "open runs",
            "SELECT count(*) FROM run WHERE finished_ms IS NULL",
        ),
        (
            "leases",
            "SELECT count(*) FROM lease WHERE holder_host IS NOT NULL",
        ),
        (
            "runs of no cycle",
            "SELECT count(*) FROM run WHERE run_id NOT IN (SELECT run_id FROM cycle WHERE run_id IS NOT NULL)",
        ),
    ] {
        assert_eq!(lab.number(sql), 0, "{what} are left");
    }
    let processes = lab.rows(
        "SELECT pid FROM process UNION SELECT process_pid FROM cycle WHERE process_pid IS NOT NULL",
    );
    let left = processes
        .iter()
        .filter(|row| is_running(row[0], lab.folder.path()));
    assert_eq!(left.count(), 0, "processes are left");
    println!(
        "  {} cycles, {passed} passed, {} did not because of a kill, {stopped} because of the end; \
         no cycle, run, lease or process is left",
        rows.len(),
        i64::try_from(rows.len()).unwrap() - passed - stopped
    );
}

/// A container ends by itself soon after its agent.
fn no_container_is_left() {
    let begun = Instant::now();
    loop {
        let list = [
            "ps",
            "--all",
            "--quiet",
            "--filter",
            "label=menace_self_test=1",
        ];
        let answer = Command::new("docker").args(list).output().unwrap();
        assert!(answer.status.success(), "docker does not answer");
        if answer.stdout.is_empty() {
            println!("  no container is left");
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "containers are left");
        thread::sleep(Duration::from_millis(200));
    }
}

fn idle(lab: &Lab, idle_s: u64) {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut agent = lab.start(&[
        "--interval",
        "3600",
        "--run-now",
        "--metrics-port",
        &port.to_string(),
    ]);
    let begun = Instant::now();
    while lab.ended() == 0 {
        assert!(begun.elapsed() < PATIENCE, "the first cycle does not end");
        thread::sleep(PAUSE);
    }
    // The threads of the cycle are gone by then.
    thread::sleep(Duration::from_secs(2));
    let before = switches(agent.id());
    thread::sleep(Duration::from_secs(idle_s));
    let after = switches(agent.id());
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let per_minute = (after - before) as f64 * 60.0 / idle_s as f64;
    let resident = megabytes(resident_kb(agent.id()));
    println!(
        "  {per_minute:.1} wake-ups a minute, {resident:.2} MB resident (goal {MEMORY_GOAL_MB})"
    );
    kill(pid(i64::from(agent.id())), Signal::SIGTERM).unwrap();
    agent.wait().unwrap();
}

/// The number of times that the threads of a process gave up, or lost, their processor.
fn switches(process: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let status = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
    status
        .flat_map(|text| {
            let counts = text.lines().filter(|line| line.contains("ctxt_switches"));
            counts.map(last_number).collect::<Vec<_>>()
        })
        .sum()
}

fn resident_kb(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.map_or(0, |line| last_number(line.trim_end_matches(" kB")))
}

fn last_number(line: &str) -> u64 {
    let number = line.split_whitespace().next_back();
    number.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// True if the process works in the project: process ids come again.
fn is_running(process: i64, project: &Path) -> bool {
    fs::read_link(format!("/proc/{process}/cwd")).is_ok_and(|cwd| cwd.starts_with(project))
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn megabytes(kb: u64) -> f64 {
    kb as f64 / 1024.0
}

fn pid(process: i64) -> Pid {
    Pid::from_raw(process.try_into().unwrap())
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis().try_into().unwrap()
}
