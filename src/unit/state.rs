//! [`ServiceState`]: what a service manager says of a service.

/// What a service manager says of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceState {
    /// Whether the manager knows it.
    pub found: bool,
    /// Whether it runs.
    pub active: bool,
    /// The manager's words for its state.
    pub state: String,
    /// Since when it is in this state.
    pub since: Option<String>,
    /// The file that it comes from.
    pub file: Option<String>,
    /// Whether it starts by itself, in the manager's words.
    pub enabled: Option<String>,
    /// Its main process.
    pub pid: Option<u32>,
    /// How often the manager started it again.
    pub restarts: Option<u32>,
    /// How it ended last.
    pub last_exit: Option<String>,
    /// What it says of itself.
    pub says: Option<String>,
    /// Whether the manager has not read the file as it is now.
    pub stale: bool,
}
