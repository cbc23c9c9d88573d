//! Removes what interrupted runs left in container engines. Safe to repeat, and to die in the
//! middle of.

use std::thread;
use std::time::Duration;

use crate::clock::Pauses;
use crate::engine::container::{Engine, EngineError};
use crate::engine::identity;
use crate::model::Liveness;
use crate::plan::cleanup::{CleanupPlan, FoundContainer, Host, Owner, Removal, Stay};

/// The pauses before new tries.
const PAUSES: Pauses = Pauses {
    first: Duration::from_millis(500),
    longest: Duration::from_mins(1),
};

/// The options of a cleanup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Thoroughness {
    /// Containers of whose agent nothing is known go as well.
    pub all: bool,
    /// The number of times that a failed call is tried again.
    pub retries: u32,
    /// Only lists what would be removed.
    pub dry_run: bool,
}

/// The result of a cleanup in one engine.
#[derive(Debug, Default)]
pub struct Swept {
    /// Containers that were removed, or would be, by name.
    pub removed: Vec<(String, Removal)>,
    /// Containers that stay, by name.
    pub kept: Vec<(String, Stay)>,
    /// The errors that were left after the last try.
    pub failures: Vec<EngineError>,
    /// Listings and removals that failed, the ones that were tried again included.
    pub failed_calls: u64,
}

/// Removes the containers of agents that are gone.
pub fn sweep(engine: &Engine, how: Thoroughness) -> Swept {
    let mut swept = Swept::default();
    let Some(found) = swept.try_again(how.retries, || engine.containers()) else {
        return swept;
    };
    let containers: Vec<FoundContainer> = found
        .into_iter()
        .filter_map(|container| {
            let owner = Owner::of_labels(&container.labels.into_iter().collect())?;
            let holder = owner.holder.as_ref();
            let holder = holder.map_or(Liveness::Unknown, identity::liveness_of_holder);
            Some(FoundContainer {
                id: container.id,
                name: container.name,
                owner,
                holder,
            })
        })
        .collect();
    let me = Host {
        name: identity::host(),
        boot_id: identity::of_self().boot_id,
    };
    let plan = CleanupPlan::new(containers, &me, how.all);
    for (container, removal) in plan.remove {
        let done = how.dry_run
            || swept
                .try_again(how.retries, || engine.remove(&container.id))
                .is_some();
        if done {
            swept.removed.push((container.name, removal));
        }
    }
    let kept = plan.keep.into_iter();
    swept.kept = kept
        .map(|(container, stay)| (container.name, stay))
        .collect();
    swept
}

impl Swept {
    /// The number of containers that were removed, or would be.
    pub fn reaped(&self) -> u64 {
        self.removed.len() as u64
    }

    fn try_again<T>(
        &mut self,
        retries: u32,
        mut call: impl FnMut() -> Result<T, EngineError>,
    ) -> Option<T> {
        for attempt in 0..=retries {
            match call() {
                Ok(answer) => return Some(answer),
                Err(error) => {
                    self.failed_calls += 1;
                    if attempt == retries {
                        self.failures.push(error);
                    } else {
                        thread::park_timeout(PAUSES.nth(attempt));
                    }
                }
            }
        }
        None
    }
}
