//! The trials of a run: a phase of it, after its tests.
//!
//! ```text
//!   [TrialJob] ─► Trials ──start, kill──► trial process ─► one child a module
//!                   ▲                         │
//!                   └──── started, finished ──┘        settled ─► recorder
//! ```
//!
//! The `queue` decides, and never loses a module: one without a verdict is `not_run`, with the
//! reason.

mod phase;
mod queue;
mod tried;

pub(super) use phase::Trials;
pub(super) use queue::TrialJob;
