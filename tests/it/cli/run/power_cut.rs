//! The agent is killed: all that was shown is stored, and the next start tidies up.

use std::collections::BTreeSet;
use std::process::Stdio;

use serde_json::Value;

use crate::lab::{Going, Lab, events, group, lab, numbered, processes_of};
use crate::wait::{wait_until, wait_until_gone};

/// Node ids that a stream of events shows as finished.
fn shown(text: &str) -> BTreeSet<String> {
    // The last line may have been cut.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let finished = events(whole).into_iter();
    let finished = finished.filter(|event| event["t"] == "test_finished");
    finished
        .map(|event| event["nodeid"].as_str().unwrap().to_owned())
        .collect()
}

fn stored(lab: &Lab, run: usize) -> BTreeSet<String> {
    let sql = "SELECT nodeid FROM test_outcome WHERE outcome <> 'not_run' AND run_id = ";
    lab.rows(&format!("{sql}{run}")).into_iter().collect()
}

#[test]
fn what_was_shown_is_stored_whenever_the_agent_is_killed() {
    let tests = numbered(300, |n| {
        format!("def test_{n:03}(): print('x' * 1000); assert {n} % 7\n")
    });
    let Some(lab) = lab(&[("test_a.py", &tests)]) else {
        return;
    };
    let moments: [(&str, usize); 9] = [
        ("run_started", 1),
        ("shard_started", 1),
        ("collected", 1),
        ("test_started", 1),
        ("test_finished", 1),
        ("test_finished", 7),
        ("test_finished", 100),
        ("test_finished", 299),
        ("shard_finished", 1),
    ];
    let mut open = Vec::new();
    for (run, (kind, count)) in (1..).zip(moments) {
        let mut agent = lab.start(&["--no-cov"]);
        let mut seen = 0;
        agent.wait_for(|event| {
            seen += usize::from(event["t"] == kind);
            seen == count
        });
        let text = agent.kill();
        lab.assert_whole();
        let (shown, stored) = (shown(&text), stored(&lab, run));
        let lost: Vec<_> = shown.difference(&stored).collect();
        assert!(lost.is_empty(), "after {count} {kind}: {lost:?}");
        // Near its end the run may be over before the signal arrives; the one before is closed.
        let still = lab.rows("SELECT run_id FROM run_summary WHERE outcome IS NULL");
        assert!(still.is_empty() || still == [run.to_string()], "{still:?}");
        open.extend(still);
    }
    assert!(open.len() > 5, "{open:?}");
    let answer = lab.run(&["--no-cov", "--json"]).expect(1);
    let told = answer.json()["notices"].to_string();
    let last_is_open = open.last() == Some(&moments.len().to_string());
    assert_eq!(told.contains("\"recovered\""), last_is_open, "{told}");
    let closed = "SELECT run_id FROM run_summary WHERE outcome = 'interrupted' AND exit_code = 130";
    assert_eq!(lab.rows(closed), open);
    assert_eq!(
        lab.rows("SELECT count(*) FROM run_summary WHERE outcome IS NULL"),
        ["0"]
    );
    // The tallies of a run that was closed for its agent agree with its tests.
    let wrong = "SELECT run_id FROM run_summary AS s WHERE s.total <> (
        SELECT count(*) FROM test_outcome AS t WHERE t.run_id = s.run_id)";
    assert_eq!(lab.rows(wrong), [""; 0]);
}

#[test]
fn what_was_printed_is_stored_as_well() {
    let tests = numbered(200, |n| format!("def test_{n:03}(): pass\n"));
    let Some(lab) = lab(&[("test_a.py", &tests)]) else {
        return;
    };
    let mut command = lab.command(&["run", "--no-cov", "-v"]);
    let mut agent = Going::start(command.stdin(Stdio::null()));
    let rows = || lab.db().exists().then(|| open_rows(&lab));
    wait_until("stored tests", rows, |rows| *rows > Some(20));
    let text = agent.kill();
    let printed = text.lines().filter_map(|line| line.split(' ').nth(1));
    let printed: BTreeSet<String> = printed
        .filter(|name| name.contains("::"))
        .map(str::to_owned)
        .collect();
    let stored = stored(&lab, 1);
    assert!(
        printed.is_subset(&stored),
        "{:?}",
        printed.difference(&stored)
    );
    assert!(stored.len() > 20);
}

/// Verdicts in a file that may be in the making.
fn open_rows(lab: &Lab) -> usize {
    let made = "SELECT count(*) FROM sqlite_schema WHERE name = 'test_outcome'";
    if lab.rows(made) == ["1"] {
        stored(lab, 1).len()
    } else {
        0
    }
}

#[test]
fn processes_that_outlive_the_agent_are_ended_by_the_next_start() {
    // Neither the closed pipes nor a signal reach Python code while this test holds the lock of
    // the interpreter, which it does before anybody sees that it hangs.
    let Some(lab) = lab(&[(
        "test_a.py",
        "import ctypes, os\n\
         def test_one():\n\
         \x20   if os.path.exists('hung'): return\n\
         \x20   ctypes.PyDLL(None).system(b'sleep 600 & : > hung; wait')\n",
    )]) else {
        return;
    };
    let mut agent = lab.start(&["--no-cov"]);
    let harness = agent.harness();
    agent.wait_for_test("test_one");
    lab.wait_for_file("hung");
    agent.kill();
    assert!(!group(harness).is_empty());
    let answer = lab.run(&["--no-cov"]).expect(0);
    insta::assert_snapshot!(answer.stderr, @"note: run 1 was left open by an agent that is gone; closed as interrupted");
    wait_until_gone("what was left", || group(harness));
    assert_eq!(processes_of(&lab), [""; 0]);
    let runs = lab.rows("SELECT run_id, outcome, not_run, total FROM run_summary");
    assert_eq!(runs, ["1 | interrupted | 1 | 1", "2 | passed | 0 | 1"]);
}

#[test]
fn a_harness_ends_by_itself_when_its_agent_is_killed() {
    let tests = numbered(100, |n| {
        format!("import time\ndef test_{n}(): time.sleep(0.05)\n")
    });
    let Some(lab) = lab(&[("test_a.py", &tests)]) else {
        return;
    };
    let mut agent = lab.start(&["--no-cov"]);
    let harness = agent.harness();
    agent.wait_for(|event: &Value| event["t"] == "test_finished");
    agent.kill();
    wait_until_gone("the harness", || group(harness));
}
