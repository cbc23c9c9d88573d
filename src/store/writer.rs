//! The writer thread: many small writes become few transactions, and nothing is announced early.
//!
//! ```text
//!  submit ─► channel (bounded) ─► batch ─► BEGIN IMMEDIATE … COMMIT ─► announce, in order
//!                                              │ disk full, locked, disk error
//!                                              └─ the same batch again, for up to 10 s; then the
//!                                                 first error is kept, and nothing more is written
//!                                                 or announced
//! ```
//!
//! While nothing is submitted, the thread notes every ten seconds that the run goes on. Otherwise
//! an agent on another machine or in a container, which cannot see our process, would take the run
//! for abandoned.
//!
//! The first write after a pause is committed at once; while writes keep coming, a transaction
//! gathers the writes of 100 ms, so that a fast suite costs ten commits a second and not thousands.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::error::StoreError;
use super::open::Store;
use crate::clock::{Mono, Pauses, Stopwatch};
use crate::model::{Event, HEARTBEAT, RunId, Write};

/// The time for which a batch gathers: short for the eye, long against the few ms of an fsync.
const GATHER: Duration = Duration::from_millis(100);

/// Rows after which a batch is written without waiting.
const BATCH_ROWS: usize = 2_000;

/// Bytes of output after which a batch is written without waiting: it bounds the memory.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Submissions that can wait for the thread; while there are so many, `submit` blocks.
const WAITING: usize = 256;

/// The time for which a batch is tried again before the writer gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pauses between two tries.
const PAUSES: Pauses = Pauses {
    first: Duration::from_millis(50),
    longest: PATIENCE,
};

/// The handle of the writer thread, which owns the [`Store`] until [`Writer::finish`].
#[derive(Debug)]
pub struct Writer {
    sender: SyncSender<Submission>,
    thread: JoinHandle<Result<Store, StoreError>>,
    failed: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Submission {
    writes: Vec<Write>,
    events: Vec<Event>,
}

impl Writer {
    /// Starts the thread. It calls `announce` with each event, in the order of submission, once the
    /// writes of the same submission and of all earlier ones are committed.
    pub fn spawn(
        store: Store,
        run: RunId,
        announce: impl FnMut(Event) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (sender, receiver) = sync_channel(WAITING);
        let failed = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            store,
            run,
            receiver,
            announce,
            failed: Arc::clone(&failed),
            watch: Stopwatch::start(),
        };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || worker.run())
            .map_err(|source| StoreError::Thread { source })?;
        Ok(Self {
            sender,
            thread,
            failed,
        })
    }

    /// Hands over `writes`, and `events` to announce once they are stored.
    ///
    /// Blocks while too many submissions wait. After a failure, writes and events are dropped; the
    /// error of [`Writer::finish`] has the number of results that were lost.
    pub fn submit(&self, writes: Vec<Write>, events: Vec<Event>) {
        // The thread ends early only by a panic of `announce`, which `finish` passes on.
        let _ = self.sender.send(Submission { writes, events });
    }

    /// True if writing has failed for good; [`Writer::finish`] gives the error.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Writes and announces what is left, ends the thread and hands the store back.
    pub fn finish(self) -> Result<Store, StoreError> {
        drop(self.sender);
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    }
}

struct Worker<A> {
    store: Store,
    run: RunId,
    receiver: Receiver<Submission>,
    announce: A,
    failed: Arc<AtomicBool>,
    watch: Stopwatch,
}

impl<A: FnMut(Event)> Worker<A> {
    fn run(mut self) -> Result<Store, StoreError> {
        let mut gathered_until = Mono::default();
        while let Some(batch) = self.gather(gathered_until) {
            if let Err(error) = self.commit(&batch.writes) {
                self.failed.store(true, Ordering::Release);
                return Err(self.give_up(&batch, error));
            }
            gathered_until = self.watch.now().plus(GATHER);
            batch.events.into_iter().for_each(&mut self.announce);
        }
        Ok(self.store)
    }

    /// Waits for a submission, and adds those that wait already or come before `until`, as long as
    /// the batch is not full. `None` if no more can come. While it waits for the first, it leaves
    /// signs of life of the run.
    fn gather(&mut self, until: Mono) -> Option<Submission> {
        let mut batch = loop {
            match self.receiver.recv_timeout(HEARTBEAT) {
                Ok(first) => break first,
                // If it fails, the next batch says why.
                Err(RecvTimeoutError::Timeout) => drop(self.store.sign_of_life(self.run)),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        };
        let mut size = Size::of(&batch.writes);
        while !size.is_full() {
            let more = match until.since(self.watch.now()) {
                Duration::ZERO => self.receiver.try_recv().map_err(|error| match error {
                    TryRecvError::Empty => RecvTimeoutError::Timeout,
                    TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                }),
                left => self.receiver.recv_timeout(left),
            };
            let Ok(more) = more else { break };
            size.add(&more.writes);
            batch.writes.extend(more.writes);
            batch.events.extend(more.events);
        }
        Some(batch)
    }

    /// Writes a batch, and tries again while time may help.
    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        let deadline = self.watch.now().plus(PATIENCE);
        let mut tries = 0;
        loop {
            let error = match self.store.write(self.run, writes) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let left = deadline.since(self.watch.now());
            if !may_pass(&error) || left.is_zero() {
                return Err(error);
            }
            thread::park_timeout(PAUSES.nth(tries).min(left));
            tries += 1;
        }
    }

    /// Drops all later submissions, and counts the results that are lost with them and with
    /// `batch`.
    fn give_up(&self, batch: &Submission, error: StoreError) -> StoreError {
        let mut results = count_results(&batch.writes);
        while let Ok(more) = self.receiver.recv() {
            results += count_results(&more.writes);
        }
        StoreError::NotStored {
            results,
            source: Box::new(error),
        }
    }
}

fn may_pass(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Full { .. } | StoreError::Locked { .. } | StoreError::Io { .. }
    )
}

fn count_results(writes: &[Write]) -> u64 {
    let results = writes
        .iter()
        .filter(|write| matches!(write, Write::Attempt(_) | Write::Trial(_)));
    results.count() as u64
}

/// The rough size of a batch, in rows for the disk and in bytes of memory.
#[derive(Debug, Default)]
struct Size {
    rows: usize,
    bytes: usize,
}

impl Size {
    fn of(writes: &[Write]) -> Self {
        let mut size = Self::default();
        size.add(writes);
        size
    }

    fn add(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Collected { tests, .. } => self.rows += tests.len(),
                Write::Coverage(files) => self.rows += files.len(),
                Write::Attempt(record) => {
                    let sections = record.sections.iter().map(|section| section.text.len());
                    self.rows += 1;
                    self.bytes += record.longrepr.as_ref().map_or(0, String::len);
                    self.bytes += sections.sum::<usize>();
                }
                Write::Trial(trial) => {
                    self.rows += 1;
                    self.bytes += trial.output.len() + trial.report.as_ref().map_or(0, String::len);
                }
                _ => self.rows += 1,
            }
        }
    }

    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }
}
