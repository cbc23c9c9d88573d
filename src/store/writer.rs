//! The writer thread: many small writes become few transactions, and nothing is announced early.
//!
//! ```text
//!  submit ─► queue ─► batch ─► BEGIN IMMEDIATE … COMMIT ─► announce, in order
//!              │                   │ disk full, locked, disk error
//!              │                   └─ the same batch again, as long as [`Patience`] lasts; then the
//!              │                      error is kept, and nothing more is written or announced
//!              └─ more than 32 MiB wait: `has_room` says so, and the caller lets the tests wait
//! ```
//!
//! A caller that looks at [`Writer::has_room`] is never blocked: it still hears signals while
//! another process has the file locked.
//!
//! While nothing is submitted, the thread notes every ten seconds that the run goes on. Otherwise
//! an agent on another machine or in a container, which cannot see our process, would take the run
//! for abandoned. It looks every second if the state file still has its name (`name`).
//!
//! The first write after a pause is committed at once; while writes keep coming, a transaction
//! gathers the writes of 100 ms, so that a fast suite costs ten commits a second and not thousands.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::error::StoreError;
use super::open::Store;
use super::patience::Patience;
use crate::clock::{Mono, Stopwatch};
use crate::model::{Event, HEARTBEAT, Level, Notice, RunId, Write};

/// The time for which a batch gathers: short for the eye, long against the few ms of an fsync.
const GATHER: Duration = Duration::from_millis(100);

/// The time between two looks at the name of the file while nothing is submitted.
const LOOK: Duration = Duration::from_secs(1);

/// Rows after which a batch is written without waiting.
const BATCH_ROWS: usize = 2_000;

/// Bytes of output after which a batch is written without waiting: it bounds the memory.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Bytes that wait for the thread before the tests wait for it: minutes of a usual suite.
const ROOM_BYTES: usize = 32 * 1024 * 1024;

/// What a write or an event takes besides its texts, roughly.
const ENTRY_BYTES: usize = 512;

/// The handle of the writer thread, which owns the [`Store`] until [`Writer::finish`].
#[derive(Debug)]
pub struct Writer {
    sender: Sender<Submission>,
    thread: JoinHandle<Result<Store, StoreError>>,
    failed: Arc<AtomicBool>,
    room: Arc<Room>,
}

#[derive(Debug, Default)]
struct Submission {
    writes: Vec<Write>,
    events: Vec<Event>,
    bytes: usize,
}

/// The bytes that were submitted and are neither stored nor told.
#[derive(Debug, Default)]
struct Room {
    bytes: Mutex<usize>,
    freed: Condvar,
}

impl Room {
    fn take(&self, bytes: usize) {
        *self.bytes() += bytes;
    }

    fn free(&self, bytes: usize) {
        *self.bytes() -= bytes;
        self.freed.notify_all();
    }

    fn wait(&self, limit: Duration) -> bool {
        let is_full = |bytes: &mut usize| *bytes >= ROOM_BYTES;
        let waited = self.freed.wait_timeout_while(self.bytes(), limit, is_full);
        let (bytes, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *bytes < ROOM_BYTES
    }

    fn bytes(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Starts the thread. It calls `announce` with each event, in the order of submission, once the
    /// writes of the same submission and of all earlier ones are committed.
    pub fn spawn(
        store: Store,
        run: RunId,
        patience: Patience,
        announce: impl FnMut(Event) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (sender, receiver) = channel();
        let room = Arc::new(Room::default());
        let failed = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            store,
            run,
            patience,
            receiver,
            announce,
            failed: Arc::clone(&failed),
            room: Arc::clone(&room),
            waited: false,
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
            room,
        })
    }

    /// Hands over `writes`, and `events` to announce once they are stored.
    ///
    /// Never blocks; if there is no [room](Self::has_room), it is better to wait before. After a
    /// failure, writes and events are dropped; the error of [`Writer::finish`] has the number of
    /// results that were lost.
    pub fn submit(&self, writes: Vec<Write>, events: Vec<Event>) {
        let entries = (writes.len() + events.len()) * ENTRY_BYTES;
        let bytes = entries + Size::of(&writes).bytes;
        self.room.take(bytes);
        // The thread ends early only by a panic of `announce`, which `finish` passes on.
        let _ = self.sender.send(Submission {
            writes,
            events,
            bytes,
        });
    }

    /// Waits until less than 32 MiB wait to be stored and told, or writing has failed; returns
    /// false if neither comes within `limit`.
    pub fn has_room(&self, limit: Duration) -> bool {
        self.failed() || self.room.wait(limit)
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
    patience: Patience,
    receiver: Receiver<Submission>,
    announce: A,
    failed: Arc<AtomicBool>,
    room: Arc<Room>,
    /// True once it was told that results wait.
    waited: bool,
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
            self.room.free(batch.bytes);
        }
        Ok(self.store)
    }

    /// Waits for a submission, and adds those that wait already or come before `until`, as long as
    /// the batch is not full. `None` if no more can come. While it waits for the first, it leaves
    /// signs of life of the run. An empty batch says that the file has lost its name.
    fn gather(&mut self, until: Mono) -> Option<Submission> {
        let mut sign_at = self.watch.now().plus(HEARTBEAT);
        let mut batch = loop {
            match self.receiver.recv_timeout(LOOK) {
                Ok(first) => break first,
                Err(RecvTimeoutError::Timeout) if self.store.has_lost_name() => {
                    break Submission::default();
                }
                Err(RecvTimeoutError::Timeout) if sign_at <= self.watch.now() => {
                    // If it fails, the next batch says why.
                    let _ = self.store.sign_of_life(self.run);
                    sign_at = self.watch.now().plus(HEARTBEAT);
                }
                Err(RecvTimeoutError::Timeout) => {}
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
            batch.bytes += more.bytes;
        }
        Some(batch)
    }

    /// Writes a batch, and tries again while time may help. The first time it says so; that notice
    /// is stored behind the batch.
    fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let mut said = None;
        let Self {
            store,
            run,
            announce,
            waited,
            ..
        } = self;
        let lost = self.patience.insist(
            || store.write_by_name(*run, writes),
            |error| {
                if !std::mem::replace(waited, true) {
                    let notice = waits(error);
                    announce(Event::Notice(notice.clone()));
                    said = Some(notice);
                }
            },
        )?;
        if let Some(notice) = lost {
            announce(Event::Notice(notice));
        }
        match said {
            Some(notice) => self.commit(&[Write::Notice(notice)]),
            None => Ok(()),
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

fn waits(error: &StoreError) -> Notice {
    let hint = match error {
        StoreError::Locked { path } => Some(format!(
            "`fuser {}` names the process that has it",
            path.display()
        )),
        StoreError::Full { .. } => Some("free some space".to_owned()),
        _ => None,
    };
    Notice {
        level: Level::Warning,
        code: "state-file-waits".to_owned(),
        message: format!("{error}: results wait until it can be written"),
        hint,
    }
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
                Write::Loaded { loaded, .. } => {
                    let names = loaded.tests.iter().chain(&loaded.files);
                    self.rows += 1;
                    self.bytes += names.map(String::len).sum::<usize>();
                }
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
