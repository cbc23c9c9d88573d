//! The process of a cycle: started, asked to end, ended.

use std::io::PipeWriter;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::Input;
use crate::clock::Mono;
use crate::engine::child::Child;
use crate::engine::identity;
use crate::engine::process::{ProcessError, ProcessSpec, spawn_attended};
use crate::model::{CycleId, ProcessIdentity};

/// A process that carries out a cycle.
#[derive(Debug)]
pub(super) struct CycleProcess {
    child: Child,
    /// Makes the process end at once when it is dropped, or when this process is gone. Unlike a
    /// second signal, that does not melt into the first.
    attended: Option<PipeWriter>,
    ending: Ending,
}

/// The reason for which it could not be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// As the system says it, it would be the program that is missing.
    #[error("the folder `{}` is not there", .0.display())]
    Folder(PathBuf),
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// The progress of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Unasked,
    /// Tests that run may finish until then.
    Draining(Mono),
    /// It was told to end at once; at that time, everything that is left is killed.
    Told(Mono),
    Killed,
}

impl CycleProcess {
    /// The time that a cycle may take to store what it has, once it was told to end at once.
    pub(super) const KILL_GRACE: Duration = Duration::from_secs(10);

    /// Starts it; its end arrives as an input.
    pub(super) fn start(
        cycle: CycleId,
        spec: &ProcessSpec,
        inputs: Sender<Input>,
    ) -> Result<Self, StartError> {
        if !spec.cwd.is_dir() {
            return Err(StartError::Folder(spec.cwd.clone()));
        }
        let (child, attended) = spawn_attended(spec)?;
        let waiting = child.clone();
        thread::spawn(move || {
            let exit = waiting.wait_and_sweep();
            // A scheduler that is gone has no use for it.
            let _ = inputs.send(Input::Ended { cycle, exit });
        });
        Ok(Self {
            child,
            attended: Some(attended),
            ending: Ending::Unasked,
        })
    }

    pub(super) fn identity(&self) -> ProcessIdentity {
        identity::of_child(self.child.pid())
    }

    /// True if it was asked to end.
    pub(super) fn was_asked_to_end(&self) -> bool {
        self.ending != Ending::Unasked
    }

    /// Lets it finish the tests that run, for `limit`.
    pub(super) fn drain(&mut self, now: Mono, limit: Duration) {
        if self.ending == Ending::Unasked {
            self.child.signal_leader(Signal::SIGTERM);
            self.ending = Ending::Draining(now.plus(limit));
        }
    }

    /// Makes it end at once.
    pub(super) fn end(&mut self, now: Mono) {
        if let Ending::Unasked | Ending::Draining(_) = self.ending {
            self.attended = None;
            self.ending = Ending::Told(now.plus(Self::KILL_GRACE));
        }
    }

    /// Asks it to log what is running.
    pub(super) fn ask(&self) {
        self.child.signal_leader(Signal::SIGUSR1);
    }

    /// The time when [`CycleProcess::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match self.ending {
            Ending::Draining(deadline) | Ending::Told(deadline) => Some(deadline),
            Ending::Unasked | Ending::Killed => None,
        }
    }

    /// Does what is due; returns true if the time to drain was over, so that it is told to end.
    pub(super) fn tick(&mut self, now: Mono) -> bool {
        match self.ending {
            Ending::Draining(deadline) if now >= deadline => {
                self.end(now);
                true
            }
            Ending::Told(deadline) if now >= deadline => {
                self.child.signal_group(Signal::SIGKILL);
                self.ending = Ending::Killed;
                false
            }
            _ => false,
        }
    }
}
