//! Bounds on what an archive may ask for. Each is far above what real images need and far below
//! what would hurt the machine that reads one.

/// Bytes of one manifest, index or config. Real ones have some kilobytes; engines refuse above 4 to
/// 16 MiB as well.
pub const MAX_JSON_BYTES: u64 = 16 << 20;

/// Bytes of all JSON documents of one archive that are kept until they are judged.
pub const MAX_JSON_TOTAL_BYTES: u64 = 64 << 20;

/// Entries of an image archive: 127 layers are the most that engines stack, with three entries each
/// in the oldest layout, and other platforms' blobs beside them.
pub const MAX_ENTRIES: u64 = 100_000;

/// Entries of a root file system. A desktop has half a million files.
pub const MAX_ROOTFS_ENTRIES: u64 = 4_000_000;

/// Bytes that one archive may unpack to, whatever its own size.
pub const MAX_UNPACKED_BYTES: u64 = 64 << 30;

/// The factor by which the content of an archive may be larger than its file. Programs shrink to a
/// third; deflate ends at about 1,000, and only zeros come near that.
pub const MAX_RATIO: u64 = 200;

/// Bytes that may come on top of [`MAX_RATIO`], so that a tiny archive with a file of zeros passes.
pub const RATIO_ALLOWANCE_BYTES: u64 = 64 << 20;

/// Indexes within indexes. Builders nest one.
pub const MAX_INDEX_DEPTH: u32 = 3;

/// Bytes of an entry's name, as `PATH_MAX` has it.
pub const MAX_NAME_BYTES: u64 = 4096;

/// Bytes of all names and link targets of an image archive, which are kept until it is judged. Its
/// entries have some hundred each.
pub const MAX_NAMES_TOTAL_BYTES: u64 = 32 << 20;

/// Bytes of the extended header of one tar entry: a name, a link and its file attributes, of which
/// Linux keeps 64 KiB at most.
pub const MAX_EXTENDED_HEADER_BYTES: u64 = 1 << 20;

/// Links that are followed from one name, as many as Linux follows.
pub const MAX_LINKS: u32 = 40;

/// The window of a zstd stream as a power of two: 128 MiB, the most that the `zstd` command takes
/// unasked. It is the memory that a stream can make the reader allocate.
pub const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// The memory in bytes that an xz stream can make the reader allocate. `xz -9` needs 65 MiB.
pub const MAX_XZ_MEMORY_BYTES: u64 = 128 << 20;

/// Bytes of one wheel. The largest that are published have some gigabytes.
pub const MAX_WHEEL_BYTES: u64 = 4 << 30;

/// The bytes that an archive of `file_bytes` may unpack to.
pub fn unpacked_limit(file_bytes: u64) -> u64 {
    file_bytes
        .saturating_mul(MAX_RATIO)
        .saturating_add(RATIO_ALLOWANCE_BYTES)
        .min(MAX_UNPACKED_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_grows_with_the_file_up_to_a_bound() {
        assert_eq!(unpacked_limit(0), RATIO_ALLOWANCE_BYTES);
        assert_eq!(unpacked_limit(1000), RATIO_ALLOWANCE_BYTES + 200_000);
        assert_eq!(unpacked_limit(1 << 40), MAX_UNPACKED_BYTES);
        assert_eq!(unpacked_limit(u64::MAX), MAX_UNPACKED_BYTES);
    }
}
