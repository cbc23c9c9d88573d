//! Waiting for other processes: as long as it takes and no longer, and if it was in vain, with what
//! was seen last.

use std::fmt::Debug;
use std::fs;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a loaded machine, so that only a hang reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks again until there is a value; an error is the state that was found instead.
#[track_caller]
pub(crate) fn wait_for<T, S: Debug>(what: &str, look: impl FnMut() -> Result<T, S>) -> T {
    wait_within(PATIENCE, what, look)
}

/// The same with a patience of its own.
#[track_caller]
pub(crate) fn wait_within<T, S: Debug>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, S>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match look() {
            Ok(value) => return value,
            Err(last) => assert!(
                Instant::now() < deadline,
                "{what} did not come within {patience:?}; the last state: {last:#?}"
            ),
        }
        thread::park_timeout(LOOK_EVERY);
    }
}

/// Looks again until what is seen is as `wanted`.
#[track_caller]
pub(crate) fn wait_until<T: Debug>(
    what: &str,
    mut look: impl FnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    wait_for(what, || {
        let seen = look();
        if wanted(&seen) { Ok(seen) } else { Err(seen) }
    })
}

/// Looks again until nothing is there any more.
#[track_caller]
pub(crate) fn wait_until_gone<T: Debug>(what: &str, look: impl FnMut() -> Vec<T>) {
    let what = format!("the end of {what}");
    wait_until(&what, look, Vec::is_empty);
}

/// Waits for the end of a process.
#[track_caller]
pub(crate) fn wait_for_end(patience: Duration, child: &mut Child) -> ExitStatus {
    wait_within(patience, "the end of the process", || {
        child.try_wait().unwrap().ok_or(child.id())
    })
}

/// The `/proc/PID/stat` of a process that runs; `None` for one that is dead, even if not reaped.
pub(crate) fn alive(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, state) = stat.rsplit_once(')')?;
    (!state.trim_start().starts_with('Z')).then_some(stat)
}

/// Waits until processes run no more.
#[track_caller]
pub(crate) fn wait_for_death(pids: &[u32]) {
    let running = || pids.iter().filter_map(|pid| alive(*pid)).collect();
    wait_until_gone("the processes", running);
}
