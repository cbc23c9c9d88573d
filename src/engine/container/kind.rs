//! The names of the engines, and the statuses of `run` that they have in common.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    Docker,
    Podman,
}

impl EngineKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// Statuses of `docker run` and `podman run` that are their own, not the container's.
pub(super) mod status {
    /// The engine refused, or failed.
    pub(in crate::engine::container) const ENGINE: i32 = 125;
    /// The program is not there.
    pub(in crate::engine::container) const NOT_FOUND: i32 = 127;
    /// The container was killed by SIGKILL.
    pub(in crate::engine::container) const KILLED: i32 = 137;
}
