//! Processes that an agent left behind when it was killed.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpgid};

use super::identity;
use crate::clock::now_ms;
use crate::model::{HEARTBEAT, Liveness, ProcessIdentity};

/// Kills the group of a process that another agent started and left behind. Anything that is not
/// provably that group is left alone.
///
/// If its leader is gone as well, what a test had started may still be in the group. The system
/// gives the number of a group to nobody else while a member lives; so the group is the one of that
/// process if a member of it started between the process and soon after `sign_ms`, the last sign of
/// life of its agent in UTC milliseconds since the epoch.
pub fn kill_leftover(recorded: &ProcessIdentity, sign_ms: i64) {
    let Ok(pid) = i32::try_from(recorded.pid).map(Pid::from_raw) else {
        return;
    };
    let is_its_group = match identity::liveness(recorded) {
        Liveness::Alive => getpgid(Some(pid)) == Ok(pid),
        Liveness::Gone => has_member_of_its_time(recorded, sign_ms),
        Liveness::Unknown => false,
    };
    if is_its_group {
        // It may end by itself in this very moment, which is as good.
        let _gone = killpg(pid, Signal::SIGKILL);
    }
}

fn has_member_of_its_time(leader: &ProcessIdentity, sign_ms: i64) -> bool {
    let Some(first) = leader.start_time else {
        return false;
    };
    // The agent may have lived on until its next sign was due, or a little longer.
    let lived_on_ms = i64::try_from(2 * HEARTBEAT.as_millis()).unwrap_or(i64::MAX);
    let until_ms = sign_ms.saturating_add(lived_on_ms);
    let age_ms = u64::try_from(now_ms().saturating_sub(until_ms)).unwrap_or(0);
    identity::start_times_of_group(leader.pid)
        .iter()
        .any(|started| *started >= first && identity::is_older_than(*started, age_ms))
}
