//! Signals of the process, as requests to a run.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::self_test::{SelfTestService, ServiceError};
use crate::run::{RunReport, StopHandle, StopSignal};

/// Runs a service once, to its end, on this thread, while SIGINT, SIGTERM and SIGHUP of the process
/// end its run: the first with a grace for teardown, the second at once.
///
/// # Errors
///
/// What [`SelfTestService::run_once`] returns, and signal handlers that cannot be installed.
pub fn run_until_signal(service: &mut SelfTestService) -> Result<RunReport, ServiceError> {
    run_beside(service, Signals::forward)
}

/// What a signal asked of a run that drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// To end when its running tests have finished.
    Drain(StopSignal),
    /// To end at once.
    Stop(StopSignal),
    /// To say what it is doing.
    Report,
}

/// The same for a run that drains: after the first SIGINT or SIGTERM its running tests finish and
/// nothing new begins, the second ends it at once. SIGHUP does nothing. `heard` is told of each
/// request after the run is, and of SIGUSR1.
///
/// # Errors
///
/// The same.
pub fn run_until_drained(
    service: &mut SelfTestService,
    heard: impl FnMut(Request) + Send + 'static,
) -> Result<RunReport, ServiceError> {
    run_beside(service, |signals, stop| signals.drain(stop, heard))
}

fn run_beside<F>(
    service: &mut SelfTestService,
    listen: impl FnOnce(Signals, StopHandle) -> F,
) -> Result<RunReport, ServiceError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServiceError::Runtime)?;
    runtime.block_on(async {
        let stop = service.stop_handle();
        let signals = Signals::install().map_err(ServiceError::Runtime)?;
        let listening = tokio::spawn(listen(signals, stop));
        let report = service.run_once().await;
        listening.abort();
        report
    })
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    user: Signal,
}

impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    async fn forward(mut self, stop: StopHandle) {
        loop {
            stop.stop(tokio::select! {
                Some(()) = self.interrupt.recv() => StopSignal::Interrupt,
                Some(()) = self.terminate.recv() => StopSignal::Terminate,
                // A terminal that is closed takes its runs with it.
                Some(()) = self.hangup.recv() => StopSignal::Terminate,
                else => return,
            });
        }
    }

    async fn drain(mut self, stop: StopHandle, mut heard: impl FnMut(Request)) {
        let mut drains = false;
        loop {
            let signal = tokio::select! {
                Some(()) = self.interrupt.recv() => StopSignal::Interrupt,
                Some(()) = self.terminate.recv() => StopSignal::Terminate,
                Some(()) = self.hangup.recv() => continue,
                Some(()) = self.user.recv() => {
                    heard(Request::Report);
                    continue;
                }
                else => return,
            };
            heard(if std::mem::replace(&mut drains, true) {
                stop.stop(signal);
                Request::Stop(signal)
            } else {
                stop.drain(signal);
                Request::Drain(signal)
            });
        }
    }
}
