//! Messages to the service manager: readiness, status, and signs of life for its watchdog.
//!
//! Without systemd nothing is sent, because there is no socket.

use std::time::Duration;

use sd_notify::NotifyState;

/// The time for the writes after the last cycle.
const STORING: Duration = Duration::from_secs(20);

/// The time of the watchdog, and the status that was sent last.
#[derive(Debug)]
pub(super) struct Notifier {
    watchdog: Option<Duration>,
    status: String,
}

impl Notifier {
    pub(super) fn new() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
            status: String::new(),
        }
    }

    /// The longest pause between two signs of life: half the time of the watchdog, as the manual of
    /// systemd advises. `None` if there is no watchdog.
    pub(super) fn every(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    /// Sends the status, if it is another one than before.
    pub(super) fn status(&mut self, status: String) {
        if self.status != status {
            say(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    pub(super) fn feed_watchdog(&self) {
        if self.watchdog.is_some() {
            say(&[NotifyState::Watchdog]);
        }
    }
}

/// Sends `states`. If there is no manager, or it does not listen, the service goes on.
fn say(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

pub(super) fn ready() {
    say(&[NotifyState::Ready]);
}

pub(super) fn reloading() {
    let Ok(time) = NotifyState::monotonic_usec_now() else {
        return;
    };
    say(&[NotifyState::Reloading, time]);
}

/// Announces that the end may take `time`, and some more for the last writes. If the unit gives
/// less time, the manager waits longer.
pub(super) fn stops_within(time: Duration) {
    let usec = time.saturating_add(STORING).as_micros();
    say(&[NotifyState::Custom(&format!("EXTEND_TIMEOUT_USEC={usec}"))]);
}

pub(super) fn stopping() {
    say(&[NotifyState::Stopping]);
}
