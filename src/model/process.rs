//! Processes, told apart across reuse of their ids.

use std::time::Duration;

/// The identity of a process: it differs from every other one on this machine, even if the system
/// uses a process id again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ProcessIdentity {
    /// The process id, which the system may use again.
    pub pid: u32,
    /// A name of this boot of the machine.
    pub boot_id: String,
    /// A name of the space in which the process id counts: on Linux the pid namespace, which a
    /// container has of its own.
    pub pid_space: String,
    /// The time of its start, in the kernel's own unit; `None` if it is unknown.
    pub start_time: Option<u64>,
}

/// The present state of a recorded process, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// The same process still runs.
    Alive,
    /// It is gone: another boot, no such process, or another process with its id.
    Gone,
    /// Nobody on this machine can say.
    Unknown,
}

/// The time between two signs of life that a run leaves in the state file, also if nothing happens.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// A run that left no sign of life for so long, and of whose agent nobody can say that it still
/// runs, is taken for abandoned. Long against [`HEARTBEAT`], a slow disk and clocks that differ.
const SILENCE: Duration = Duration::from_mins(2);

impl Liveness {
    /// Judges a process that nobody here can see by its last sign of life: UTC milliseconds since
    /// the epoch. What is known of a process outweighs that.
    #[must_use]
    pub fn or_by_sign(self, sign_ms: i64, now_ms: i64) -> Self {
        let silence_ms = i64::try_from(SILENCE.as_millis()).unwrap_or(i64::MAX);
        match self {
            Self::Unknown if sign_ms < now_ms.saturating_sub(silence_ms) => Self::Gone,
            known => known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_silence_makes_a_process_gone_that_nobody_can_see() {
        let now_ms = 1_000_000;
        for (sign_ms, judged) in [
            (now_ms - 120_001, Liveness::Gone),
            (now_ms - 120_000, Liveness::Unknown),
            // Its clock is ahead.
            (now_ms + 86_400_000, Liveness::Unknown),
            (i64::MIN, Liveness::Gone),
        ] {
            assert_eq!(Liveness::Unknown.or_by_sign(sign_ms, now_ms), judged);
            assert_eq!(Liveness::Alive.or_by_sign(sign_ms, now_ms), Liveness::Alive);
            assert_eq!(Liveness::Gone.or_by_sign(sign_ms, now_ms), Liveness::Gone);
        }
    }
}
