//! The figures for Prometheus: a snapshot of the state in, families of samples out.
//!
//! ```text
//!   state file ── store ──► Snapshot ── families ──► Family { name, kind, help, samples }
//!                                                       └─► exporter: text, socket, file
//! ```
//!
//! [`FAMILIES`] is the whole list, in the order in which it is shown; the page of
//! `agent help metrics` has it as a table, and the rules and the dashboard of `offline/monitoring/`
//! use no other names.
//!
//! The six `self_test_…` gauges keep the names that older dashboards know. Their suffix `_total`
//! means a counter by today's conventions, so everything new is called `menace_agent_…`.
//!
//! **Invariant:** a family has at most ten samples, whatever is in the state file: label values
//! come from closed lists.
//!
//! **Invariant:** nothing is shown that is not known. Without a state file there are two families;
//! a figure that was not measured has no sample. Counts are known to be zero before the first one.

mod families;
mod snapshot;

pub use families::{Definition, FAMILIES, Family, Kind, LEASES, Sample, families};
pub use snapshot::{ScheduleFacts, Snapshot};
