//! [`Replacement`]: a file that is written whole or not at all, beside its place first.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use tempfile::NamedTempFile;

/// As many links in a row as Linux follows.
const MAX_LINKS: usize = 40;

/// A file on its way to its place. If it is dropped before, it is removed, and the old file stays.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    file: NamedTempFile,
}

impl Replacement {
    /// Begins the file that `path` leads to: a link stays one, even if nothing is at its end yet.
    /// It has the mode of the file that is there, else `new_mode` less the umask.
    ///
    /// # Errors
    ///
    /// An error of the system: a folder that is not there or cannot be written to, links in a
    /// circle.
    pub fn following_links(path: &Path, new_mode: u32) -> io::Result<Self> {
        let path = end_of_links(path)?;
        let old = fs::metadata(&path);
        let replacement = Self::of(path, new_mode)?;
        if let Ok(old) = old {
            let mode = old.permissions().mode() & 0o7777;
            replacement.set_mode(mode)?;
        }
        Ok(replacement)
    }

    /// Begins the file `path`, which replaces everything that is there, a link too.
    ///
    /// # Errors
    ///
    /// An error of the system, as for [`Replacement::following_links`].
    pub fn of(path: impl Into<PathBuf>, new_mode: u32) -> io::Result<Self> {
        let path = path.into();
        // A missing folder is reported in the words of the system, and not as below.
        fs::metadata(folder_of(&path))?;
        let file = tempfile::Builder::new()
            .prefix(".agent-")
            .suffix(".tmp")
            .permissions(Permissions::from_mode(new_mode))
            .tempfile_in(folder_of(&path))
            .map_err(|error| unnamed(&error))?;
        Ok(Self { path, file })
    }

    /// The open file that the content is written to.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Sets the mode; the umask does not count.
    ///
    /// # Errors
    ///
    /// An error of the system.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        let file = self.file.as_file();
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// Puts the file in its place, but maybe not on the disk yet: it may not survive a power cut.
    ///
    /// # Errors
    ///
    /// An error of the system; the old file is then still in its place.
    pub fn put(self) -> io::Result<File> {
        self.file.persist(&self.path).map_err(|error| error.error)
    }

    /// Puts the file in its place, and waits until its content and its name are on the disk.
    ///
    /// # Errors
    ///
    /// An error of the system.
    pub fn put_on_disk(self) -> io::Result<File> {
        self.file.as_file().sync_all()?;
        let folder = folder_of(&self.path).to_owned();
        let file = self.put()?;
        // The name is on the disk only when its folder is.
        File::open(folder)?.sync_all()?;
        Ok(file)
    }
}

fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            // No link, or nothing at all.
            Err(_) => return Ok(path),
        }
    }
    Err(Errno::ELOOP.into())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The error of the system without the name of the file: nobody knows that temporary name.
fn unnamed(error: &io::Error) -> io::Error {
    io::Error::from(error.kind())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    const MODE: u32 = 0o644;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn replace(path: &Path, text: &str) -> io::Result<()> {
        let mut replacement = Replacement::following_links(path, MODE)?;
        replacement.file().write_all(text.as_bytes())?;
        replacement.put_on_disk().map(drop)
    }

    #[test]
    fn it_takes_the_place_and_the_mode_of_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        replace(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(mode(&path), 0o666);
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");
    }

    #[test]
    fn what_is_not_put_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut replacement = Replacement::following_links(&path, MODE).unwrap();
        replacement.file().write_all(b"half").unwrap();
        drop(replacement);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn links_stay_whether_or_not_there_is_a_file_at_their_end() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        let (first, second) = (
            folder.path().join("first"),
            folder.path().join("sub/second"),
        );
        symlink("sub/second", &first).unwrap();
        symlink("../end", &second).unwrap();
        for text in ["new", "newer"] {
            replace(&first, text).unwrap();
            assert!(fs::symlink_metadata(&first).unwrap().is_symlink());
            assert!(fs::symlink_metadata(&second).unwrap().is_symlink());
            let end = fs::read_to_string(folder.path().join("end")).unwrap();
            assert_eq!(end, text);
        }
    }

    #[test]
    fn links_in_a_circle_and_missing_folders_are_errors_that_name_no_strange_file() {
        let folder = tempfile::tempdir().unwrap();
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        let error = replace(&circle, "").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ELOOP as i32));
        let error = replace(&folder.path().join("no/file"), "").unwrap_err();
        assert_eq!(error.to_string(), "No such file or directory (os error 2)");
    }

    #[test]
    fn a_link_goes_where_nothing_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("/dev/null", &link).unwrap();
        Replacement::of(&link, 0o600).unwrap().put().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
        assert_eq!(mode(&link), 0o600);
    }
}
