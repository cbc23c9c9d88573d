//! [`Verdict`]: how a run ended, as each stage hands it on to the next.

use crate::model::{ExitCode, Failure, RunOutcome};

/// How a run ended, as far as its stages have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: RunOutcome,
    /// What the command returns.
    pub exit_code: ExitCode,
    /// Why it could not be carried out, where it could not.
    pub failure: Option<Failure>,
    /// What went wrong with its containers.
    pub troubles: Troubles,
    /// How many processes it had: the serial of the last one.
    pub processes: u32,
    /// The interpreter that served it, if it is another one than the executor's.
    pub python: Option<String>,
}

/// What went wrong with the containers of a run; the store counts it over all runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Containers that could not be removed.
    pub failures: u64,
    /// Containers that ran out of their time.
    pub timeouts: u64,
}
