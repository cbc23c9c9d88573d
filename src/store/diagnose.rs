//! From an SQLite error to the [`StoreError`] that names its cause.
//!
//! SQLite says little about why a file cannot be used, so this looks at the file itself. It does
//! so only after SQLite gave up on it: closing a second descriptor of a database drops the locks
//! that this process holds on it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};
use rusqlite::{Error, ErrorCode};

use super::error::StoreError;
use super::place::{file_limit, folder_of, is_full, no_room};

/// Every SQLite file starts with these bytes.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Names the cause of `source`, which came while doing `action` to the file at `path`.
pub(super) fn diagnose(path: &Path, action: &'static str, source: Error) -> StoreError {
    let owned = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => not_a_database(path, source),
        Some(ErrorCode::DatabaseCorrupt) => damaged(path, source),
        Some(ErrorCode::DiskFull) => no_room(path),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Locked { path: owned }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            let cause = read_only(path).or_else(|| is_full(path));
            cause.unwrap_or(StoreError::Io {
                path: owned,
                source,
            })
        }
        // SQLite tells a full disk from a failing one for most of its files, but not for all.
        Some(ErrorCode::SystemIoFailure) => {
            let cause = is_full(path).or_else(|| file_limit(path));
            cause.unwrap_or(StoreError::Io {
                path: owned,
                source,
            })
        }
        _ => StoreError::Sql {
            path: owned,
            action,
            source,
        },
    }
}

/// Finds the part of the way to `path` that cannot be written to, if any.
pub(super) fn read_only(path: &Path) -> Option<StoreError> {
    let folder = folder_of(path);
    match writable(path) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(Errno::EROFS) => {
            return Some(StoreError::ReadOnlyMount {
                path: path.to_owned(),
            });
        }
        Err(_) => {
            return Some(StoreError::ReadOnlyFile {
                path: path.to_owned(),
            });
        }
    }
    match writable(folder) {
        Ok(()) | Err(Errno::ENOENT) => None,
        Err(Errno::EROFS) => Some(StoreError::ReadOnlyMount {
            path: path.to_owned(),
        }),
        Err(_) => Some(StoreError::ReadOnlyFolder {
            folder: folder.to_owned(),
        }),
    }
}

fn writable(path: &Path) -> Result<(), Errno> {
    faccessat(AT_FDCWD, path, AccessFlags::W_OK, AtFlags::AT_EACCESS)
}

fn not_a_database(path: &Path, source: Error) -> StoreError {
    let head = head(path);
    if head.starts_with(MAGIC) || (!head.is_empty() && MAGIC.starts_with(&head)) {
        return damaged(path, source);
    }
    StoreError::NotADatabase {
        path: path.to_owned(),
        found: in_words(&head),
    }
}

/// Refuses a file of one byte, which SQLite takes for an empty one and would write over.
///
/// SQLite itself makes such a file, with an `S` in it, if a file system gives files without content
/// no identity.
pub(super) fn check_one_byte(path: &Path) -> Result<(), StoreError> {
    let one = std::fs::metadata(path).is_ok_and(|data| data.len() == 1);
    let head = if one { head(path) } else { Vec::new() };
    if head.is_empty() || head == b"S" {
        return Ok(());
    }
    Err(StoreError::NotADatabase {
        path: path.to_owned(),
        found: in_words(&head),
    })
}

/// Tells a file that lost its end from one that is damaged in another way.
fn damaged(path: &Path, source: Error) -> StoreError {
    let path = path.to_owned();
    let head = head(&path);
    let found_bytes = std::fs::metadata(&path).map_or(0, |data| data.len());
    let expected_bytes = counted_bytes(&head).unwrap_or(MIN_BYTES);
    if found_bytes < expected_bytes {
        return StoreError::Truncated {
            path,
            expected_bytes,
            found_bytes,
        };
    }
    StoreError::Corrupt { path, source }
}

/// No database is smaller than its one page of the smallest size.
const MIN_BYTES: u64 = 512;

/// Page size times page count, as the header of the file format has them (bytes 16 and 28).
fn counted_bytes(head: &[u8]) -> Option<u64> {
    let size: [u8; 2] = head.get(16..18)?.try_into().ok()?;
    let count: [u8; 4] = head.get(28..32)?.try_into().ok()?;
    // The format writes 65,536 as 1, because it does not fit into two bytes.
    let size = match u16::from_be_bytes(size) {
        1 => 65_536,
        size => u64::from(size),
    };
    Some((size * u64::from(u32::from_be_bytes(count))).max(MIN_BYTES))
}

fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    // A file that cannot be read gives no bytes: the caller already has an error to report.
    if let Ok(file) = File::open(path) {
        let _ = file.take(100).read_to_end(&mut head);
    }
    head
}

/// `the text "hello"`, or `the bytes 1f 8b 08`.
fn in_words(head: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(head)
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(40)
        .collect();
    let readable = |c: char| !c.is_control() && c != char::REPLACEMENT_CHARACTER;
    if !text.is_empty() && text.chars().all(readable) {
        return format!("the text {text:?}");
    }
    let bytes: Vec<String> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("the bytes {}", bytes.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_file_is_told_in_text_or_in_bytes() {
        let cases: [(&[u8], &str); 4] = [
            (b"hello\nworld", "the text \"hello\""),
            (b"\x1f\x8b\x08\x00", "the bytes 1f 8b 08 00"),
            (b"\xff\xfe", "the bytes ff fe"),
            (b"\nx", "the bytes 0a 78"),
        ];
        for (head, words) in cases {
            assert_eq!(in_words(head), words);
        }
    }

    #[test]
    fn the_header_counts_pages_of_every_size() {
        let head = |size: u16, pages: u32| {
            let mut head = [0; 100];
            head[16..18].copy_from_slice(&size.to_be_bytes());
            head[28..32].copy_from_slice(&pages.to_be_bytes());
            head
        };
        assert_eq!(counted_bytes(&head(4096, 3)), Some(12_288));
        assert_eq!(counted_bytes(&head(1, 2)), Some(131_072));
        assert_eq!(counted_bytes(&head(4096, 0)), Some(MIN_BYTES));
        assert_eq!(counted_bytes(b"SQLite format 3"), None);
    }
}
