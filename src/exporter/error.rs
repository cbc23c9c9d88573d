//! The errors that keep figures from being shown.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::diag::Hint;

/// The reasons for an exporter that does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// Another program listens on the port.
    #[error("cannot show figures on {addr}: another program listens there")]
    Busy { addr: SocketAddr },
    /// The address is not one of this machine, the port needs rights, or the like.
    #[error("cannot show figures on {addr}")]
    Listen { addr: SocketAddr, source: io::Error },
    /// The system refused a thread, or what wakes it.
    #[error("cannot start the thread that shows figures")]
    Thread { source: io::Error },
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

/// An error of the file for the textfile collector. The old file is as it was.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the figures to `{}`", path.display())]
pub struct TextfileError {
    pub path: PathBuf,
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
