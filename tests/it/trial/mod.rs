//! The trial, driven as the agent drives it: real interpreters, and modules that behave badly.

mod driver;
mod endings;
mod matrix;
mod touches;
mod verdicts;
