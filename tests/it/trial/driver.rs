//! Starts an interpreter with the loader and the trial, and reads what it says to the end.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use menace_agent::model::{Module, Touch, Trial, TrialOutcome};
use menace_agent::pytest::source::{LOADER, Program, TRIAL};
use menace_agent::pytest::trial_protocol::{TrialCommand, TrialEvent, TryCommand};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::envs::{Interpreter, Skip, available, interpreters, venv};
use crate::wait::{wait_for_end, wait_until_gone};

/// No module of these tests needs this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A project in a temporary folder, with the scratch folders of its trials beside it.
pub(super) struct Project {
    folder: tempfile::TempDir,
    python: PathBuf,
    pub(super) command: TryCommand,
}

/// A trial process at work.
pub(super) struct Talk {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    temporary: PathBuf,
}

/// An interpreter without packages, if possible of Python 3.11.
pub(super) fn bare_python() -> Option<PathBuf> {
    static KNOWN: OnceLock<Vec<Interpreter>> = OnceLock::new();
    let known = KNOWN.get_or_init(interpreters);
    let preferred = known.iter().find(|it| it.minor == 11).or(known.last());
    let path = preferred.map(|it| it.path.clone());
    available(path.ok_or_else(|| Skip("no CPython from 3.8 up".to_owned())))
}

/// The interpreter of an environment with pytest, coverage and pytest-xdist.
pub(super) fn python_with_pytest() -> Option<PathBuf> {
    available(venv("python3", &["pytest", "coverage", "pytest-xdist"]))
}

impl Project {
    /// Its modules are the Python files below it, in their order here, one at a time.
    pub(super) fn new(python: &Path, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let modules = files.iter().filter_map(|(file, _)| {
            let name = file.strip_suffix(".py")?;
            Some(Module {
                file: (*file).to_owned(),
                name: name.trim_end_matches("/__init__").replace('/', "."),
            })
        });
        let project = Self {
            python: python.to_owned(),
            command: TryCommand {
                roots: vec![".".to_owned()],
                modules: modules.collect(),
                limit_s: 30.0,
                at_once: 1,
            },
            folder,
        };
        for name in ["project", "temporary"] {
            fs::create_dir(project.folder.path().join(name)).unwrap();
        }
        let temporary = project.folder.path().join("temporary");
        fs::set_permissions(temporary, Permissions::from_mode(0o755)).unwrap();
        for (name, text) in files {
            let path = project.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        project
    }

    pub(super) fn limit(mut self, seconds: f64) -> Self {
        self.command.limit_s = seconds;
        self
    }

    pub(super) fn at_once(mut self, at_once: u32) -> Self {
        self.command.at_once = at_once;
        self
    }

    /// Tries only these files.
    pub(super) fn only(mut self, files: &[&str]) -> Self {
        let wanted = |module: &Module| files.contains(&module.file.as_str());
        self.command.modules.retain(wanted);
        self
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("project")
    }

    pub(super) fn start(&self) -> Talk {
        self.start_program(TRIAL)
    }

    /// The same with a changed trial.
    pub(super) fn start_program(&self, program: Program) -> Talk {
        let temporary = self.folder.path().join("temporary");
        let mut process = Command::new(&self.python);
        process
            .args(["-c", LOADER])
            .current_dir(self.path())
            .env("TMPDIR", &temporary)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = process.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(program.frame().as_bytes()).unwrap();
        let mut line = serde_json::to_vec(&TrialCommand::Try(self.command.clone())).unwrap();
        line.push(b'\n');
        stdin.write_all(&line).unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.split(b'\n') {
                sender.send(line.unwrap()).unwrap();
            }
        });
        Talk {
            child,
            stdin: Some(stdin),
            lines,
            temporary,
        }
    }

    /// Tries everything; the trials in the order of their verdicts.
    pub(super) fn run(&self) -> Vec<Trial> {
        let mut talk = self.start();
        let mut trials = Vec::new();
        let mut open = Vec::new();
        loop {
            match talk.next() {
                TrialEvent::Started { module, .. } => open.push(module),
                TrialEvent::Finished(trial) => {
                    open.retain(|module| *module != trial.module);
                    trials.push(*trial);
                }
                TrialEvent::Bye => break,
                TrialEvent::Hello { .. } => {}
                event @ TrialEvent::Unsupported { .. } => panic!("{event:?}"),
            }
        }
        assert_eq!(open, [], "begun, and no verdict");
        assert_eq!(trials.len(), self.command.modules.len());
        talk.end();
        trials
    }

    /// Tries its only module, and returns the trial.
    pub(super) fn trial(&self) -> Trial {
        self.run().remove(0)
    }
}

impl Talk {
    pub(super) fn next(&mut self) -> TrialEvent {
        let line = self
            .lines
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("the trial says nothing; {}", self.complaints()));
        serde_json::from_slice(&line)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&line)))
    }

    /// Waits until a module begins; its process.
    pub(super) fn wait_for_start(&mut self) -> u32 {
        loop {
            if let TrialEvent::Started { pid, .. } = self.next() {
                return pid;
            }
        }
    }

    pub(super) fn tell(&mut self, command: &TrialCommand) {
        let mut line = serde_json::to_vec(command).unwrap();
        line.push(b'\n');
        self.stdin.as_mut().unwrap().write_all(&line).unwrap();
    }

    /// Closes the trial's standard input, as the death of the agent would.
    pub(super) fn hang_up(&mut self) {
        self.stdin = None;
    }

    pub(super) fn kill(&self) {
        killpg(self.group(), Signal::SIGKILL).unwrap();
    }

    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    fn complaints(&mut self) -> String {
        // A group that is gone already is as good as killed.
        let _gone = killpg(self.group(), Signal::SIGKILL);
        let mut text = Vec::new();
        let mut pipe = self.child.stderr.take().unwrap();
        pipe.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waits for its end; nothing of it is left on the disk.
    pub(super) fn end(mut self) {
        wait_for_end(PATIENCE, &mut self.child);
        let temporary = &self.temporary;
        wait_until_gone("its folders", || {
            let entries = fs::read_dir(temporary).unwrap().flatten();
            entries.map(|entry| entry.path()).collect()
        });
        let mode = fs::metadata(temporary).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "what is above them is not theirs");
    }
}

/// The verdict as `outcome: message`.
pub(super) fn verdict(trial: &Trial) -> String {
    let message = trial.message.as_deref().unwrap_or_default();
    format!("{}: {message}", trial.outcome.as_str())
}

/// `event target` of each, sorted.
pub(super) fn touched(trial: &Trial) -> Vec<String> {
    let words = |touch: &Touch| format!("{} {}", touch.event, touch.target);
    let mut lines: Vec<String> = trial.touched.iter().map(words).collect();
    lines.sort();
    lines
}

pub(super) fn assert_passed(trial: &Trial) {
    assert_eq!(trial.outcome, TrialOutcome::Passed, "{trial:#?}");
}
