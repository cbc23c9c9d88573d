//! The state file: the only user of `rusqlite` and `refinery`.
//!
//! One SQLite file holds everything that the agent remembers. Its public face is a handful of
//! views (`migrations/README.md`); the tables beneath them belong to this folder alone.
//!
//! ```text
//!  Store::open ── place (folder, file, modes) ── connect ── identity ── pragmas ── schema
//!       │
//!       ├─ open_run ─► RunId                      committed before anything is started
//!       ├─ Writer::spawn ─► submit … submit ─► finish ─► Store
//!       │        one thread, one `BEGIN IMMEDIATE` a batch, announce after the commit
//!       └─ reader ─► Reader                       read-only connections, as many as one likes
//!
//!  Leases::open ─► acquire ─► renew … renew ─► release     who may run, on a connection of its own
//! ```
//!
//! **Crash points.** A run is a row without an end until `Write::RunEnded` is committed. Whatever
//! happens in between - kill -9, a power cut - leaves whole batches, a list of all collected tests
//! (`not_run` until they report), and the identities of the processes that were started. The next
//! start finds such runs with [`Store::open_runs`] and ends them with
//! [`Store::close_interrupted`].
//!
//! **Invariant:** an event reaches the announcer of the [`Writer`] only after the transaction that
//! holds its facts was committed with `synchronous = FULL`. One notice comes before: that results
//! wait for a state file which cannot be written now.
//!
//! **Invariant:** a run under a lease writes only while the lease has the token of that run; this
//! is checked in the transaction that writes.
//!
//! **Invariant:** nothing here deletes, repairs or replaces a state file. A file that cannot be
//! used gives an error that says so. One with damaged pages is refused before anything is written
//! ([`Store::check`]); readers go on as far as they get.
//!
//! **Invariant:** every effect is idempotent, so a batch whose commit failed can be written again.

mod baseline;
mod check;
mod compare;
mod connect;
mod content;
mod copy;
mod counters;
mod cycles;
mod db;
mod diagnose;
mod error;
mod images;
mod leases;
mod loads;
mod metrics;
mod mirror;
mod module_map;
mod name;
mod open;
mod orphan_list;
mod patience;
mod place;
mod reader;
mod results;
mod rows;
mod runs;
mod schema;
mod shards;
mod source_files;
#[cfg(test)]
mod tests;
mod trials;
mod workflows;
mod write;
mod writer;

pub use baseline::{Baseline, Durations};
pub use counters::Counter;
pub use cycles::{CycleEnd, CycleRow, NewCycle, ScheduleRow};
pub use error::StoreError;
pub use images::ImageArchiveRow;
pub use leases::{Acquisition, Leases};
pub use loads::Load;
pub use module_map::Added;
pub use open::Store;
pub use orphan_list::ScanRow;
pub use patience::Patience;
pub use reader::{CoverageRow, Reader, WarningRow};
pub use schema::{APPLICATION_ID, latest_version};
pub use writer::Writer;
