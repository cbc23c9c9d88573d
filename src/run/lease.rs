//! Taking a lease, keeping it alive, giving it back.
//!
//! ```text
//!   take ── lease: free? expired? its holder gone? ── lock file ──► LeaseKeeper ──► drop: released
//!              │ no: say so once, wait                   │ likewise      │ a thread, every 10 s:
//!              └─ patience over, or a signal: LeaseError ┘               └─ renew, or know that
//!                                                                           it is lost
//! ```
//!
//! The lease comes before the lock file, because it can name its holder; every agent takes them in
//! this order, so that no two wait for each other. A holder that is stopped keeps the lock file,
//! which the system takes from nobody: an agent that has taken its lease then waits until the
//! holder goes on, finds its lease lost, and ends.
//!
//! **Invariant:** whether a run may write is decided by its token, in the transaction that writes.
//! [`LeaseKeeper::is_lost`] only ends sooner what could not be stored anyway.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::effect::StopSignal;
use super::lock_file::LockFile;
use super::mailbox::Mailbox;
use crate::clock::{Mono, Pauses, Stopwatch, now_ms};
use crate::diag::Hint;
use crate::engine::identity;
use crate::model::{ExitCode, Holder, Lease, LeaseClaim, LeaseState, Liveness};
use crate::store::{Acquisition, Leases, StoreError};

/// The lease of everything that runs in containers.
pub const CONTAINERS: &str = "containers";

/// The pauses between two looks at what is waited for.
const PAUSES: Pauses = Pauses {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(1),
};

/// The pause between two looks of the keeper at the clocks: it notices a wake-up this soon.
const TICK: Duration = Duration::from_secs(1);

/// The lifetime of a lease, and the time after which its holder renews it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The lifetime from each renewal on.
    pub ttl: Duration,
    /// Short against `ttl`, so that a busy disk costs no lease.
    pub renew_every: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(30),
            renew_every: Duration::from_secs(10),
        }
    }
}

#[derive(Debug, Clone)]
pub struct LeaseRequest {
    /// The state file, which must be there and up to date.
    pub store: PathBuf,
    pub name: String,
    /// The process that asks.
    pub holder: Holder,
    /// A file to lock as well.
    pub lock_file: Option<PathBuf>,
    /// The longest wait for both together; `None` for no limit.
    pub patience: Option<Duration>,
    pub terms: Terms,
}

impl LeaseRequest {
    /// The request of a run in containers, in the name of this process.
    pub fn for_containers(store: &Path, lock_file: &Path, patience: Option<Duration>) -> Self {
        Self {
            store: store.to_owned(),
            name: CONTAINERS.to_owned(),
            holder: identity::holder(),
            lock_file: Some(lock_file.to_owned()),
            patience,
            terms: Terms::default(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A lease that somebody has.
    Lease(Box<Lease>),
    /// A lock file that another program has locked.
    LockFile(PathBuf),
}

impl Waiting {
    /// True if a person who was told of `earlier` knows this already.
    fn is_like(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Lease(now), Self::Lease(then)) => now.token == then.token,
            (Self::LockFile(now), Self::LockFile(then)) => now == then,
            _ => false,
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease(lease) => {
                write!(f, "the lease `{}`", lease.name)?;
                let Some(hold) = &lease.hold else {
                    return Ok(());
                };
                write!(f, ", which {} has", hold.holder)?;
                match hold.run {
                    Some(run) => write!(f, " for run {run}"),
                    None => Ok(()),
                }
            }
            Self::LockFile(path) => write!(
                f,
                "the lock file `{}`, which another program has locked",
                path.display()
            ),
        }
    }
}

/// The reasons for a failure to get a lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The state file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lock file cannot be used.
    #[error("cannot lock the file `{}`", path.display())]
    LockFile { path: PathBuf, source: io::Error },
    /// It took longer than anybody wanted to wait.
    #[error("waited {} s for {waiting}", patience.as_secs_f64())]
    TimedOut {
        waiting: Waiting,
        patience: Duration,
    },
    /// A signal came before the lease.
    #[error("stopped while it waited for {waiting}")]
    Stopped {
        waiting: Waiting,
        signal: StopSignal,
    },
    /// The lease was lost again before the lock file was free.
    #[error("the lease `{name}` was lost while the lock file was waited for")]
    Lost { name: String },
    /// The system refused a thread.
    #[error("cannot start the thread that renews the lease")]
    Thread { source: io::Error },
}

impl Hint for LeaseError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Store(error) => error.exit_code(),
            Self::Stopped { signal, .. } => signal.exit_code(),
            Self::LockFile { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. }
            | Self::Thread { .. } => ExitCode::ENVIRONMENT,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::LockFile { .. } => Some(
                "name a file that you may write to with the variable `SELF_TEST_LOCK_FILE`"
                    .to_owned(),
            ),
            Self::TimedOut {
                waiting: Waiting::Lease(lease),
                ..
            } => Some(format!(
                "wait longer with `--lock-timeout SECONDS`; `agent lease release {} --force` takes it from a holder that is stuck",
                lease.name
            )),
            Self::TimedOut {
                waiting: Waiting::LockFile(path),
                ..
            } => Some(format!(
                "wait longer with `--lock-timeout SECONDS`; `fuser {}` names who has it",
                path.display()
            )),
            Self::Stopped { .. } | Self::Thread { .. } => None,
            Self::Lost { .. } => Some("try again".to_owned()),
        }
    }
}

/// A lease that is held. Dropped, it is given back.
#[derive(Debug)]
pub struct LeaseKeeper {
    claim: LeaseClaim,
    /// Dropped to end the thread, which then gives the lease back.
    stop: Option<Sender<()>>,
    /// Ends before it is told to only when the lease is lost.
    thread: Option<JoinHandle<()>>,
    /// Given back after the lease.
    lock_file: Option<LockFile>,
}

impl LeaseKeeper {
    /// Waits for a lease, and then for the lock file, and takes them.
    ///
    /// `on_wait` is called once for each holder that is waited for. A signal in the mailbox ends
    /// the waiting.
    pub fn take(
        request: &LeaseRequest,
        mailbox: &Mailbox,
        on_wait: impl FnMut(&Waiting),
    ) -> Result<Self, LeaseError> {
        let mut queue = Queue::new(request.patience, mailbox, on_wait);
        let mut leases = Leases::open(&request.store)?;
        let token = loop {
            match try_take(&mut leases, request)? {
                Acquisition::Taken(token) => break token,
                Acquisition::Held(lease) => queue.wait(Waiting::Lease(Box::new(lease)))?,
            }
        };
        let claim = LeaseClaim {
            name: request.name.clone(),
            token,
        };
        let mut keeper = Self::start(leases, claim, request)?;
        if let Some(path) = &request.lock_file {
            keeper.lock_file = Some(lock(path, &keeper, &mut queue)?);
        }
        Ok(keeper)
    }

    fn start(
        leases: Leases,
        claim: LeaseClaim,
        request: &LeaseRequest,
    ) -> Result<Self, LeaseError> {
        let (stop, stopped) = channel();
        let renewal = Renewal {
            leases,
            store: request.store.clone(),
            claim: claim.clone(),
            terms: request.terms,
            stopped,
        };
        // A lease whose thread cannot be had runs out by itself.
        let thread = thread::Builder::new()
            .name("lease-keeper".to_owned())
            .spawn(move || renewal.run())
            .map_err(|source| LeaseError::Thread { source })?;
        Ok(Self {
            claim,
            stop: Some(stop),
            thread: Some(thread),
            lock_file: None,
        })
    }

    /// The claim that a run shows when it is opened under the lease.
    pub fn claim(&self) -> &LeaseClaim {
        &self.claim
    }

    /// True if somebody else has it by now, or may have it: it cannot be had back.
    pub fn is_lost(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A thread that failed has left the lease to run out, which is all that matters here.
            let _ = thread.join();
        }
    }
}

/// Takes a lease if that can be had now. Looks without locking the state file, and asks only if the
/// answer may be yes.
pub fn try_take(leases: &mut Leases, request: &LeaseRequest) -> Result<Acquisition, StoreError> {
    let mut gone = None;
    if let Some(lease) = leases.find(&request.name)? {
        let holder = lease.hold.as_ref().map(|hold| &hold.holder);
        let liveness = holder.map_or(Liveness::Unknown, identity::liveness_of_holder);
        match lease.state(liveness, now_ms()) {
            LeaseState::Held => return Ok(Acquisition::Held(lease)),
            LeaseState::Abandoned => gone = Some(lease.token),
            LeaseState::Free | LeaseState::Expired => {}
        }
    }
    let (holder, ttl) = (&request.holder, request.terms.ttl);
    leases.acquire(&request.name, holder, now_ms(), ttl, gone)
}

fn lock<F: FnMut(&Waiting)>(
    path: &Path,
    keeper: &LeaseKeeper,
    queue: &mut Queue<'_, F>,
) -> Result<LockFile, LeaseError> {
    loop {
        let locked = LockFile::try_lock(path).map_err(|source| LeaseError::LockFile {
            path: path.to_owned(),
            source,
        })?;
        if keeper.is_lost() {
            return Err(LeaseError::Lost {
                name: keeper.claim.name.clone(),
            });
        }
        match locked {
            Some(lock) => return Ok(lock),
            None => queue.wait(Waiting::LockFile(path.to_owned()))?,
        }
    }
}

/// One request that waits, for a lease and then for its lock file.
struct Queue<'a, F> {
    watch: Stopwatch,
    patience: Option<Duration>,
    mailbox: &'a Mailbox,
    on_wait: F,
    told: Option<Waiting>,
    looks: u32,
}

impl<'a, F: FnMut(&Waiting)> Queue<'a, F> {
    fn new(patience: Option<Duration>, mailbox: &'a Mailbox, on_wait: F) -> Self {
        Self {
            watch: Stopwatch::start(),
            patience,
            mailbox,
            on_wait,
            told: None,
            looks: 0,
        }
    }

    /// Lets some time go by, if there is patience left.
    fn wait(&mut self, waiting: Waiting) -> Result<(), LeaseError> {
        let waited = self.watch.now().since(Mono::default());
        let mut pause = PAUSES.nth(self.looks);
        if let Some(patience) = self.patience {
            let left = patience.saturating_sub(waited);
            if left.is_zero() {
                return Err(LeaseError::TimedOut { waiting, patience });
            }
            pause = pause.min(left);
        }
        let known = self.told.as_ref();
        if !known.is_some_and(|told| waiting.is_like(told)) {
            (self.on_wait)(&waiting);
            self.told = Some(waiting.clone());
        }
        self.looks = self.looks.saturating_add(1);
        match self.mailbox.rest(pause) {
            Some(signal) => Err(LeaseError::Stopped { waiting, signal }),
            None => Ok(()),
        }
    }
}

/// The state of a keeper's thread.
struct Renewal {
    leases: Leases,
    /// The name of the state file.
    store: PathBuf,
    claim: LeaseClaim,
    terms: Terms,
    stopped: Receiver<()>,
}

impl Renewal {
    /// Returns when the lease is given back, or lost.
    fn run(mut self) {
        let tick = TICK.min(self.terms.renew_every);
        let clocks = Clocks {
            watch: Stopwatch::start(),
        };
        let mut renewed = clocks.now();
        while self.stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
            let now = clocks.now();
            let due = self.terms.due(now.since(renewed));
            if self.leases.has_lost_name()
                && let Ok(leases) = Leases::open(&self.store)
            {
                // The run has written the file back.
                self.leases = leases;
            }
            if due == Due::NotYet {
                continue;
            }
            match self.leases.renew(&self.claim, now.wall_ms, self.terms.ttl) {
                Ok(true) => renewed = now,
                Ok(false) => return,
                // Nobody else can take it either while another program has the state file locked.
                Err(StoreError::Locked { .. }) => {}
                // Others may have it by now, and nobody can say.
                Err(_) if due == Due::Overdue => return,
                // A busy disk: the next tick tries again.
                Err(_) => {}
            }
        }
        // A lease that cannot be given back runs out.
        let _ = self.leases.release(&self.claim);
    }
}

struct Clocks {
    watch: Stopwatch,
}

/// A point on both clocks. The monotonic one stands still while the machine sleeps, the other one
/// can be set: whichever says that more time went by is believed.
#[derive(Debug, Clone, Copy)]
struct Moment {
    mono: Mono,
    wall_ms: i64,
}

impl Clocks {
    fn now(&self) -> Moment {
        Moment {
            mono: self.watch.now(),
            wall_ms: now_ms(),
        }
    }
}

impl Moment {
    fn since(self, earlier: Self) -> Duration {
        let wall_ms = u64::try_from(self.wall_ms.saturating_sub(earlier.wall_ms)).unwrap_or(0);
        let mono = self.mono.since(earlier.mono);
        mono.max(Duration::from_millis(wall_ms))
    }
}

/// The need of a lease to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    NotYet,
    Now,
    /// Its time is over: it may be somebody else's by now.
    Overdue,
}

impl Terms {
    fn due(self, since_renewal: Duration) -> Due {
        if since_renewal >= self.ttl {
            Due::Overdue
        } else if since_renewal >= self.renew_every {
            Due::Now
        } else {
            Due::NotYet
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_renewed_every_ten_seconds_and_doubtful_after_thirty() {
        let cases = [
            (0, Due::NotYet),
            (9_999, Due::NotYet),
            (10_000, Due::Now),
            (29_999, Due::Now),
            (30_000, Due::Overdue),
        ];
        for (ms, due) in cases {
            let since = Duration::from_millis(ms);
            assert_eq!(Terms::default().due(since), due, "{ms}");
        }
    }

    #[test]
    fn the_clock_that_saw_more_time_go_by_is_believed() {
        let at = |mono, wall_ms| Moment {
            mono: Mono(mono),
            wall_ms,
        };
        let start = at(1_000, 50_000);
        let cases = [
            ("both", at(3_000, 52_000), 2_000),
            ("asleep", at(1_001, 3_650_000), 3_600_000),
            ("set back", at(3_000, 10_000), 2_000),
        ];
        for (name, now, ms) in cases {
            assert_eq!(now.since(start), Duration::from_millis(ms), "{name}");
        }
    }
}
