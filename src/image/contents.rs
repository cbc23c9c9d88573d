//! [`Contents`]: the facts that are left after an archive was read, and all that judging it needs.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::digest::Digest;
use super::json;
use super::limits::{MAX_JSON_BYTES, MAX_LINKS};
use super::problem::ImageProblem;
use crate::diag::and_more;

/// The part of an archive that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Names, sizes and documents.
    Documents,
    /// Every byte, so that every digest can be compared.
    Everything,
}

/// The entries of an archive by their clean names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    pub files: BTreeMap<String, StoredFile>,
    /// Links and what they lead to, which is inside the archive but need not be there.
    pub links: BTreeMap<String, String>,
}

/// A regular file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its size as it is stored in the archive.
    pub size_bytes: u64,
    /// The digests of what was read; `None` if it was skipped.
    pub digests: Option<FileDigests>,
    /// Its content, if that may be a document.
    pub json: Option<Vec<u8>>,
}

/// The digests of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileDigests {
    /// Of the bytes as they are.
    pub stored: Digest,
    /// Of the bytes once unpacked; the same if nothing is packed.
    pub unpacked: Digest,
    /// Their number once unpacked.
    pub unpacked_bytes: u64,
}

/// A file that was found, with the name it has itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedFile<'a> {
    pub(super) name: &'a str,
    pub(super) file: &'a StoredFile,
}

impl Contents {
    /// True if a file or link is called `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name) || self.links.contains_key(name)
    }

    /// The file that `wanted_by` calls `name`; links are followed.
    pub(super) fn find(&self, name: &str, wanted_by: &str) -> Result<NamedFile<'_>, ImageProblem> {
        let mut at = name;
        for _ in 0..MAX_LINKS {
            if let Some((name, file)) = self.files.get_key_value(at) {
                return Ok(NamedFile { name, file });
            }
            let Some(target) = self.links.get(at) else {
                return Err(ImageProblem::Missing {
                    name: at.to_owned(),
                    wanted_by: wanted_by.to_owned(),
                });
            };
            at = target;
        }
        Err(ImageProblem::LinkLoop(name.to_owned()))
    }

    /// The first names, for a message about what else is missing.
    pub(super) fn sample(&self) -> String {
        const SHOWN: usize = 3;
        let count = self.files.len() + self.links.len();
        if count == 0 {
            return "no files at all".to_owned();
        }
        let names = self.files.keys().chain(self.links.keys()).take(SHOWN);
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        names.join(", ") + &and_more(count - names.len())
    }
}

impl<'a> NamedFile<'a> {
    /// The content, which has to be a document.
    pub(super) fn json(&self) -> Result<&'a [u8], ImageProblem> {
        let size_bytes = self.file.size_bytes;
        if size_bytes > MAX_JSON_BYTES {
            return Err(ImageProblem::TooLarge {
                name: self.name.to_owned(),
                size_bytes,
            });
        }
        let json = self.file.json.as_deref();
        json.ok_or_else(|| self.is_no("document", "it does not begin as JSON"))
    }

    /// The content, read as a `T`.
    pub(super) fn parse<T: DeserializeOwned>(&self, what: &'static str) -> Result<T, ImageProblem> {
        json::parse(self.json()?).map_err(|error| self.is_no(what, error.to_string()))
    }

    pub(super) fn is_no(&self, what: &'static str, message: impl Into<String>) -> ImageProblem {
        ImageProblem::Document {
            name: self.name.to_owned(),
            what,
            message: message.into(),
        }
    }
}
