//! Signals of the process, as requests to a run.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use super::self_test::{SelfTestService, ServiceError};
use crate::run::{RunReport, StopHandle, StopSignal};

/// Runs a service once, to its end, on this thread, while SIGINT, SIGTERM and SIGHUP of the process
/// end its run: the first with a grace for teardown, the second at once.
///
/// # Errors
///
/// What [`SelfTestService::run_once`] returns, and signal handlers that cannot be installed.
pub fn run_until_signal(service: &mut SelfTestService) -> Result<RunReport, ServiceError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServiceError::Runtime)?;
    runtime.block_on(async {
        let stop = service.stop_handle();
        let signals = Signals::install().map_err(ServiceError::Runtime)?;
        let forwarding = tokio::spawn(signals.forward(stop));
        let report = service.run_once().await;
        forwarding.abort();
        report
    })
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            // A terminal that is closed takes its runs with it.
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn forward(mut self, stop: StopHandle) {
        loop {
            stop.stop(tokio::select! {
                Some(()) = self.interrupt.recv() => StopSignal::Interrupt,
                Some(()) = self.terminate.recv() => StopSignal::Terminate,
                Some(()) = self.hangup.recv() => StopSignal::Terminate,
                else => return,
            });
        }
    }
}
