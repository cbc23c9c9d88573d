//! Taking, keeping and giving back leases: real processes, real locks.

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread::{self};
use std::time::Duration;

use menace_agent::clock::now_ms;
use menace_agent::diag::{Hint, Palette, render_error};
use menace_agent::engine::identity;
use menace_agent::model::{Counts, Hold, LeaseToken, NewRun, Write};
use menace_agent::run::lease::{CONTAINERS, Terms};
use menace_agent::run::{LeaseError, LeaseKeeper, LeaseRequest, Mailbox, StopSignal, Waiting};
use menace_agent::store::{Acquisition, Leases, Store, StoreError};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::store::child;
use crate::store::sample::{new_run, plain};
use crate::wait::{PATIENCE, wait_until};

/// A folder with a state file.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        drop(Store::open(&place.db(), now_ms()).unwrap());
        place
    }

    fn db(&self) -> PathBuf {
        self.0.path().join("agent.db")
    }

    fn lock_file(&self) -> PathBuf {
        self.0.path().join("self_test.lock")
    }

    fn request(&self) -> LeaseRequest {
        request(&self.db())
    }

    /// A request that does not wait for a lease that somebody has.
    fn hurried(&self) -> LeaseRequest {
        LeaseRequest {
            patience: Some(Duration::ZERO),
            ..self.request()
        }
    }

    fn leases(&self) -> Leases {
        Leases::open(&self.db()).unwrap()
    }

    fn is_free(&self) -> bool {
        let lease = self.leases().find(CONTAINERS).unwrap();
        lease.is_none_or(|lease| lease.hold.is_none())
    }
}

pub(super) fn request(db: &Path) -> LeaseRequest {
    LeaseRequest::for_containers(db, &db.with_file_name("self_test.lock"), None)
}

/// Often enough for a test to see it.
pub(super) const BRISK: Terms = Terms {
    ttl: Duration::from_secs(30),
    renew_every: Duration::from_millis(5),
};

pub(super) fn at_once(request: &LeaseRequest) -> Result<LeaseKeeper, LeaseError> {
    LeaseKeeper::take(request, &Mailbox::new(), |waiting| panic!("{waiting}"))
}

/// The complaint as the user reads it.
fn complaint(place: &Place, error: &LeaseError) -> String {
    let holder = identity::holder();
    render_error(error, error.hint().as_deref(), &Palette::PLAIN)
        .replace(place.0.path().to_str().unwrap(), "[DIR]")
        .replace(&holder.to_string(), "[ME]")
}

#[test]
fn a_lease_is_held_until_its_keeper_is_dropped() {
    let place = Place::new();
    let first = at_once(&place.hurried()).unwrap();
    assert_eq!(first.claim().token, LeaseToken(1));
    assert!(!first.is_lost());
    let lease = place.leases().find(CONTAINERS).unwrap().unwrap();
    let hold = lease.hold.unwrap();
    assert_eq!(hold.holder, identity::holder());
    assert_eq!(hold.expires_ms - hold.acquired_ms, 30_000);
    drop(first);
    assert!(place.is_free());
    let second = at_once(&place.hurried()).unwrap();
    assert_eq!(second.claim().token, LeaseToken(2));
}

#[test]
fn who_waits_is_told_for_whom_once_and_then_gets_it() {
    let place = Place::new();
    let first = at_once(&place.request()).unwrap();
    let (sender, told) = channel();
    let request = place.request();
    let waiter = thread::spawn(move || {
        LeaseKeeper::take(&request, &Mailbox::new(), |waiting| {
            sender.send(waiting.to_string()).unwrap();
        })
    });
    let waiting = told.recv_timeout(PATIENCE).unwrap();
    let me = identity::holder();
    assert_eq!(waiting, format!("the lease `containers`, which {me} has"));
    drop(first);
    let second = waiter.join().unwrap().unwrap();
    assert_eq!(second.claim().token, LeaseToken(2));
    assert_eq!(told.iter().count(), 0);
}

#[test]
fn patience_that_is_over_names_the_holder() {
    let place = Place::new();
    let _first = at_once(&place.request()).unwrap();
    let error = at_once(&place.hurried()).unwrap_err();
    assert_eq!(error.exit_code().0, 3);
    insta::assert_snapshot!(complaint(&place, &error), @"
    error: waited 0 s for the lease `containers`, which [ME] has
    hint: wait longer with `--lock-timeout SECONDS`; `agent lease release containers --force` takes it from a holder that is stuck
    ");

    let bounded = LeaseRequest {
        patience: Some(Duration::from_millis(20)),
        ..place.request()
    };
    let mut told = 0;
    let error = LeaseKeeper::take(&bounded, &Mailbox::new(), |_| told += 1).unwrap_err();
    assert!(matches!(error, LeaseError::TimedOut { .. }), "{error:?}");
    assert_eq!(told, 1);
}

#[test]
fn a_signal_ends_the_waiting() {
    for (signal, code) in [(StopSignal::Interrupt, 130), (StopSignal::Terminate, 143)] {
        let place = Place::new();
        let first = at_once(&place.request()).unwrap();
        let mailbox = Mailbox::new();
        let stop = mailbox.stop_handle();
        let error =
            LeaseKeeper::take(&place.request(), &mailbox, |_| stop.stop(signal)).unwrap_err();
        assert_eq!(error.exit_code().0, code, "{error:?}");
        drop(first);
        assert!(place.is_free());
    }
}

#[test]
fn a_run_that_drains_waits_for_nothing() {
    let place = Place::new();
    let _first = at_once(&place.request()).unwrap();
    let mailbox = Mailbox::new();
    let stop = mailbox.stop_handle();
    let waiting = |_: &Waiting| stop.drain(StopSignal::Terminate);
    let error = LeaseKeeper::take(&place.request(), &mailbox, waiting).unwrap_err();
    assert_eq!(error.exit_code().0, 143, "{error:?}");
}

#[test]
fn a_lease_is_renewed_while_it_is_held() {
    let place = Place::new();
    let terms = LeaseRequest {
        terms: BRISK,
        ..place.request()
    };
    let keeper = at_once(&terms).unwrap();
    let leases = place.leases();
    let hold = || leases.find(CONTAINERS).unwrap().unwrap().hold.unwrap();
    let first = hold();
    let is_later = |hold: &Hold| hold.heartbeat_ms > first.heartbeat_ms;
    let later = wait_until("a renewal", hold, is_later);
    assert_eq!(later.acquired_ms, first.acquired_ms);
    assert_eq!(later.expires_ms - later.heartbeat_ms, 30_000);
    assert!(!keeper.is_lost());
}

#[test]
fn a_lease_outlives_a_lock_of_the_state_file_that_is_longer_than_its_life() {
    let place = Place::new();
    let terms = LeaseRequest {
        terms: Terms {
            ttl: Duration::from_secs(1),
            ..BRISK
        },
        ..place.request()
    };
    let keeper = at_once(&terms).unwrap();
    let other = plain(&place.db());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // A try of the keeper fails after five seconds.
    let third = plain(&place.db());
    third.busy_timeout(Duration::from_secs(7)).unwrap();
    third.execute_batch("BEGIN IMMEDIATE").unwrap_err();
    other.execute_batch("COMMIT").unwrap();
    let hold = || place.leases().find(CONTAINERS).unwrap().unwrap().hold;
    let is_alive =
        |hold: &Option<Hold>| hold.as_ref().is_some_and(|hold| !hold.is_expired(now_ms()));
    wait_until("a renewal", hold, is_alive);
    assert!(!keeper.is_lost());
}

#[test]
fn a_keeper_renews_the_lease_in_a_state_file_that_came_back() {
    let place = Place::new();
    let terms = LeaseRequest {
        terms: BRISK,
        ..place.request()
    };
    let keeper = at_once(&terms).unwrap();
    let mut store = Store::open(&place.db(), now_ms()).unwrap();
    let run = store.open_run(&new_run()).unwrap();
    fs::remove_file(place.db()).unwrap();
    store.write_by_name(run, &[]).unwrap().unwrap();
    let hold = || {
        place
            .leases()
            .find(CONTAINERS)
            .unwrap()
            .unwrap()
            .hold
            .unwrap()
    };
    let first = hold();
    wait_until("a renewal", hold, |hold| {
        hold.heartbeat_ms > first.heartbeat_ms
    });
    assert!(!keeper.is_lost());
}

#[test]
fn a_keeper_notices_that_its_lease_is_lost_and_leaves_the_next_one_alone() {
    let place = Place::new();
    let terms = LeaseRequest {
        terms: BRISK,
        ..place.request()
    };
    let keeper = at_once(&terms).unwrap();
    let mut leases = place.leases();
    assert!(leases.release(keeper.claim()).unwrap());
    let next = leases.acquire(
        CONTAINERS,
        &identity::holder(),
        now_ms(),
        Terms::default().ttl,
        None,
    );
    assert_eq!(next.unwrap(), Acquisition::Taken(LeaseToken(2)));
    wait_until("the loss", || keeper.is_lost(), |lost| *lost);
    drop(keeper);
    assert!(!place.is_free());
}

/// Waits until a child has said so.
fn wait_for_line(child: &mut Child, wanted: &str) -> BufReader<impl std::io::Read + use<>> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line.trim_end() != wanted {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the child ended");
    }
    output
}

#[test]
fn the_lease_of_a_killed_process_is_taken_at_once() {
    if let Some(path) = child::role() {
        let _keeper = at_once(&request(&path)).unwrap();
        println!("held");
        // Only the kill ends this process.
        loop {
            thread::park();
        }
    }
    let place = Place::new();
    let name = "run::lease::the_lease_of_a_killed_process_is_taken_at_once";
    let mut other = child::spawn(name, &place.db());
    let _output = wait_for_line(&mut other, "held");
    let error = at_once(&place.hurried()).unwrap_err();
    let named = format!("process {} on ", other.id());
    assert!(error.to_string().contains(&named), "{error}");
    other.kill().unwrap();
    other.wait().unwrap();
    let keeper = at_once(&place.hurried()).unwrap();
    assert_eq!(keeper.claim().token, LeaseToken(2));
}

#[test]
fn a_process_that_slept_through_its_time_stores_nothing_more() {
    if let Some(path) = child::role() {
        return sleep_with_a_lease(&path);
    }
    let place = Place::new();
    let name = "run::lease::a_process_that_slept_through_its_time_stores_nothing_more";
    let mut sleeper = child::spawn(name, &place.db());
    let mut output = wait_for_line(&mut sleeper, "held");
    let pid = Pid::from_raw(i32::try_from(sleeper.id()).unwrap());
    let stopped_between = || {
        kill(pid, Signal::SIGSTOP).unwrap();
        let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
        assert_eq!(stopped, WaitStatus::Stopped(pid, Signal::SIGSTOP));
        let between = is_unlocked(&place.db());
        if !between {
            kill(pid, Signal::SIGCONT).unwrap();
        }
        between
    };
    wait_until("a stop between two writes", stopped_between, |it| *it);
    // It is so that only its time can end its lease: nobody here can see its holder.
    plain(&place.db())
        .execute("UPDATE lease SET holder_pid_space = 'elsewhere'", [])
        .unwrap();
    let request = LeaseRequest {
        lock_file: None,
        ..place.request()
    };
    let keeper = LeaseKeeper::take(&request, &Mailbox::new(), |_| {}).unwrap();
    assert_eq!(keeper.claim().token, LeaseToken(2));
    kill(pid, Signal::SIGCONT).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("refused"), "{rest}");
    assert!(sleeper.wait().unwrap().success());
    assert!(!keeper.is_lost());
}

/// True if nobody is writing to a state file.
fn is_unlocked(db: &Path) -> bool {
    let connection = plain(db);
    connection.busy_timeout(Duration::ZERO).unwrap();
    connection
        .execute_batch("BEGIN IMMEDIATE; ROLLBACK")
        .is_ok()
}

/// The child: has a run under a lease, and writes to it once the lease is lost.
fn sleep_with_a_lease(path: &Path) {
    let mut store = Store::open(path, now_ms()).unwrap();
    let terms = LeaseRequest {
        lock_file: None,
        terms: Terms {
            ttl: Duration::from_secs(1),
            ..BRISK
        },
        ..request(path)
    };
    let keeper = at_once(&terms).unwrap();
    let new = NewRun {
        lease: Some(keeper.claim().clone()),
        ..new_run()
    };
    let run = store.open_run(&new).unwrap();
    let counts = [Write::Counts(Counts::default())];
    store.write(run, &counts).unwrap();
    println!("held");
    wait_until("the loss", || keeper.is_lost(), |lost| *lost);
    let error = store.write(run, &counts).unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost { .. }), "{error:?}");
    println!("refused");
}

const PROCESSES: usize = 3;
const ROUNDS: usize = 3;

#[test]
fn processes_that_wait_for_each_other_never_meet() {
    if let Some(path) = child::role() {
        return enter_and_leave(&path);
    }
    let place = Place::new();
    let name = "run::lease::processes_that_wait_for_each_other_never_meet";
    let children: Vec<_> = (0..PROCESSES)
        .map(|_| child::spawn(name, &place.db()))
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}");
    }
    let book = fs::read_to_string(place.0.path().join("book")).unwrap();
    let lines: Vec<&str> = book.lines().collect();
    assert_eq!(lines.len(), 2 * PROCESSES * ROUNDS);
    for (turn, pair) in lines.chunks(2).enumerate() {
        let who = pair[0].strip_prefix("in ").unwrap();
        assert_eq!(pair[1], format!("out {who}"), "{book}");
        assert!(who.ends_with(&format!(" with {}", turn + 1)), "{book}");
    }
}

/// The child: writes into a book when it comes and when it goes.
fn enter_and_leave(path: &Path) {
    for _ in 0..ROUNDS {
        let keeper = LeaseKeeper::take(&request(path), &Mailbox::new(), |_| {}).unwrap();
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true);
        let mut book = options.open(path.with_file_name("book")).unwrap();
        let me = format!("{} with {}", std::process::id(), keeper.claim().token);
        writeln!(book, "in {me}").unwrap();
        // Long enough for the others to come in, were they let.
        thread::yield_now();
        writeln!(book, "out {me}").unwrap();
    }
}

/// An older tool that locks the file `flock`s it, and says so.
#[expect(
    clippy::disallowed_methods,
    reason = "the test plays the program that the agent must not meet"
)]
fn older_tool(lock_file: &Path) -> Child {
    let script = "import fcntl, sys\n\
        file = open(sys.argv[1], 'a')\n\
        try:\n    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n\
        except BlockingIOError:\n    sys.exit(7)\n\
        print('locked', flush=True)\n\
        sys.stdin.read()\n";
    Command::new("python3")
        .args(["-c", script])
        .arg(lock_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn an_older_tool_with_the_lock_file_keeps_the_agent_out() {
    let place = Place::new();
    let mut tool = older_tool(&place.lock_file());
    let _output = wait_for_line(&mut tool, "locked");
    let error = at_once(&place.hurried()).unwrap_err();
    insta::assert_snapshot!(complaint(&place, &error), @"
    error: waited 0 s for the lock file `[DIR]/self_test.lock`, which another program has locked
    hint: wait longer with `--lock-timeout SECONDS`; `fuser [DIR]/self_test.lock` names who has it
    ");
    // The lease that could not be used is not kept.
    assert!(place.is_free());

    let (sender, told) = channel();
    let request = place.request();
    let waiter = thread::spawn(move || {
        LeaseKeeper::take(&request, &Mailbox::new(), |waiting| {
            sender.send(waiting.clone()).unwrap();
        })
    });
    let waiting = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(waiting, Waiting::LockFile(place.lock_file()));
    // While it waits, it has the lease.
    assert!(!place.is_free());
    drop(tool.stdin.take());
    tool.wait().unwrap();
    let keeper = waiter.join().unwrap().unwrap();
    assert!(!keeper.is_lost());
}

#[test]
fn the_agent_with_the_lock_file_keeps_an_older_tool_out() {
    let place = Place::new();
    let keeper = at_once(&place.request()).unwrap();
    let mode = fs::metadata(place.lock_file()).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let refused = older_tool(&place.lock_file()).wait().unwrap();
    assert_eq!(refused.code(), Some(7));
    drop(keeper);
    assert!(place.lock_file().exists());
    let mut tool = older_tool(&place.lock_file());
    drop(wait_for_line(&mut tool, "locked"));
    drop(tool.stdin.take());
    assert!(tool.wait().unwrap().success());
}

#[test]
fn a_lock_file_in_a_folder_that_is_missing_is_made() {
    let place = Place::new();
    let path = place.0.path().join("data/self_test.lock");
    let request = LeaseRequest {
        lock_file: Some(path.clone()),
        ..place.hurried()
    };
    let _keeper = at_once(&request).unwrap();
    assert!(path.is_file());
}

#[test]
fn what_is_no_file_cannot_be_locked_and_nobody_hangs() {
    let place = Place::new();
    let fifo = place.0.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [fifo, place.0.path().to_owned()] {
        let request = LeaseRequest {
            lock_file: Some(path.clone()),
            ..place.hurried()
        };
        let error = at_once(&request).unwrap_err();
        let LeaseError::LockFile { path: named, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*named, path);
        assert!(error.hint().unwrap().contains("SELF_TEST_LOCK_FILE"));
        assert!(place.is_free());
    }
}

#[test]
fn without_a_state_file_there_is_no_lease() {
    let folder = TempDir::new().unwrap();
    let error = at_once(&request(&folder.path().join("agent.db"))).unwrap_err();
    assert!(
        matches!(error, LeaseError::Store(StoreError::Missing { .. })),
        "{error:?}"
    );
    assert_eq!(error.exit_code().0, 4);
}
