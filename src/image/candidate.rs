//! [`Candidate`]: the image that one layout describes, before anything of it is believed.

use super::contents::{Contents, Depth, NamedFile};
use super::digest::Digest;
use super::problem::ImageProblem;

/// An image as one layout describes it.
pub(super) struct Candidate {
    /// The document that describes it.
    pub(super) manifest: String,
    pub(super) config: Claim,
    pub(super) layers: Vec<Claim>,
    pub(super) tags: Vec<String>,
}

/// The claims of a document about a file.
pub(super) struct Claim {
    pub(super) name: String,
    pub(super) digest: Option<Digest>,
    pub(super) size_bytes: Option<u64>,
}

impl Claim {
    /// The file, which has to have the claimed size.
    pub(super) fn find<'a>(
        &self,
        contents: &'a Contents,
        wanted_by: &str,
    ) -> Result<NamedFile<'a>, ImageProblem> {
        let found = contents.find(&self.name, wanted_by)?;
        match self.size_bytes {
            Some(wanted_bytes) if wanted_bytes != found.file.size_bytes => {
                Err(ImageProblem::Size {
                    name: found.name.to_owned(),
                    wanted_by: wanted_by.to_owned(),
                    wanted_bytes,
                    found_bytes: found.file.size_bytes,
                })
            }
            _ => Ok(found),
        }
    }

    /// The file, which has to have the claimed size and digest.
    pub(super) fn check<'a>(
        &self,
        contents: &'a Contents,
        wanted_by: &str,
        depth: Depth,
    ) -> Result<NamedFile<'a>, ImageProblem> {
        let found = self.find(contents, wanted_by)?;
        if let Some(digest) = self.digest {
            check_digest(found, digest, depth)?;
        }
        Ok(found)
    }
}

/// Holds a file to a digest.
pub(super) fn check_digest(
    found: NamedFile<'_>,
    wanted: Digest,
    depth: Depth,
) -> Result<(), ImageProblem> {
    match (found.file.digests, depth) {
        (Some(digests), _) if digests.stored == wanted => Ok(()),
        (Some(digests), _) => Err(ImageProblem::Digest {
            name: found.name.to_owned(),
            wanted,
            found: digests.stored,
        }),
        (None, Depth::Documents) => Ok(()),
        (None, Depth::Everything) => Err(ImageProblem::NotRead(found.name.to_owned())),
    }
}
