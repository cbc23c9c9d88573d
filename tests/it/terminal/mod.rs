//! The report of a run, from scripted events.

mod failures;
mod junit;
mod limits;
mod orphans;
mod progress;
mod script;
mod show;
mod summary;
