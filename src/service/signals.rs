//! Signals of the process, as requests to a run or to a scheduler.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::ServiceError;
use super::self_test::SelfTestService;
use crate::model::RunSummary;
use crate::run::{StopHandle, StopSignal};

/// Lets writes beyond the limit for files of this process fail, as on a full disk; otherwise
/// SIGXFSZ would kill it. What the process starts does not inherit this.
pub fn survive_file_limits() {
    let kind = SignalKind::from_raw(nix::sys::signal::Signal::SIGXFSZ as i32);
    // The handler stays for as long as the process lives; without it there is only that limit.
    if let Ok(runtime) = Builder::new_current_thread().enable_io().build() {
        let _entered = runtime.enter();
        let _handled = signal(kind);
    }
}

/// Runs a service once, to its end, on this thread, while SIGINT, SIGTERM and SIGHUP of the process
/// end its run: the first with a grace for teardown, the second at once.
///
/// # Errors
///
/// The errors of [`SelfTestService::run_once`], and signal handlers that cannot be installed.
pub fn run_until_signal(service: &mut SelfTestService) -> Result<RunSummary, ServiceError> {
    run_beside(service, forward)
}

/// The request of a signal to a run that drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// To end when its running tests have finished.
    Drain(StopSignal),
    /// To end at once, after a second signal.
    Stop(StopSignal),
    /// To say what it is doing now.
    Report,
}

/// The same for a run that drains: after the first SIGINT or SIGTERM its running tests finish and
/// nothing new begins, the second ends it at once. SIGHUP does nothing. `heard` is told of each
/// request after the run is, and of SIGUSR1.
///
/// # Errors
///
/// The same as for [`run_until_signal`].
pub fn run_until_drained(
    service: &mut SelfTestService,
    heard: impl FnMut(Request) + Send + 'static,
) -> Result<RunSummary, ServiceError> {
    run_beside(service, |signals, stop| drain(signals, stop, heard))
}

/// A signal of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caught {
    /// SIGINT or SIGTERM.
    Stop(StopSignal),
    /// SIGHUP.
    Hangup,
    /// SIGUSR1.
    User,
}

/// Calls `hear` for each signal from now on, in a thread of its own, until it returns false.
pub(super) fn listen(hear: impl Fn(Caught) -> bool + Send + 'static) -> io::Result<()> {
    let runtime = runtime()?;
    let mut signals = {
        let _context = runtime.enter();
        Signals::install()?
    };
    let listening = move || {
        runtime.block_on(async {
            while let Some(caught) = signals.next().await {
                if !hear(caught) {
                    return;
                }
            }
        });
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(listening).map(drop)
}

fn run_beside<F>(
    service: &mut SelfTestService,
    listen: impl FnOnce(Signals, StopHandle) -> F,
) -> Result<RunSummary, ServiceError>
where
    F: Future<Output = ()> + Send + 'static,
{
    runtime().map_err(ServiceError::Runtime)?.block_on(async {
        let stop = service.stop_handle();
        let signals = Signals::install().map_err(ServiceError::Runtime)?;
        let listening = tokio::spawn(listen(signals, stop));
        let report = service.run_once().await;
        listening.abort();
        report
    })
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().build()
}

async fn forward(mut signals: Signals, stop: StopHandle) {
    while let Some(caught) = signals.next().await {
        match caught {
            Caught::Stop(signal) => stop.stop(signal),
            // A terminal that is closed takes its runs with it.
            Caught::Hangup => stop.stop(StopSignal::Terminate),
            Caught::User => {}
        }
    }
}

async fn drain(mut signals: Signals, stop: StopHandle, mut heard: impl FnMut(Request)) {
    let mut drains = false;
    while let Some(caught) = signals.next().await {
        match caught {
            Caught::Stop(signal) if std::mem::replace(&mut drains, true) => {
                stop.stop(signal);
                heard(Request::Stop(signal));
            }
            Caught::Stop(signal) => {
                stop.drain(signal);
                heard(Request::Drain(signal));
            }
            Caught::Hangup => {}
            Caught::User => heard(Request::Report),
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    user: Signal,
}

impl Signals {
    /// Must be called within a runtime.
    fn install() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next signal; `None` if there will be none.
    async fn next(&mut self) -> Option<Caught> {
        Some(tokio::select! {
            Some(()) = self.interrupt.recv() => Caught::Stop(StopSignal::Interrupt),
            Some(()) = self.terminate.recv() => Caught::Stop(StopSignal::Terminate),
            Some(()) = self.hangup.recv() => Caught::Hangup,
            Some(()) = self.user.recv() => Caught::User,
            else => return None,
        })
    }
}
