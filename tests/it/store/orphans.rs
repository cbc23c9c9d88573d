//! The list of orphans: the changes that scans make to it, and the marks that survive them.

use menace_agent::model::{Module, Orphan, OrphanKind, OrphanSource, OrphanStatus, RunId};
use menace_agent::store::{ScanRow, Store};

use super::sample::{NOW_MS, open, plain, two_runs};

fn orphan(name: &str, led_by: &[&str]) -> Orphan {
    Orphan {
        module: Module {
            file: format!("{name}.py"),
            name: name.to_owned(),
        },
        kind: OrphanKind::Island,
        isolated: false,
        reason: "only `a` imports it, which no test reaches".to_owned(),
        led_by: led_by.iter().map(|file| (*file).to_owned()).collect(),
    }
}

fn scan() -> ScanRow {
    ScanRow {
        project: "/p".to_owned(),
        scanned_ms: NOW_MS,
        files: 9,
        analysed: 8,
        discoveries: vec!["orphans".to_owned(), "recursive-orphans".to_owned()],
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("agent.db"));
    (folder, store)
}

#[test]
fn a_scan_replaces_the_one_before_and_keeps_how_modules_stand() {
    let (folder, mut store) = store();
    two_runs(&mut store);
    let found = [orphan("a", &[]), orphan("b", &["a.py"])];
    store
        .put_scan(&scan(), &found, &[], Some(RunId(2)))
        .unwrap();
    plain(&folder.path().join("agent.db"))
        .execute_batch("UPDATE orphan SET status = 'failed', last_tested_run = 2")
        .unwrap();
    let found = [orphan("b", &["c.py", "a.py"]), orphan("c", &[])];
    store.put_scan(&scan(), &found, &[], None).unwrap();

    let reader = store.reader().unwrap();
    assert_eq!(reader.last_scan().unwrap(), Some(scan()));
    let list = reader.orphans().unwrap();
    let list: Vec<_> = list
        .iter()
        .map(|row| {
            let led_by = row.orphan.led_by.join(" ");
            (
                row.orphan.module.name.as_str(),
                row.status,
                row.first_seen_run,
                led_by,
            )
        })
        .collect();
    assert_eq!(
        list,
        [
            (
                "b",
                OrphanStatus::Failed,
                Some(RunId(2)),
                "a.py c.py".to_owned()
            ),
            ("c", OrphanStatus::Untried, None, String::new()),
        ]
    );
}

#[test]
fn what_a_file_listed_stays_and_what_is_gone_goes() {
    let (folder, mut store) = store();
    store
        .put_scan(&scan(), &[orphan("a", &[]), orphan("b", &[])], &[], None)
        .unwrap();
    plain(&folder.path().join("agent.db"))
        .execute_batch("UPDATE orphan SET source = 'file' WHERE module = 'a'")
        .unwrap();
    store.put_scan(&scan(), &[], &[], None).unwrap();
    let list = store.reader().unwrap().orphans().unwrap();
    assert_eq!((list.len(), list[0].source), (1, OrphanSource::File));
    store
        .forget_orphans(&["a.py".to_owned(), "never.py".to_owned()])
        .unwrap();
    assert_eq!(store.reader().unwrap().orphans().unwrap(), []);
}

#[test]
fn only_files_that_a_line_was_executed_of_count() {
    let (_folder, mut store) = store();
    two_runs(&mut store);
    let executed = store.reader().unwrap().executed_files(5).unwrap();
    assert_eq!(
        executed.into_iter().collect::<Vec<_>>(),
        [("src/add.py".to_owned(), RunId(1))]
    );
    assert!(
        store
            .reader()
            .unwrap()
            .executed_files(0)
            .unwrap()
            .is_empty()
    );
}
