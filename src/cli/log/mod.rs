//! The log of a service, in place of the report for people: the supervisor and each of its cycles
//! write lines to standard error, which is the journal as a rule.
//!
//! ```text
//! Event ──► RunLog ──► Entry ─┐
//!                             ├─► line (text, journal, JSON) ──► Log ──► stderr
//! SchedulerEvent ─────► Entry ┘
//! ```
//!
//! Everything that makes text is pure; [`Log`] alone writes. A line is never longer than a pipe
//! takes at once, so that the lines of two processes do not mix.
//!
//! **Invariant:** an entry is one line, and no text of a test reaches it unescaped.

mod line;
mod run;
mod scheduler;
mod sink;
mod words;

pub(super) use run::RunLog;
pub(super) use scheduler::{of_notice, of_scheduler};
pub(super) use sink::{Entry, Log, early};
