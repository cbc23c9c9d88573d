//! The listener of the exporter, and the file for the textfile collector.

pub(crate) mod client;
mod flood;
mod pages;
mod textfile;
