//! [`Snapshot`]: the state file at one moment, as far as it is shown.

use crate::model::{Counts, CycleOutcome, OrphanKind, RunOutcome, RunRecord};

/// The state behind all families.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Runs that ended, ever, by outcome; an outcome that is missing had no run.
    pub runs: Vec<(RunOutcome, u64)>,
    /// The tests of all runs that ended, ever, by outcome.
    pub tests: Counts,
    /// Cycles of the schedule that ended, ever, likewise.
    pub cycles: Vec<(CycleOutcome, u64)>,
    /// Containers that could not be listed or removed, ever.
    pub container_failures: u64,
    /// Containers that were ended because their time was over, ever.
    pub container_timeouts: u64,
    /// Containers of agents that were gone, removed by others, ever.
    pub containers_reaped: u64,
    /// The latest run that has ended.
    pub last_run: Option<RunRecord>,
    /// For each of its paths that was begun, the time from the start of its first process to its
    /// end, or to the end of its last process if it was cut off.
    pub path_durations_ms: Vec<u64>,
    /// The end of the latest run that passed, UTC milliseconds since the epoch.
    pub last_success_ms: Option<i64>,
    /// Modules on the list of orphans that are not on the module map, by kind; a kind that is
    /// missing has none.
    pub orphans: Vec<(OrphanKind, u64)>,
    /// The names of the leases that are held.
    pub held_leases: Vec<String>,
    /// The schedule, while somebody is meant to keep it.
    pub schedule: Option<ScheduleFacts>,
    /// True if a cycle has begun and its process has not ended.
    pub cycle_in_progress: bool,
    /// Cycles, and due times without one, since the last run that passed; of the last 1000 cycles.
    pub cycles_since_success: u64,
    /// The size of the state file.
    pub state_file_bytes: u64,
    /// The size of its write-ahead log; 0 without one.
    pub wal_bytes: u64,
}

/// The state of the schedule: its next cycle, its longest gap and its failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleFacts {
    /// UTC milliseconds since the epoch.
    pub due_ms: i64,
    /// The longest time from one due time to the next, if it is known.
    pub period_ms: Option<u64>,
    /// Cycles in a row that could not be carried out.
    pub failures: u64,
}
