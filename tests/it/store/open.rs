//! Opening: the files that are made, their setup, and the refusals with their words.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use menace_agent::diag::Hint;
use menace_agent::store::{APPLICATION_ID, Reader, Store, StoreError};

use super::sample::{NOW_MS, new_run, open, plain};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The error of opening `path`, in words that do not depend on where the test runs.
fn refusal(folder: &Path, path: &Path) -> (StoreError, String) {
    let error = Store::open(path, NOW_MS).unwrap_err();
    let text = format!("{error}\nhint: {}", error.hint().unwrap_or_default());
    let text = text.replace(folder.to_str().unwrap(), "DIR");
    (error, text)
}

/// A closed state file with a run in it.
fn existing(folder: &Path) -> PathBuf {
    let path = folder.join("agent.db");
    open(&path).open_run(&new_run()).unwrap();
    path
}

#[test]
fn a_new_folder_is_private_and_kept_out_of_version_control() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a/sandbox_data");
    let mut store = open(&data.join("agent.db"));
    store.open_run(&new_run()).unwrap();
    assert_eq!(
        names(&data),
        [".gitignore", "agent.db", "agent.db-shm", "agent.db-wal"]
    );
    assert_eq!(fs::read_to_string(data.join(".gitignore")).unwrap(), "*\n");
    assert_eq!(mode(&data), 0o700);
    for name in ["agent.db", "agent.db-shm", "agent.db-wal"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_folder_that_holds_other_things_gets_no_gitignore() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("setup.py"), "").unwrap();
    drop(open(&folder.path().join("agent.db")));
    assert_eq!(names(folder.path()), ["agent.db", "setup.py"]);
}

#[test]
fn rights_of_others_are_taken_away_when_the_file_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    drop(open(&path));
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_link_is_followed_even_to_a_file_that_is_not_there_yet() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.db");
    symlink("elsewhere/agent.db", &link).unwrap();
    let store = open(&link);
    let file = folder.path().join("elsewhere/agent.db");
    assert_eq!(store.path(), file);
    assert!(file.is_file());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn an_empty_file_counts_as_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    fs::write(&path, "").unwrap();
    drop(open(&path));
    assert_eq!(names(folder.path()), ["agent.db"]);
    assert!(Reader::open(&path).unwrap().latest_run().unwrap().is_none());
}

#[test]
fn names_that_mean_more_to_sqlite_are_only_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in [":memory:", "file:agent.db?mode=memory"] {
        let path = folder.path().join(name);
        drop(open(&path));
        assert!(path.is_file(), "{name}");
    }
}

#[test]
fn the_file_carries_its_application_id_and_a_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    let look = |pragma: &str| -> String {
        let connection = plain(&path);
        let value = connection.pragma_query_value(None, pragma, |row| {
            row.get_ref(0)?
                .as_str()
                .map(str::to_owned)
                .or_else(|_| row.get::<_, i64>(0).map(|n| n.to_string()))
        });
        value.unwrap()
    };
    assert_eq!(look("application_id"), APPLICATION_ID.to_string());
    assert_eq!(look("journal_mode"), "wal");
}

#[test]
fn files_that_are_no_database_are_refused_with_their_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let notes = "Dear diary,\n".repeat(100);
    fs::write(&path, &notes).unwrap();
    let (_, text) = refusal(folder.path(), &path);
    insta::assert_snapshot!(text, @r#"
    the state file `DIR/notes.txt` is not an SQLite file: it starts with the text "Dear diary,"
    hint: the file was left as it is; name another file with `--db FILE`
    "#);
    assert_eq!(fs::read_to_string(&path).unwrap(), notes);
    let path = folder.path().join("short");
    fs::write(&path, "x").unwrap();
    let (error, _) = refusal(folder.path(), &path);
    assert!(matches!(error, StoreError::NotADatabase { .. }), "{error}");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cookies.sqlite");
    plain(&path)
        .execute_batch("CREATE TABLE cookie (name)")
        .unwrap();
    let before = fs::read(&path).unwrap();
    let (_, text) = refusal(folder.path(), &path);
    insta::assert_snapshot!(text, @r"
    the SQLite file `DIR/cookies.sqlite` belongs to another application (it holds `cookie`)
    hint: the file was left as it is; name another file with `--db FILE`
    ");
    assert_eq!(fs::read(&path).unwrap(), before);
    plain(&path)
        .execute_batch("PRAGMA application_id = 17")
        .unwrap();
    let (_, text) = refusal(folder.path(), &path);
    assert!(
        text.contains("(its application id is 0x00000011)"),
        "{text}"
    );
}

#[test]
fn a_file_of_a_newer_agent_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    plain(&path)
        .execute_batch("INSERT INTO refinery_schema_history VALUES (99, 'x', '', '1')")
        .unwrap();
    let (_, text) = refusal(folder.path(), &path);
    insta::assert_snapshot!(text, @"
    the state file `DIR/agent.db` was written by a newer agent: it has schema version 99, this agent knows versions up to 5
    hint: use the newer agent, or name another file with `--db FILE`; backups of older versions are beside the file as `.v*.bak`
    ");
    let error = Reader::open(&path).unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 99, .. }),
        "{error}"
    );
}

#[test]
fn a_file_with_another_history_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    plain(&path)
        .execute_batch("UPDATE refinery_schema_history SET name = 'create_other' WHERE version = 2")
        .unwrap();
    let (_, text) = refusal(folder.path(), &path);
    insta::assert_snapshot!(text, @"
    the state file `DIR/agent.db` was made by an agent of another line: its migration 2 (`create_other`) is not the one that this agent knows
    hint: rename it (`mv DIR/agent.db DIR/agent.db.old`), and `agent run` makes a new one, or name another file with `--db FILE`; any SQLite client still reads the old one
    ");
}

#[test]
fn a_file_that_lost_its_end_is_called_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    let whole = fs::metadata(&path).unwrap().len();
    let cases = [whole - 4096, 4096, 2000, 512, 100, 30, 16, 5];
    for length in cases {
        let copy = folder.path().join(format!("cut{length}.db"));
        let bytes = fs::read(&path).unwrap();
        let kept = &bytes[..usize::try_from(length).unwrap()];
        fs::write(&copy, kept).unwrap();
        let (error, text) = refusal(folder.path(), &copy);
        assert!(
            matches!(error, StoreError::Truncated { found_bytes, .. } if found_bytes == length),
            "{length}: {text}"
        );
        assert_eq!(fs::read(&copy).unwrap(), kept, "{length}");
    }
}

#[test]
fn a_file_whose_pages_are_still_in_the_log_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    store.open_run(&new_run()).unwrap();
    // As after kill -9: the log holds what the file does not have yet.
    let copy = folder.path().join("copy.db");
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", path.display());
        fs::copy(from, format!("{}{suffix}", copy.display())).unwrap();
    }
    assert!(fs::metadata(&copy).unwrap().len() < 100_000);
    let store = open(&copy);
    assert_eq!(store.open_runs().unwrap().len(), 1);
}

#[test]
fn a_file_with_a_damaged_page_is_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..4096].fill(0xEE);
    fs::write(&path, &bytes).unwrap();
    let (error, text) = refusal(folder.path(), &path);
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    insta::assert_snapshot!(text, @"
    the state file `DIR/agent.db` is damaged
    hint: the file was left as it is: keep a copy, put a backup (`DIR/agent.db.v*.bak`) in its place, or save what is readable: `sqlite3 DIR/agent.db .dump | sed 's/^ROLLBACK.*/COMMIT;/' | sqlite3 new.db`
    ");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_directory_is_no_state_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    fs::create_dir(&path).unwrap();
    let (_, text) = refusal(folder.path(), &path);
    insta::assert_snapshot!(text, @"
    the state file `DIR/data` is a directory
    hint: name a file in it: `--db DIR/data/agent.db`
    ");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let (error, text) = refusal(folder.path(), &folder.path().join("file/data/agent.db"));
    assert!(matches!(error, StoreError::Folder { .. }), "{error:?}");
    assert!(
        text.starts_with("cannot create the folder `DIR/file/data`"),
        "{text}"
    );
}

#[test]
fn a_file_that_another_process_keeps_locked_is_given_up_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    let other = plain(&path);
    other
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; DELETE FROM notice;")
        .unwrap();
    let (error, text) = refusal(folder.path(), &path);
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert!(
        text.starts_with(
            "the state file `DIR/agent.db` was locked by another process for more than 5 s"
        ),
        "{text}"
    );
}

#[test]
fn reading_neither_makes_nor_changes_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/agent.db");
    let error = Reader::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert!(names(folder.path()).is_empty());
    let path = folder.path().join("empty.db");
    fs::write(&path, "").unwrap();
    let error = Reader::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert_eq!(names(folder.path()), ["empty.db"]);
}
