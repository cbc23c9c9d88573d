//! Signals of the process, as inputs of the scheduler.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Input;
use crate::run::StopSignal;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// SIGINT or SIGTERM: end.
    Stop(StopSignal),
    /// SIGHUP: read the settings anew.
    Reload,
    /// SIGUSR1: log what is running.
    Report,
}

/// Sends an input for each signal from now on, from a thread of its own.
pub(super) fn forward(inputs: Sender<Input>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let signals = {
        let _context = runtime.enter();
        Signals::install()?
    };
    let forwarding = move || runtime.block_on(signals.forward(&inputs));
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(forwarding)
        .map(drop)
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

    /// Until nobody reads the inputs any more.
    async fn forward(mut self, inputs: &Sender<Input>) {
        loop {
            let request = tokio::select! {
                Some(()) = self.interrupt.recv() => Request::Stop(StopSignal::Interrupt),
                Some(()) = self.terminate.recv() => Request::Stop(StopSignal::Terminate),
                Some(()) = self.hangup.recv() => Request::Reload,
                Some(()) = self.user.recv() => Request::Report,
                else => return,
            };
            if inputs.send(Input::Signal(request)).is_err() {
                return;
            }
        }
    }
}
