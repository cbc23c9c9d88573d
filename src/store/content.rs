//! Texts that repeat from run to run, kept once and compressed.

use rusqlite::{Error, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::db::int;

/// zstd's default: a few times faster than the disk, and tracebacks shrink to a fifth.
const LEVEL: i32 = 3;

/// The id of `text`, which is stored unless it is there already.
pub(super) fn keep(tx: &Transaction<'_>, text: &[u8]) -> rusqlite::Result<i64> {
    let sha256: [u8; 32] = Sha256::digest(text).into();
    let known = tx
        .prepare_cached("SELECT content_id FROM content WHERE sha256 = ?1")?
        .query_row([sha256], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let body = zstd::bulk::compress(text, LEVEL)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    tx.prepare_cached("INSERT INTO content (sha256, size_bytes, body) VALUES (?1, ?2, ?3)")?
        .insert(params![sha256, int(text.len() as u64), body])
}

/// The text of `body`; `None` when it is no zstd frame of `size_bytes` or no UTF-8.
pub(super) fn unpack(body: &[u8], size_bytes: i64) -> Option<String> {
    let size = usize::try_from(size_bytes).ok()?;
    let text = zstd::bulk::decompress(body, size).ok()?;
    (text.len() == size).then_some(())?;
    String::from_utf8(text).ok()
}
