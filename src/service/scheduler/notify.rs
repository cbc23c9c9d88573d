//! The service manager's side: readiness, what is going on, and the watchdog.
//!
//! Outside of systemd nothing is said: there is no socket to say it to.

use std::time::Duration;

use sd_notify::NotifyState;

/// The time for the writes after the last cycle.
const STORING: Duration = Duration::from_secs(20);

/// The side that talks to the service manager, and the status that it said last.
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

    /// The longest pause between two feedings of the watchdog; half its time, as its manual says.
    pub(super) fn every(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    /// Says what is going on, if that is news.
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

/// A manager that does not listen, or is not there, is no reason to stop.
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

/// Asks for more time than the unit gives, if the end may take longer.
pub(super) fn stops_within(time: Duration) {
    let usec = time.saturating_add(STORING).as_micros();
    say(&[NotifyState::Custom(&format!("EXTEND_TIMEOUT_USEC={usec}"))]);
}

pub(super) fn stopping() {
    say(&[NotifyState::Stopping]);
}
