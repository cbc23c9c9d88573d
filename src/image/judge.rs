//! [`judge`]: is this one whole image, and which?
//!
//! Everything that a document claims is compared with what was read: that the file is there, its
//! size, its digest, and for layers the digest of what they unpack to. If both layouts are there,
//! they have to describe one image.

use super::candidate::{Candidate, check_digest};
use super::config::ImageConfig;
use super::contents::{Contents, Depth, NamedFile};
use super::digest::Digest;
use super::docker;
use super::oci;
use super::platform::Platform;
use super::problem::ImageProblem;
use super::record::{Format, Image, Layer};

/// The one image that `contents` holds, checked as far as `depth` allows.
///
/// `wanted` chooses among the platforms of one image; it does not refuse the only one.
///
/// # Errors
///
/// The first thing that is missing, ambiguous, or not what something else says it is.
pub fn judge(contents: &Contents, wanted: &Platform, depth: Depth) -> Result<Image, ImageProblem> {
    check_blobs(contents, depth)?;
    let (format, (docker, oci)) = candidates(contents, wanted)?;
    let docker = docker.map(|candidate| check(contents, candidate, format, depth));
    let oci = oci.map(|candidate| check(contents, candidate, format, depth));
    match (docker.transpose()?, oci.transpose()?) {
        (Some(docker), Some(oci)) if docker.id != oci.id => Err(ImageProblem::LayoutsDiffer {
            docker: docker.id,
            oci: oci.id,
        }),
        // The short names of `manifest.json` are the ones that people typed.
        (Some(docker), Some(oci)) if docker.tags.is_empty() => Ok(Image {
            tags: oci.tags,
            ..docker
        }),
        (Some(image), _) | (None, Some(image)) => Ok(image),
        (None, None) => Err(ImageProblem::NoImage(docker::MANIFEST.to_owned())),
    }
}

/// The image as `manifest.json` describes it, and as `index.json` does.
pub(super) type Candidates = (Option<Candidate>, Option<Candidate>);

/// What the layouts that are there describe.
pub(super) fn candidates(
    contents: &Contents,
    wanted: &Platform,
) -> Result<(Format, Candidates), ImageProblem> {
    let has_oci = contents.has(oci::LAYOUT);
    Ok(match (contents.has(docker::MANIFEST), has_oci) {
        (true, true) => (
            Format::Both,
            (
                Some(docker::select(contents)?),
                Some(oci::select(contents, wanted)?),
            ),
        ),
        (true, false) => {
            let found = contents.find(docker::MANIFEST, docker::MANIFEST)?;
            if docker::is_of_a_folder(found) {
                (Format::Oci, (None, Some(oci::select_beside(found)?)))
            } else {
                (Format::DockerSave, (Some(docker::select(contents)?), None))
            }
        }
        (false, true) => (Format::Oci, (None, Some(oci::select(contents, wanted)?))),
        (false, false) => {
            return Err(ImageProblem::NoManifest {
                found: contents.sample(),
            });
        }
    })
}

/// Holds every blob to its name, also those that nothing refers to.
fn check_blobs(contents: &Contents, depth: Depth) -> Result<(), ImageProblem> {
    for (name, file) in &contents.files {
        if let Some(wanted) = oci::blob_digest(name) {
            check_digest(NamedFile { name, file }, wanted, depth)?;
        }
    }
    Ok(())
}

fn check(
    contents: &Contents,
    candidate: Candidate,
    format: Format,
    depth: Depth,
) -> Result<Image, ImageProblem> {
    let manifest = candidate.manifest;
    let found = candidate.config.check(contents, &manifest, depth)?;
    let config = ImageConfig::parse(found)?;
    if candidate.layers.len() != config.diff_ids.len() {
        return Err(ImageProblem::LayerCount {
            manifest,
            found: candidate.layers.len(),
            wanted: config.diff_ids.len(),
        });
    }
    let mut layers = Vec::with_capacity(candidate.layers.len());
    for (index, (claim, diff_id)) in candidate.layers.iter().zip(config.diff_ids).enumerate() {
        let found = claim.check(contents, &manifest, depth)?;
        check_layer(found, index + 1, diff_id, depth)?;
        layers.push(Layer {
            digest: found
                .file
                .digests
                .map(|digests| digests.stored)
                .or(claim.digest),
            diff_id,
            size_bytes: found.file.size_bytes,
        });
    }
    Ok(Image {
        format,
        id: config.id,
        platform: config.platform,
        tags: candidate.tags,
        layers,
        created: config.created,
        env: config.env,
        entrypoint: config.entrypoint,
        cmd: config.cmd,
    })
}

fn check_layer(
    found: NamedFile<'_>,
    number: usize,
    wanted: Digest,
    depth: Depth,
) -> Result<(), ImageProblem> {
    match (found.file.digests, depth) {
        (Some(digests), _) if digests.unpacked == wanted => Ok(()),
        (Some(digests), _) => Err(ImageProblem::Layer {
            number,
            name: found.name.to_owned(),
            wanted,
            found: digests.unpacked,
        }),
        (None, Depth::Documents) => Ok(()),
        (None, Depth::Everything) => Err(ImageProblem::NotRead(found.name.to_owned())),
    }
}
