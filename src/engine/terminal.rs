//! The terminal of this process, which it lends to tests.

use std::io;

use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// A terminal at standard input that listens to this process.
#[derive(Debug)]
pub struct Terminal {
    group: Pid,
}

impl Terminal {
    /// The terminal; `None` if standard input is none, or if this process runs in the background.
    pub fn of_foreground() -> Option<Self> {
        let group = getpgrp();
        let is_ours = tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == group);
        is_ours.then_some(Self { group })
    }

    /// Makes the terminal listen to this process again, if a test process had it: one that was
    /// killed could not give it back.
    pub fn take_back(&self) {
        let terminal = io::stdin();
        if tcgetpgrp(&terminal).is_ok_and(|foreground| foreground == self.group) {
            return;
        }
        // It would stop this process, which asks from the background.
        let mut stops = SigSet::empty();
        stops.add(Signal::SIGTTOU);
        if stops.thread_block().is_ok() {
            // Without it, the shell takes the terminal when this process ends.
            let _taken = tcsetpgrp(&terminal, self.group);
            let _unblocked = stops.thread_unblock();
        }
    }
}
