//! The inbox of a run, and the handle by which a signal reaches it.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::effect::{Input, ProcessEvent, StopSignal};
use crate::clock::Stopwatch;
use crate::engine::child::Cancel;

/// The number of inputs that the queue takes; if it is full, their senders wait. So a harness that
/// is faster than the disk is slowed down to the speed of the disk, and does not fill the memory.
const WAITING: usize = 1024;

/// The queue of inputs that a run reads.
#[derive(Debug)]
pub struct Mailbox {
    receiver: Receiver<Option<Input>>,
    stop: StopHandle,
}

/// Asks a run to end. Clones address the same run.
#[derive(Debug, Clone)]
pub struct StopHandle {
    /// Signals do not wait in the queue, which may be full when they are most urgent.
    signals: Arc<Mutex<VecDeque<Asked>>>,
    /// Ends the commands that prepare the present run.
    cancel: Arc<Mutex<Cancel>>,
    sender: SyncSender<Option<Input>>,
}

/// A request to end the run, and the signal that it came by.
#[derive(Debug, Clone, Copy)]
struct Asked {
    signal: StopSignal,
    /// True if tests that are running may finish.
    drain: bool,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Mailbox {
    pub fn new() -> Self {
        let (sender, receiver) = sync_channel(WAITING);
        Self {
            receiver,
            stop: StopHandle {
                signals: Arc::default(),
                cancel: Arc::default(),
                sender,
            },
        }
    }

    /// A handle that can end the run which reads this mailbox.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// A new handle for the commands that prepare the run which begins now. It is cancelled when
    /// that run is asked to end; if that was asked before, it is cancelled from the start.
    pub fn cancel(&self) -> Cancel {
        let fresh = Cancel::default();
        fresh.clone_into(&mut lock(&self.stop.cancel));
        if !lock(&self.stop.signals).is_empty() {
            fresh.cancel();
        }
        fresh
    }

    /// The signal that asked the run to end before it began.
    pub fn asked_to_stop(&self) -> Option<StopSignal> {
        let signals = lock(&self.stop.signals);
        signals.front().map(|asked| asked.signal)
    }

    pub(super) fn sender(&self) -> SyncSender<Option<Input>> {
        self.stop.sender.clone()
    }

    /// Makes the function through which a process of the run delivers its events.
    pub(super) fn deliver<E: 'static>(
        &self,
        serial: u32,
        event_of: fn(E) -> ProcessEvent,
    ) -> impl Fn(E) + Clone + Send + use<E> {
        let sender = self.sender();
        move |event| {
            let event = event_of(event);
            // A run that is over does not listen any more.
            let _ = sender.send(Some(Input::Process { serial, event }));
        }
    }

    /// Drops the inputs that came after an earlier run had ended. Signals stay.
    pub(super) fn forget_the_past(&self) {
        while self.receiver.try_recv().is_ok() {}
    }

    /// The next input: a signal first. `None` if none comes within `limit`, and also at a wake-up
    /// whose signal was taken already.
    pub(super) fn next(&self, limit: Duration) -> Option<Input> {
        if let Some(signal) = self.signal() {
            return Some(signal);
        }
        match self.receiver.recv_timeout(limit) {
            Ok(Some(input)) => Some(input),
            Ok(None) => self.signal(),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Waits before a run begins: for `time`, or until a signal comes. Any other input belongs to
    /// an earlier run, and is dropped.
    pub(super) fn rest(&self, time: Duration) -> Option<StopSignal> {
        let watch = Stopwatch::start();
        let end = watch.now().plus(time);
        loop {
            if let Some(Input::Stop(signal) | Input::Drain(signal)) =
                self.next(end.since(watch.now()))
            {
                return Some(signal);
            }
            if watch.now() >= end {
                return None;
            }
        }
    }

    /// A signal that was not taken yet.
    pub(super) fn signal(&self) -> Option<Input> {
        let asked = lock(&self.stop.signals).pop_front()?;
        Some(if asked.drain {
            Input::Drain(asked.signal)
        } else {
            Input::Stop(asked.signal)
        })
    }
}

impl StopHandle {
    /// Ends the run. The first call ends it as Ctrl-C does, with some time for teardowns. A second
    /// call, or a call after [`StopHandle::drain`], ends it at once.
    pub fn stop(&self, signal: StopSignal) {
        self.ask(Asked {
            signal,
            drain: false,
        });
    }

    /// Ends the run when the tests that are running have finished; nothing new begins.
    /// Preparations, waits and trials end at once.
    pub fn drain(&self, signal: StopSignal) {
        self.ask(Asked {
            signal,
            drain: true,
        });
    }

    /// True if the present run was asked to end.
    pub(super) fn was_asked(&self) -> bool {
        lock(&self.cancel).is_cancelled()
    }

    fn ask(&self, asked: Asked) {
        lock(&self.signals).push_back(asked);
        lock(&self.cancel).cancel();
        // If the queue is full, the run is about to read, and looks for signals first.
        let _ = self.sender.try_send(None);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
