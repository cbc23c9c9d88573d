//! [`Recorder`]: the only thing that stores what comes of a run, and then tells.
//!
//! ```text
//!   open ─► run N is on disk
//!     │
//!     ├─ write, announce … flush ─► writer thread ──commit──► EventLine ──► everyone
//!     ├─ store()   waits for that, and lends the state file for what is written in one go
//!     ▼
//!   close ─► the end is on disk ─► RunSummary
//! ```
//!
//! It is opened with the run, lent to each stage, and closed with the verdict.
//!
//! **Invariant:** an event is told after what was written before it is stored; after a failure of
//! the state file nothing more is told.

use std::sync::Arc;
use std::time::Duration;

use super::job::Job;
use super::lease::LeaseKeeper;
use super::report;
use super::verdict::Verdict;
use crate::clock::{new_uuid, now_ms};
use crate::diag::Hint;
use crate::engine::identity;
use crate::model::event::EVENTS_VERSION;
use crate::model::{
    Event, EventLine, ExitCode, Failure, LeaseClaim, NewRun, Notice, RunEnd, RunFacts, RunId,
    RunOutcome, RunRecord, RunSummary, Write,
};
use crate::store::{Baseline, Counter, Patience, Store, StoreError, Writer};

/// The reasons for a missing summary.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state file could not be used; a run that was open is closed by the next start.
    #[error("cannot record the run")]
    Store(#[from] StoreError),
    /// A run that was just closed is not there.
    #[error("run {0} has gone from the state file")]
    Gone(RunId),
}

impl Hint for RunError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Gone(_) => Some("something else writes to the state file".to_owned()),
        }
    }

    fn exit_code(&self) -> ExitCode {
        ExitCode::STATE_FILE
    }
}

type Announce = Arc<dyn Fn(Event) + Send + Sync>;

/// Stores what comes of one run, and then tells.
pub struct Recorder<'a> {
    run: RunId,
    facts: RunFacts,
    lease: Option<&'a LeaseKeeper>,
    baseline: Option<Baseline>,
    patience: Patience,
    announce: Announce,
    hand: Hand,
    writes: Vec<Write>,
    events: Vec<Event>,
}

/// The present owner of the state file.
enum Hand {
    Ours(Store),
    Writers(Writer),
    /// The writer failed, and nobody has the state file.
    Lost,
}

impl<'a> Recorder<'a> {
    /// Opens a run; it is on disk when this returns. `announce` is called with every event, each
    /// after what it says is stored; while it blocks, the tests wait.
    ///
    /// If another process has the state file locked, results wait for as long as the tests may
    /// take.
    pub fn open(
        mut store: Store,
        job: &'a Job<'_>,
        announce: impl Fn(EventLine) + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let baseline = store.baseline(&job.plan.selection_key)?;
        let facts = facts(job);
        let lease = job.lease.as_ref();
        let run = store.open_run(&NewRun {
            facts: facts.clone(),
            holder: identity::of_self(),
            lease: lease.map(|lease| lease.claim().clone()),
            cycle: job.cycle,
        })?;
        let stop = job.mailbox.stop_handle();
        let mut recorder = Self {
            run,
            lease,
            patience: Patience::new(job.plan.request.limit.time(), move || stop.was_asked()),
            announce: Arc::new(move |event| {
                announce(EventLine {
                    v: EVENTS_VERSION,
                    run_id: run,
                    event,
                });
            }),
            hand: Hand::Ours(store),
            writes: Vec::new(),
            events: Vec::new(),
            facts,
            baseline,
        };
        recorder.begin(&job.notices);
        Ok(recorder)
    }

    fn begin(&mut self, notices: &[Notice]) {
        let previous = self.baseline.as_ref().map(|baseline| &baseline.run);
        let started = Event::RunStarted {
            uuid: self.facts.uuid.clone(),
            project: self.facts.project.clone(),
            shards: self.facts.paths.clone(),
            workers: self.facts.workers,
            started_ms: self.facts.started_ms,
            expected_tests: previous.map(|run| run.counts.total()),
            expected_s: previous.and_then(RunRecord::duration_s),
        };
        self.announce(started);
        for notice in notices {
            self.notice(notice.clone());
        }
    }

    pub fn run(&self) -> RunId {
        self.run
    }

    /// The facts of the run that were known when it was opened.
    pub fn facts(&self) -> &RunFacts {
        &self.facts
    }

    /// The lease under which it writes.
    pub(super) fn claim(&self) -> Option<&LeaseClaim> {
        self.lease.map(LeaseKeeper::claim)
    }

    /// Takes the figures of the latest comparable run, if there is one; later calls return `None`.
    pub(super) fn take_baseline(&mut self) -> Option<Baseline> {
        self.baseline.take()
    }

    pub fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Notes something to tell, once everything that was noted before is stored.
    pub fn announce(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Stores and tells a notice.
    pub fn notice(&mut self, notice: Notice) {
        self.write(Write::Notice(notice.clone()));
        self.announce(Event::Notice(notice));
    }

    /// Hands on what was noted, and does not wait for it.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if self.writes.is_empty() && self.events.is_empty() {
            return Ok(());
        }
        let writes = std::mem::take(&mut self.writes);
        let events = std::mem::take(&mut self.events);
        self.writer()?.submit(writes, events);
        Ok(())
    }

    /// True if nothing more can be stored: writing failed, or the lease was lost.
    pub fn has_failed(&self) -> bool {
        let failed = match &self.hand {
            Hand::Ours(_) => false,
            Hand::Writers(writer) => writer.failed(),
            Hand::Lost => true,
        };
        failed || self.has_lost_lease()
    }

    /// Waits until so little waits to be stored that more can be taken; returns false if that does
    /// not come within `limit`.
    pub(super) fn has_room(&self, limit: Duration) -> bool {
        match &self.hand {
            Hand::Writers(writer) => writer.has_room(limit),
            Hand::Ours(_) | Hand::Lost => true,
        }
    }

    fn has_lost_lease(&self) -> bool {
        self.lease.is_some_and(LeaseKeeper::is_lost)
    }

    /// The state file, once everything that was noted is stored and told, and nobody else has it
    /// locked.
    pub fn store(&mut self) -> Result<&mut Store, StoreError> {
        self.flush()?;
        if matches!(self.hand, Hand::Writers(_))
            && let Hand::Writers(writer) = std::mem::replace(&mut self.hand, Hand::Lost)
        {
            self.hand = Hand::Ours(writer.finish()?);
        }
        match &mut self.hand {
            Hand::Ours(store) => {
                let run = self.run;
                let mut check = || {
                    store.sign_of_life(run)?;
                    store.write_by_name(run, &[])
                };
                if let Some(notice) = self.patience.insist(&mut check, |_| {})? {
                    (self.announce)(Event::Notice(notice));
                }
                Ok(store)
            }
            Hand::Writers(_) | Hand::Lost => Err(StoreError::GaveUp),
        }
    }

    fn writer(&mut self) -> Result<&Writer, StoreError> {
        if matches!(self.hand, Hand::Ours(_))
            && let Hand::Ours(store) = std::mem::replace(&mut self.hand, Hand::Lost)
        {
            let announce = Arc::clone(&self.announce);
            let announce = move |event| announce(event);
            let patience = self.patience.clone();
            self.hand = Hand::Writers(Writer::spawn(store, self.run, patience, announce)?);
        }
        match &self.hand {
            Hand::Writers(writer) => Ok(writer),
            Hand::Ours(_) | Hand::Lost => Err(StoreError::GaveUp),
        }
    }

    /// Gives the run its end, and tells it.
    pub fn close(mut self, verdict: Verdict) -> Result<RunSummary, RunError> {
        let cut_short = verdict.outcome == RunOutcome::Incomplete;
        let lost = cut_short.then(|| self.lost_lease()).flatten();
        let end = RunEnd {
            finished_ms: now_ms(),
            outcome: verdict.outcome,
            exit_code: verdict.exit_code,
            failure: verdict.failure.or(lost),
        };
        let run = self.run;
        let (patience, announce) = (self.patience.clone(), Arc::clone(&self.announce));
        let store = self.store()?;
        for (counter, times) in [
            (Counter::ContainerFailures, verdict.troubles.failures),
            (Counter::ContainerTimeouts, verdict.troubles.timeouts),
        ] {
            store.add_to_counter(counter, times)?;
        }
        let end = [Write::RunEnded(Box::new(end))];
        if let Some(notice) = patience.insist(|| store.write_by_name(run, &end), |_| {})? {
            announce(Event::Notice(notice));
        }
        let summary = patience.insist(|| report::summary(&store.reader()?, run), |_| {})?;
        let summary = summary.ok_or(RunError::Gone(run))?;
        announce(Event::RunFinished(Box::new(summary.clone())));
        Ok(summary)
    }

    /// A lease that could not be renewed, and that nobody took so far: the run was ended, and its
    /// results are stored.
    fn lost_lease(&self) -> Option<Failure> {
        let claim = self.claim().filter(|_| self.has_lost_lease())?;
        Some(Failure {
            exit_code: ExitCode::INCOMPLETE,
            message: format!(
                "the lease `{}` could not be renewed, and the run was ended",
                claim.name
            ),
            causes: Vec::new(),
            hint: Some(
                "`agent lease list` shows who has it; `agent run` starts a new run".to_owned(),
            ),
        })
    }
}

fn facts(job: &Job<'_>) -> RunFacts {
    let request = &job.plan.request;
    let shards = job.plan.shards.iter();
    RunFacts {
        uuid: new_uuid().to_string(),
        trigger: job.trigger.clone(),
        project: request.project.to_string_lossy().into_owned(),
        paths: shards.map(|shard| shard.label.clone()).collect(),
        pytest_args: request.pytest_args.clone(),
        narrowed_by: request.narrowed_by.clone(),
        selection_key: job.plan.selection_key.clone(),
        started_ms: now_ms(),
        executor: job.executor.name().to_owned(),
        image: job.executor.image().map(str::to_owned),
        workers: request.workers,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
