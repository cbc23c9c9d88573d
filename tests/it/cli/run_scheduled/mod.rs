//! `agent run-scheduled`: real cycles of real projects, real signals, and everything that goes wrong
//! around them in months.

mod clock;
mod faults;
mod figures;
mod kills;
mod manners;
mod schedule;

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::lab::{Lab, lab};
use crate::wait::{PATIENCE, wait_for_death, wait_for_end, wait_until};

pub(super) const PASSING: &str = "def test_one(): pass\ndef test_two(): pass\n";

/// Waits for the file `go`, and says that it began; the test after it does nothing.
pub(super) const HELD: &str = "\
import pathlib, time
def test_held():
    pathlib.Path('began').touch()
    while not pathlib.Path('go').exists():
        time.sleep(0.01)
def test_after(): pass
";

/// An agent that keeps the schedule of a lab.
pub(super) struct Service {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<Value>,
}

impl Service {
    /// With these arguments of `run-scheduled`, without coverage and orphans.
    pub(super) fn start(lab: &Lab, args: &[&str]) -> Self {
        Self::spawn(&mut Self::command(lab, args))
    }

    pub(super) fn command(lab: &Lab, args: &[&str]) -> Command {
        let first = [
            "run-scheduled",
            "--log-format",
            "json",
            "--no-cov",
            "--no-include-orphans",
        ];
        lab.command(&[&first, args].concat())
    }

    pub(super) fn spawn(command: &mut Command) -> Self {
        command.process_group(0);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _closed = sender.send(line);
            }
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of the log with this event; lines before it are passed over.
    pub(super) fn wait(&mut self, event: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("`{event}` did not come:\n{:#?}", self.seen));
            let line: Value = serde_json::from_str(&line)
                .unwrap_or_else(|_| panic!("this is no line of the log: {line}"));
            self.seen.push(line.clone());
            if line["event"] == event {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(pid(self.pid()), signal).unwrap();
    }

    /// Kills the agent alone, as the kernel does that wants its memory.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends the agent with SIGTERM.
    pub(super) fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        assert_eq!(self.end(), 143);
    }

    /// Waits for the end; returns the exit code.
    fn end(&mut self) -> i32 {
        let status = wait_for_end(PATIENCE, &mut self.child);
        let text: Vec<String> = self.lines.iter().collect();
        let lines = text.iter().map(|line| serde_json::from_str(line));
        self.seen.extend(lines.map_while(Result::ok));
        status.code().expect("an exit code")
    }

    fn messages(&self) -> String {
        let lines = self.seen.iter().map(|line| format!("{line}\n"));
        lines.collect::<Vec<_>>().concat()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A test that failed leaves no agent behind, and its cycle ends with it.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap())
}

/// `outcome` of the cycles, in their order.
fn outcomes(lab: &Lab) -> Vec<String> {
    lab.rows("SELECT coalesce(outcome, 'open') FROM cycle_summary ORDER BY cycle_id")
}

/// The process of the cycle that goes on.
fn process_of_the_cycle(lab: &Lab) -> u32 {
    let sql = "SELECT process_pid FROM cycle WHERE finished_ms IS NULL AND process_pid IS NOT NULL";
    let running = || lab.rows(sql);
    let found = wait_until("the process of a cycle", running, |pids| !pids.is_empty());
    found[0].parse().unwrap()
}

/// Every cycle has an end and every run too, nobody has a lease, and no process is left.
pub(crate) fn assert_nothing_is_left(lab: &Lab) {
    let nothing = [""; 0];
    assert_eq!(
        lab.rows("SELECT cycle_id FROM cycle WHERE finished_ms IS NULL"),
        nothing
    );
    assert_eq!(
        lab.rows("SELECT run_id FROM run WHERE finished_ms IS NULL"),
        nothing
    );
    assert_eq!(
        lab.rows("SELECT name FROM lease_state WHERE holder IS NOT NULL"),
        nothing
    );
    let processes = lab.rows(
        "SELECT pid FROM process UNION SELECT process_pid FROM cycle WHERE process_pid IS NOT NULL",
    );
    let pids: Vec<u32> = processes.iter().map(|pid| pid.parse().unwrap()).collect();
    wait_for_death(&pids);
    lab.assert_whole();
}
