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
    /// The origin of the run: `manual`, `schedule` or `library`.
    pub trigger: String,
    /// The executor that starts its processes.
    pub executor: Arc<Executor>,
    /// The plan for a private environment, if one is allowed.
    pub managed: Option<ManagedSpec>,
    /// The lease that the run needs, if it needs one; given back when the job is dropped.
    pub lease: Option<LeaseKeeper>,
    /// The cycle of the schedule that it is the run of.
    pub cycle: Option<CycleId>,
    /// Notices to give at the start, about settings and recovered runs.
    pub notices: Vec<Notice>,
    /// The mailbox that brings signals and the events of its processes.
    pub mailbox: &'a Mailbox,
}
