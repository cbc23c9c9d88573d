//! A state file that loses its name while it is open: it is written back before anything is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use menace_agent::model::{Event, ExitCode, Notice, Outcome, RunId};
use menace_agent::store::{Patience, Reader, StoreError, Writer};

use super::sample::{NOW_MS, attempt, new_run, open, plain, put};
use crate::wait::PATIENCE;

/// A state file with a run that ended and one that goes on.
struct Going {
    writer: Writer,
    told: Receiver<Told>,
    run: RunId,
}

/// An event, and the results that somebody who opens the state file finds at that moment.
#[derive(Debug)]
enum Told {
    Result(usize),
    Notice(Notice),
}

fn start(path: &Path) -> Going {
    let mut store = open(path);
    let earlier = store.open_run(&new_run()).unwrap();
    store
        .close_interrupted(earlier, NOW_MS, ExitCode::SIGINT)
        .unwrap();
    let run = store.open_run(&new_run()).unwrap();
    let (sender, told) = channel();
    let file = path.to_owned();
    let announce = move |event| {
        let told = match event {
            Event::TestFinished(_) => Told::Result(results(&file)),
            Event::Notice(notice) => Told::Notice(notice),
            other => panic!("{other:?}"),
        };
        sender.send(told).unwrap();
    };
    let writer = Writer::spawn(store, run, Patience::default(), announce).unwrap();
    Going { writer, told, run }
}

fn results(path: &Path) -> usize {
    let Ok(reader) = Reader::open(path) else {
        return 0;
    };
    reader.failures(RunId(2), 1_000).unwrap().len()
}

impl Going {
    fn submit(&self, n: usize) {
        let record = attempt(&format!("a.py::test_{n}"), 1, Outcome::Failed);
        let event = Event::TestFinished(Box::new(record.clone()));
        self.writer.submit(vec![put(record)], vec![event]);
    }

    fn result(&self) -> usize {
        match self.told.recv_timeout(PATIENCE).unwrap() {
            Told::Result(found) => found,
            Told::Notice(notice) => panic!("{notice:?}"),
        }
    }

    fn notice(&self) -> Notice {
        match self.told.recv_timeout(PATIENCE).unwrap() {
            Told::Notice(notice) => notice,
            Told::Result(found) => panic!("a result was told, {found} were stored"),
        }
    }
}

fn saved(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.to_str().unwrap().contains(".saved-"))
        .filter(|path| !path.to_str().unwrap().ends_with("-wal"))
        .filter(|path| !path.to_str().unwrap().ends_with("-shm"))
        .collect()
}

fn assert_sound(path: &Path) {
    let check: String = plain(path)
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn a_folder_that_is_removed_comes_back_before_the_next_result_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/agent.db");
    let going = start(&path);
    going.submit(0);
    assert_eq!(going.result(), 1);
    fs::remove_dir_all(folder.path().join("data")).unwrap();
    going.submit(1);
    let notice = going.notice();
    assert_eq!(
        notice.message.replace(path.to_str().unwrap(), "FILE"),
        "the state file `FILE` was removed or replaced during the run: the agent wrote it \
         back, with all results and earlier runs"
    );
    assert_eq!(going.result(), 2);
    // It is like any other file from then on.
    for n in 2..20 {
        going.submit(n);
        assert_eq!(going.result(), n + 1);
    }
    drop(going.writer.finish().unwrap());
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.notices(going.run).unwrap(), [notice]);
    assert!(reader.run(RunId(1)).unwrap().is_some());
    assert_eq!(saved(path.parent().unwrap()), Vec::<PathBuf>::new());
    let ignored = fs::read_to_string(folder.path().join("data/.gitignore"));
    assert_eq!(ignored.unwrap(), "*\n");
    assert_sound(&path);
}

#[test]
fn a_file_that_is_removed_alone_does_not_get_its_old_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let going = start(&path);
    for n in 0..5 {
        going.submit(n);
        assert_eq!(going.result(), n + 1);
    }
    fs::remove_file(&path).unwrap();
    going.submit(5);
    going.notice();
    assert_eq!(going.result(), 6);
    drop(going.writer.finish().unwrap());
    assert_eq!(results(&path), 6);
    assert_sound(&path);
}

#[test]
fn the_loss_is_noticed_while_nothing_happens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/agent.db");
    let going = start(&path);
    going.submit(0);
    assert_eq!(going.result(), 1);
    fs::remove_dir_all(folder.path().join("data")).unwrap();
    going.notice();
    assert_eq!(results(&path), 1);
    drop(going.writer.finish().unwrap());
}

#[test]
fn a_file_that_took_the_name_stays_and_the_run_goes_on_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let other = folder.path().join("other.db");
    drop(open(&other));
    let before = fs::read(&other).unwrap();
    let going = start(&path);
    fs::rename(&other, &path).unwrap();
    going.submit(0);
    let notice = going.notice();
    let copies = saved(folder.path());
    let [copy] = copies.as_slice() else {
        panic!("{copies:?}");
    };
    assert!(
        notice.message.contains(copy.to_str().unwrap()),
        "{notice:?}"
    );
    let store = going.writer.finish().unwrap();
    assert_eq!(store.path(), copy);
    drop(store);
    assert_eq!(results(copy), 1);
    assert_sound(copy);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn results_wait_while_a_file_is_moved_and_are_stored_in_it_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (data, away) = (folder.path().join("data"), folder.path().join("away"));
    let path = data.join("agent.db");
    let going = start(&path);
    fs::rename(&data, &away).unwrap();
    going.submit(0);
    let notice = going.notice();
    let moved = format!("was moved to `{}`", away.join("agent.db").display());
    assert!(notice.message.contains(&moved), "{notice:?}");
    assert!(!data.exists());
    fs::rename(&away, &data).unwrap();
    assert_eq!(going.result(), 1);
    drop(going.writer.finish().unwrap());
    assert_sound(&path);
}

#[test]
fn a_file_that_stays_away_ends_the_writer_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/agent.db");
    let away = folder.path().join("away");
    let going = start(&path);
    fs::rename(folder.path().join("data"), &away).unwrap();
    going.submit(0);
    going.notice();
    let error = going.writer.finish().unwrap_err();
    let StoreError::NotStored { source, .. } = error else {
        panic!("{error:?}");
    };
    let place = away.join("agent.db");
    assert!(
        matches!(&*source, StoreError::Moved { to, .. } if *to == place),
        "{source:?}"
    );
    assert!(going.told.recv_timeout(Duration::ZERO).is_err());
}

#[test]
fn a_file_that_cannot_come_back_ends_the_writer_and_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = data.join("agent.db");
    let going = start(&path);
    fs::remove_dir_all(&data).unwrap();
    fs::write(&data, "a file").unwrap();
    going.submit(0);
    let error = going.writer.finish().unwrap_err();
    assert_eq!(error.to_string(), "1 results could not be stored");
    let StoreError::NotStored { source, .. } = error else {
        panic!("{error:?}");
    };
    assert!(matches!(*source, StoreError::Folder { .. }), "{source:?}");
    let told = going.told.recv_timeout(Duration::ZERO);
    assert!(told.is_err(), "{told:?}");
}
