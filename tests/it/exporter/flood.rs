//! Clients that mean no good, or do not know better: the exporter stays small, as `/proc` counts
//! it, and a scrape is answered whatever they do.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use menace_agent::exporter::Exporter;

use super::client::{SCRAPE, ask, body, connect, scrape, try_ask};
use crate::store::child;
use crate::wait::wait_for;

/// The most connections that the exporter serves at once.
const MAX_CONNECTIONS: usize = 32;

/// Clients that need for ever for their question.
const SLOW: usize = 8;

/// An exporter in a process of its own, whose descriptors, threads and memory can be counted.
struct Served {
    child: Child,
    addr: SocketAddr,
    idle: Size,
}

/// The resources of a process, as `/proc` shows them.
#[derive(Debug, Clone, Copy)]
struct Size {
    fds: usize,
    threads: usize,
    rss_kb: usize,
}

impl Served {
    /// Starts the child of the test `name`, with at most so many descriptors.
    fn start(name: &str, fds: u32) -> Self {
        let limited = format!("ulimit -n {fds} && exec \"$0\" \"$@\"");
        let mut child = child::command("sh")
            .args(["-c", &limited])
            .arg(std::env::current_exe().unwrap())
            .args([
                "--exact",
                &format!("exporter::flood::{name}"),
                "--nocapture",
            ])
            .env(child::VARIABLE, "-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut found = lines.map_while(Result::ok).filter_map(|line| {
            let (_, addr) = line.split_once("listens on ")?;
            addr.parse().ok()
        });
        let addr = found.next().expect("the child says where it listens");
        let mut served = Self {
            child,
            addr,
            idle: Size {
                fds: 0,
                threads: 0,
                rss_kb: 0,
            },
        };
        scrape(addr);
        wait_for("the end of the first connection", || {
            served.idle = served.size();
            let open = served.sockets();
            (open == 1).then_some(()).ok_or(format!("{open} sockets"))
        });
        served
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id())
    }

    fn size(&self) -> Size {
        let count = |name| fs::read_dir(self.proc(name)).unwrap().count();
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss_kb = rss.unwrap().trim().trim_end_matches(" kB").parse();
        Size {
            fds: count("fd"),
            threads: count("task"),
            rss_kb: rss_kb.unwrap(),
        }
    }

    fn sockets(&self) -> usize {
        let fds = fs::read_dir(self.proc("fd")).unwrap().flatten();
        let targets = fds.filter_map(|fd| fs::read_link(fd.path()).ok());
        let is_socket =
            |target: &std::path::PathBuf| target.to_string_lossy().starts_with("socket");
        targets.filter(is_socket).count()
    }

    /// The child has what it had when it was idle, and no more than its connections besides.
    fn check(&self) {
        let now = self.size();
        assert_eq!(now.threads, self.idle.threads);
        // One more, while it is decided which of them has to go.
        let fds = self.idle.fds + MAX_CONNECTIONS + 1;
        // 8 KB a connection, and what the allocator keeps.
        let rss_kb = self.idle.rss_kb + 4096;
        let is_small = now.fds <= fds && now.rss_kb <= rss_kb;
        assert!(is_small, "{now:?}, idle {:?}", self.idle);
    }

    fn check_idle_again(&self) {
        wait_for("the end of all connections", || {
            let open = self.sockets();
            (open == 1).then_some(()).ok_or(format!("{open} sockets"))
        });
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Nothing is left of it if the test failed.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The child: shows figures until its standard input ends. Returns false in the test itself.
fn is_child() -> bool {
    if child::role().is_none() {
        return false;
    }
    let addr = "127.0.0.1:0".parse().unwrap();
    let text = "# HELP up Up.\n# TYPE up gauge\nup 1\n".repeat(200);
    let exporter = Exporter::start(addr, move || text.clone()).unwrap();
    println!("\nlistens on {}", exporter.addr());
    let mut nothing = String::new();
    std::io::stdin().read_to_string(&mut nothing).unwrap();
    true
}

#[test]
fn five_hundred_connections_that_say_nothing_keep_no_scrape_out() {
    if is_child() {
        return;
    }
    let name = "five_hundred_connections_that_say_nothing_keep_no_scrape_out";
    let served = Served::start(name, 1024);
    let mut silent = Vec::new();
    for round in 0..10 {
        silent.extend((0..50).map(|_| connect(served.addr).unwrap()));
        assert!(scrape(served.addr).contains("up 1"), "round {round}");
        served.check();
    }
    // The youngest are still there, and may ask.
    let mut youngest = silent.pop().unwrap();
    youngest.write_all(SCRAPE.as_bytes()).unwrap();
    let mut answer = String::new();
    youngest.read_to_string(&mut answer).unwrap();
    body(&answer);
    // Their time runs out, also for who goes nowhere.
    served.check_idle_again();
    drop(silent);
}

#[test]
fn ten_thousand_scrapes_at_once_are_answered_among_others() {
    if is_child() {
        return;
    }
    let name = "ten_thousand_scrapes_at_once_are_answered_among_others";
    let served = Served::start(name, 1024);
    let addr = served.addr;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for round in 0..2_500 {
                    // Some go away before they have their answer.
                    let mut stream = connect(addr).unwrap();
                    stream.write_all(SCRAPE.as_bytes()).unwrap();
                    if round % 2 == 0 {
                        let mut answer = String::new();
                        stream.read_to_string(&mut answer).unwrap();
                        body(&answer);
                    }
                }
            });
        }
        for _ in 0..20 {
            scrape(addr);
            served.check();
        }
    });
    served.check_idle_again();
}

#[test]
fn a_head_without_end_is_cut_off_and_slow_ones_run_out_of_time() {
    if is_child() {
        return;
    }
    let name = "a_head_without_end_is_cut_off_and_slow_ones_run_out_of_time";
    let served = Served::start(name, 1024);
    let addr = served.addr;
    let endless = format!("GET /metrics HTTP/1.1\r\n{}", "X: y\r\n".repeat(10_000));
    for _ in 0..100 {
        let answer = ask(addr, &endless);
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    served.check();
    let (stop, cut_off) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..SLOW {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    say_little_until_cut_off(addr, &stop);
                    cut_off.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_for("the end of the slow ones", || {
            scrape(addr);
            served.check();
            let count = cut_off.load(Ordering::Relaxed);
            (count >= SLOW)
                .then_some(())
                .ok_or(format!("{count} ended"))
        });
        stop.store(true, Ordering::Relaxed);
    });
}

/// A byte now and then, as long as the connection lets it.
fn say_little_until_cut_off(addr: SocketAddr, stop: &AtomicBool) {
    let mut stream = connect(addr).unwrap();
    while stream.write_all(b"G").is_ok() && !stop.load(Ordering::Relaxed) {
        thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn readers_that_never_read_make_room_for_those_that_do() {
    let text = "figure 1\n".repeat(1_000_000);
    let addr = "127.0.0.1:0".parse().unwrap();
    let exporter = Exporter::start(addr, move || text.clone()).unwrap();
    let never: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = connect(exporter.addr()).unwrap();
            stream.write_all(SCRAPE.as_bytes()).unwrap();
            stream
        })
        .collect();
    for _ in 0..3 {
        assert_eq!(scrape(exporter.addr()).len(), 9_000_000);
    }
    drop(never);
}

#[test]
fn the_exporter_survives_that_no_descriptors_are_left() {
    if is_child() {
        return;
    }
    let name = "the_exporter_survives_that_no_descriptors_are_left";
    let served = Served::start(name, 16);
    for _ in 0..3 {
        let silent: Vec<_> = (0..100).map(|_| connect(served.addr).unwrap()).collect();
        assert!(scrape(served.addr).contains("up 1"));
        // The limit, and not the exporter's own, is what keeps them out.
        assert!(served.sockets() < MAX_CONNECTIONS);
        drop(silent);
    }
    served.check_idle_again();
    assert!(try_ask(served.addr, SCRAPE.as_bytes()).is_ok());
}
