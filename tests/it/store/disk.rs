//! Disks that are full and places that are write-protected.
//!
//! A file system of a known size takes the rights of root; without them these tests say so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use menace_agent::diag::Hint;
use menace_agent::model::{Event, Outcome};
use menace_agent::store::{Patience, Reader, Store, StoreError, Writer};
use nix::unistd::{Uid, seteuid};

use super::child::{self, command};
use super::sample::{NOW_MS, attempt, new_run, open, put};

/// Large enough for an empty state file and its log, and small enough to fill.
const SIZE: &str = "size=2m";

const FULL: &str = "no space is left for the state file `DIR/agent.db`\n\
    hint: free some space and run again, or name another file with `--db FILE`; what was stored before is kept";

/// A file system in memory, gone when it is dropped.
pub(crate) struct Mount {
    folder: tempfile::TempDir,
}

impl Mount {
    pub(crate) fn new() -> Option<Self> {
        let mount = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        mount
            .call("mount", &["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .then_some(mount)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn make_read_only(&self) {
        assert!(self.call("mount", &["-o", "remount,ro"]));
    }

    /// Leaves no space; the file that is returned holds it.
    fn fill(&self) -> PathBuf {
        let filler = self.path().join("filler");
        fs::write(&filler, vec![1; 4 << 20]).unwrap_err();
        filler
    }

    #[expect(clippy::print_stdout, reason = "a test that is left out says why")]
    fn call(&self, program: &str, args: &[&str]) -> bool {
        let output = command(program).args(args).arg(self.path()).output();
        match output {
            Ok(output) if output.status.success() => true,
            other => {
                println!("SKIPPED: cannot mount a file system: {other:?}");
                false
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.call("umount", &[]);
    }
}

fn words(error: &StoreError, folder: &Path) -> String {
    format!("{error}\nhint: {}", error.hint().unwrap_or_default())
        .replace(folder.to_str().unwrap(), "DIR")
}

/// A result with two kilobytes that zstd cannot shrink much.
fn large(n: usize) -> menace_agent::model::AttemptRecord {
    let mut record = attempt(&format!("a.py::test_{n}"), 1, Outcome::Failed);
    let mut seed = n as u64 + 1;
    let noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:016x}", seed.rotate_left(17))
    });
    record.longrepr = Some(noise.take(128).collect());
    record
}

#[test]
fn a_full_disk_is_named_when_the_file_is_made() {
    let Some(mount) = Mount::new() else { return };
    mount.fill();
    let path = mount.path().join("agent.db");
    let error = Store::open(&path, NOW_MS).unwrap_err();
    assert_eq!(words(&error, mount.path()), FULL);
    let deep = mount.path().join("data/agent.db");
    fs::create_dir(mount.path().join("data")).unwrap();
    let error = Store::open(&deep, NOW_MS).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
}

#[test]
fn results_wait_for_space_on_a_full_disk() {
    let Some(mount) = Mount::new() else { return };
    let path = mount.path().join("agent.db");
    let mut store = open(&path);
    let run = store.open_run(&new_run()).unwrap();
    let (sender, events) = channel();
    let announce = move |event: Event| {
        if let Event::TestFinished(_) = event {
            sender.send(event).unwrap();
        }
    };
    let writer = Writer::spawn(store, run, Patience::default(), announce).unwrap();
    let filler = mount.fill();
    let results = 100;
    for n in 0..results {
        let record = large(n);
        let event = Event::TestFinished(Box::new(record.clone()));
        writer.submit(vec![put(record)], vec![event]);
    }
    let mut stored = 0;
    while events.recv_timeout(Duration::from_secs(1)).is_ok() {
        stored += 1;
    }
    assert!(stored < results, "the disk was not full");
    fs::remove_file(filler).unwrap();
    while stored < results {
        events.recv_timeout(Duration::from_secs(15)).unwrap();
        stored += 1;
    }
    let store = writer.finish().unwrap();
    let failures = store.reader().unwrap().failures(run, 1_000).unwrap();
    assert_eq!(failures.len(), results);
}

#[test]
fn a_disk_that_stays_full_ends_the_writer_with_a_count() {
    let Some(mount) = Mount::new() else { return };
    let path = mount.path().join("agent.db");
    let mut store = open(&path);
    let run = store.open_run(&new_run()).unwrap();
    let (sender, events) = channel();
    let announce = move |event: Event| {
        if let Event::TestFinished(_) = event {
            sender.send(event).unwrap();
        }
    };
    let writer = Writer::spawn(store, run, Patience::default(), announce).unwrap();
    mount.fill();
    for n in 0..100 {
        let record = large(n);
        let event = Event::TestFinished(Box::new(record.clone()));
        writer.submit(vec![put(record)], vec![event]);
    }
    let error = writer.finish().unwrap_err();
    let announced = events.iter().count();
    let StoreError::NotStored { results, source } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(usize::try_from(*results).unwrap() + announced, 100);
    assert_eq!(words(source, mount.path()), FULL);
    let stored = Reader::open(&path).unwrap().failures(run, 1_000).unwrap();
    assert_eq!(stored.len(), announced);
}

#[test]
fn a_read_only_mount_is_named() {
    let Some(mount) = Mount::new() else { return };
    let path = mount.path().join("agent.db");
    open(&path).open_run(&new_run()).unwrap();
    mount.make_read_only();
    let error = Store::open(&path, NOW_MS).unwrap_err();
    assert_eq!(
        words(&error, mount.path()),
        "the state file `DIR/agent.db` is on a file system that is mounted read-only\n\
         hint: SQLite keeps its journal beside the file: copy it to a place that can be written to, and name that with `--db FILE`"
    );
    let new = mount.path().join("new.db");
    let error = Store::open(&new, NOW_MS).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnlyMount { .. }), "{error}");
    let deep = mount.path().join("a/new.db");
    let error = Store::open(&deep, NOW_MS).unwrap_err();
    assert!(matches!(error, StoreError::Folder { .. }), "{error}");
}

/// Gives up the rights of root, for which no file is write-protected.
fn become_nobody() {
    if Uid::effective().is_root() {
        seteuid(Uid::from_raw(65_534)).unwrap();
    }
}

fn protect(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn a_write_protected_file_is_named() {
    if let Some(path) = child::role() {
        become_nobody();
        let folder = path.parent().unwrap();
        let error = Store::open(&path, NOW_MS).unwrap_err();
        assert_eq!(
            words(&error, folder),
            "the state file `DIR/agent.db` is read-only\n\
             hint: make it writable (`chmod u+w DIR/agent.db`), or name another file with `--db FILE`"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    drop(open(&path));
    protect(folder.path(), 0o777);
    protect(&path, 0o444);
    child::run("store::disk::a_write_protected_file_is_named", &path);
}

#[test]
fn a_write_protected_folder_is_named() {
    if let Some(path) = child::role() {
        become_nobody();
        let folder = path.parent().unwrap();
        let error = Store::open(&path, NOW_MS).unwrap_err();
        assert_eq!(
            words(&error, folder),
            "the folder `DIR` of the state file is read-only\n\
             hint: SQLite keeps its journal there: make it writable (`chmod u+w DIR`), or name another file with `--db FILE`"
        );
        let new = folder.join("new.db");
        let error = Store::open(&new, NOW_MS).unwrap_err();
        assert!(
            matches!(error, StoreError::ReadOnlyFolder { .. }),
            "{error}"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    drop(open(&path));
    protect(&path, 0o666);
    protect(folder.path(), 0o555);
    child::run("store::disk::a_write_protected_folder_is_named", &path);
    protect(folder.path(), 0o755);
}
