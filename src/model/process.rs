//! Processes, told apart across reuse of their ids.

/// What tells a process from every other one on this machine, across reuse of process ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: u32,
    /// A name of this boot of the machine.
    pub boot_id: String,
    /// When the process started, in the kernel's own unit for that; `None` when it is unknown.
    pub start_time: Option<u64>,
}

/// What is known of a recorded process now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// The same process still runs.
    Alive,
    /// It is gone: another boot, no such process, or another process with its id.
    Gone,
    /// Nobody here can say.
    Unknown,
}
