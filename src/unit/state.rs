//! [`ServiceState`]: the words of a service manager about a service.

/// The state of a service, as its manager tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceState {
    /// True if the manager knows it.
    pub found: bool,
    /// True if the service runs, also while it reloads.
    pub active: bool,
    /// The manager's words for its state.
    pub state: String,
    /// The time since which it is in this state, in the manager's words.
    pub since: Option<String>,
    /// The file that it comes from.
    pub file: Option<String>,
    /// The manager's word for a start by itself, such as `enabled`.
    pub enabled: Option<String>,
    /// The id of its main process, while it has one.
    pub pid: Option<u32>,
    /// The number of times that the manager started it again.
    pub restarts: Option<u32>,
    /// The last end of its main process, in words.
    pub last_exit: Option<String>,
    /// The status text that the service gave to its manager.
    pub says: Option<String>,
    /// True if the manager has not read the file as it is now.
    pub stale: bool,
}
