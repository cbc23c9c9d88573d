//! The memory of a JSON file that mirrors a part of the state file.

/// The name of the file that lists orphans.
pub const ORPHANS_FILE: &str = "orphan_modules.json";

/// The name of the file that holds the module map.
pub const MODULE_MAP_FILE: &str = "module_map.json";

/// A file as it was last read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The size of its content, in bytes.
    pub size_bytes: u64,
    /// The time of its last change, in nanoseconds since the epoch.
    pub mtime_ns: i64,
    /// The XXH3 hash of its content, 128 bits.
    pub hash: [u8; 16],
    /// The fields of it that are no entries: a JSON object.
    pub extra: Option<String>,
}

/// One entry of the file [`ORPHANS_FILE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrphanEntry {
    /// The file, relative to the project.
    pub file: String,
    /// The fields that the entry has in the file: a JSON object.
    pub extra: Option<String>,
}
