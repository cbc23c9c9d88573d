//! Leases: the right of one process on one machine to run now, and the state of that right.
//!
//! [`LeaseReport`] is a published contract; `agent schema leases` prints its JSON Schema. Within
//! one version keys are only added.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::RunId;
use super::process::{Liveness, ProcessIdentity};

/// The number of one hold of a lease: each holder has a greater one than all before it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct LeaseToken(pub i64);

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A process of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Holder {
    /// The name of the machine.
    pub host: String,
    /// The process on that machine.
    pub process: ProcessIdentity,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.process.pid, self.host)
    }
}

/// The proof that a holder shows when it writes: the name of its lease, and its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseClaim {
    /// The name of the lease.
    pub name: String,
    /// The token that the lease was taken with.
    pub token: LeaseToken,
}

/// A lease as the state file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The name of the lease: `containers` or `schedule`.
    pub name: String,
    /// The token of its holder, or of the last one.
    pub token: LeaseToken,
    /// The hold of the present holder; `None` while the lease is free.
    pub hold: Option<Hold>,
}

/// The name of the lease that the keeper of the schedule holds.
pub const SCHEDULE_LEASE: &str = "schedule";

/// The hold of a process on a lease; times are UTC milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The process that took it.
    pub holder: Holder,
    /// The run that it was taken for, once that is open.
    pub run: Option<RunId>,
    /// The time when it was taken.
    pub acquired_ms: i64,
    /// The time of its last renewal.
    pub heartbeat_ms: i64,
    /// The time from which on anyone may take it.
    pub expires_ms: i64,
}

impl Hold {
    /// True if its time is over at `now_ms`.
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_ms <= now_ms
    }
}

impl Lease {
    /// The state of the lease at `now_ms`, if `holder` is the liveness of its holder. What is known
    /// of the holder outweighs the clock: its own may be a day behind, and it may have slept.
    pub fn state(&self, holder: Liveness, now_ms: i64) -> LeaseState {
        match &self.hold {
            None => LeaseState::Free,
            Some(_) if holder == Liveness::Gone => LeaseState::Abandoned,
            Some(_) if holder == Liveness::Alive => LeaseState::Held,
            Some(hold) if hold.is_expired(now_ms) => LeaseState::Expired,
            Some(_) => LeaseState::Held,
        }
    }
}

/// The state of a lease, which says if it can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    /// Nobody has it: anyone may take it.
    Free,
    /// Somebody has it who is at work, or whom nobody here can see and who is in time.
    Held,
    /// Its holder, whom nobody here can see, has not renewed it in time.
    Expired,
    /// The process that holds it is gone.
    Abandoned,
}

/// The version of the format of [`LeaseReport`].
pub const LEASES_VERSION: u32 = 1;

/// The leases of a state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "agent lease list --json")]
pub struct LeaseReport {
    /// The version of this format, 1.
    pub v: u32,
    /// The leases, in the order of their names.
    pub leases: Vec<LeaseEntry>,
}

/// One lease, and its holder if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseEntry {
    /// The name of the lease: `containers` or `schedule`.
    pub name: String,
    /// The token of its holder, or of the last one.
    pub token: LeaseToken,
    /// The state, which says if it can be taken.
    pub state: LeaseState,
    /// The machine of its holder; null while it is free, as all that follows.
    pub host: Option<String>,
    /// The id of the process that has it.
    pub pid: Option<u32>,
    /// The run that it was taken for, once that is open.
    pub run_id: Option<RunId>,
    /// The time when it was taken, RFC 3339 in UTC.
    pub acquired_at: Option<String>,
    /// The time of its last renewal, RFC 3339 in UTC.
    pub heartbeat_at: Option<String>,
    /// The time from which on anyone may take it, RFC 3339 in UTC.
    pub expires_at: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(expires_ms: i64) -> Lease {
        let process = ProcessIdentity {
            pid: 7,
            boot_id: "boot".to_owned(),
            pid_space: "pid:[1]".to_owned(),
            start_time: Some(1),
        };
        let holder = Holder {
            host: "lab".to_owned(),
            process,
        };
        Lease {
            name: "containers".to_owned(),
            token: LeaseToken(1),
            hold: Some(Hold {
                holder,
                run: None,
                acquired_ms: 0,
                heartbeat_ms: 0,
                expires_ms,
            }),
        }
    }

    #[test]
    fn a_lease_is_held_while_its_holder_lives_or_else_for_its_time() {
        let cases = [
            (Liveness::Alive, 99, LeaseState::Held),
            (Liveness::Alive, 100, LeaseState::Held),
            (Liveness::Unknown, 99, LeaseState::Held),
            (Liveness::Unknown, 100, LeaseState::Expired),
            (Liveness::Gone, 99, LeaseState::Abandoned),
            (Liveness::Gone, 100, LeaseState::Abandoned),
        ];
        for (holder, now_ms, state) in cases {
            assert_eq!(
                lease(100).state(holder, now_ms),
                state,
                "{holder:?} {now_ms}"
            );
        }
        let free = Lease {
            hold: None,
            ..lease(100)
        };
        assert_eq!(free.state(Liveness::Unknown, 0), LeaseState::Free);
    }
}
