//! The answers to each kind of request, and the beginning and end of the exporter.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use menace_agent::diag::Hint;
use menace_agent::exporter::{Exporter, ExporterError};

use super::client::{SCRAPE, ask, connect, scrape};

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn exporter() -> Exporter {
    Exporter::start(any_port(), || "up 1\n".to_owned()).unwrap()
}

#[test]
fn a_scrape_is_answered_whole() {
    let exporter = exporter();
    insta::assert_snapshot!(ask(exporter.addr(), SCRAPE).replace('\r', ""), @r"
    HTTP/1.1 200 OK
    Content-Type: text/plain; version=0.0.4; charset=utf-8
    Content-Length: 5
    Connection: close

    up 1
    ");
    let head = ask(exporter.addr(), "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.contains("\r\nContent-Length: 5\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn everything_else_is_told_where_the_figures_are_or_what_is_wrong() {
    let exporter = exporter();
    for (request, status, said) in [
        ("GET / HTTP/1.1\r\n\r\n", "200 OK", "/metrics"),
        ("GET /other HTTP/1.1\r\n\r\n", "404 Not Found", "/metrics"),
        (
            "POST /metrics HTTP/1.1\r\nContent-Length: 100000\r\n\r\n",
            "405 Method Not Allowed",
            "Allow: GET, HEAD\r\n",
        ),
        ("hello\r\n\r\n", "400 Bad Request", "not HTTP"),
    ] {
        // A body comes after the head, and is not read by anybody.
        let request = format!("{request}{}", "x".repeat(20_000));
        let answer = ask(exporter.addr(), &request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
        assert!(answer.contains(said), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
}

#[test]
fn a_question_may_come_in_pieces() {
    let exporter = exporter();
    let mut stream = connect(exporter.addr()).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in SCRAPE.bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nup 1\n"), "{answer}");
}

#[test]
fn answers_are_made_once_a_second_at_most() {
    let made = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&made);
    let exporter = Exporter::start(any_port(), move || {
        format!("made {}\n", count.fetch_add(1, Ordering::Relaxed))
    });
    let exporter = exporter.unwrap();
    let begin = Instant::now();
    for _ in 0..500 {
        scrape(exporter.addr());
    }
    let at_most = begin.elapsed().as_secs() + 2;
    assert!((1..=at_most).contains(&made.load(Ordering::Relaxed)));
}

#[test]
fn a_large_answer_arrives_whole() {
    let text = "figure 1\n".repeat(1_000_000);
    let (shown, expected) = (text.clone(), text);
    let exporter = Exporter::start(any_port(), move || shown.clone()).unwrap();
    assert_eq!(scrape(exporter.addr()).len(), expected.len());
}

#[test]
fn the_port_is_free_again_when_the_exporter_is_dropped() {
    let exporter = exporter();
    let addr = exporter.addr();
    let waiting = connect(addr).unwrap();
    scrape(addr);
    drop(exporter);
    let again = Exporter::start(addr, || "again 1\n".to_owned()).unwrap();
    assert_eq!(scrape(again.addr()), "again 1\n");
    drop(waiting);
}

#[test]
fn ipv6_is_served_where_it_is_there() {
    let Ok(exporter) = Exporter::start("[::1]:0".parse().unwrap(), || "up 1\n".to_owned()) else {
        println!("SKIPPED: this machine has no ::1");
        return;
    };
    assert_eq!(scrape(exporter.addr()), "up 1\n");
}

#[test]
fn a_port_that_is_taken_is_named_with_a_next_step() {
    let other = TcpListener::bind(any_port()).unwrap();
    let addr = other.local_addr().unwrap();
    let error = Exporter::start(addr, String::new).unwrap_err();
    assert!(matches!(error, ExporterError::Busy { .. }));
    let port = addr.port().to_string();
    let told = format!("{error}\n{}", error.hint().unwrap()).replace(&port, "PORT");
    if cfg!(target_os = "linux") {
        insta::assert_snapshot!(told, @r"
        cannot show figures on 127.0.0.1:PORT: another program listens there
        `ss -ltnp 'sport = :PORT'` shows which; end it, or choose another port with `--metrics-port`
        ");
    }
}

#[test]
fn an_address_of_another_machine_is_named_with_a_next_step() {
    // For documentation only: no machine has it.
    let addr = "192.0.2.1:0".parse().unwrap();
    let error = Exporter::start(addr, String::new).unwrap_err();
    assert_eq!(error.to_string(), "cannot show figures on 192.0.2.1:0");
    let hint = error.hint().unwrap();
    assert_eq!(
        hint,
        "name an address of this machine with `--metrics-addr`"
    );
}
