//! The place of the state file: its folder, its modes, and the kind of file system beneath it.
//!
//! Must not read or write the content of the state file.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::statfs::{Statfs, statfs};
use nix::sys::statvfs::statvfs;
use nix::unistd::Uid;

use super::error::StoreError;

/// Results can hold secrets that tests print, so nobody else may read them.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// More than SQLite adds to a file at once: a page, or the index of its log.
const MARGIN_BYTES: u64 = 1 << 16;

/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;

/// The file that `path` stands for: a link is followed, even to a file that is not there yet.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let mut file = path.to_owned();
    for _ in 0..MAX_LINKS {
        if let Ok(target) = fs::read_link(&file) {
            file = folder_of(&file).join(target);
            continue;
        }
        // Not a link, or not there: both are the end of the way.
        if file.is_dir() {
            return Err(StoreError::IsDirectory {
                path: path.to_owned(),
            });
        }
        return Ok(file);
    }
    Err(StoreError::File {
        path: path.to_owned(),
        source: io::Error::other("too many levels of symbolic links"),
    })
}

/// The folder that holds `path`; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the folder of `file`, and keeps it out of version control if it is the agent's own.
///
/// A folder that holds other things is the user's, and gets no `.gitignore`.
pub(super) fn prepare_folder(file: &Path) -> Result<(), StoreError> {
    let folder = folder_of(file);
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::StorageFull => no_room(file),
        _ => StoreError::Folder {
            folder: folder.to_owned(),
            source,
        },
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(FOLDER_MODE);
    builder.create(folder).map_err(failed)?;
    // The agent did not make a folder that it cannot list.
    let empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if !empty {
        return Ok(());
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644);
    let path = folder.join(".gitignore");
    let written = options
        .open(&path)
        .and_then(|mut ignore| ignore.write_all(b"*\n"));
    match written {
        // Another agent came first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // A write-protected folder is reported as such when the file is opened.
        Err(error) if is_refusal(&error) => Ok(()),
        written => written.map_err(|source| file_error(&path, source)),
    }
}

/// Makes `file`, empty and private, unless it is there.
pub(super) fn create_private(file: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(FILE_MODE);
    match options.open(file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Takes the rights of others from the state file and from what SQLite keeps beside it.
///
/// Files of another user, and file systems without modes, stay as they are.
pub(super) fn make_private(file: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let path = beside(file, suffix);
        let data = match fs::metadata(&path) {
            Ok(data) => data,
            // SQLite removes its own files whenever it sees fit.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(source) => return Err(file_error(&path, source)),
        };
        let of_others = data.mode() & 0o077;
        if of_others == 0 || data.uid() != Uid::effective().as_raw() {
            continue;
        }
        match fs::set_permissions(&path, Permissions::from_mode(FILE_MODE)) {
            Err(error) if error.kind() != ErrorKind::NotFound && !is_refusal(&error) => {
                return Err(file_error(&path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A file itself, which keeps this whatever its name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that has the name `path` now.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        Some(Self {
            device: data.dev(),
            inode: data.ino(),
        })
    }

    /// The present name of a file that this process has open; `None` if it was removed, or the
    /// system does not say.
    pub(super) fn name(self) -> Option<PathBuf> {
        // These entries are looked at and not opened: closing one would drop locks of SQLite.
        let open = fs::read_dir("/proc/self/fd").ok()?.flatten();
        let mut open = open.map(|entry| entry.path());
        let ours = open.find(|entry| Self::of(entry) == Some(self))?;
        let name = fs::read_link(ours).ok()?;
        (Self::of(&name) == Some(self)).then_some(name)
    }
}

/// True if everything that was written is in `file` itself, and none of it in a log beside it.
pub(super) fn has_no_log(file: &Path) -> bool {
    let is_empty = |suffix| match fs::metadata(beside(file, suffix)) {
        Ok(data) => data.len() == 0,
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    is_empty("-wal") && is_empty("-journal")
}

/// The error of a file of the store that could not be made or looked at.
pub(super) fn file_error(path: &Path, source: io::Error) -> StoreError {
    let cause = match source.kind() {
        ErrorKind::StorageFull => Some(no_room(path)),
        ErrorKind::FileTooLarge => file_limit(path),
        _ => None,
    };
    cause.unwrap_or(StoreError::File {
        path: path.to_owned(),
        source,
    })
}

/// The error of a file system that takes no more, for the file at `path`.
pub(super) fn no_room(path: &Path) -> StoreError {
    let folder = folder_of(path).ancestors().find(|folder| folder.is_dir());
    let stat = statvfs(folder.unwrap_or(Path::new("."))).ok();
    let path = path.to_owned();
    match stat {
        // Some file systems have no fixed number of files, and count none.
        Some(stat) if stat.files() > 0 && stat.files_available() == 0 => {
            if stat.blocks_available() == 0 {
                StoreError::Full { path }
            } else {
                StoreError::NoInodes { path }
            }
        }
        _ => StoreError::Full { path },
    }
}

/// The same if the file system of `path` has no space or no inode; `None` if it has both.
pub(super) fn is_full(path: &Path) -> Option<StoreError> {
    let stat = statvfs(folder_of(path)).ok()?;
    let no_inodes = stat.files() > 0 && stat.files_available() == 0;
    (stat.blocks_available() == 0 || no_inodes).then(|| no_room(path))
}

/// The error of a state file that has no room below the limit for files of this process.
pub(super) fn file_limit(path: &Path) -> Option<StoreError> {
    let (limit_bytes, _) = getrlimit(Resource::RLIMIT_FSIZE).ok()?;
    let sizes = ["", "-wal", "-journal"]
        .map(|suffix| fs::metadata(beside(path, suffix)).map_or(0, |data| data.len()));
    let largest = sizes.into_iter().max().unwrap_or(0);
    let is_reached = limit_bytes != RLIM_INFINITY && largest + MARGIN_BYTES > limit_bytes;
    is_reached.then(|| StoreError::FileLimit {
        path: path.to_owned(),
        limit_bytes,
    })
}

/// `file` with `suffix` behind its whole name.
pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::Unsupported
    )
}

/// True if the file system of `file` is shared with other machines, or cannot be told.
///
/// SQLite's write-ahead log needs memory that all its users share, which no network offers; a
/// FUSE mount may be one (`sshfs`, `rclone`, virtiofs) and counts as one.
pub(super) fn is_on_network(file: &Path) -> bool {
    statfs(folder_of(file)).map_or(true, |stat| is_network(&stat))
}

#[cfg(not(target_os = "macos"))]
fn is_network(stat: &Statfs) -> bool {
    is_network_magic(i128::from(stat.filesystem_type().0) & 0xFFFF_FFFF)
}

/// Knows the numbers of `linux/magic.h` and, for file systems outside of it, of their sources.
#[cfg(not(target_os = "macos"))]
fn is_network_magic(magic: i128) -> bool {
    const NETWORK: [(i128, &str); 19] = [
        (0x6969, "nfs"),
        (0x517B, "smb"),
        (0xFF53_4D42, "cifs"),
        (0xFE53_4D42, "smb2"),
        (0x0102_1997, "9p"),
        (0x6573_5546, "fuse"),
        (0x00C3_6400, "ceph"),
        (0x5346_414F, "afs"),
        (0x6B41_4653, "kafs"),
        (0x7375_7245, "coda"),
        (0x564C, "ncp"),
        (0x0BD0_0BD0, "lustre"),
        (0x4750_4653, "gpfs"),
        (0x1983_0326, "beegfs"),
        (0x7461_636F, "ocfs2"),
        (0x0116_1970, "gfs2"),
        (0x2003_0528, "orangefs"),
        (0x786F_4256, "vboxsf"),
        (0xBACB_ACBC, "vmhgfs"),
    ];
    NETWORK.iter().any(|(known, _)| *known == magic)
}

#[cfg(target_os = "macos")]
fn is_network(stat: &Statfs) -> bool {
    const NETWORK: [&str; 9] = [
        "nfs", "smbfs", "afpfs", "webdav", "ftp", "osxfuse", "macfuse", "fusefs", "virtiofs",
    ];
    NETWORK.contains(&stat.filesystem_type_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn file_systems_of_other_machines_are_told_from_local_ones() {
        for network in [0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x0102_1997, 0x6573_5546] {
            assert!(is_network_magic(network), "{network:#x}");
        }
        let [ext4, xfs, btrfs, tmpfs, overlay] =
            [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630];
        for local in [ext4, xfs, btrfs, tmpfs, overlay] {
            assert!(!is_network_magic(local), "{local:#x}");
        }
    }

    #[test]
    fn a_bare_name_lies_in_the_present_folder() {
        assert_eq!(folder_of(Path::new("agent.db")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/agent.db")), Path::new("a"));
    }

    #[test]
    fn suffixes_are_put_behind_the_whole_name() {
        assert_eq!(
            beside(Path::new("a/agent.db"), "-wal"),
            Path::new("a/agent.db-wal")
        );
    }
}
