//! Image archives: what `docker save`, `podman save` and OCI tools write, judged over bytes.
//!
//! ```text
//!   archive::scan ──► Contents { names, sizes, digests, documents }
//!                         │
//!                         ▼ judge
//!        manifest.json ──► Candidate ──┐  sizes, digests, layer digests,
//!        index.json ─────► Candidate ──┴─ one image in both layouts? ──► Image
//! ```
//!
//! The order of an archive's entries is not guaranteed, so nothing is judged before everything was
//! read. The image's id is the digest of its config, in both layouts and in every engine.
//!
//! [`write`](mod@write) makes the documents of a new archive; [`wheel`] knows what a wheel is for
//! and where its files go. [`limits`] bounds everything.
//!
//! **Invariant:** nothing here reads a file; a digest that was not computed is never taken as right
//! if everything was to be read ([`Depth::Everything`]).

mod candidate;
mod config;
mod contents;
pub mod digest;
mod docker;
mod files;
mod json;
mod judge;
pub mod limits;
pub mod name;
mod oci;
pub mod platform;
mod problem;
mod record;
pub mod reference;
pub mod wheel;
pub mod write;

/// The documents that an image begins with, one of which is at the top of an archive.
pub const MARKS: [&str; 2] = [docker::MANIFEST, oci::LAYOUT];

pub use contents::{Contents, Depth, FileDigests, StoredFile};
pub use digest::{Digest, Hasher};
pub use files::{Files, files_of};
pub use judge::judge;
pub use name::NameProblem;
pub use platform::{Platform, PlatformError};
pub use problem::ImageProblem;
pub use record::{Compression, Format, Image, ImageArchive, Layer, Verified};
pub use reference::{Reference, ReferenceError};
