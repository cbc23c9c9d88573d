//! `agent run` from the command line to the rows of the state file, with real projects, real
//! interpreters and real signals.

mod bad_input;
mod beside;
mod comparison;
mod containers;
mod coverage;
mod crash;
mod discovery;
mod environment;
mod forgery;
mod installed_copy;
mod interrupt;
mod isolation;
mod living_list;
mod metrics;
mod neighbours;
mod output;
mod package_root;
mod power_cut;
mod printed;
mod repository;
mod rerun;
mod scale;
mod scope;
mod shards;
pub(super) mod state_file;
mod terminal;
mod timeout;
mod verdict;
