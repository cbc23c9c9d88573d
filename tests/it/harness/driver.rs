//! Starts an interpreter with the loader, sends commands, decodes every line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command as Process, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use menace_agent::model::{HarnessOptions, Outcome};
use menace_agent::pytest::protocol::{
    Command, Finished, HarnessEvent, MAX_LINE_BYTES, RunCommand, StopReason,
};
use menace_agent::pytest::source::{HARNESS, LOADER, MEMBERS};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::envs::{Interpreter, available, interpreters, venv};

/// No project of these tests needs this long.
const PATIENCE: Duration = Duration::from_mins(1);
/// The word by which a harness may leave.
const WORD: &str = "word";

/// A project in a temporary folder.
pub(super) struct Project {
    folder: tempfile::TempDir,
    python: PathBuf,
    pub(super) command: RunCommand,
    pub(super) environment: Vec<(&'static str, &'static str)>,
}

/// The means to act on a harness while it runs.
pub(super) struct Control {
    child: Child,
    stdin: Option<ChildStdin>,
}

/// All that a harness said.
pub(super) struct Talk {
    pub(super) events: Vec<HarnessEvent>,
    pub(super) stderr: String,
    pub(super) status: ExitStatus,
}

/// The newest Python that the machine's `python3` is, with pytest and its usual plugins.
pub(super) fn python() -> Option<PathBuf> {
    let known = interpreters();
    let preferred = known
        .iter()
        .find(|python| python.minor == 11)
        .or(known.last());
    let Some(Interpreter { path, minor }) = preferred else {
        return available(Err(crate::envs::Skip("no CPython from 3.8 up".to_owned())));
    };
    let pytest = if *minor < 10 {
        "pytest>=8,<9"
    } else {
        "pytest>=9,<10"
    };
    let packages = [
        pytest,
        "pytest-xdist",
        "pytest-rerunfailures",
        "coverage",
        "pytest-cov",
    ];
    available(venv(&path.to_string_lossy(), &packages))
}

impl Project {
    pub(super) fn new(python: &Path, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self {
            folder,
            python: python.to_owned(),
            command: RunCommand {
                workers: 1,
                options: HarnessOptions {
                    cap_bytes: 1 << 20,
                    ..HarnessOptions::default()
                },
                ..RunCommand::default()
            },
            environment: Vec::new(),
        }
    }

    pub(super) fn args(mut self, args: &[&str]) -> Self {
        self.command.argv = args.iter().map(|&arg| arg.to_owned()).collect();
        self
    }

    pub(super) fn workers(mut self, workers: u32) -> Self {
        self.command.workers = workers;
        self
    }

    pub(super) fn coverage(mut self) -> Self {
        self.command.options.coverage = true;
        self
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub(super) fn run(&self) -> Talk {
        self.run_with(|_, _| {})
    }

    /// Calls `react` for each event as it comes in.
    pub(super) fn run_with(&self, mut react: impl FnMut(&HarnessEvent, &mut Control)) -> Talk {
        let mut process = Process::new(&self.python);
        process.args(["-c", LOADER]).current_dir(self.folder.path());
        process.envs(self.environment.iter().copied());
        let mut control = Control::start(process);
        let program = if self.command.modules.is_empty() {
            HARNESS
        } else {
            MEMBERS
        };
        control.bytes(program.frame().as_bytes());
        control.command(&Command::Run(Box::new(self.command.clone())));
        control.follow(&mut react)
    }
}

impl Control {
    pub(super) fn start(mut process: Process) -> Self {
        process
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = process.spawn().unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        // An interpreter that is too old does not read, and may be gone by now.
        let _ = self.stdin.as_mut().unwrap().write_all(bytes);
    }

    pub(super) fn command(&mut self, command: &Command) {
        let mut line = serde_json::to_vec(command).unwrap();
        line.push(b'\n');
        self.bytes(&line);
    }

    /// Closes the harness's standard input, as the death of the agent would.
    pub(super) fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal to one process, by number.
    pub(super) fn signal(pid: u32, signal: i32) {
        let signal = Signal::try_from(signal).unwrap();
        kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
    }

    pub(super) fn kill_group(&self) {
        // A group that is gone already is as good as killed.
        let _ = killpg(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGKILL,
        );
    }

    pub(super) fn follow(mut self, react: &mut dyn FnMut(&HarnessEvent, &mut Self)) -> Talk {
        let (sender, lines) = mpsc::channel();
        let stdout = self.child.stdout.take().unwrap();
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n') {
                sender.send(line.unwrap()).unwrap();
            }
        });
        let mut pipe = self.child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let deadline = Instant::now() + PATIENCE;
        let mut events = Vec::new();
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let event = decode(&line);
                    react(&event, &mut self);
                    if matches!(event, HarnessEvent::Ending) && self.stdin.is_some() {
                        self.command(&Command::Leave {
                            word: WORD.to_owned(),
                        });
                    }
                    events.push(event);
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.kill_group();
                    panic!("the harness is still busy; it said: {events:#?}");
                }
            }
        }
        reader.join().unwrap();
        let status = self.child.wait().unwrap();
        self.kill_group(); // What the tests left behind would hold standard error open.
        let stderr = errors.join().unwrap();
        Talk {
            events,
            stderr,
            status,
        }
    }
}

fn decode(line: &[u8]) -> HarnessEvent {
    assert!(
        line.len() < MAX_LINE_BYTES,
        "a line of {} bytes",
        line.len()
    );
    serde_json::from_slice(line)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)))
}

impl Talk {
    /// The last verdict of each test.
    pub(super) fn outcomes(&self) -> BTreeMap<&str, Outcome> {
        let verdicts = self.finished();
        verdicts
            .map(|test| (test.id.as_str(), test.outcome))
            .collect()
    }

    /// The last verdict of each test, sorted, as lines of text without the file.
    pub(super) fn verdicts(&self) -> Vec<String> {
        let name = |id: &str| id.split_once("::").map_or(id, |(_, name)| name).to_owned();
        let outcomes = self.outcomes();
        let mut lines: Vec<_> = outcomes
            .iter()
            .map(|(id, outcome)| format!("{} {outcome}", name(id)))
            .collect();
        lines.sort();
        lines
    }

    pub(super) fn finished(&self) -> impl Iterator<Item = &Finished> {
        self.events.iter().filter_map(|event| match event {
            HarnessEvent::Finished(test) => Some(&**test),
            _ => None,
        })
    }

    /// The only verdict of the test whose id ends with `name`.
    pub(super) fn test(&self, name: &str) -> &Finished {
        let mut found = self.finished().filter(|test| test.id.ends_with(name));
        let test = found
            .next()
            .unwrap_or_else(|| panic!("no verdict for {name}: {self:#?}"));
        assert!(found.next().is_none(), "two verdicts for {name}");
        test
    }

    pub(super) fn message(&self, name: &str) -> &str {
        self.test(name).message.as_deref().unwrap_or_default()
    }

    pub(super) fn collected(&self) -> Vec<&str> {
        let batches = self.events.iter().filter_map(|event| match event {
            HarnessEvent::Collected(collected) => Some(&collected.tests),
            _ => None,
        });
        batches.flatten().map(|test| test.id.as_str()).collect()
    }

    pub(super) fn started(&self) -> Vec<&str> {
        let ids = self.events.iter().filter_map(|event| match event {
            HarnessEvent::Started(test) => Some(test.id.as_str()),
            _ => None,
        });
        ids.collect()
    }

    pub(super) fn notices(&self) -> Vec<(&str, &str)> {
        let notices = self.events.iter().filter_map(|event| match event {
            HarnessEvent::Notice { code, message } => Some((code.as_str(), message.as_str())),
            _ => None,
        });
        notices.collect()
    }

    /// Status, reason and message of the farewell.
    pub(super) fn bye(&self) -> (i32, Option<StopReason>, Option<&str>) {
        match self.events.last() {
            Some(HarnessEvent::Bye(bye)) => {
                assert_eq!(bye.word, WORD);
                (bye.status, bye.reason, bye.message.as_deref())
            }
            _ => panic!("no farewell: {self:#?}"),
        }
    }

    /// The signal that ended the process.
    pub(super) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Every test that was collected began and ended once, in that order, one at a time in each
    /// worker, and the harness itself found nothing to complain about.
    pub(super) fn assert_whole(&self) {
        let collected = self.collected();
        let unique: BTreeSet<&str> = collected.iter().copied().collect();
        assert_eq!(collected.len(), unique.len(), "an id twice: {collected:?}");
        let mut running = BTreeMap::new();
        let mut done = BTreeSet::new();
        for event in &self.events {
            match event {
                HarnessEvent::Started(test) => {
                    let id = test.id.as_str();
                    let earlier = running.insert(test.worker.as_str(), id);
                    assert_eq!(earlier, None, "{id} began while another one ran");
                }
                HarnessEvent::Finished(test) => {
                    assert_eq!(
                        running.remove(test.worker.as_str()),
                        Some(test.id.as_str()),
                        "it ended before it began"
                    );
                    done.insert(test.id.as_str());
                }
                HarnessEvent::Dropped { id, worker } => {
                    assert_eq!(running.remove(worker.as_str()), Some(id.as_str()));
                }
                _ => {}
            }
        }
        assert_eq!(done, unique, "collected and finished differ: {self:#?}");
        let complaints = self
            .notices()
            .iter()
            .filter(|(code, _)| *code == "harness-error")
            .count();
        assert_eq!(complaints, 0, "{:?}", self.notices());
    }
}

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:#?}\n{}\n{}", self.events, self.status, self.stderr)
    }
}
