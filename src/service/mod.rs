//! The service: a project is watched over by one [`SelfTestService`], which runs its suites when
//! asked and hands out what happens.
//!
//! Everything below this layer blocks; here it is carried to threads of its own, so that signals
//! are heard at any time. tokio lives here and nowhere else. [`scheduler`] makes a service of it
//! that begins runs by itself, [`install`] one of the service manager.

pub mod cleanup;
mod container;
mod error;
pub mod images;
pub mod install;
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
pub use signals::{Request, run_until_drained, run_until_signal};
