//! Many tests: right counts, bounded memory.

use std::fs;

use crate::lab::lab;

/// The most memory of the agent itself, which must not be felt beside the tests.
const MAX_KB: u64 = 40 * 1024;

#[test]
fn five_thousand_tests_are_counted_in_little_memory() {
    let file = |n: usize| {
        let tests = (0..500).map(|t| format!("def test_{t}(): assert {n} or {t} % 50\n"));
        tests.collect::<String>()
    };
    let Some(lab) = lab(&[]) else {
        return;
    };
    for n in 0..10 {
        lab.write(&format!("tests/test_{n}.py"), &file(n));
    }
    let mut agent = lab.start(&["--no-cov"]);
    let status = format!("/proc/{}/status", agent.pid());
    let (mut peak, mut finished) = (0, 0);
    agent.wait_for(|event| {
        finished += usize::from(event["t"] == "test_finished");
        if finished % 500 == 0 || event["t"] == "shard_finished" {
            peak = peak.max(peak_kb(&status));
        }
        event["t"] == "shard_finished"
    });
    agent.end().expect(1);
    assert_eq!(finished, 5000);
    assert_eq!(
        lab.rows("SELECT passed, failed, total FROM run_summary"),
        ["4990 | 10 | 5000"]
    );
    assert_eq!(lab.rows("SELECT count(*) FROM test_attempt"), ["5000"]);
    if cfg!(target_os = "linux") {
        assert!((1..MAX_KB).contains(&peak), "{peak} kB");
    }
    println!("peak of the agent: {peak} kB");
}

/// The most memory that a process ever had resident; 0 when it is gone.
fn peak_kb(status: &str) -> u64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok())
        .unwrap_or_default()
}
