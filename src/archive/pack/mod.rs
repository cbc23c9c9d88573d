//! [`pack`]: an image archive from a root file system, with no engine and no registry.
//!
//! ```text
//!   ROOTFS.tar ──► rootfs::copy ──► Spooled layer ──┐
//!                       │ Facts                     ├──► documents ──► temporary file
//!   DIR/*.whl ──► wheels::layer ──► Spooled layer ──┘                      │ verify
//!                                                                          ▼ rename
//!                                                                       OUTPUT
//! ```
//!
//! The archive has both layouts, so that docker since 20.10, podman since 4 and everything newer
//! load it. The same input gives the same bytes.
//!
//! **Invariant:** the output is never incomplete: the temporary file is synced and has passed
//! [`verify`](super::verify) before it is renamed to the output. Layers are spooled to files
//! without names; the temporary file is removed on every error, and a killed process leaves it
//! behind as `.agent-*.partial`.

mod destination;
mod error;
mod facts;
mod rootfs;
mod spool;
mod wheel;
mod wheels;

use std::io::{Cursor, Read};
use std::path::PathBuf;

use jiff::Timestamp;

use self::destination::Destination;
pub use self::error::PackError;
use self::facts::Facts;
use self::spool::{Spool, Spooled};
use super::error::ArchiveError;
use super::verify;
use crate::image::wheel::Target;
use crate::image::write::{DocumentFile, NewImage, documents, layer_name};
use crate::image::{Platform, Reference, Verified};

/// The parts of a new image, and the place of its archive.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// A root file system as a tar: plain, gzip, zstd, xz or bzip2.
    pub rootfs: PathBuf,
    /// A folder whose wheels are installed.
    pub wheels: Option<PathBuf>,
    /// The archive; its name tells the compression.
    pub output: PathBuf,
    /// True to replace a file of that name.
    pub force: bool,
    /// The name of the image.
    pub reference: Reference,
    /// The platform that the image is to run on.
    pub platform: Platform,
    /// The creation time that the image states; also the time of the files that are added.
    pub created: Timestamp,
}

/// Makes an image archive.
///
/// # Errors
///
/// Something is missing, malformed or for another machine, or the output cannot be written. A file
/// at the place of the output then stays as it was, unless only the sync of its folder failed.
pub fn pack(options: &PackOptions) -> Result<Verified, PackError> {
    let destination = Destination::new(&options.output, options.force)?;
    let spool = || Spool::new(destination.folder()).map_err(|error| destination.failed(error));
    let (rootfs, facts) = rootfs::copy(&options.rootfs, spool()?, destination.path())?;
    check_machine(&facts, options)?;
    let mut layers = vec![rootfs];
    if let Some(folder) = &options.wheels {
        let scheme = facts.scheme().map_err(|reason| PackError::NoPython {
            path: options.rootfs.clone(),
            reason,
        })?;
        let target = Target {
            minor: scheme.minor,
            platform: options.platform.clone(),
            libc: facts.libc(),
        };
        let layer = wheels::WheelLayer::new(
            spool()?,
            &destination,
            &facts,
            scheme,
            target,
            mtime_s(options),
        );
        layers.push(layer.install(folder)?);
    }
    let files = files(options, layers);
    let temporary = destination.write(mtime_s(options), files);
    let temporary = temporary.map_err(|error| destination.failed(error))?;
    // An error names the output, and not the temporary file that is about to become it.
    let checked = verify(temporary.path(), &options.platform).map_err(|error| {
        PackError::Check(ArchiveError {
            path: options.output.clone(),
            ..error
        })
    })?;
    destination.publish(temporary)?;
    Ok(checked)
}

fn check_machine(facts: &Facts, options: &PackOptions) -> Result<(), PackError> {
    match facts.foreign_program(&options.platform) {
        None => Ok(()),
        Some((program, found)) => Err(PackError::Machine {
            path: options.rootfs.clone(),
            program: program.to_owned(),
            found,
            wanted: options.platform.to_string(),
        }),
    }
}

/// The files of the archive, each with name, size and content. The documents come first, so that
/// they are found without reading the layers.
fn files(options: &PackOptions, layers: Vec<Spooled>) -> Vec<(String, u64, Box<dyn Read>)> {
    let sizes: Vec<_> = layers
        .iter()
        .map(|layer| (layer.digest, layer.size_bytes))
        .collect();
    let created = options.created.to_string();
    let documents = documents(&NewImage {
        reference: &options.reference,
        platform: &options.platform,
        created: &created,
        layers: &sizes,
    });
    let documents = documents.into_iter().map(|DocumentFile { name, bytes }| {
        let size = bytes.len() as u64;
        (name, size, Box::new(Cursor::new(bytes)) as Box<dyn Read>)
    });
    let layers = layers.into_iter().map(|layer| {
        let content: Box<dyn Read> = Box::new(layer.file);
        (layer_name(&layer.digest), layer.size_bytes, content)
    });
    documents.chain(layers).collect()
}

fn mtime_s(options: &PackOptions) -> u64 {
    u64::try_from(options.created.as_second()).unwrap_or(0)
}
