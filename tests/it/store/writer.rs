//! The writer thread: announced events are stored, in order, and a failure is told.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use menace_agent::diag::Hint;
use menace_agent::model::{Event, Outcome, RunId, ShardIndex, Write};
use menace_agent::store::{Patience, Store, StoreError, Writer};

use super::sample::{attempt, key, new_run, open, plain, put};

/// Longer than any wait of the store.
const LONG: Duration = Duration::from_secs(30);

fn start(mut store: Store) -> (Writer, Receiver<Event>, RunId) {
    let run = store.open_run(&new_run()).unwrap();
    let (sender, receiver) = channel();
    let announce = move |event| sender.send(event).unwrap();
    let patience = Patience::new(LONG, || false);
    let writer = Writer::spawn(store, run, patience, announce).unwrap();
    (writer, receiver, run)
}

fn result(n: usize) -> (Vec<Write>, Vec<Event>) {
    let record = attempt(&format!("a.py::test_{n}"), 1, Outcome::Passed);
    let event = Event::TestFinished(Box::new(record.clone()));
    (vec![put(record)], vec![event])
}

#[test]
fn every_announced_result_can_be_read_by_others_at_that_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let run = store.open_run(&new_run()).unwrap();
    let reader = plain(&path);
    let (sender, seen) = channel();
    let announce = move |event: Event| {
        let Event::TestFinished(record) = event else {
            return;
        };
        let sql = "SELECT count(*) FROM test_outcome WHERE nodeid = ?1";
        let found: i64 = reader
            .query_row(sql, [&record.nodeid], |row| row.get(0))
            .unwrap();
        sender.send(found).unwrap();
    };
    let writer = Writer::spawn(store, run, Patience::default(), announce).unwrap();
    for n in 0..500 {
        let (writes, events) = result(n);
        writer.submit(writes, events);
    }
    writer.finish().unwrap();
    assert_eq!(seen.iter().collect::<Vec<_>>(), [1; 500]);
}

#[test]
fn events_keep_their_order_and_need_no_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, events, _) = start(open(&folder.path().join("agent.db")));
    let expected: Vec<Event> = (0..300)
        .map(|n| match n % 3 {
            0 => Event::ShardFinished {
                shard: ShardIndex(n),
            },
            _ => result(n as usize).1.remove(0),
        })
        .collect();
    for (n, event) in expected.iter().enumerate() {
        let writes = if n % 3 == 0 { vec![] } else { result(n).0 };
        writer.submit(writes, vec![event.clone()]);
    }
    writer.finish().unwrap();
    assert_eq!(events.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_single_result_is_announced_without_waiting_for_more() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, events, _) = start(open(&folder.path().join("agent.db")));
    for n in 0..3 {
        let (writes, event) = result(n);
        writer.submit(writes, event);
        events.recv_timeout(LONG).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn a_lock_of_another_process_delays_results_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let (writer, events, run) = start(open(&path));
    let other = plain(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (writes, event) = result(1);
    writer.submit(writes, event);
    // SQLite itself waits for five seconds.
    let Event::Notice(notice) = events.recv_timeout(LONG).unwrap() else {
        panic!("a result was announced while it could not be stored");
    };
    assert_eq!(
        notice.message.replace(path.to_str().unwrap(), "FILE"),
        "the state file `FILE` was locked by another process for more than 5 s: results wait \
         until it can be written"
    );
    // Longer than a full disk is waited for.
    events.recv_timeout(Duration::from_secs(13)).unwrap_err();
    other.execute_batch("COMMIT").unwrap();
    let told = events.recv_timeout(LONG).unwrap();
    assert!(matches!(told, Event::TestFinished(_)), "{told:?}");
    assert!(!writer.failed());
    let store = writer.finish().unwrap();
    let reader = store.reader().unwrap();
    let tries = reader.attempts(run, &key("a.py::test_1"));
    assert_eq!(tries.unwrap().len(), 1);
    assert_eq!(reader.notices(run).unwrap(), [notice]);
}

#[test]
fn a_lock_that_stays_is_given_up_soon_after_somebody_asks_the_run_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let run = store.open_run(&new_run()).unwrap();
    let patience = Patience::new(Duration::MAX, || true);
    let writer = Writer::spawn(store, run, patience, drop).unwrap();
    let other = plain(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    writer.submit(result(1).0, Vec::new());
    let error = writer.finish().unwrap_err();
    assert_eq!(error.to_string(), "1 results could not be stored");
    let StoreError::NotStored { source, .. } = error else {
        panic!("{error:?}");
    };
    assert!(matches!(*source, StoreError::Locked { .. }), "{source:?}");
}

#[test]
fn a_writer_that_is_behind_says_so_and_takes_more_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let (writer, _events, run) = start(open(&path));
    let other = plain(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(writer.has_room(Duration::ZERO));
    let results = 40;
    for n in 0..results {
        let mut record = attempt(&format!("a.py::test_{n}"), 1, Outcome::Failed);
        record.longrepr = Some("x".repeat(1 << 20));
        writer.submit(vec![put(record)], Vec::new());
    }
    assert!(!writer.has_room(Duration::ZERO));
    other.execute_batch("COMMIT").unwrap();
    assert!(writer.has_room(LONG));
    let store = writer.finish().unwrap();
    let failures = store.reader().unwrap().failures(run, 1_000).unwrap();
    assert_eq!(failures.len(), results);
}

#[test]
fn after_a_failure_nothing_is_announced_and_the_losses_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let (writer, events, _) = start(open(&path));
    plain(&path)
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON attempt BEGIN
                 SELECT raise(ABORT, 'the test refuses');
             END",
        )
        .unwrap();
    for n in 0..700 {
        let (writes, event) = result(n);
        writer.submit(writes, event);
    }
    let error = writer.finish().unwrap_err();
    assert_eq!(error.to_string(), "700 results could not be stored");
    let StoreError::NotStored { source, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(
        source.to_string(),
        format!(
            "cannot write results in the state file `{}`",
            path.display()
        )
    );
    assert_eq!(error.hint(), None);
    assert_eq!(events.iter().count(), 0);
}
