//! The facts read from the project's Python files: a cache, all of it read and its changes written.

use rusqlite::{Connection, params};

use super::db::{Db, count, int};
use super::error::StoreError;
use super::open::Store;
use super::reader::Reader;
use crate::graph::KnownFile;

impl Store {
    /// Every file that is remembered, in no order.
    pub fn known_files(&self) -> Result<Vec<KnownFile>, StoreError> {
        known_files(&self.db)
    }

    /// Remembers files and forgets paths: all of it, or nothing when this fails.
    pub fn put_known_files(
        &mut self,
        changed: &[KnownFile],
        gone: &[String],
    ) -> Result<(), StoreError> {
        if changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let written = write(&mut self.db.connection, changed, gone);
        self.db.in_words("remember what was read of files", written)
    }
}

impl Reader {
    /// Every file that is remembered, in no order.
    pub fn known_files(&self) -> Result<Vec<KnownFile>, StoreError> {
        known_files(&self.db)
    }
}

/// A row that is damaged is left out: its file is read again.
fn known_files(db: &Db) -> Result<Vec<KnownFile>, StoreError> {
    let read = || {
        let mut files = Vec::new();
        let mut query = db.connection.prepare_cached(
            "SELECT path, size_bytes, mtime_ns, content_hash, reading FROM source_file",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let path = row.get_ref(0)?.as_str();
            let content_hash = row.get_ref(3)?.as_blob()?.try_into();
            let (Ok(path), Ok(content_hash)) = (path, content_hash) else {
                continue;
            };
            files.push(KnownFile {
                path: path.to_owned(),
                size_bytes: count(row.get(1)?),
                mtime_ns: row.get(2)?,
                content_hash,
                reading: row.get_ref(4)?.as_blob()?.to_owned(),
            });
        }
        Ok(files)
    };
    db.in_words("read what is known of files", read())
}

fn write(
    connection: &mut Connection,
    changed: &[KnownFile],
    gone: &[String],
) -> rusqlite::Result<()> {
    let tx = connection.transaction()?;
    {
        let mut put = tx.prepare_cached(
            "INSERT INTO source_file (path, size_bytes, mtime_ns, content_hash, reading)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes,
                 mtime_ns = excluded.mtime_ns, content_hash = excluded.content_hash,
                 reading = excluded.reading",
        )?;
        for file in changed {
            put.execute(params![
                file.path,
                int(file.size_bytes),
                file.mtime_ns,
                &file.content_hash[..],
                file.reading,
            ])?;
        }
        let mut forget = tx.prepare_cached("DELETE FROM source_file WHERE path = ?1")?;
        for path in gone {
            forget.execute([path])?;
        }
    }
    tx.commit()
}
