//! The trial, driven as the agent drives it: real interpreters, and modules that behave badly.

mod driver;
mod endings;
mod events;
mod hostile;
mod matrix;
mod touches;
mod verdicts;
