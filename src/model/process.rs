//! Processes, told apart across reuse of their ids.

/// The identity of a process: it differs from every other one on this machine, even if the system
/// uses a process id again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProcessIdentity {
    /// The process id, which the system may use again.
    pub pid: u32,
    /// A name of this boot of the machine.
    pub boot_id: String,
    /// The time of its start, in the kernel's own unit; `None` if it is unknown.
    pub start_time: Option<u64>,
}

/// The present state of a recorded process, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// The same process still runs.
    Alive,
    /// It is gone: another boot, no such process, or another process with its id.
    Gone,
    /// Nobody on this machine can say.
    Unknown,
}
