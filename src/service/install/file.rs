//! Files of units: looked at, written whole or not at all, removed.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

use super::InstallError;
use crate::replacement::Replacement;
use crate::unit::{Manager, UnitFile};

/// More than any unit of the agent has.
const MAX_BYTES: u64 = 1024 * 1024;

/// Variables in it may hold secrets: only the user reads it.
const MODE: u32 = 0o600;

/// The file at the place of a unit.
pub(super) enum UnitPlace {
    Nothing,
    /// The agent made it.
    Ours(UnitFile),
    Foreign,
}

/// Reads what is there. Pipes and devices are not waited for: a unit that is masked is a link to
/// one.
pub(super) fn look(path: &Path, manager: Manager) -> Result<UnitPlace, InstallError> {
    let failed = failed("read", path);
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(UnitPlace::Nothing),
        Err(error) => return Err(failed(error)),
    };
    if !file.metadata().map_err(&failed)?.is_file() {
        return Ok(UnitPlace::Foreign);
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES).read_to_end(&mut bytes);
    read.map_err(&failed)?;
    let ours = manager.read(&String::from_utf8_lossy(&bytes));
    Ok(ours.map_or(UnitPlace::Foreign, UnitPlace::Ours))
}

/// Puts a file in its place; what was there, a link too, goes.
pub(super) fn write(path: &Path, text: &str) -> Result<(), InstallError> {
    make_folder_of(path)?;
    let put = || -> io::Result<()> {
        let mut replacement = Replacement::of(path, MODE)?;
        replacement.file().write_all(text.as_bytes())?;
        replacement.put_on_disk().map(drop)
    };
    put().map_err(failed("write", path))
}

pub(super) fn make_folder_of(path: &Path) -> Result<(), InstallError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(failed("make the folder", folder))
}

pub(super) fn remove(path: &Path) -> Result<(), InstallError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> InstallError {
    let path = path.to_owned();
    move |source| InstallError::File {
        action,
        path: path.clone(),
        source,
    }
}
