//! Leases: one holder at a time, tokens that only grow, and no write without the present one.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use menace_agent::diag::Hint;
use menace_agent::model::mirror::Remembered;
use menace_agent::model::{
    Event, ExitCode, Holder, Lease, LeaseClaim, LeaseToken, NewRun, Outcome, RunId, RunOutcome,
};
use menace_agent::plan::{MapMerge, OrphanMerge};
use menace_agent::store::{Acquisition, Leases, Patience, Reader, ScanRow, StoreError, Writer};
use proptest::prelude::*;

use super::child;
use super::sample::{NOW_MS, attempt, file_of_version, new_run, open, plain, process, put};

const NAME: &str = "containers";
const TTL: Duration = Duration::from_secs(30);
const TTL_MS: i64 = 30_000;

fn holder(pid: u32) -> Holder {
    Holder {
        host: "lab".to_owned(),
        process: process(pid),
    }
}

fn claim(token: LeaseToken) -> LeaseClaim {
    LeaseClaim {
        name: NAME.to_owned(),
        token,
    }
}

/// A new state file, and a connection for its leases.
fn leases(folder: &Path) -> Leases {
    let path = folder.join("agent.db");
    drop(open(&path));
    Leases::open(&path).unwrap()
}

fn acquire(leases: &mut Leases, pid: u32, now_ms: i64, gone: Option<i64>) -> Acquisition {
    let gone = gone.map(LeaseToken);
    let acquired = leases.acquire(NAME, &holder(pid), now_ms, TTL, gone);
    acquired.unwrap()
}

fn take(leases: &mut Leases, pid: u32, now_ms: i64) -> LeaseClaim {
    match acquire(leases, pid, now_ms, None) {
        Acquisition::Taken(token) => claim(token),
        Acquisition::Held(lease) => panic!("{lease:?}"),
    }
}

fn held_by(acquisition: &Acquisition) -> u32 {
    let Acquisition::Held(Lease {
        hold: Some(hold), ..
    }) = acquisition
    else {
        panic!("{acquisition:?}");
    };
    hold.holder.process.pid
}

#[test]
fn a_lease_has_one_holder_until_it_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = leases(folder.path());
    assert_eq!(leases.find(NAME).unwrap(), None);
    let first = take(&mut leases, 1, NOW_MS);
    assert_eq!(held_by(&acquire(&mut leases, 2, NOW_MS, None)), 1);
    // Not even its holder gets it twice.
    assert_eq!(held_by(&acquire(&mut leases, 1, NOW_MS, None)), 1);
    let hold = leases.find(NAME).unwrap().unwrap().hold.unwrap();
    assert_eq!(hold.holder, holder(1));
    assert_eq!((hold.acquired_ms, hold.run), (NOW_MS, None));
    assert_eq!(hold.expires_ms, NOW_MS + TTL_MS);

    assert!(leases.release(&first).unwrap());
    assert!(!leases.release(&first).unwrap());
    assert_eq!(leases.find(NAME).unwrap().unwrap().hold, None);
    assert!(!leases.renew(&first, NOW_MS, TTL).unwrap());
    let second = take(&mut leases, 2, NOW_MS);
    assert_eq!((first.token, second.token), (LeaseToken(1), LeaseToken(2)));
    assert!(!leases.release(&first).unwrap());
    assert_eq!(held_by(&acquire(&mut leases, 3, NOW_MS, None)), 2);
}

#[test]
fn an_expired_lease_is_anyones_and_not_a_moment_earlier() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = leases(folder.path());
    let first = take(&mut leases, 1, NOW_MS);
    assert!(leases.renew(&first, NOW_MS + 10_000, TTL).unwrap());
    let end = NOW_MS + 10_000 + TTL_MS;
    assert_eq!(held_by(&acquire(&mut leases, 2, end - 1, None)), 1);
    assert_eq!(take(&mut leases, 2, end).token, LeaseToken(2));
    assert!(!leases.renew(&first, end, TTL).unwrap());
    assert_eq!(held_by(&acquire(&mut leases, 1, end, None)), 2);
}

#[test]
fn an_expired_lease_that_nobody_took_can_be_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = leases(folder.path());
    let first = take(&mut leases, 1, NOW_MS);
    let late = NOW_MS + 10 * TTL_MS;
    assert!(leases.renew(&first, late, TTL).unwrap());
    assert_eq!(held_by(&acquire(&mut leases, 2, late, None)), 1);
}

#[test]
fn a_holder_that_is_gone_is_replaced_at_once_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = leases(folder.path());
    take(&mut leases, 1, NOW_MS);
    let second = acquire(&mut leases, 2, NOW_MS, Some(1));
    assert_eq!(second, Acquisition::Taken(LeaseToken(2)));
    // A third agent found the first one gone as well, and comes late.
    assert_eq!(held_by(&acquire(&mut leases, 3, NOW_MS, Some(1))), 2);
}

#[test]
fn leases_of_other_names_are_other_leases() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = leases(folder.path());
    take(&mut leases, 1, NOW_MS);
    let other = leases.acquire("another", &holder(2), NOW_MS, TTL, None);
    assert_eq!(other.unwrap(), Acquisition::Taken(LeaseToken(1)));
    let reader = Reader::open(&folder.path().join("agent.db")).unwrap();
    let names: Vec<_> = reader
        .leases()
        .unwrap()
        .into_iter()
        .map(|l| l.name)
        .collect();
    assert_eq!(names, ["another", NAME]);
}

/// A step in a history of a few holders and their clock.
#[derive(Debug, Clone)]
enum Step {
    Acquire(u32, Option<i64>),
    Renew(usize),
    Release(usize),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..4_u32, prop::option::of(1..6_i64)).prop_map(|(pid, gone)| Step::Acquire(pid, gone)),
        any::<usize>().prop_map(Step::Renew),
        any::<usize>().prop_map(Step::Release),
        (0..2 * TTL_MS).prop_map(Step::Wait),
    ]
}

#[test]
fn tokens_only_grow_and_at_most_the_latest_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    drop(open(&path));
    let config = ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in prop::collection::vec(step(), 0..30))| {
        let mut leases = Leases::open(&path).unwrap();
        let mut now_ms = NOW_MS;
        let mut claims: Vec<LeaseClaim> = Vec::new();
        for step in steps {
            let pick = |index: usize| claims.get(index % claims.len().max(1));
            match step {
                Step::Acquire(pid, gone) => {
                    if let Acquisition::Taken(token) = acquire(&mut leases, pid, now_ms, gone) {
                        prop_assert!(claims.iter().all(|claim| claim.token < token));
                        claims.push(claim(token));
                    }
                }
                Step::Renew(index) => {
                    if let Some(claim) = pick(index) {
                        let renewed = leases.renew(claim, now_ms, TTL).unwrap();
                        prop_assert!(!renewed || claims.last() == Some(claim));
                    }
                }
                Step::Release(index) => {
                    if let Some(claim) = pick(index) {
                        let released = leases.release(claim).unwrap();
                        prop_assert!(!released || claims.last() == Some(claim));
                    }
                }
                Step::Wait(ms) => now_ms += ms,
            }
        }
    });
}

fn run_under(claim: &LeaseClaim) -> NewRun {
    NewRun {
        lease: Some(claim.clone()),
        ..new_run()
    }
}

fn lost_token(error: &StoreError) -> LeaseToken {
    match error {
        StoreError::LeaseLost { token, .. } => *token,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_notes_its_lease_and_the_lease_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let mut leases = Leases::open(&path).unwrap();
    let claim = take(&mut leases, 1, NOW_MS);
    let mut new = run_under(&claim);
    new.facts.executor = "podman".to_owned();
    new.facts.image = Some("sha256:9c".to_owned());
    let run = store.open_run(&new).unwrap();
    let hold = leases.find(NAME).unwrap().unwrap().hold.unwrap();
    assert_eq!(hold.run, Some(run));
    let row = store.reader().unwrap().run(run).unwrap().unwrap();
    assert_eq!(row.facts.image.as_deref(), Some("sha256:9c"));
    let connection = plain(&path);
    let sql = "SELECT image, lease_token FROM run_summary JOIN run USING (run_id, image)";
    let noted: (String, i64) = connection
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(noted, ("sha256:9c".to_owned(), 1));
}

#[test]
fn a_holder_that_slept_through_its_time_writes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let mut leases = Leases::open(&path).unwrap();
    let first = take(&mut leases, 1, NOW_MS);
    let run = store.open_run(&run_under(&first)).unwrap();
    let write = |n: u32| put(attempt(&format!("a.py::test_{n}"), 1, Outcome::Passed));
    store.write(run, &[write(1)]).unwrap();

    // Asleep beyond its time, but nobody came: the run goes on.
    let late = NOW_MS + TTL_MS + 1;
    store.write(run, &[write(2)]).unwrap();

    take(&mut leases, 2, late);
    let error = store.write(run, &[write(3)]).unwrap_err();
    assert_eq!(lost_token(&error), LeaseToken(1));
    assert_eq!(
        error.to_string(),
        format!(
            "the lease of run {run} was lost: its token 1 is not the one in the state file `{}`",
            path.display()
        )
    );
    assert!(error.hint().unwrap().contains("agent lease list"));
    let stored = "SELECT count(*) FROM test_attempt";
    let stored: i64 = plain(&path)
        .query_row(stored, [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, 2);

    // The new holder writes, and the next start closes what the old one left.
    let second = claim(LeaseToken(2));
    let next = store.open_run(&run_under(&second)).unwrap();
    store.write(next, &[write(3)]).unwrap();
    store
        .close_interrupted(run, NOW_MS, ExitCode::SIGINT)
        .unwrap();
    let closed = store.reader().unwrap().run(run).unwrap().unwrap();
    assert_eq!(closed.outcome(), Some(RunOutcome::Interrupted));
    assert_eq!(closed.counts.passed, 2);
    store.write(next, &[write(4)]).unwrap();
}

#[test]
fn a_lease_that_was_released_by_force_ends_the_writes_of_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let mut leases = Leases::open(&path).unwrap();
    let claim = take(&mut leases, 1, NOW_MS);
    let run = store.open_run(&run_under(&claim)).unwrap();
    leases.release(&claim).unwrap();
    let record = attempt("a.py::test_1", 1, Outcome::Passed);
    let error = store.write(run, &[put(record)]).unwrap_err();
    assert_eq!(lost_token(&error), LeaseToken(1));
}

#[test]
fn the_writer_gives_up_at_once_and_announces_nothing_without_its_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let mut leases = Leases::open(&path).unwrap();
    let claim = take(&mut leases, 1, NOW_MS);
    let run = store.open_run(&run_under(&claim)).unwrap();
    leases.release(&claim).unwrap();
    let (sender, announced) = channel();
    let writer = Writer::spawn(store, run, Patience::default(), move |event| {
        sender.send(event).unwrap();
    })
    .unwrap();
    for n in 0..3 {
        let record = attempt(&format!("a.py::test_{n}"), 1, Outcome::Passed);
        let event = Event::TestFinished(Box::new(record.clone()));
        writer.submit(vec![put(record)], vec![event]);
    }
    let error = writer.finish().unwrap_err();
    let StoreError::NotStored { results, source } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((*results, lost_token(source)), (3, LeaseToken(1)));
    assert_eq!(announced.iter().count(), 0);
}

#[test]
fn no_list_of_orphans_is_written_under_a_lease_that_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let mut leases = Leases::open(&path).unwrap();
    let claim = take(&mut leases, 1, NOW_MS);
    let run = store.open_run(&run_under(&claim)).unwrap();
    let scan = ScanRow {
        project: "/p".to_owned(),
        scanned_ms: NOW_MS,
        files: 1,
        analysed: 1,
        discoveries: Vec::new(),
    };
    store.put_scan(&scan, &[], &[], Some(run)).unwrap();
    take(&mut leases, 2, NOW_MS + TTL_MS);
    let later = ScanRow {
        files: 2,
        ..scan.clone()
    };
    let error = store.put_scan(&later, &[], &[], Some(run)).unwrap_err();
    assert_eq!(lost_token(&error), claim.token);
    let merge = OrphanMerge::default();
    let file = Remembered {
        size_bytes: 2,
        mtime_ns: 0,
        hash: [0; 16],
        extra: None,
    };
    let error = store.merge_orphans(&merge, &file, Some(run), NOW_MS);
    assert_eq!(lost_token(&error.unwrap_err()), claim.token);
    let merge = MapMerge::default();
    let error = store.merge_module_map(&merge, &file, Some(run), NOW_MS);
    assert_eq!(lost_token(&error.unwrap_err()), claim.token);
    assert_eq!(store.reader().unwrap().last_scan().unwrap(), Some(scan));
}

#[test]
fn no_run_is_opened_under_a_lease_that_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut store = open(&path);
    let mut leases = Leases::open(&path).unwrap();
    let never = store
        .open_run(&run_under(&claim(LeaseToken(1))))
        .unwrap_err();
    assert_eq!(lost_token(&never), LeaseToken(1));
    let first = take(&mut leases, 1, NOW_MS);
    take(&mut leases, 2, NOW_MS + TTL_MS);
    let error = store.open_run(&run_under(&first)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the lease `containers` was lost"),
        "{error}"
    );
    assert_eq!(store.open_runs().unwrap(), []);
    // No number was used up.
    assert_eq!(store.open_run(&new_run()).unwrap(), RunId(1));
}

#[test]
fn the_view_tells_who_has_a_lease_and_whether_it_is_live() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let mut leases = leases(folder.path());
    let connection = plain(&path);
    let look = || -> (Option<String>, i64, Option<String>, i64) {
        let sql = "SELECT holder, token, expires_at, live FROM lease_state";
        let row = connection.query_row(sql, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        row.unwrap()
    };
    let claim = take(&mut leases, 7, NOW_MS);
    let expires = Some("2025-01-01T00:00:30.000Z".to_owned());
    assert_eq!(look(), (Some("7@lab".to_owned()), 1, expires, 0));
    leases
        .renew(
            &claim,
            menace_agent::clock::now_ms(),
            Duration::from_hours(1),
        )
        .unwrap();
    assert_eq!(look().3, 1);
    leases.release(&claim).unwrap();
    assert_eq!(look(), (None, 1, None, 0));
}

#[test]
fn leases_are_in_a_state_file_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    let error = Leases::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
    assert!(!path.exists());
    file_of_version(&path, 2);
    let error = Leases::open(&path).unwrap_err();
    assert!(
        matches!(error, StoreError::Older { found: 2, .. }),
        "{error:?}"
    );
}

const PROCESSES: usize = 4;
const ROUNDS: usize = 10;

#[test]
fn processes_take_turns_and_no_token_is_given_twice() {
    if let Some(path) = child::role() {
        return take_turns(&path);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    drop(open(&path));
    let name = "store::leases::processes_take_turns_and_no_token_is_given_twice";
    let children: Vec<_> = (0..PROCESSES).map(|_| child::spawn(name, &path)).collect();
    let mut tokens = BTreeSet::new();
    for mut child in children {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map(Result::unwrap) {
            if let Some(token) = line.strip_prefix("token ") {
                assert!(
                    tokens.insert(token.parse::<usize>().unwrap()),
                    "{token} came twice"
                );
            }
        }
        assert!(child.wait().unwrap().success());
    }
    assert!(tokens.into_iter().eq(1..=PROCESSES * ROUNDS));
}

/// The child: takes the lease and gives it back, again and again.
fn take_turns(path: &Path) {
    let mut leases = Leases::open(path).unwrap();
    for _ in 0..ROUNDS {
        let token = loop {
            match acquire(&mut leases, std::process::id(), NOW_MS, None) {
                Acquisition::Taken(token) => break token,
                Acquisition::Held(_) => thread::yield_now(),
            }
        };
        println!("token {token}");
        assert!(leases.release(&claim(token)).unwrap());
    }
}
