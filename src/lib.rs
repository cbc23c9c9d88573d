//! `agent`: a self-test agent that watches over Python projects where there is no internet.
//!
//! When asked, or on a schedule, it runs a project's pytest suites, remembers every attempt of
//! every test in one SQLite file, and says what changed. This page is the map of the code; README
//! and the pages of `agent help` (`src/cli/topics/`, `migrations/README.md`, `offline/README.md`)
//! are for users, and `CONTRIBUTING.md` is for people who change the code.
//!
//! # The walk of a run
//!
//! ```text
//!   cli::run ── Settings ──► service::SelfTestService::run_once
//!     ├─ service::prepare         settings in, a Job and the open state file out
//!     │    ├─ source   the paths exist, globs are expanded
//!     │    ├─ store    opened; runs that an earlier crash left open are closed
//!     │    ├─ engine   the Executor: an interpreter here, or an engine with its image there
//!     │    ├─ run      the lease of a run in containers: one at a time
//!     │    └─ plan     paths + settings ─► RunPlan { shards, workers, deadlines }
//!     ├─ run::Recorder::open      the run is on disk
//!     ├─ run::tests               starts shards, listens, decides; each effect is carried out
//!     │    ├─ engine   Launch ─► harness ─► HarnessEvent ─► the dispatcher
//!     │    └─ pytest   reconciled: collected == reported? else `not_run`, `crashed`, `timed_out`
//!     ├─ modules::after_tests     the import graph ─► modules that no test reaches ─► tried;
//!     │                           those that pass join the module map, and workflows
//!     └─ run::Recorder::close     the verdict is on disk ─► summary, exit code
//!          └─ insight  the difference to the previous comparable run
//!
//!   each result:  Write ─► run::Recorder ── stored ──► Event ─► terminal, JSON Lines, JUnit,
//!                                                               callbacks
//! ```
//!
//! Data moves one way. A stage never reaches back into an earlier one; it returns a value.
//!
//! # The service
//!
//! ```text
//!   cli::run_scheduled ─► service::scheduler ── due ──► a new process: cli::cycle ─► the walk
//!     ├─ schedule   when the next cycle is due, what was missed, when to try again
//!     ├─ store      the row of a cycle, before it begins and when it ended
//!     ├─ exporter   store ─► metrics ─► text, for Prometheus
//!     └─ mirror     the history file that older tools read
//!
//!   cli::service ─► service::install ─► unit: the file of systemd or launchd that starts it
//! ```
//!
//! # Layers
//!
//! A file imports modules of a lower layer only; siblings of a layer do not import each other,
//! except inside their own folder - and `modules`, whose trials are a phase of a `run`. A test
//! reads the sources and enforces this.
//!
//! | layer | module | owns |
//! |---|---|---|
//! | L5 | `cli` | the command line, the terminal, exit codes; the only printer |
//! | L4 | [`service`] | a service over a project; signals; the only user of tokio |
//! | L3 | `run` | carrying out one plan: the recorder, and the loop around a phase |
//! | L3 | `modules` | modules that no test reaches: found, tried, integrated; stands on `run` |
//! | L2 | [`settings`] | flags, variables and files as one table; each value with its origin |
//! | L2 | `store` | the state file; the only user of rusqlite and refinery |
//! | L2 | `mirror` | `orphan_modules.json`, `module_map.json`: their only reader and writer |
//! | L2 | `engine` | processes; the only user of duct |
//! | L2 | `source` | the project's files; the only user of ignore |
//! | L2 | `archive` | archives of images, streams of projects; the only user of tar, flate2, zip |
//! | L2 | `exporter` | figures for Prometheus; the only listener |
//! | L1 | `plan` | snapshots in, plans out |
//! | L1 | `schedule` | due times: interval, cron, jitter, what was missed, when to try again |
//! | L1 | `metrics` | a snapshot of the state in, samples out |
//! | L1 | `pytest` | the harness and its protocol, reconciliation, tracebacks |
//! | L1 | `graph` | the import graph: facts of files, resolution, verdicts, groups |
//! | L1 | `image` | image archives and wheels, judged over bytes |
//! | L1 | `unit` | units of systemd and launchd: values in, text out |
//! | L1 | `insight` | rows in, verdicts out: comparison, time left |
//! | L0 | [`model`], `clock`, [`diag`], `replacement`, `links` | words, time, error chains, whole files, ends of links |
//!
//! L1 is pure: no I/O, no clock, no thread.
//!
//! # Invariants
//!
//! 1. A result that was shown was stored, and one that was stored is never lost: `kill -9` at any
//!    moment leaves a readable file and a run that the next start closes.
//! 2. Green is never the result of missing data: a test that was collected and did not report
//!    makes the run `incomplete`.
//! 3. Nothing outside the agent's own files, rows and processes is ever removed or ended.
//! 4. Nothing is fetched when offline. Nothing listens unless it is asked to, and then on loopback
//!    unless another address is asked for.
//! 5. Every error names the thing, says what was expected and what was found, and offers a next
//!    step that works offline.
//! 6. Two holders of one lease never both write.
//! 7. The same input gives the same plan: planning takes a snapshot and does no I/O.

// The library: the modules that programs which embed the agent use.
pub mod diag;
pub mod model;
pub mod service;
pub mod settings;

// The inside of it, which only the command, the tests and the benchmarks of this package name.
#[doc(hidden)]
pub mod archive;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod clock;
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod exporter;
#[doc(hidden)]
pub mod graph;
#[doc(hidden)]
pub mod image;
#[doc(hidden)]
pub mod insight;
#[doc(hidden)]
pub mod links;
#[doc(hidden)]
pub mod metrics;
#[doc(hidden)]
pub mod mirror;
#[doc(hidden)]
pub mod modules;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod pytest;
#[doc(hidden)]
pub mod replacement;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod schedule;
#[doc(hidden)]
pub mod source;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod unit;
