//! The listener of the exporter, and the file for the textfile collector.

pub(crate) mod client;
#[cfg(target_os = "linux")]
mod flood;
mod pages;
mod textfile;
