//! [`ScheduleLease`]: the lease `schedule`, held for as long as the scheduler lives.
//!
//! It is renewed by the loop of the scheduler, not by a thread: a loop that hangs loses it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::SchedulerError;
use crate::clock::now_ms;
use crate::engine::identity;
use crate::model::{LeaseClaim, SCHEDULE_LEASE};
use crate::run::{LeaseRequest, Terms, try_take};
use crate::store::{Acquisition, Leases, StoreError};

/// Long, because each renewal wakes the disk. On this machine a holder that is gone is known to be
/// gone at once; only an agent on another machine that shares the state file waits for it.
const TERMS: Terms = Terms {
    ttl: Duration::from_mins(10),
    renew_every: Duration::from_mins(4),
};

/// A lease that is held. It is given back when it is dropped.
#[derive(Debug)]
pub(super) struct ScheduleLease {
    store: PathBuf,
    claim: LeaseClaim,
    renewed_ms: i64,
    is_held: bool,
}

impl ScheduleLease {
    /// Takes the lease, unless somebody has it.
    pub(super) fn take(store: &Path) -> Result<Self, SchedulerError> {
        let request = LeaseRequest {
            store: store.to_owned(),
            name: SCHEDULE_LEASE.to_owned(),
            holder: identity::holder(),
            lock_file: None,
            patience: Some(Duration::ZERO),
            terms: TERMS,
        };
        match try_take(&mut Leases::open(store)?, &request)? {
            Acquisition::Taken(token) => Ok(Self {
                store: request.store,
                claim: LeaseClaim {
                    name: request.name,
                    token,
                },
                renewed_ms: now_ms(),
                is_held: true,
            }),
            Acquisition::Held(lease) => Err(SchedulerError::Kept(Box::new(lease))),
        }
    }

    /// The claim that every write for the schedule shows.
    pub(super) fn claim(&self) -> LeaseClaim {
        self.claim.clone()
    }

    /// Renews the lease if that is due. Returns false if another agent has it.
    pub(super) fn renew(&mut self) -> Result<bool, StoreError> {
        let now = now_ms();
        let every_ms = i64::try_from(TERMS.renew_every.as_millis()).unwrap_or(i64::MAX);
        // A clock that was set back makes it due as well.
        if (self.renewed_ms..self.renewed_ms.saturating_add(every_ms)).contains(&now) {
            return Ok(true);
        }
        let kept = Leases::open(&self.store)?.renew(&self.claim, now, TERMS.ttl)?;
        self.renewed_ms = now;
        Ok(kept)
    }

    /// Gives the lease back. If that fails, the lease runs out, and on this machine it is known to
    /// be left behind.
    pub(super) fn give_back(&mut self) {
        if std::mem::take(&mut self.is_held) {
            let _ = Leases::open(&self.store).and_then(|leases| leases.release(&self.claim));
        }
    }
}

impl Drop for ScheduleLease {
    fn drop(&mut self) {
        self.give_back();
    }
}
