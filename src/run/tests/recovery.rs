//! Cuts the log of effects after every prefix, and checks what the next start makes of it.

use super::{MAIN, SIGSEGV, Sim, request};
use crate::engine::identity;
use crate::model::{
    HarnessOptions, NewRun, Outcome, ProcessIdentity, RunEnd, RunOutcome, Write, sample,
};
use crate::plan::RunRequest;
use crate::run::effect::Effect;
use crate::run::recover;
use crate::store::Store;

/// A run with something of everything, for the crash test below.
fn eventful() -> Sim {
    let mut sim = Sim::new(RunRequest {
        reruns: 1,
        harness: HarnessOptions::default(),
        ..request()
    });
    sim.collect(MAIN, &["t.py::a", "t.py::b", "u.py::c", "u.py::d"]);
    sim.test(MAIN, "t.py::a", Outcome::Passed);
    sim.test(MAIN, "t.py::b", Outcome::Failed);
    sim.start(MAIN, "u.py::c");
    sim.exit(MAIN, SIGSEGV, "");
    sim.collect(MAIN, &["t.py::a", "t.py::b", "u.py::c", "u.py::d"]);
    sim.test(MAIN, "u.py::d", Outcome::Passed);
    sim.bye(MAIN, 1, None);
    sim.collect(MAIN, &["t.py::b", "u.py::c"]);
    sim.test(MAIN, "t.py::b", Outcome::Passed);
    sim.test(MAIN, "u.py::c", Outcome::Passed);
    sim.bye(MAIN, 0, None);
    sim
}

#[test]
fn an_agent_killed_after_any_effect_leaves_a_run_that_the_next_start_closes() {
    let sim = eventful();
    let verdict = sim.verdict();
    let writes: Vec<Write> = sim
        .log
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Write(write) => Some(write),
            _ => None,
        })
        .collect();
    for cut in 0..=writes.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.db");
        let mut store = Store::open(&path, 0).unwrap();
        let run = store.open_run(&new_run()).unwrap();
        for write in &writes[..cut] {
            store.write(run, std::slice::from_ref(write)).unwrap();
        }
        drop(store);

        let mut store = Store::open(&path, 1).unwrap();
        assert_eq!(recover(&mut store).unwrap(), [run], "cut after {cut}");
        assert_eq!(
            recover(&mut store).unwrap(),
            [],
            "cut after {cut}, once more"
        );
        let row = store.reader().unwrap().run(run).unwrap().unwrap();
        assert_eq!(row.outcome(), Some(RunOutcome::Interrupted));
        let collected = writes[..cut]
            .iter()
            .any(|write| matches!(write, Write::Collected { .. }));
        assert_eq!(
            row.counts.total(),
            if collected { 4 } else { 0 },
            "cut after {cut}"
        );
        let mut stored: Vec<(&str, Outcome)> = Vec::new();
        for write in &writes[..cut] {
            if let Write::Attempt(record) = write {
                stored.retain(|(nodeid, _)| *nodeid != record.nodeid);
                stored.push((&record.nodeid, record.outcome));
            }
        }
        for outcome in Outcome::ALL
            .into_iter()
            .filter(|outcome| *outcome != Outcome::NotRun)
        {
            let expected = stored.iter().filter(|(_, found)| *found == outcome).count() as u64;
            assert_eq!(row.counts.get(outcome), expected, "{outcome} after {cut}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("agent.db"), 0).unwrap();
    let run = store.open_run(&new_run()).unwrap();
    store.write(run, &writes).unwrap();
    let end = RunEnd {
        finished_ms: 9,
        outcome: verdict.outcome,
        exit_code: verdict.exit_code,
        failure: None,
    };
    store.write(run, &[Write::RunEnded(Box::new(end))]).unwrap();
    assert_eq!(
        recover(&mut store).unwrap(),
        [],
        "a run that has its end is left alone"
    );
}

fn new_run() -> NewRun {
    NewRun {
        facts: sample::run(1).facts,
        // The id of the first process, and another start: a process that is gone.
        holder: ProcessIdentity {
            pid: 1,
            start_time: Some(u64::MAX >> 1),
            ..identity::of_self()
        },
        lease: None,
        cycle: None,
    }
}
