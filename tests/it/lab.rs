//! A project in a temporary folder, the agent that runs in it, and a look at what they leave.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use menace_agent::engine::{Executor, HostExecutor};
use menace_agent::model::HarnessOptions;
use menace_agent::plan::{RunRequest, ShardLimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

use crate::envs::{Skip, available, venv};
use crate::wait::{PATIENCE, wait_for, wait_for_end, wait_until};

/// A project, and the interpreter that its tests run in.
pub(crate) struct Lab {
    folder: TempDir,
    python: PathBuf,
}

/// A project with these files, in an environment with pytest, coverage.py and pytest-xdist; `None`
/// if no such environment can be made.
pub(crate) fn lab(files: &[(&str, &str)]) -> Option<Lab> {
    lab_with(&["pytest", "coverage", "pytest-xdist"], files)
}

/// The same with these packages.
pub(crate) fn lab_with(packages: &[&str], files: &[(&str, &str)]) -> Option<Lab> {
    let python = available(venv("python3", packages))?;
    Some(bare_lab(python, files))
}

/// The same with any program as its interpreter.
pub(crate) fn bare_lab(python: impl Into<PathBuf>, files: &[(&str, &str)]) -> Lab {
    let lab = Lab {
        folder: TempDir::new().unwrap(),
        python: python.into(),
    };
    fs::create_dir(lab.path().join(".git")).unwrap();
    for (name, text) in files {
        lab.write(name, text);
    }
    lab
}

/// The source of many tests.
pub(crate) fn numbered(count: usize, source: impl Fn(usize) -> String) -> String {
    (0..count).map(source).collect::<Vec<_>>().concat()
}

/// A state that a test cannot do without: says `SKIPPED` if it is not there.
pub(crate) fn skipped(reason: impl Into<String>) {
    let _: Option<()> = available(Err(Skip(reason.into())));
}

/// A text without its line breaks: a notice is folded where the terminal ends.
pub(crate) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Lab {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// All tests of the project on one worker, without coverage.
    pub(crate) fn request(&self) -> RunRequest {
        RunRequest {
            project: self.path(),
            paths: Vec::new(),
            pytest_args: Vec::new(),
            narrowed_by: Vec::new(),
            workers: 1,
            limit: ShardLimit::Total(Duration::from_mins(5)),
            test_timeout: None,
            reruns: 0,
            max_fail: None,
            harness: HarnessOptions {
                coverage: false,
                ..HarnessOptions::default()
            },
            executor: "host".to_owned(),
            modules: Vec::new(),
            modules_only: false,
            roots: Vec::new(),
        }
    }

    /// The interpreter, on this machine.
    pub(crate) fn executor(&self) -> Arc<Executor> {
        Arc::new(Executor::Host(HostExecutor {
            python: self.python.clone(),
            project: self.path(),
        }))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Waits until a test, or somebody else, has made this file.
    #[track_caller]
    pub(crate) fn wait_for_file(&self, name: &str) {
        wait_for(&format!("the file `{name}`"), || {
            let file = self.path().join(name);
            let names = || -> Vec<OsString> {
                let beside = fs::read_dir(file.parent().unwrap()).into_iter();
                beside
                    .flatten()
                    .flatten()
                    .map(|entry| entry.file_name())
                    .collect()
            };
            if file.exists() { Ok(()) } else { Err(names()) }
        });
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.path().join("sandbox_data/agent.db")
    }

    /// `agent` with these arguments: no settings but the test's.
    #[expect(
        clippy::disallowed_methods,
        reason = "the binary under test is called as its users call it"
    )]
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
        command.args(args).current_dir(self.path()).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path())
            .env("SELF_TEST_PYTHON", &self.python)
            .stdin(Stdio::null());
        command
    }

    /// The same for a user whom permissions bind: root gives up the right to go around them. `None`
    /// if it cannot.
    #[expect(
        clippy::disallowed_methods,
        reason = "the binary under test is called as its users call it"
    )]
    pub(crate) fn bound_by_permissions(&self, args: &[&str]) -> Option<Command> {
        let command = self.command(args);
        if !nix::unistd::geteuid().is_root() {
            return Some(command);
        }
        let mut bound = Command::new("setpriv");
        if bound.arg("--version").output().is_err() {
            skipped("setpriv is not installed, and nothing is forbidden to root");
            return None;
        }
        let mut bound = Command::new("setpriv");
        bound
            .arg("--bounding-set=-dac_override,-dac_read_search")
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(self.path())
            .env_clear()
            .stdin(Stdio::null());
        let variables = command.get_envs();
        bound.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        Some(bound)
    }

    /// The same with the variables that lead to a package index.
    pub(crate) fn online(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        let ours = [
            "SELF_TEST_",
            "SANDBOX_",
            "MENACE_",
            "VIRTUAL_ENV",
            "PYTEST_",
            "HOME",
        ];
        let inherited = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            !ours.iter().any(|ours| name.starts_with(ours))
        });
        command.envs(inherited);
        command
    }

    /// `agent run` with these arguments, to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Answer {
        self.agent(&[&["run"], args].concat())
    }

    /// `agent` with these arguments, to its end.
    pub(crate) fn agent(&self, args: &[&str]) -> Answer {
        answer(&mut self.command(args))
    }

    /// `agent run --events -` with these arguments, to be watched.
    pub(crate) fn start(&self, args: &[&str]) -> Going {
        let args = [&["run", "--events", "-"], args].concat();
        Going::start(&mut self.command(&args))
    }

    /// One cycle of `agent run-scheduled --events -`, as its supervisor would start it.
    pub(crate) fn cycle(&self, args: &[&str]) -> Going {
        let args = [&["cycle", "1", "--events", "-"], args].concat();
        let mut command = self.command(&args);
        Going::start(command.stdin(Stdio::piped()))
    }

    /// The rows of a query, columns joined by ` | `.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.db(), sql)
    }

    /// Changes the state file, behind the back of the agent.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test prepares what the agent finds"
    )]
    pub(crate) fn execute(&self, sql: &str) {
        let connection = Connection::open(self.db()).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    /// The outcomes of the latest run by node id.
    pub(crate) fn outcomes(&self) -> BTreeMap<String, String> {
        let sql = "SELECT nodeid, outcome FROM test_outcome
                   WHERE run_id = (SELECT max(run_id) FROM run_summary)";
        let split = |row: String| {
            let (id, outcome) = row.rsplit_once(" | ").unwrap();
            (id.to_owned(), outcome.to_owned())
        };
        self.rows(sql).into_iter().map(split).collect()
    }

    /// `nodeid outcome` a line, for the latest run.
    pub(crate) fn table(&self) -> String {
        let lines = self.outcomes().into_iter();
        let lines = lines.map(|(id, outcome)| format!("{id} {outcome}\n"));
        lines.collect::<Vec<_>>().concat()
    }

    /// `outcome exit_code` of the latest run.
    pub(crate) fn verdict(&self) -> String {
        let sql = "SELECT outcome, exit_code FROM run_summary ORDER BY run_id DESC LIMIT 1";
        self.rows(sql).concat()
    }

    pub(crate) fn assert_whole(&self) {
        assert_eq!(self.rows("PRAGMA integrity_check"), ["ok"]);
        assert_eq!(self.rows("PRAGMA foreign_key_check"), [""; 0]);
    }

    /// The same without tracebacks and output, which differ between versions of Python and pytest.
    pub(crate) fn headlines(&self, text: &str) -> String {
        let text = self.plain(text);
        let lines = text.lines().filter(|line| !line.starts_with("    "));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Messages without what differs from machine to machine and from run to run.
    pub(crate) fn plain(&self, text: &str) -> String {
        let root = self.path();
        let text = text
            .replace(self.python.to_str().unwrap(), "[PYTHON]")
            .replace(root.to_str().unwrap(), "[PROJECT]");
        // The slow tests differ from run to run, and some runs have none.
        let text = text.split("\nslowest\n").next().unwrap();
        let words = text.split_inclusive(' ').map(mask_time);
        words.collect()
    }
}

/// `0.12s` and the like as `[TIME]`.
fn mask_time(word: &str) -> String {
    let start = word.find(|c| c != '(').unwrap_or_default();
    let (before, word) = word.split_at(start);
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, rest) = word.split_at(end.unwrap_or(word.len()));
    let unit = rest.strip_prefix("ms").or_else(|| rest.strip_prefix('s'));
    match unit {
        Some(after) if !number.is_empty() && !after.starts_with(char::is_alphanumeric) => {
            format!("{before}[TIME]{after}")
        }
        _ => format!("{before}{word}"),
    }
}

/// The rows of a query on a state file, read as any other program would.
#[expect(
    clippy::disallowed_methods,
    reason = "the test looks at the file from outside of the agent"
)]
pub(crate) fn rows(file: &Path, sql: &str) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells = (0..columns).map(|column| cell(row.get_ref(column).unwrap()));
        lines.push(cells.collect::<Vec<_>>().join(" | "));
    }
    lines
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// The exit code and output of one call of `agent`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// The output as JSON: the summary of `--json`.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The events of `--events -`.
    pub(crate) fn events(&self) -> Vec<Value> {
        events(&self.stdout)
    }
}

/// JSON Lines, and nothing else.
pub(crate) fn events(text: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no event: {line}"));
    text.lines().map(line).collect()
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit {}", self.code)?;
        writeln!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// Runs a command to its end.
pub(crate) fn answer(command: &mut Command) -> Answer {
    Going::start(command).end()
}

/// An agent that still runs, with its output so far.
pub(crate) struct Going {
    child: Child,
    lines: Receiver<String>,
    stderr: Receiver<String>,
    /// Its standard error so far.
    said: Arc<Mutex<String>>,
    /// Its standard output so far.
    pub(crate) seen: String,
}

impl Going {
    pub(crate) fn start(command: &mut Command) -> Self {
        // A group of its own, so that what is left of it can be counted.
        command.process_group(0);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
                let _closed = sender.send(std::mem::take(&mut line));
            }
        });
        let (sender, complaints) = channel();
        let said = Arc::new(Mutex::new(String::new()));
        let all = Arc::clone(&said);
        thread::spawn(move || {
            let mut reader = BufReader::new(stderr);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .is_ok_and(|count| count > 0)
            {
                all.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
            let _closed = sender.send(all.lock().unwrap().clone());
        });
        Self {
            child,
            lines,
            stderr: complaints,
            said,
            seen: String::new(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads events until one is like this; returns it.
    pub(crate) fn wait_for(&mut self, mut like: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!(
                    "the event did not come:\n{}\n{:?}",
                    self.seen,
                    self.stderr.try_recv()
                );
            };
            self.seen.push_str(&line);
            let event = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no event: {line}"));
            if like(&event) {
                return event;
            }
        }
    }

    /// Waits until it has written this to standard error.
    pub(crate) fn wait_to_say(&self, text: &str) {
        let what = format!("`{text}` on standard error");
        let said = || self.said.lock().unwrap().clone();
        wait_until(&what, said, |said| said.contains(text));
    }

    pub(crate) fn hang_up(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits until a test with this name has begun; returns the event.
    pub(crate) fn wait_for_test(&mut self, name: &str) -> Value {
        self.wait_for(|event| {
            event["t"] == "test_started" && event["nodeid"].as_str().unwrap().ends_with(name)
        })
    }

    /// The process id of the harness.
    pub(crate) fn harness(&mut self) -> u32 {
        let event = self.wait_for(|event| event["t"] == "shard_started");
        u32::try_from(event["pid"].as_u64().unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
    }

    /// Kills the agent as a power cut would; returns what it had written by then.
    pub(crate) fn kill(&mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.seen.extend(self.lines.iter());
        std::mem::take(&mut self.seen)
    }

    /// Waits for the end, for as long as tests are patient.
    pub(crate) fn end(&mut self) -> Answer {
        self.end_within(PATIENCE)
    }

    /// The same for what takes its turn after many others.
    pub(crate) fn end_within_minutes(&mut self) -> Answer {
        self.end_within(10 * PATIENCE)
    }

    fn end_within(&mut self, patience: Duration) -> Answer {
        let status = self.wait(patience);
        self.seen.extend(self.lines.iter());
        Answer {
            code: status
                .code()
                .unwrap_or_else(|| panic!("the agent was {status}")),
            stdout: std::mem::take(&mut self.seen),
            stderr: self.stderr.recv().unwrap(),
        }
    }

    fn wait(&mut self, patience: Duration) -> ExitStatus {
        wait_for_end(patience, &mut self.child)
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        // A test that failed leaves no agent behind.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The processes whose group or working directory says that they belong to this project.
pub(crate) fn processes_of(lab: &Lab) -> Vec<String> {
    let root = lab.path();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let cwd = fs::read_link(entry.path().join("cwd"));
        if cwd.is_ok_and(|cwd| cwd.starts_with(&root)) {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            found.push(stat);
        }
    }
    found
}

/// The processes of a group, zombies included.
pub(crate) fn group(leader: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let Some((_, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        if fields.split_ascii_whitespace().nth(2) == Some(&leader.to_string()) {
            found.push(stat);
        }
    }
    found
}

/// True if the kernel keeps native code from files, connections and signals.
pub(crate) fn has_wall() -> bool {
    fs::read_to_string("/proc/sys/kernel/osrelease").is_ok_and(|release| {
        let mut parts = release
            .split('.')
            .map_while(|part| part.parse::<u32>().ok());
        (parts.next(), parts.next()) >= (Some(6), Some(12))
    })
}
