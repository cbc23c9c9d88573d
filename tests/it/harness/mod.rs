//! The harness, driven as the agent drives it: real interpreters, real pytest, small projects.

mod coverage;
mod driver;
mod endings;
mod loader;
mod matrix;
mod modules;
mod names;
mod plugins;
mod sources;
mod streams;
mod verdicts;
mod workers;
