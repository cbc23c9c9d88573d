//! The figures of a project's state file, over HTTP and as a file.
//!
//! The state file is opened again for each answer, at most once a second: one that is missing now,
//! was put back from a backup, or belongs to a newer agent is told as it is at that moment, and
//! nothing is held open between scrapes.

use std::path::Path;

use crate::clock::now_ms;
use crate::engine::identity;
use crate::exporter::textfile::{self, TextfileError};
use crate::exporter::{Exporter, ExporterError, encode};
use crate::metrics::families;
use crate::model::{Level, Notice};
use crate::settings::Settings;
use crate::store::Reader;

/// Starts to show the figures if the settings say so; they are shown until the exporter is dropped.
///
/// # Errors
///
/// A port that is taken, and addresses that this process cannot have.
pub fn start_exporter(settings: &Settings) -> Result<Option<Exporter>, ExporterError> {
    let Some(addr) = settings.metrics.listen() else {
        return Ok(None);
    };
    let db = settings.db.clone();
    Exporter::start(addr, move || text(&db)).map(Some)
}

/// A warning if others than this machine can read the figures, for which there is no password.
pub fn exposure(settings: &Settings) -> Option<Notice> {
    let addr = settings.metrics.listen()?;
    (!addr.ip().is_loopback()).then(|| Notice {
        level: Level::Warning,
        code: "metrics-exposed".to_owned(),
        message: format!("whoever can reach {addr} can read the figures"),
        hint: Some("with `--metrics-addr 127.0.0.1` only this machine can".to_owned()),
    })
}

/// Writes the figures to the file that the settings name, if they name one.
///
/// # Errors
///
/// A folder that is not there or cannot be written to; the file is then as it was.
pub fn write_textfile(settings: &Settings) -> Result<(), TextfileError> {
    match &settings.metrics.textfile {
        Some(path) => textfile::write(path, &text(&settings.db)),
        None => Ok(()),
    }
}

/// The figures of a state file in the exposition format. One that cannot be read is told by
/// `menace_agent_state_readable 0`.
pub fn text(db: &Path) -> String {
    // Everything else that reads the state file says why it cannot be read.
    let state =
        Reader::open(db).and_then(|reader| reader.metrics_snapshot(now_ms(), identity::liveness));
    encode(&families(env!("CARGO_PKG_VERSION"), state.ok().as_ref()))
}
