//! Why nobody can be shown any figures.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::diag::Hint;

/// Why the exporter does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// The port is taken.
    #[error("cannot show figures on {addr}: another program listens there")]
    Busy {
        /// The address.
        addr: SocketAddr,
    },
    /// The address is not one of this machine, the port needs rights, or the like.
    #[error("cannot show figures on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused a thread, or what wakes it.
    #[error("cannot start the thread that shows figures")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
}

impl ExporterError {
    pub(super) fn of_listener(addr: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            ErrorKind::AddrInUse => Self::Busy { addr },
            _ => Self::Listen { addr, source },
        }
    }
}

impl Hint for ExporterError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Busy { addr } => {
                let port = addr.port();
                let look = if cfg!(target_os = "macos") {
                    format!("lsof -nP -iTCP:{port} -sTCP:LISTEN")
                } else {
                    format!("ss -ltnp 'sport = :{port}'")
                };
                Some(format!(
                    "`{look}` shows which; end it, or choose another port with `--metrics-port`"
                ))
            }
            Self::Listen { source, .. } => match source.kind() {
                ErrorKind::AddrNotAvailable => {
                    Some("name an address of this machine with `--metrics-addr`".to_owned())
                }
                ErrorKind::PermissionDenied => {
                    Some("choose a port from 1024 on with `--metrics-port`".to_owned())
                }
                _ => None,
            },
            Self::Thread { .. } => None,
        }
    }
}

/// Why the file for the textfile collector could not be written. The old one is as it was.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the figures to `{}`", path.display())]
pub struct TextfileError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl Hint for TextfileError {
    fn hint(&self) -> Option<String> {
        match self.source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                Some("make its folder, or name another file with `--metrics-textfile`".to_owned())
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Some(
                "make its folder writable for this user, or name another file with `--metrics-textfile`"
                    .to_owned(),
            ),
            ErrorKind::StorageFull => Some("free some space; the old file is kept".to_owned()),
            _ => None,
        }
    }
}
