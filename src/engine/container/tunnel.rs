//! One ssh connection to a remote engine, for all calls of a run.
//!
//! The engine's socket on the other machine becomes a socket in a private folder of this one. The
//! connection lasts as long as its standard input is open, and so no longer than this process,
//! however that ends.

use std::io::{self, BufRead, BufReader, PipeWriter, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::kind::EngineKind;
use crate::engine::child::{Cancel, Child};
use crate::engine::pipes::Tail;
use crate::engine::process::{ProcessSpec, Spawned, run_unless, spawn};

/// A connection takes a second, and on a bad line ten.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// Asking the connection for a further channel is quick.
const FORWARD_LIMIT: Duration = Duration::from_secs(15);
/// Bytes of the end of ssh's complaints that are kept.
const TAIL_BYTES: usize = 8 * 1024;
/// The first words of the other side, before the number of its user.
const GREETING: &str = "menace-uid=";

/// The address of an engine that ssh leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// `USER@HOST` or `HOST`.
    destination: String,
    port: Option<u16>,
    /// The engine's socket there; `None` for the usual one.
    socket: Option<String>,
}

impl Address {
    /// Reads `ssh://[USER@]HOST[:PORT][/SOCKET]`; `None` for a text that is no such address.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("ssh://")?;
        let (authority, socket) = match rest.find('/') {
            Some(at) => (&rest[..at], Some(rest[at..].to_owned())),
            None => (rest, None),
        };
        let after_user = authority.rsplit('@').next()?;
        let bare = after_user.ends_with(']') || !after_user.contains(':');
        let (destination, port) = match authority.rsplit_once(':') {
            Some((destination, port)) if !bare => (destination, Some(port.parse().ok()?)),
            _ => (authority, None),
        };
        let odd = |c: char| c.is_whitespace() || c.is_control();
        let usable = !destination.is_empty()
            && !destination.starts_with('-')
            && !destination.ends_with('@')
            && !rest.contains(odd);
        usable.then(|| Self {
            destination: destination.replace(['[', ']'], ""),
            port,
            socket: socket.filter(|path| path.len() > 1),
        })
    }

    fn ssh(&self, folder: &Path) -> ProcessSpec {
        let control = format!("ControlPath={}", folder.join("c").display());
        let options = [
            // Nobody is there to answer.
            "BatchMode=yes",
            "ConnectTimeout=15",
            // A line that is dead is noticed within a minute.
            "ServerAliveInterval=15",
            "ServerAliveCountMax=3",
            "StreamLocalBindUnlink=no",
            "ControlPersist=no",
            &control,
        ];
        let spec = options
            .iter()
            .fold(ProcessSpec::new("ssh", "/"), |spec, option| {
                spec.args(["-o", option])
            });
        match self.port {
            Some(port) => spec.args(["-p".to_owned(), port.to_string()]),
            None => spec,
        }
    }

    /// The engine's socket on the other machine, whose user has this number.
    fn socket(&self, kind: EngineKind, uid: u32) -> String {
        match (&self.socket, kind) {
            (Some(socket), _) => socket.clone(),
            (None, EngineKind::Docker) => "/var/run/docker.sock".to_owned(),
            (None, EngineKind::Podman) if uid == 0 => "/run/podman/podman.sock".to_owned(),
            (None, EngineKind::Podman) => format!("/run/user/{uid}/podman/podman.sock"),
        }
    }
}

/// An open connection; it is closed when this is dropped.
#[derive(Debug)]
pub(super) struct Tunnel {
    child: Child,
    /// Open for as long as the connection is wanted.
    _keep_open: PipeWriter,
    folder: TempDir,
}

impl Tunnel {
    /// Connects, and forwards the socket of an engine of this kind. The error gives the reason in
    /// words.
    pub(super) fn open(
        address: &Address,
        kind: EngineKind,
        cancel: &Cancel,
    ) -> Result<Self, String> {
        // Private, and short: the path of a socket may have a hundred characters.
        let folder = tempfile::Builder::new().prefix("agent-").tempdir();
        let folder = folder.map_err(|error| format!("cannot make a folder for it: {error}"))?;
        let greet = format!("echo {GREETING}$(id -u) && exec cat >/dev/null");
        let master = address.ssh(folder.path()).args([
            "-o",
            "ControlMaster=yes",
            "-T",
            &address.destination,
            &greet,
        ]);
        let Spawned {
            child,
            stdin,
            stdout,
            stderr,
        } = spawn(&master).map_err(|error| format!("{error}: is ssh installed?"))?;
        let tunnel = Self {
            child,
            _keep_open: stdin,
            folder,
        };
        let complaints = Tail::new(TAIL_BYTES);
        let sink = complaints.clone();
        thread::spawn(move || sink.drain(stderr));
        let uid = greeting(stdout, cancel).ok_or_else(|| {
            let said = complaints.text();
            let last = said
                .lines()
                .rev()
                .map(str::trim)
                .find(|line| !line.is_empty());
            let last = last.unwrap_or("it did not connect in time");
            format!("ssh to `{}`: {last}", address.destination)
        })?;
        let forward = format!(
            "{}:{}",
            tunnel.socket().display(),
            address.socket(kind, uid)
        );
        let forwarding = address.ssh(tunnel.folder.path()).args([
            "-O",
            "forward",
            "-L",
            &forward,
            &address.destination,
        ]);
        run_unless(&forwarding, FORWARD_LIMIT, cancel)
            .map_err(|error| format!("cannot forward the socket of the engine: {error}"))?;
        Ok(tunnel)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// The engine's address on this machine.
    pub(super) fn local(&self) -> String {
        format!("unix://{}", self.socket().display())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // Nothing is on its way any more, and a line that is dead must not hold anybody up; the
        // sockets are in a folder that nobody else knows.
        self.child.signal_group(Signal::SIGKILL);
        let _ended = self.child.wait_and_sweep();
    }
}

/// The number of the user on the other side, when the connection stands.
fn greeting(stdout: impl Read + Send + 'static, cancel: &Cancel) -> Option<u32> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(stdout.take(64 * 1024)).lines();
        let uid = lines
            .by_ref()
            .map_while(io::Result::ok)
            .find_map(|line| line.trim().strip_prefix(GREETING)?.parse().ok());
        // Nobody listens any more after the limit.
        let _late = sender.send(uid);
    });
    let slice = crate::engine::child::CANCEL_LATENCY;
    let mut left = CONNECT_LIMIT;
    loop {
        match receiver.recv_timeout(slice) {
            Ok(uid) => return uid,
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(mpsc::RecvTimeoutError::Timeout) => left = left.checked_sub(slice)?,
        }
        if cancel.is_cancelled() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_engines_write_them() {
        let read = |url| {
            let address = Address::parse(url)?;
            Some((address.destination, address.port, address.socket))
        };
        let of = |destination: &str, port, socket: Option<&str>| {
            Some((destination.to_owned(), port, socket.map(str::to_owned)))
        };
        assert_eq!(read("ssh://host"), of("host", None, None));
        assert_eq!(
            read("ssh://user@remote.example.com/run/podman.sock"),
            of("user@remote.example.com", None, Some("/run/podman.sock"))
        );
        assert_eq!(read("ssh://u@h:2222/"), of("u@h", Some(2222), None));
        assert_eq!(read("ssh://u@[::1]:22"), of("u@::1", Some(22), None));
        assert_eq!(read("ssh://[::1]"), of("::1", None, None));
        for wrong in [
            "ssh://",
            "ssh://-oProxyCommand=x",
            "ssh://a:b",
            "tcp://a",
            "ssh://u@",
            "ssh://a b",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_usual_sockets_are_known() {
        let address = Address::parse("ssh://host").unwrap();
        assert_eq!(
            address.socket(EngineKind::Docker, 7),
            "/var/run/docker.sock"
        );
        assert_eq!(
            address.socket(EngineKind::Podman, 0),
            "/run/podman/podman.sock"
        );
        let of_user = address.socket(EngineKind::Podman, 7);
        assert_eq!(of_user, "/run/user/7/podman/podman.sock");
    }
}
