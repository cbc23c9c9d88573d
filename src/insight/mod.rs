//! The meaning of results: rows in, verdicts out. Pure, so that the same history says the same
//! thing.
//!
//! [`compare()`] tells how a run differs from the one before it; [`progress`] tells how long a run
//! will still take.

pub mod compare;
pub mod progress;

pub use compare::{ComparedTest, Differences, compare};
pub use progress::{Progress, expected_seconds};
