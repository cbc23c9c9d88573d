//! The same figures as a file, for machines where only `node_exporter` is scraped.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub use super::error::TextfileError;

/// `node_exporter` reads it as another user.
const MODE: u32 = 0o644;

/// Writes `text` to `path`, whole or not at all; a link stays one.
///
/// `node_exporter` reads `*.prom` only, so that it never sees the file under its first name.
pub fn write(path: &Path, text: &str) -> Result<(), TextfileError> {
    replace(path, text).map_err(|source| TextfileError {
        path: path.to_owned(),
        source,
    })
}

/// What the system said, without the name of a file that nobody knows.
fn unnamed(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(
        || io::Error::from(error.kind()),
        io::Error::from_raw_os_error,
    )
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Removed when it is dropped before it has the name that it is meant to have.
    let mut file = tempfile::Builder::new()
        .prefix(".agent-")
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(|error| unnamed(&error))?;
    file.write_all(text.as_bytes())?;
    // Whatever the umask.
    file.as_file()
        .set_permissions(Permissions::from_mode(MODE))?;
    // Without fsync: what a power cut takes here is written again after the next run.
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}
