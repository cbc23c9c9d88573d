//! [`Verdict`]: the end of a run, as each stage hands it on to the next.

use crate::model::{ExitCode, Failure, RunOutcome};

/// The end of a run, as far as its stages have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: RunOutcome,
    /// The exit code of the command.
    pub exit_code: ExitCode,
    /// The reason if it could not be carried out.
    pub failure: Option<Failure>,
    /// The faults of its containers.
    pub troubles: Troubles,
    /// The number of its processes: the serial of the last one.
    pub processes: u32,
    /// The interpreter that served it, if it is another one than the executor's.
    pub python: Option<String>,
}

/// The faults of the containers of a run; the store counts them over all runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Containers that could not be removed.
    pub failures: u64,
    /// Containers that ran out of their time.
    pub timeouts: u64,
}
