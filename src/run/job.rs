//! [`Job`]: a plan, and everything that it is carried out with.

use std::sync::Arc;

use super::lease::LeaseKeeper;
use super::mailbox::Mailbox;
use crate::engine::Executor;
use crate::engine::managed::ManagedSpec;
use crate::model::{CycleId, Notice};
use crate::plan::RunPlan;

/// A plan and what it is carried out with.
#[derive(Debug)]
pub struct Job<'a> {
    pub plan: RunPlan,
    /// What started the run: `manual`, `schedule` or `library`.
    pub trigger: String,
    /// What its processes are started with.
    pub executor: Arc<Executor>,
    /// How to make a private environment, where that is allowed.
    pub managed: Option<ManagedSpec>,
    /// The lease that the run needs, where it needs one; given back when the job is dropped.
    pub lease: Option<LeaseKeeper>,
    /// The cycle of the schedule that it is the run of.
    pub cycle: Option<CycleId>,
    /// What to say at the start, about settings and recovered runs.
    pub notices: Vec<Notice>,
    /// Where it hears of signals and of its processes.
    pub mailbox: &'a Mailbox,
}
