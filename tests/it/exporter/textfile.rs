//! The file for the textfile collector: whole or not at all, and for others to read.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use menace_agent::diag::Hint;
use menace_agent::exporter::textfile;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn the_file_is_replaced_as_a_whole_and_everybody_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.prom");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    for text in ["up 1\n", "up 0\n"] {
        textfile::write(&path, text).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o644
        );
        assert_eq!(names(folder.path()), ["agent.prom"]);
    }
}

#[test]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "old").unwrap();
    symlink(&file, &link).unwrap();
    textfile::write(&link, "up 1\n").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), "up 1\n");
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    // A folder cannot be replaced by a file.
    let path = folder.path().join("agent.prom");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("inside"), "").unwrap();
    textfile::write(&path, "up 1\n").unwrap_err();
    assert_eq!(names(folder.path()), ["agent.prom"]);
    assert_eq!(names(&path), ["inside"]);

    let missing = folder.path().join("missing/agent.prom");
    let error = textfile::write(&missing, "up 1\n").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot write the figures to `")
    );
    assert!(error.hint().unwrap().starts_with("make its folder"));
}
