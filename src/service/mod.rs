//! The service: a project is watched over by one [`SelfTestService`], which runs its suites on
//! request and hands out what happens. tokio lives here and nowhere else.
//!
//! ```text
//!   signals ── run_until_signal │ run_until_drained ──► a stop handle
//!      │                                                     ▼
//!   self_test ── run_once ─► prepare ─► carry_out: open ─► tests ─► modules ─► close ─► summary
//!      │                       │          │
//!      │                       │          └─ events ─► queue of 1024 ─► listeners, on a thread
//!      │                       └─ paths ─► interpreter ─► state file, crashed runs closed
//!      │                          ─► container: engine, tarball, lease, sweep, image ─► plan
//!      │
//!   scheduler ── due ─► a process `agent cycle N`, which is a run_until_drained of its own
//!   install   ── a unit for systemd or launchd, which starts the scheduler
//! ```
//!
//! `prepare` makes everything that a run needs, and `container` decides if that is a container; it
//! gets the image from `images`, which `agent image` uses as well, and `left_here` says what such a
//! run leaves on this machine. `run` and `modules` of the layer
//! below carry the run out. `records` has the two things that an embedding program receives.
//! [`orphans`] answers questions about the import graph, and gives `prepare` the wishes about
//! modules that no test reaches. Two files have no part in a run: [`cleanup`] removes leftovers,
//! and [`metrics`] shows the figures of a state file.
//!
//! **States.** A service is idle, preparing or running. A signal during the preparation ends it
//! with [`ServiceError::Stopped`], or else ends the run as soon as it begins; a signal later closes
//! the run with a verdict and a summary. Then the service is idle and can run again, with the same
//! listeners. The states of a schedule are in [`scheduler`].
//!
//! Everything below this layer blocks. So a run has a thread of its own and its listeners another
//! one, and the thread that called `run_until_*` hears signals at any time.
//!
//! **Invariant:** a run gets its row after its preparation: if that fails, there is no new run in
//! the state file.
//!
//! **Invariant:** listeners hear the events of a run in order, one at a time, and no event is
//! dropped unless a listener panics: if the queue is full, the run waits for the listeners.
//!
//! **Invariant:** the notices and the cycle that a service was given belong to its next run only.
//!
//! **Invariant:** a metrics sink hears of a run only after its listeners have heard everything.

mod attended;
pub mod cleanup;
mod container;
mod error;
pub mod images;
pub mod install;
mod left_here;
pub mod metrics;
pub mod orphans;
mod prepare;
mod records;
pub mod scheduler;
mod self_test;
mod signals;

pub use container::ContainerError;
pub use error::ServiceError;
pub use orphans::{discover_isolated_modules, discover_orphan_modules, discover_recursive_orphans};
pub use records::{MetricsSink, ResultRecord};
pub use self_test::SelfTestService;
pub use signals::{Request, run_until_drained, run_until_signal, survive_file_limits};
