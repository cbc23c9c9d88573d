//! [`Patience`]: the time for which the agent tries again to write what it must not lose.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::error::StoreError;
use crate::clock::{Mono, Pauses, Stopwatch};

/// The time for which anything that may pass is waited for.
const LEAST: Duration = Duration::from_secs(10);

/// The pauses between two tries.
const PAUSES: Pauses = Pauses {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(1),
};

/// The time for which the agent tries again to write what it must not lose.
///
/// A lock of another process goes away when that process ends its work, and costs nothing but time:
/// it is waited for as long as the run may take. A disk that is full or fails is waited for ten
/// seconds, and so is a lock once somebody asks the run to end.
#[derive(Clone)]
pub struct Patience {
    limit: Duration,
    is_hurried: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Patience {
    /// Waits up to `limit` for a lock, or less from the moment at which `is_hurried` gives true.
    pub fn new(limit: Duration, is_hurried: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            limit: limit.max(LEAST),
            is_hurried: Arc::new(is_hurried),
        }
    }

    /// Tries until `attempt` succeeds, or fails for good. After each failure that may pass,
    /// `on_wait` hears of it.
    pub fn insist<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, StoreError>,
        mut on_wait: impl FnMut(&StoreError),
    ) -> Result<T, StoreError> {
        let watch = Stopwatch::start();
        let mut hurried = None;
        let mut tries = 0;
        loop {
            let error = match attempt() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let now = watch.now();
            if hurried.is_none() && (self.is_hurried)() {
                hurried = Some(now.plus(LEAST));
            }
            let end = match error {
                StoreError::Locked { .. } => {
                    let end = Mono::default().plus(self.limit);
                    hurried.map_or(end, |hurried| hurried.min(end))
                }
                StoreError::Full { .. }
                | StoreError::NoInodes { .. }
                | StoreError::Io { .. }
                | StoreError::Moved { .. } => Mono::default().plus(LEAST),
                _ => return Err(error),
            };
            let left = end.since(now);
            if left.is_zero() {
                return Err(error);
            }
            on_wait(&error);
            thread::park_timeout(PAUSES.nth(tries).min(left));
            tries += 1;
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::new(LEAST, || false)
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
