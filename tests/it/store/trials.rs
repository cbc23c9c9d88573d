//! The trials of orphans: written, written again, read back.

use menace_agent::model::{Integration, Touch, Trial, TrialOutcome, Write};

use super::sample::{new_run, open, plain};
use crate::sample::trial;

fn write(trial: &Trial) -> Write {
    Write::Trial(Box::new(trial.clone()))
}

#[test]
fn a_trial_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let run = store.open_run(&new_run()).unwrap();
    let full = Trial {
        message: Some("why".to_owned()),
        duration_s: Some(0.25),
        doctests: 3,
        tests: 2,
        report: Some("Traceback\n".to_owned()),
        output: "said \u{0} ö".to_owned(),
        touched: vec![Touch {
            refused: true,
            event: "open".to_owned(),
            target: "new".to_owned(),
            times: 7,
        }],
        ..trial("b.py", TrialOutcome::Crashed)
    };
    let bare = trial("a.py", TrialOutcome::Passed);
    store.write(run, &[write(&full), write(&bare)]).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.trials(run).unwrap(), [bare, full.clone()]);
    assert_eq!(
        reader.notable_trials(run, 9).unwrap(),
        std::slice::from_ref(&full)
    );
    let failed = reader.failed_trials(run, 9).unwrap().remove(0);
    assert_eq!((failed.module, failed.outcome), (full.module, full.outcome));
}

#[test]
fn the_run_counts_its_orphans_by_what_was_said_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let run = store.open_run(&new_run()).unwrap();
    let reader = store.reader().unwrap();
    let counts = || {
        let row = reader.run(run).unwrap().unwrap();
        (row.orphan_total, row.orphan_passed, row.orphan_failed)
    };
    assert_eq!(counts(), (None, None, None));
    let total = Write::Orphans { total: 3 };
    store.write(run, std::slice::from_ref(&total)).unwrap();
    assert_eq!(counts(), (Some(3), Some(0), Some(0)));
    let writes = [
        write(&trial("a.py", TrialOutcome::Failed)),
        write(&trial("b.py", TrialOutcome::TimedOut)),
        write(&trial("c.py", TrialOutcome::NotRun)),
        write(&trial("a.py", TrialOutcome::Passed)),
        total,
    ];
    for _ in 0..2 {
        store.write(run, &writes).unwrap();
        assert_eq!(counts(), (Some(3), Some(1), Some(1)));
    }
}

#[test]
fn a_module_that_was_not_tried_stays_in_the_list_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let run = store.open_run(&new_run()).unwrap();
    let list = plain(&path);
    list.execute_batch(
        "INSERT INTO file (file_id, path) VALUES (1, 'a.py'), (2, 'b.py'), (3, 'c.py');
         INSERT INTO orphan (file_id, module, kind, isolated, reason, source, status, first_seen_ms)
         VALUES (1, 'a', 'island', 0, '', 'scan', 'failed', 0),
                (2, 'b', 'island', 0, '', 'scan', 'redundant', 0),
                (3, 'c', 'island', 0, '', 'scan', 'integrated', 0);",
    )
    .unwrap();
    let writes = [
        write(&trial("a.py", TrialOutcome::NotRun)),
        write(&trial("b.py", TrialOutcome::Passed)),
        write(&trial("c.py", TrialOutcome::TimedOut)),
    ];
    store.write(run, &writes).unwrap();
    let mut query = list
        .prepare("SELECT file, status, last_tested_run FROM orphan_module ORDER BY file")
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows: Vec<(String, String, Option<i64>)> = rows.unwrap().map(Result::unwrap).collect();
    let row = |file: &str, status: &str, run| (file.to_owned(), status.to_owned(), run);
    assert_eq!(
        rows,
        [
            row("a.py", "failed", None),
            row("b.py", "redundant", Some(1)),
            row("c.py", "timed_out", Some(1)),
        ]
    );
}

#[test]
fn what_was_integrated_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("agent.db"));
    let run = store.open_run(&new_run()).unwrap();
    let reader = store.reader().unwrap();
    let integration = || reader.run(run).unwrap().unwrap().integration;
    assert_eq!(integration(), None);
    let written = Integration {
        integrated: vec!["a \"b\".py".to_owned()],
        redundant: Vec::new(),
    };
    store
        .write(run, &[Write::Integration(written.clone())])
        .unwrap();
    assert_eq!(integration(), Some(written));
}
