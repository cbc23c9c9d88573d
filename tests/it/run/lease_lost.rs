//! Runs that lose the lease that they were started under.

use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use menace_agent::clock::now_ms;
use menace_agent::diag::Hint;
use menace_agent::model::{ExitCode, LeaseClaim, RunOutcome, RunSummary};
use menace_agent::plan::RunPlan;
use menace_agent::run::lease::{CONTAINERS, Terms};
use menace_agent::run::{self, Job, LeaseRequest, Mailbox, Recorder, RunError, recover};
use menace_agent::store::{Leases, Store};

use super::lease::{BRISK, at_once, request};
use crate::lab::{Lab, lab, processes_of};
use crate::store::sample::plain;
use crate::wait::PATIENCE;

/// A run of a test that passes and one that goes on for ever, under a lease.
struct Run {
    runner: JoinHandle<Result<RunSummary, RunError>>,
    claim: LeaseClaim,
}

const ENDLESS: (&str, &str) = (
    "test_a.py",
    "import time\ndef test_one(): pass\ndef test_two(): time.sleep(600)\n",
);

impl Run {
    /// Starts it, and waits until it is in the endless test.
    fn start(lab: &Lab, terms: Terms) -> Self {
        let store = Store::open(&lab.db(), now_ms()).unwrap();
        let request = LeaseRequest {
            terms,
            ..request(&lab.db())
        };
        let keeper = at_once(&request).unwrap();
        let claim = keeper.claim().clone();
        let plan = RunPlan::new(lab.request());
        let executor = lab.executor();
        let (sender, events) = channel();
        let runner = thread::spawn(move || {
            let mailbox = Mailbox::new();
            let job = Job {
                plan,
                trigger: "library".to_owned(),
                executor,
                managed: None,
                lease: Some(keeper),
                cycle: None,
                notices: Vec::new(),
                mailbox: &mailbox,
            };
            let mut recorder = Recorder::open(store, &job, move |line| {
                let _gone = sender.send(line);
            })?;
            let verdict = run::tests(&job, &mut recorder)?;
            recorder.close(verdict)
        });
        loop {
            let line = events.recv_timeout(PATIENCE).unwrap();
            let event = serde_json::to_value(&line).unwrap();
            if event["t"] == "test_started" && event["nodeid"] == "test_a.py::test_two" {
                return Self { runner, claim };
            }
        }
    }

    fn end(self) -> Result<RunSummary, RunError> {
        self.runner.join().unwrap()
    }
}

#[test]
fn a_run_that_loses_its_lease_ends_and_is_closed_by_the_next_start() {
    let Some(lab) = lab(&[ENDLESS]) else {
        return;
    };
    let run = Run::start(&lab, BRISK);
    let leases = Leases::open(&lab.db()).unwrap();
    let hold = leases.find(CONTAINERS).unwrap().unwrap().hold.unwrap();
    assert_eq!(hold.run.map(|run| run.0), Some(1));
    assert!(leases.release(&run.claim).unwrap());
    let error = run.end().unwrap_err();
    let RunError::Store(source) = &error else {
        panic!("{error:?}");
    };
    assert!(
        source.hint().unwrap().contains("agent lease list"),
        "{source:?}"
    );
    assert_eq!(processes_of(&lab), [""; 0]);
    assert_eq!(lab.rows("SELECT outcome FROM run_summary"), ["NULL"]);

    // The agent that ran it is this process, which is alive: its successor comes after its end.
    let mut store = Store::open(&lab.db(), now_ms()).unwrap();
    assert_eq!(recover(&mut store).unwrap(), []);
    let run = store.open_runs().unwrap()[0].record.run_id;
    store
        .close_interrupted(run, now_ms(), ExitCode::SIGINT)
        .unwrap();
    let row = store.reader().unwrap().run(run).unwrap().unwrap();
    assert_eq!(row.outcome(), Some(RunOutcome::Interrupted));
    assert_eq!(row.counts.passed, 1);
}

#[test]
fn a_run_whose_lease_cannot_be_renewed_in_time_ends_and_says_why() {
    let Some(lab) = lab(&[ENDLESS]) else {
        return;
    };
    let always_late = Terms {
        ttl: Duration::from_millis(1),
        renew_every: Duration::from_millis(1),
    };
    let run = Run::start(&lab, always_late);
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF heartbeat_ms ON lease
                  WHEN new.heartbeat_ms IS NOT NULL
                  BEGIN SELECT raise(ABORT, 'the test refuses'); END";
    plain(&lab.db()).execute_batch(refuse).unwrap();
    let summary = run.end().unwrap();
    let failure = summary.run.failure().unwrap();
    assert_eq!(
        failure.message,
        "the lease `containers` could not be renewed, and the run was ended"
    );
    assert_eq!(
        (summary.outcome(), summary.exit_code()),
        (RunOutcome::Incomplete, ExitCode::INCOMPLETE)
    );
    let counts = summary.run.counts;
    assert_eq!((counts.passed, counts.not_run), (1, 1));
    assert_eq!(processes_of(&lab), [""; 0]);
}
