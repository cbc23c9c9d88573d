//! Announced events are in the file, whatever happens to the agent.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;

use menace_agent::model::{Event, ExitCode, Outcome, RunOutcome, Write};
use menace_agent::store::{Patience, Writer};

use super::child;
use super::sample::{NOW_MS, SHARD, attempt, new_run, open, plain, put, test};

/// Tests of the child's run: more than it can report before it is killed.
const TESTS: usize = 20_000;

#[test]
fn results_that_were_announced_survive_kill_9() {
    if let Some(path) = child::role() {
        return announce_results(&path);
    }
    let name = "store::durability::results_that_were_announced_survive_kill_9";
    for lines in [0, 1, 2, 150, 1_000, 4_000] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.db");
        let mut agent = child::spawn(name, &path);
        let mut output = BufReader::new(agent.stdout.take().unwrap()).lines();
        let mut announced: Vec<String> = Vec::new();
        let take = |line: String, announced: &mut Vec<String>| {
            if let Some(nodeid) = line.strip_prefix("announced ") {
                announced.push(nodeid.to_owned());
            }
        };
        while announced.len() < lines {
            take(output.next().unwrap().unwrap(), &mut announced);
        }
        agent.kill().unwrap();
        agent.wait().unwrap();
        for line in output {
            take(line.unwrap(), &mut announced);
        }
        // The kill can cut the last line.
        announced.retain(|nodeid| nodeid.ends_with(';'));
        assert!(announced.len() + 1 >= lines && announced.len() < TESTS);
        check_file(&path, &announced);
    }
}

/// The child: as the agent, it reports one test after the other until it is killed.
fn announce_results(path: &Path) {
    let mut store = open(path);
    let run = store.open_run(&new_run()).unwrap();
    let mut out = std::io::stdout();
    let announce = move |event: Event| {
        if let Event::TestFinished(record) = event {
            writeln!(out, "announced {};", record.nodeid).unwrap();
        }
    };
    let writer = Writer::spawn(store, run, Patience::default(), announce).unwrap();
    let tests = (0..TESTS)
        .map(|n| test(&format!("a.py::test_{n}")))
        .collect();
    let root = String::new();
    writer.submit(
        vec![Write::Collected {
            shard: SHARD,
            root,
            tests,
        }],
        vec![],
    );
    for n in 0..TESTS {
        let record = attempt(&format!("a.py::test_{n}"), 1, Outcome::Passed);
        let event = Event::TestFinished(Box::new(record.clone()));
        writer.submit(vec![put(record)], vec![event]);
    }
    // Only the kill ends this process; the pipe of its input never says anything.
    writer.finish().unwrap();
    std::thread::park();
}

fn check_file(path: &Path, announced: &[String]) {
    if !path.exists() {
        assert!(announced.is_empty());
        return;
    }
    let mut store = open(path);
    let connection = plain(path);
    let sound: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    let unfinished = store.open_runs().unwrap();
    assert!(unfinished.len() == 1 || announced.is_empty());
    for nodeid in announced {
        let outcome: String = connection
            .query_row(
                "SELECT outcome FROM test_outcome WHERE nodeid = ?1",
                [nodeid.trim_end_matches(';')],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(outcome, "passed", "{nodeid}");
    }
    for run in unfinished {
        let run = run.record.run_id;
        store
            .close_interrupted(run, NOW_MS + 1, ExitCode::SIGINT)
            .unwrap();
        let row = store.reader().unwrap().run(run).unwrap().unwrap();
        assert_eq!(row.outcome(), Some(RunOutcome::Interrupted));
        let total = usize::try_from(row.counts.total()).unwrap();
        assert!(total == TESTS || announced.is_empty(), "{total}");
        assert!(row.counts.passed >= announced.len() as u64);
    }
}
