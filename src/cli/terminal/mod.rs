//! The report of a run for people: progress, failures as they happen, the summary; `agent history`,
//! `agent show`, `agent image`, `agent lease list`, `agent orphans`, `agent why`,
//! `agent module-map` and `agent workflow`; the pages of `agent help`.
//!
//! ```text
//! Event ──► Terminal ──► Live (tallies, running tests) ──► bar_lines ──► Bar ──► stderr
//!               │
//!               ├──► lines, failure, summary: values to text ──► Screen ──► stdout
//!               └──► notices ──────────────────────────────────► Screen ──► stderr
//! ```
//!
//! Everything that makes text is pure; [`Terminal`] alone owns streams. It is synchronous and never
//! waits: whoever runs the event loop calls [`Terminal::tick`], and the bar is drawn then and only
//! then.
//!
//! **Invariant:** no text of a test reaches a stream without `text::inline` or `text::block`.

mod bar;
mod failure;
mod history;
mod image;
mod leases;
mod lines;
mod live;
mod module_map;
mod orphan;
mod orphans;
mod page;
mod palette;
mod report;
mod screen;
mod show;
mod status;
mod summary;
mod text;

pub use history::history_table;
pub use image::image_facts;
pub use leases::{LeaseLine, lease_list};
pub(super) use lines::{tally, verdict as verdict_word};
pub(super) use live::Live;
pub use module_map::{
    added_lines, map_changes, map_groups, plan_lines, workflow_list, workflow_steps,
};
pub use orphans::{orphan_list, scan_report, why_report};
pub use page::page;
pub use report::{ProgressMode, Terminal, TerminalOptions, Verbosity};
pub use show::{ShownRun, show_attempts, show_run};
pub use status::status_lines;
pub(super) use text::{count, duration, inline, whole_seconds};
