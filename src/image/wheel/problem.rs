//! [`WheelProblem`]: the reasons that keep a wheel out of an image.

use thiserror::Error;

use crate::image::NameProblem;

/// The reason why a wheel cannot go into an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WheelProblem {
    /// The file name has not the parts of a wheel's name.
    #[error("its name has not the form NAME-VERSION-PYTHON-ABI-PLATFORM.whl")]
    Name,
    /// It is for another Python or another machine.
    #[error("it is for {found}, and the image has {wanted}")]
    Target {
        /// The tags in its name, such as `cp311-cp311-linux_x86_64`.
        found: String,
        /// The Python and the platform of the image, in words.
        wanted: String,
    },
    /// There is no single folder of metadata.
    #[error("it needs exactly one `.dist-info` folder, for `{wanted}`, and has {found}")]
    DistInfo {
        /// The names of such folders, or `none`.
        found: String,
        /// The distribution, by the file's name.
        wanted: String,
    },
    /// A file of the metadata is missing.
    #[error("it holds no `{0}`")]
    Missing(String),
    /// A file of the metadata is not what it has to be.
    #[error("its `{name}` is malformed: {message}")]
    Metadata {
        name: String,
        /// The fault of the file, in words.
        message: String,
    },
    /// A name that leads out of the folder that it is installed to.
    #[error("it holds a file whose name `{name}` {problem}")]
    FileName { name: String, problem: NameProblem },
    /// Something else than a file or a folder.
    #[error("it holds `{0}`, which is a link")]
    Link(String),
    /// Two entries of one name.
    #[error("it holds two files of one name")]
    Duplicate,
    /// More files than a wheel has.
    #[error("it holds {found} files, {limit} at most were expected")]
    TooMany { found: usize, limit: u64 },
    /// The file itself, or what it unpacks to, is too large.
    #[error("`{name}` has more than {limit} bytes")]
    TooLarge {
        /// The wheel or the file in it.
        name: String,
        /// The most bytes that it may have.
        limit: u64,
    },
    /// A file is not listed.
    #[error("its RECORD does not list `{0}`")]
    Unlisted(String),
    /// A file is listed and not there.
    #[error("its RECORD lists `{0}`, which is not there")]
    Absent(String),
    /// A file is not the one that is listed.
    #[error("the digest of `{name}` lies: RECORD names {wanted}, its content has {found}")]
    Digest {
        name: String,
        /// The digest as RECORD spells it.
        wanted: String,
        /// The digest of the content.
        found: String,
    },
    /// A folder of `.data` that has no place.
    #[error("it holds `{0}`, for which an installed Python has no place")]
    NoPlace(String),
    /// The zip archive is damaged.
    #[error("it is damaged: {0}")]
    Zip(String),
}
