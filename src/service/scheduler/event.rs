//! [`SchedulerEvent`]: the things that a scheduler has to say, for the log.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::{CycleId, CycleOutcome, CycleReason, Notice, RunId};
use crate::run::StopSignal;

/// Something that happened. Times are UTC milliseconds since the epoch.
#[derive(Debug)]
pub enum SchedulerEvent {
    /// The scheduler keeps the schedule of its project.
    Started {
        /// The rule that due times follow: `every 3600 s`, `cron 30 2 * * *`.
        spec: String,
        /// The time when the next cycle begins.
        due_ms: i64,
        /// The address on which the exporter listens; `None` without one.
        listen: Option<SocketAddr>,
    },
    /// A cycle of an agent that is gone was closed.
    Recovered {
        /// The number of that cycle.
        cycle: CycleId,
        /// The outcome that it was closed with.
        outcome: CycleOutcome,
    },
    /// A cycle has its row, and its process starts now.
    CycleStarted {
        /// The number of the cycle.
        cycle: CycleId,
        /// The reason for which it began.
        reason: CycleReason,
        /// The time when it was due.
        due_ms: i64,
        /// The number of due times before it at which nothing began.
        missed: u64,
    },
    /// A cycle ended, and its row is closed.
    CycleFinished(CycleReport),
    /// The clock, or the time zone, was set, and the next due time with it.
    ClockSet {
        /// The time when the next cycle begins.
        due_ms: i64,
    },
    /// The state file cannot be used: no cycle begins until it can.
    Blocked {
        /// The error with its causes, in one line.
        error: String,
        /// A next step for the reader, if there is one.
        hint: Option<String>,
        /// The time when it is tried again.
        retry_ms: i64,
    },
    /// It can be used again.
    Unblocked {
        /// The time when it was first found unusable.
        since_ms: i64,
    },
    /// Something is odd, and the service goes on.
    Notice(Notice),
    /// The settings were read again.
    Reloaded {
        /// The rule that due times follow now.
        spec: String,
        /// The time when the next cycle begins.
        due_ms: i64,
    },
    /// The settings will be read again when the cycle has ended.
    ReloadsLater {
        /// The number of the running cycle.
        cycle: CycleId,
    },
    /// The settings could not be read or used; the earlier ones stay.
    NotReloaded {
        /// The error with its causes, in one line.
        error: String,
        /// A next step for the reader, if there is one.
        hint: Option<String>,
    },
    /// Somebody asked what is running, and nothing is.
    Idle {
        /// The time when the next cycle begins.
        due_ms: i64,
    },
    /// Somebody asked what is running: a cycle that has no run yet.
    Preparing {
        /// The number of the cycle.
        cycle: CycleId,
    },
    /// A signal asked the service to end.
    Stopping {
        /// The signal that was caught.
        signal: StopSignal,
        /// The cycle that may finish its tests first, and the time for that.
        draining: Option<(CycleId, Duration)>,
    },
    /// A cycle did not end in time, or a second signal came: it is told to end at once.
    Ending {
        /// The number of the cycle.
        cycle: CycleId,
    },
    /// The service ends; no event follows.
    Stopped,
}

/// A cycle that has ended.
#[derive(Debug)]
pub struct CycleReport {
    /// The number of the cycle.
    pub cycle: CycleId,
    /// Its run, if it had one.
    pub run: Option<RunId>,
    /// The outcome that its row has.
    pub outcome: CycleOutcome,
    /// The exit code of its process; `None` if it returned none.
    pub exit_code: Option<u8>,
    /// The reason for which it could not be carried out, or another remark about it.
    pub message: Option<String>,
    /// The time that it took, in milliseconds.
    pub duration_ms: u64,
    /// The time when the next one begins; `None` if the service stops.
    pub due_ms: Option<i64>,
    /// The number of cycles in a row that could not be carried out.
    pub failures: u32,
}
