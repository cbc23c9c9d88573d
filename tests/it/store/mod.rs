//! The state file, on real SQLite files.

mod child;
pub(crate) mod disk;
mod durability;
mod open;
mod sample;
mod scale;
mod schema;
mod tallies;
mod together;
mod upgrade;
mod views;
mod writer;
