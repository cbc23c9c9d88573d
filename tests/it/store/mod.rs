//! The state file, on real SQLite files.

mod check;
pub(crate) mod child;
mod counters;
mod cycles;
pub(crate) mod disk;
mod durability;
mod images;
mod leases;
mod metrics;
mod mirror;
mod module_map;
mod name;
mod open;
mod orphans;
mod other_sqlite;
pub(crate) mod sample;
mod scale;
mod schema;
mod tallies;
mod together;
mod trials;
mod upgrade;
mod views;
mod workflows;
mod writer;
