//! `agent run` from the command line to the rows of the state file, with real projects, real
//! interpreters and real signals.

mod bad_input;
mod containers;
mod coverage;
mod crash;
mod cycle;
mod discovery;
mod environment;
mod interrupt;
mod lab;
mod lease;
mod lease_lost;
mod look_back;
mod metrics;
mod orphans;
mod output;
mod power_cut;
mod repository;
mod rerun;
mod scale;
mod scheduled;
mod shards;
mod state_file;
mod timeout;
mod verdict;
