//! [`SchedulerEvent`]: what a scheduler has to say, for the log.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::{CycleId, CycleOutcome, CycleReason, Notice, RunId};
use crate::run::StopSignal;

/// Something that happened. Times are UTC milliseconds since the epoch.
#[derive(Debug)]
pub enum SchedulerEvent {
    /// The scheduler keeps the schedule of its project.
    Started {
        /// How due times follow each other.
        spec: String,
        /// When the next cycle begins.
        due_ms: i64,
        /// Where the exporter listens.
        listen: Option<SocketAddr>,
    },
    /// A cycle of an agent that is gone was closed.
    Recovered {
        /// The cycle.
        cycle: CycleId,
        /// What it came to.
        outcome: CycleOutcome,
    },
    /// A cycle began.
    CycleStarted {
        /// The cycle.
        cycle: CycleId,
        /// Why.
        reason: CycleReason,
        /// When it was due.
        due_ms: i64,
        /// Due times before it at which nothing began.
        missed: u64,
    },
    /// A cycle ended.
    CycleFinished(CycleReport),
    /// The clock, or the time zone, was set, and the next due time with it.
    ClockSet {
        /// When the next cycle begins.
        due_ms: i64,
    },
    /// The state file cannot be used: no cycle begins until it can.
    Blocked {
        /// Why, with its causes.
        error: String,
        /// What can be done about it.
        hint: Option<String>,
        /// When it is tried again.
        retry_ms: i64,
    },
    /// It can be used again.
    Unblocked {
        /// Since when it could not.
        since_ms: i64,
    },
    /// Something is odd, and the service goes on.
    Notice(Notice),
    /// The settings were read again.
    Reloaded {
        /// How due times follow each other now.
        spec: String,
        /// When the next cycle begins.
        due_ms: i64,
    },
    /// They will be when the cycle has ended.
    ReloadsLater {
        /// The cycle.
        cycle: CycleId,
    },
    /// They could not be; the earlier ones stay.
    NotReloaded {
        /// Why, with its causes.
        error: String,
        /// What can be done about it.
        hint: Option<String>,
    },
    /// Somebody asked what is running, and nothing is.
    Idle {
        /// When the next cycle begins.
        due_ms: i64,
    },
    /// Somebody asked what is running: a cycle that has no run yet.
    Preparing {
        /// The cycle.
        cycle: CycleId,
    },
    /// A signal asked the service to end.
    Stopping {
        /// Which.
        signal: StopSignal,
        /// The cycle that may finish its tests first, and for how long.
        draining: Option<(CycleId, Duration)>,
    },
    /// A cycle did not end when it was asked to, and is ended.
    Ending {
        /// The cycle.
        cycle: CycleId,
    },
    /// The service ends.
    Stopped,
}

/// A cycle that has ended.
#[derive(Debug)]
pub struct CycleReport {
    /// The cycle.
    pub cycle: CycleId,
    /// Its run, where it had one.
    pub run: Option<RunId>,
    /// How it ended.
    pub outcome: CycleOutcome,
    /// What its process returned.
    pub exit_code: Option<u8>,
    /// Why it could not be carried out, or what else is to be known of it.
    pub message: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// When the next one begins, unless the service stops.
    pub due_ms: Option<i64>,
    /// Cycles in a row that could not be carried out.
    pub failures: u32,
}
