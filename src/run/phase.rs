//! [`Phase`]: a part of a run that the loop carries out, as its tests or the trials of its orphans.
//!
//! Everything that happens goes in as an [`Input`], everything that is to be done comes out as
//! [`Effect`]s. A phase does no I/O and reads no clock.

use super::effect::{Effect, Input};
use crate::clock::Mono;

/// A part of a run, from its start to its end.
pub trait Phase {
    /// Begins, and returns the first effects.
    fn start(&mut self, now: Mono, now_ms: i64) -> Vec<Effect>;

    /// Takes something that happened, and returns what is to be done.
    fn handle(&mut self, input: Input, now: Mono, now_ms: i64) -> Vec<Effect>;

    /// Returns the effects that are due at `now`.
    fn tick(&mut self, now: Mono, now_ms: i64) -> Vec<Effect>;

    /// The time at which [`Phase::tick`] has something to do.
    fn deadline(&self) -> Option<Mono>;

    /// True if nothing more will happen.
    fn is_over(&self) -> bool;
}
