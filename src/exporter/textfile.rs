//! The same figures as a file, for machines on which only `node_exporter` is scraped.

use std::io::{self, Write};
use std::path::Path;

pub use super::error::TextfileError;
use crate::replacement::Replacement;

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

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut replacement = Replacement::following_links(path, MODE)?;
    replacement.file().write_all(text.as_bytes())?;
    // Whatever the umask, and whatever it was.
    replacement.set_mode(MODE)?;
    // If a power cut takes the new file, the next run writes it again.
    replacement.put().map(drop)
}
