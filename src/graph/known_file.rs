//! [`KnownFile`]: the memory of one Python file in the state file.

/// A file as it was read last. One that has the same size and time is not read again, and one that
/// has the same content is not parsed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// The file, relative to the project, with `/`.
    pub path: String,
    pub size_bytes: u64,
    /// When it was last changed, nanoseconds since the epoch. `None` if that was so shortly before
    /// it was read that one more change may have left the time as it was.
    pub mtime_ns: Option<i64>,
    /// The XXH3-128 of its bytes.
    pub content_hash: [u8; 16],
    /// Its facts or its problem, as [`facts_codec`](super::facts_codec) encodes them.
    pub reading: Vec<u8>,
}

impl KnownFile {
    /// True if a file that has this size and time now is the one that was read.
    pub fn is_of(&self, size_bytes: u64, mtime_ns: i64) -> bool {
        self.size_bytes == size_bytes && self.mtime_ns == Some(mtime_ns)
    }
}
