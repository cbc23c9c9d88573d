//! Every test that goes through the public face of the library, or through the binary: one binary,
//! a folder for each subject.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests stop at the first surprise, say what they skip, and start processes themselves"
)]

mod cli;
mod conformance;
mod diag;
mod engines;
mod envs;
mod exporter;
mod graph;
mod harness;
mod image;
mod lab;
mod layout;
mod metrics;
mod mirror;
mod offline;
mod readme;
mod run;
#[path = "../../src/model/sample.rs"]
mod sample;
mod service;
mod settings;
mod source;
mod store;
mod terminal;
mod trial;
mod wait;

use menace_agent::model;
