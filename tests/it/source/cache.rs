//! The memory from scan to scan, through a real state file.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use menace_agent::graph::KnownFile;
use menace_agent::source::Scan;

use super::{facts, fresh_scan, paths, project, scan_with, write};
use crate::store::sample::{open, plain};

/// Makes the time of a file one that tells of its next change.
fn settle(project: &Path, path: &str) {
    let hour_ago = SystemTime::now() - Duration::from_hours(1);
    File::open(project.join(path))
        .unwrap()
        .set_modified(hour_ago)
        .unwrap();
}

/// A scan that remembers, as a command does it.
fn remembering(project: &Path) -> Scan {
    let mut store = open(&project.join("sandbox_data/agent.db"));
    let scan = scan_with(project, store.known_files().unwrap(), &[]);
    store.put_known_files(&scan.changed, &scan.gone).unwrap();
    scan
}

fn changed(scan: &Scan) -> Vec<&str> {
    scan.changed.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn a_scan_of_unchanged_files_reads_none_and_finds_the_same() {
    let project = project(&[]);
    for number in 0..2000 {
        let path = format!("p{}/m{number}.py", number % 40);
        let source = match number % 50 {
            0 => "def f(:".to_owned(),
            _ => format!(
                "from p{} import m{number}\nimport x{number}.y\n",
                number % 7
            ),
        };
        write(project.path(), &path, source);
        settle(project.path(), &path);
    }
    let cold = remembering(project.path());
    assert_eq!((cold.files.len(), cold.changed.len()), (2000, 2000));
    // Were they read again, they would say so.
    for file in &cold.files {
        let size = fs::metadata(project.path().join(&file.path)).unwrap().len();
        let size = usize::try_from(size).unwrap();
        write(project.path(), &file.path, "\0".repeat(size));
        settle_as(project.path(), &file.path, &cold.changed);
    }
    let warm = remembering(project.path());
    assert_eq!(warm.files, cold.files);
    assert_eq!((warm.changed.len(), warm.gone.len()), (0, 0));
}

/// Gives a file the time that is remembered.
fn settle_as(project: &Path, path: &str, known: &[KnownFile]) {
    let known = known.iter().find(|known| known.path == path).unwrap();
    let mtime_ns = u64::try_from(known.mtime_ns.unwrap()).unwrap();
    File::open(project.join(path))
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH + Duration::from_nanos(mtime_ns))
        .unwrap();
}

#[test]
fn changes_additions_moves_and_removals_are_followed() {
    let project = project(&[
        ("a.py", b"import a"),
        ("b.py", b"import b"),
        ("c.py", b"import c"),
    ]);
    let root = project.path();
    for path in ["a.py", "b.py", "c.py"] {
        settle(root, path);
    }
    remembering(root);
    write(root, "a.py", "import other");
    fs::rename(root.join("b.py"), root.join("moved.py")).unwrap();
    fs::remove_file(root.join("c.py")).unwrap();
    write(root, "new.py", "import new");
    let scan = remembering(root);
    assert_eq!(paths(&scan), ["a.py", "moved.py", "new.py"]);
    assert_eq!(changed(&scan), ["a.py", "moved.py", "new.py"]);
    assert_eq!(scan.gone, ["b.py", "c.py"]);
    assert_eq!(facts(&scan, "a.py").imports[0].module, "other");
    assert_eq!(facts(&scan, "moved.py").imports[0].module, "b");
    let fresh = fresh_scan(root);
    assert_eq!(remembering(root).files, fresh.files);
}

#[test]
fn a_file_that_was_just_changed_is_looked_at_again() {
    let project = project(&[("a.py", b"import a")]);
    let root = project.path();
    let first = remembering(root);
    assert_eq!(first.changed[0].mtime_ns, None);
    // The same size, and the same time as far as one can tell.
    let modified = fs::metadata(root.join("a.py")).unwrap().modified().unwrap();
    write(root, "a.py", "import b");
    File::open(root.join("a.py"))
        .unwrap()
        .set_modified(modified)
        .unwrap();
    let second = remembering(root);
    assert_eq!(facts(&second, "a.py").imports[0].module, "b");
    // Read again, and nothing new to remember.
    assert_eq!(changed(&remembering(root)), [""; 0]);
    settle(root, "a.py");
    assert_eq!(changed(&remembering(root)), ["a.py"]);
    assert_eq!(changed(&remembering(root)), [""; 0]);
}

#[test]
fn content_that_is_known_is_not_parsed_again() {
    let project = project(&[("a.py", b"import a")]);
    let root = project.path();
    settle(root, "a.py");
    let mut known = fresh_scan(root).changed;
    // As if parsing had found something else.
    write(root, "b.py", "import b");
    known[0].reading = fresh_scan(root).changed[1].reading.clone();
    File::open(root.join("a.py"))
        .unwrap()
        .set_modified(SystemTime::now())
        .unwrap();
    let scan = scan_with(root, known, &[]);
    assert_eq!(facts(&scan, "a.py").imports[0].module, "b");
}

#[test]
fn what_is_damaged_in_the_state_file_is_read_again() {
    let project = project(&[
        ("a.py", b"import a"),
        ("b.py", b"import b"),
        ("c.py", b"import c"),
    ]);
    let root = project.path();
    for path in ["a.py", "b.py", "c.py"] {
        settle(root, path);
    }
    remembering(root);
    let db = plain(&root.join("sandbox_data/agent.db"));
    db.execute_batch(
        "UPDATE source_file SET reading = x'0102' WHERE path = 'a.py';
         UPDATE source_file SET reading = CAST(substr(reading, 1, length(reading) - 1) || x'7a' AS BLOB)
         WHERE path = 'b.py';
         UPDATE source_file SET size_bytes = 1 WHERE path = 'c.py';",
    )
    .unwrap();
    let scan = remembering(root);
    assert_eq!(changed(&scan), ["a.py", "b.py", "c.py"]);
    assert_eq!(scan.files, fresh_scan(root).files);
    assert_eq!(changed(&remembering(root)), [""; 0]);
}
