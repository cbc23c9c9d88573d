//! Figures for Prometheus: over HTTP, and as a file for the textfile collector of `node_exporter`.
//!
//! ```text
//!   render() ──► text ──► cache of 1 s ──► Exporter, one thread: poll ┬─ stop
//!                  │                                                  ├─ listener
//!                  └──► textfile: a new file, then a rename           └─ connections, at most 32
//! ```
//!
//! The exporter answers `GET` and `HEAD` of `/metrics`, and nothing it is sent makes it use more
//! than it has: each connection has a few seconds and 8 KB for its question, and when there are too
//! many of them the oldest that has not asked anything makes room. So neither a flood of scrapes
//! nor readers that never read keep a real Prometheus out. It sleeps while nobody asks.
//!
//! The server that comes with `prometheus_exporter` starts a thread for each connection, without a
//! limit, waits for ever, reads headers without end into memory, and ends at the first failure of
//! accept, as when descriptors run out; only its format is used.
//!
//! **Invariant:** nothing else in the agent listens, and nothing listens unless somebody asked for
//! a port; on another address than loopback only if that was asked for too.

mod connection;
mod encode;
mod error;
mod http;
mod server;
pub mod textfile;

pub use encode::encode;
pub use error::ExporterError;
pub use server::Exporter;
