//! A client that speaks just enough HTTP, and waits for nothing for ever.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than anything here takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";

/// Sends `request` and returns everything that comes back until the end.
pub(crate) fn try_ask(addr: SocketAddr, request: &[u8]) -> io::Result<String> {
    let mut stream = connect(addr)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    String::from_utf8(answer).map_err(io::Error::other)
}

pub(crate) fn ask(addr: SocketAddr, request: &str) -> String {
    try_ask(addr, request.as_bytes()).unwrap_or_else(|error| panic!("{request:?}: {error}"))
}

/// The body of a scrape, which must be a good one.
pub(crate) fn scrape(addr: SocketAddr) -> String {
    body(&ask(addr, SCRAPE)).to_owned()
}

pub(crate) fn body(answer: &str) -> &str {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    body
}

/// A connection that has not asked anything yet.
pub(crate) fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A port of loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
