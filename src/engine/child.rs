//! A running process: waited for, signalled, reaped - and never mistaken for another one.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid};

/// The end of a process, by its status or by what is known of its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The status that it returned; -1 if the system does not tell one.
    Code(i32),
    /// The number of the signal that ended it.
    Signal(i32),
    /// The kernel ended it, because its container may take no more memory.
    OutOfMemory,
    /// Its container was killed, not by the agent.
    ContainerKilled,
    /// Its container was not started.
    NotStarted(NotStarted),
    /// The engine went away, and nobody knows what became of the process.
    EngineLost,
}

/// The reason why a container was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStarted {
    /// The engine refused, or failed; what it said is the end of standard error.
    Refused,
    /// The interpreter cannot be executed there.
    NotExecutable,
    /// The image has no such interpreter.
    NotFound,
}

impl Exit {
    /// The reason why the container was not started; `None` for any other end.
    pub fn refusal(self) -> Option<NotStarted> {
        match self {
            Self::NotStarted(why) => Some(why),
            Self::Code(_)
            | Self::Signal(_)
            | Self::OutOfMemory
            | Self::ContainerKilled
            | Self::EngineLost => None,
        }
    }

    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Code(-1),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            Self::OutOfMemory => f.write_str("killed for want of memory"),
            Self::ContainerKilled => f.write_str("ended: its container was killed"),
            Self::NotStarted(_) => f.write_str("not started"),
            Self::EngineLost => f.write_str("lost with the container engine"),
        }
    }
}

/// Ends a captured command from another thread. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ends the commands that run under it, and keeps later ones from running long.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// True once `cancel` was called on this value or on a clone.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The longest time until a captured command notices that it was cancelled.
pub(super) const CANCEL_LATENCY: Duration = Duration::from_millis(100);

/// A process that leads its own group. Clones refer to the same process.
#[derive(Debug, Clone)]
pub struct Child {
    handle: Arc<duct::Handle>,
    pid: u32,
    /// Held while signalling and while reaping, so that no signal meets a reused process id.
    reaped: Arc<Mutex<bool>>,
}

impl Child {
    /// The process of `handle`, which was started as the leader of its own group.
    pub(super) fn new(handle: duct::Handle) -> Self {
        let pid = handle.pids().first().copied().unwrap_or_default();
        Self {
            handle: Arc::new(handle),
            pid,
            reaped: Arc::default(),
        }
    }

    /// The process id, which is the id of its group as well.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal to the whole group, unless its leader was reaped.
    pub fn signal_group(&self, signal: Signal) {
        self.while_unreaped(|leader| killpg(leader, signal).is_ok());
    }

    /// Sends a signal to the leader alone, unless it was reaped.
    pub fn signal_leader(&self, signal: Signal) {
        self.while_unreaped(|leader| kill(leader, signal).is_ok());
    }

    /// Sends a signal to a process of the group; ids that do not belong to it are left alone.
    pub fn signal_member(&self, pid: u32, signal: Signal) {
        self.while_unreaped(|leader| {
            let Ok(member) = i32::try_from(pid).map(Pid::from_raw) else {
                return false;
            };
            getpgid(Some(member)) == Ok(leader) && kill(member, signal).is_ok()
        });
    }

    fn while_unreaped(&self, send: impl FnOnce(Pid) -> bool) {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        let leader = i32::try_from(self.pid).unwrap_or_default();
        // A process id of 0 or 1 would address ourselves or everyone.
        if !*reaped && leader > 1 {
            // A failure means that the process is gone already, which is what was wanted.
            let _gone = send(Pid::from_raw(leader));
        }
    }

    /// Waits for the end of the process; false at the deadline, or when cancelled.
    pub(super) fn wait_until(&self, deadline: Instant, cancel: &Cancel) -> io::Result<bool> {
        while Instant::now() < deadline && !cancel.is_cancelled() {
            let slice = deadline.min(Instant::now() + CANCEL_LATENCY);
            if self.handle.wait_deadline(slice)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Blocks until the process ended, kills what is left of its group, and reaps it.
    pub fn wait_and_sweep(&self) -> io::Result<Exit> {
        self.wait_unreaped();
        self.signal_group(Signal::SIGKILL);
        self.reap()
    }

    #[cfg(target_os = "linux")]
    fn wait_unreaped(&self) {
        use nix::sys::wait::{Id, WaitPidFlag, waitid};
        let Ok(pid) = i32::try_from(self.pid) else {
            return;
        };
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(Pid::from_raw(pid)), flags) == Err(nix::errno::Errno::EINTR) {}
    }

    /// Without `waitid` the group is swept before its leader is reaped all the same, but only
    /// once the leader is known to have ended.
    #[cfg(not(target_os = "linux"))]
    fn wait_unreaped(&self) {
        let _ended = self.handle.wait();
    }

    pub(super) fn reap(&self) -> io::Result<Exit> {
        // The process has ended or was killed: this wait is short, and the lock with it.
        let mut reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        let exit = self.handle.wait().map(|output| Exit::of(output.status));
        *reaped = true;
        exit
    }
}
