//! Modules that no test reaches: looked for, tried after the tests of a run, made part of the rest.
//!
//! ```text
//!   analysis ─► JSON files read in ─► list brought up to date ──────► trials (a phase of the run)
//!                                                                        │
//!   JSON files written ◄── module map, workflows ◄── integration ◄── those that passed
//! ```
//!
//! [`after_tests()`] is the door: a run goes through it with the verdict over its tests, and comes out
//! with the verdict over all. Commands that have no run use the parts by themselves: [`analyse`],
//! [`keep_list`], [`read_mirrors`] and [`write_mirrors`], [`plan_integration`].
//!
//! Whatever goes wrong here is told with the run and does not change its outcome; only a state
//! file that cannot be written does.
//!
//! A process of the run's executor tries the modules, each in a child of its own under guard
//! (`src/pytest/trial/guard.py`): writes outside of a scratch folder, process starts, the network and
//! signals are refused and recorded. That keeps honest modules from doing harm when they are
//! imported; it is no sandbox, for native code and `ctypes` go around it. The kernel keeps these from
//! most of that (`src/pytest/trial/wall.py`), and containers are the stronger wall: there the project
//! cannot be written to at all.
//!
//! **Invariant:** a module that joined is tested as its trial did, under the same guard
//! (`src/pytest/trial/members.py`): what it did not do in its trial it cannot do in a later run.
//!
//! **Invariant:** the tests of a run decide its outcome. A trial that fails changes it only if
//! the run is strict and everything else passed.

mod after_tests;
mod analysis;
mod integration;
mod list;
mod mirrors;
mod trials;

pub use after_tests::{IntegrationCallback, OrphanJob, after_tests};
pub use analysis::{Analysis, AnalysisError, AnalysisRequest, analyse, look};
pub use integration::plan_integration;
pub use list::{forget_gone, integrated_modules, keep_list, take_edits, with_edits};
pub use mirrors::{Edited, read_mirrors, write_mirrors};
