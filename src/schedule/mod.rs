//! Due times: interval, cron, jitter, what was missed, when to try again. Pure arithmetic over
//! given times.
//!
//! A [`Spec`] says how due times follow each other; its [`State`] is what the state file keeps.
//!
//! ```text
//!   Schedule::begin ──► State ◄──────────── settle: at every tick, in line with the clock
//!                         │ look, asked
//!                         ▼
//!            Wait, or Due { reason, due_ms, missed } ──► a cycle ──► done ──► State
//! ```
//!
//! Each due time has one cycle, or is counted as missed by the next one: a [`Due`] covers the
//! times up to `covers_ms`, `done` keeps that as `last_ms`, and the next cycle counts from there.
//! So times that pass while a cycle takes too long, while it waits to be tried again, or while
//! nobody is there are all counted by the cycle that follows, and by no other.
//!
//! The state does not change while a cycle is carried out. If the keeper of the schedule is killed
//! meanwhile, its successor finds the state of before, and calls `done` for the cycle that was
//! lost, with what [`Schedule::look`] says for the time at which that one began.

mod cron;
mod due;
mod grid;
mod retry;
mod spec;
mod state;
#[cfg(test)]
mod tests;

pub use cron::{Cron, CronError};
pub use spec::Spec;
pub use state::{Due, Look, Schedule, State};
