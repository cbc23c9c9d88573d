//! Image tarballs that were checked: one that has not changed since need not be read again.

use rusqlite::{Row, params};

use super::db::int;
use super::error::StoreError;
use super::open::Store;
use super::reader::Reader;
use super::rows::{count, json};

/// The columns that [`image_archive`] reads.
macro_rules! image_archive_query {
    ($rest:literal) => {
        concat!(
            "SELECT path, size_bytes, mtime_ns, sha256, format, image_id, architecture, os, tags,
                 verified_ms
             FROM image_archive ",
            $rest
        )
    };
}

/// The findings of the latest check of an image tarball.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageArchiveRow {
    /// The absolute path of the tarball.
    pub path: String,
    pub size_bytes: u64,
    /// The last change of the file, nanoseconds since the epoch.
    pub mtime_ns: i64,
    /// The SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: String,
    /// `docker-save`, `oci` or `both`.
    pub format: String,
    /// `sha256:` and the digest of the image's configuration.
    pub image_id: String,
    /// In the words of images: `amd64`, `arm64` …
    pub architecture: String,
    /// In the words of images: `linux`.
    pub os: String,
    /// The names that it carries.
    pub tags: Vec<String>,
    /// The time of the check, UTC milliseconds since the epoch.
    pub verified_ms: i64,
}

impl ImageArchiveRow {
    /// True if a file with this size and time is the one that was checked.
    pub fn is_of(&self, size_bytes: u64, mtime_ns: i64) -> bool {
        (self.size_bytes, self.mtime_ns) == (size_bytes, mtime_ns)
    }
}

impl Store {
    /// Remembers a checked tarball; replaces what was known of the file at that path.
    pub fn put_image_archive(&mut self, row: &ImageArchiveRow) -> Result<(), StoreError> {
        let written = self.write_image_archive(row);
        self.db.in_words("remember an image tarball", written)
    }

    fn write_image_archive(&mut self, row: &ImageArchiveRow) -> rusqlite::Result<()> {
        let tags = serde_json::Value::from(row.tags.clone()).to_string();
        let tx = self.db.connection.transaction()?;
        tx.prepare_cached(
            "INSERT OR REPLACE INTO image_archive (path, size_bytes, mtime_ns, sha256, format,
                 image_id, architecture, os, tags, verified_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            row.path,
            int(row.size_bytes),
            row.mtime_ns,
            row.sha256,
            row.format,
            row.image_id,
            row.architecture,
            row.os,
            tags,
            row.verified_ms,
        ])?;
        tx.commit()
    }
}

impl Reader {
    /// Reads the findings of the last check of the file at `path`. It may have changed since:
    /// [`ImageArchiveRow::is_of`] tells.
    pub fn image_archive(&self, path: &str) -> Result<Option<ImageArchiveRow>, StoreError> {
        self.db.first(
            "read what is known of an image tarball",
            image_archive_query!("WHERE path = ?1"),
            [path],
            image_archive,
        )
    }

    /// Every tarball that was checked, by path.
    pub fn image_archives(&self) -> Result<Vec<ImageArchiveRow>, StoreError> {
        self.db.rows(
            "read the image tarballs",
            image_archive_query!("ORDER BY path"),
            [],
            image_archive,
        )
    }
}

fn image_archive(row: &Row<'_>) -> rusqlite::Result<ImageArchiveRow> {
    Ok(ImageArchiveRow {
        path: row.get("path")?,
        size_bytes: count(row, "size_bytes")?,
        mtime_ns: row.get("mtime_ns")?,
        sha256: row.get("sha256")?,
        format: row.get("format")?,
        image_id: row.get("image_id")?,
        architecture: row.get("architecture")?,
        os: row.get("os")?,
        tags: json(row, "tags")?,
        verified_ms: row.get("verified_ms")?,
    })
}
