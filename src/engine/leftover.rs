//! Processes that an agent left behind when it was killed.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpgid};

use super::identity;
use crate::model::{Liveness, ProcessIdentity};

/// Kills the group of a process that another agent started and left behind. Anything that is not
/// provably that process, alive and leading its group, is left alone.
pub fn kill_leftover(recorded: &ProcessIdentity) {
    let Ok(pid) = i32::try_from(recorded.pid).map(Pid::from_raw) else {
        return;
    };
    if identity::liveness(recorded) == Liveness::Alive && getpgid(Some(pid)) == Ok(pid) {
        // It may end by itself in this very moment, which is as good.
        let _gone = killpg(pid, Signal::SIGKILL);
    }
}
