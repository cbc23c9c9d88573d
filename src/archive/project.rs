//! A project as a tar stream, for an engine that cannot mount it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

/// Writes `files` of `project`, paths from that folder, as a tar archive to `sink`. It leaves out
/// files that have gone in the meantime, and anything but files, folders and links. Owners are not
/// kept.
///
/// # Errors
///
/// A file that cannot be read, or a sink that takes no more.
pub fn write_project(project: &Path, files: &[PathBuf], sink: &mut dyn Write) -> io::Result<()> {
    let mut archive = Builder::new(sink);
    for file in files {
        match append(&mut archive, project, file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let text = format!("{}: {error}", file.display());
                return Err(io::Error::new(error.kind(), text));
            }
            Ok(()) => {}
        }
    }
    archive.finish()
}

fn append<W: Write>(archive: &mut Builder<W>, project: &Path, path: &Path) -> io::Result<()> {
    let from = project.join(path);
    let data = fs::symlink_metadata(&from)?;
    let mut header = Header::new_gnu();
    header.set_mode(data.mode() & 0o777);
    header.set_mtime(u64::try_from(data.mtime()).unwrap_or_default());
    if data.is_file() {
        let mut file = File::open(&from)?;
        let size = file.metadata()?.len();
        header.set_entry_type(EntryType::Regular);
        header.set_size(size);
        // A file that shrinks or grows while it is read must not shift what follows.
        let content = (&mut file).chain(io::repeat(0)).take(size);
        archive.append_data(&mut header, path, content)
    } else if data.is_dir() {
        header.set_entry_type(EntryType::Directory);
        header.set_size(0);
        archive.append_data(&mut header, path, io::empty())
    } else if data.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, path, fs::read_link(&from)?)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_unpacked_as_it_was() {
        let project = tempfile::tempdir().unwrap();
        let deep = format!("{}/test_ö.py", "deep/".repeat(40).trim_end_matches('/'));
        let file = project.path().join(&deep);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "x = 1\n").unwrap();
        std::os::unix::fs::symlink(&deep, project.path().join("link")).unwrap();
        let listed = [deep.as_str(), "link", "gone"].map(PathBuf::from);
        let mut bytes = Vec::new();
        write_project(project.path(), &listed, &mut bytes).unwrap();
        let there = tempfile::tempdir().unwrap();
        tar::Archive::new(bytes.as_slice())
            .unpack(there.path())
            .unwrap();
        assert_eq!(
            fs::read_to_string(there.path().join(&deep)).unwrap(),
            "x = 1\n"
        );
        let target = fs::read_link(there.path().join("link")).unwrap();
        assert_eq!(target, Path::new(&deep));
        assert!(!there.path().join("gone").exists());
    }
}
