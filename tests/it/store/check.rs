//! Damaged pages: found before anything is written, and what is legible can still be read.

use std::fs;
use std::path::{Path, PathBuf};

use menace_agent::diag::Hint;
use menace_agent::model::Outcome;
use menace_agent::run::recover;
use menace_agent::store::{Reader, Store, StoreError};

use super::sample::{NOW_MS, attempt, new_run, plain, put, two_runs};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const PAGE: usize = 4096;

/// A closed state file with more results than fit into a page.
fn existing(folder: &Path) -> PathBuf {
    let path = folder.join("agent.db");
    let mut store = Store::open(&path, NOW_MS).unwrap();
    let [_, run] = two_runs(&mut store);
    for n in 0..100 {
        let record = attempt(&format!("a.py::test_{n}"), 1, Outcome::Passed);
        store.write(run, &[put(record)]).unwrap();
    }
    path
}

/// The file with one of its pages overwritten.
fn damaged(folder: &Path, whole: &[u8], page: usize) -> PathBuf {
    let path = folder.join(format!("page{page}.db"));
    let mut bytes = whole.to_vec();
    bytes[page * PAGE..(page + 1) * PAGE].fill(0xEE);
    fs::write(&path, bytes).unwrap();
    path
}

fn is_sound(path: &Path) -> bool {
    let check = plain(path).query_row("PRAGMA integrity_check(1)", [], |row| {
        row.get::<_, String>(0)
    });
    check.is_ok_and(|found| found == "ok")
}

fn is_damage(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Damaged { .. } | StoreError::Corrupt { .. }
    )
}

/// A file with a damaged page that neither an opening nor the list of runs meets.
fn hidden(folder: &Path, whole: &[u8]) -> PathBuf {
    let is_hidden = |path: &PathBuf| {
        let copy = folder.join("copy.db");
        fs::copy(path, &copy).unwrap();
        let readable = Store::open(&copy, NOW_MS).is_ok_and(|store| {
            let runs = store.reader().and_then(|reader| reader.history(10));
            runs.is_ok() && store.open_runs().is_ok()
        });
        readable && !is_sound(&copy)
    };
    let mut paths = (1..whole.len() / PAGE).map(|page| damaged(folder, whole, page));
    paths.find(is_hidden).unwrap()
}

#[test]
fn every_damaged_page_is_found_by_the_first_start_of_a_day_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    let whole = fs::read(&path).unwrap();
    let mut found = 0;
    for page in 1..whole.len() / PAGE {
        let path = damaged(folder.path(), &whole, page);
        let before = fs::read(&path).unwrap();
        if is_sound(&path) {
            // A page that is free, or whose content alone changed.
            continue;
        }
        found += 1;
        for _ in 0..2 {
            let error = Store::open(&path, NOW_MS + DAY_MS).unwrap_err();
            assert!(is_damage(&error), "page {page}: {error:?}");
            assert_eq!(fs::read(&path).unwrap(), before, "page {page}");
        }
        // Reading goes on as far as it goes.
        match Reader::open(&path).and_then(|reader| reader.history(10)) {
            Ok(runs) => assert_eq!(runs.len(), 2, "page {page}"),
            Err(error) => assert!(is_damage(&error), "page {page}: {error:?}"),
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn a_file_is_checked_once_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    let whole = fs::read(&path).unwrap();
    let path = hidden(folder.path(), &whole);
    drop(Store::open(&path, NOW_MS).unwrap());
    let error = Store::open(&path, NOW_MS + DAY_MS).unwrap_err();
    assert!(is_damage(&error), "{error:?}");
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.history(10).unwrap().len(), 2);
}

#[test]
fn a_file_is_checked_before_a_run_of_a_killed_agent_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    // The agent of the second run, in sample data, is of another boot, and has given no sign of
    // life for years.
    plain(&path)
        .execute("UPDATE run SET active_ms = started_ms", [])
        .unwrap();
    let whole = fs::read(&path).unwrap();
    let path = hidden(folder.path(), &whole);
    let mut store = Store::open(&path, NOW_MS).unwrap();
    let error = recover(&mut store).unwrap_err();
    assert!(is_damage(&error), "{error:?}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("put a backup"), "{hint}");
    assert_eq!(store.open_runs().unwrap().len(), 1);
}

#[test]
fn a_sound_file_is_opened_on_every_day() {
    let folder = tempfile::tempdir().unwrap();
    let path = existing(folder.path());
    for day in 1..3 {
        let mut store = Store::open(&path, NOW_MS + day * DAY_MS).unwrap();
        store.open_run(&new_run()).unwrap();
        store.check().unwrap();
    }
    assert!(is_sound(&path));
}

#[test]
fn the_runs_before_a_damaged_page_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = Store::open(&path, NOW_MS).unwrap();
    let runs = 40;
    for _ in 0..runs {
        store.open_run(&new_run()).unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    let legible: Vec<usize> = (1..whole.len() / PAGE)
        .filter_map(|page| Reader::open(&damaged(folder.path(), &whole, page)).ok())
        .filter_map(|reader| {
            let (read, damage) = reader.legible_history(1_000);
            let damage = damage.as_ref();
            assert!(damage.is_none_or(is_damage), "{damage:?}");
            assert_eq!(damage.is_none(), read.len() == runs);
            assert_eq!(reader.history(1_000).is_err(), damage.is_some());
            (damage.is_some() && !read.is_empty()).then_some(read.len())
        })
        .collect();
    assert!(!legible.is_empty());
}
