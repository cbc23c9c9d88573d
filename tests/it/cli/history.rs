//! `agent history` and `agent show`.

use crate::lab::lab;

#[test]
fn history_lists_the_runs_and_show_has_the_failures() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "def test_one():\n    print('a word')\n    assert 1 == 2\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(1);
    lab.write("test_a.py", "def test_one(): pass\n");
    lab.run(&["--no-cov"]).expect(0);
    let history = lab.agent(&["history"]).expect(0).stdout;
    let lines: Vec<Vec<&str>> = history
        .lines()
        .map(|line| line.split_ascii_whitespace().collect())
        .collect();
    assert_eq!(lines.len(), 3, "{history}");
    assert_eq!((lines[1][0], lines[2][0]), ("2", "1"), "{history}");
    assert!(
        lines[1].contains(&"passed") && lines[2].contains(&"failed"),
        "{history}"
    );
    assert_eq!(
        lab.agent(&["history", "1"])
            .expect(0)
            .stdout
            .lines()
            .count(),
        2
    );
    let shown = lab.agent(&["show", "1"]).expect(0).stdout;
    for text in ["run 1: failed", "assert 1 == 2", "a word", "test_a.py:3"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(
        lab.agent(&["show", "latest"])
            .expect(0)
            .stdout
            .starts_with("run 2: passed")
    );
    let answer = lab.agent(&["show", "9"]).expect(2);
    insta::assert_snapshot!(answer.stderr, @r"
    error: there is no run 9
    hint: `agent history` lists the runs
    ");
}

#[test]
fn a_run_that_goes_on_can_be_looked_at() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import time\ndef test_one(): assert False\ndef test_two(): time.sleep(600)\n",
    )]) else {
        return;
    };
    let mut agent = lab.start(&["--no-cov"]);
    agent.wait_for_test("test_two");
    let shown = lab.agent(&["show", "latest"]).expect(0).stdout;
    assert!(shown.starts_with("run 1: running\n"), "{shown}");
    assert!(shown.contains("FAIL test_a.py::test_one"), "{shown}");
    let answer = lab.agent(&["show", "latest", "--json"]).expect(2);
    insta::assert_snapshot!(answer.stderr, @r"
    error: run 1 is not over
    hint: without `--json` its results so far are shown
    ");
    assert!(lab.agent(&["history"]).expect(0).stdout.contains("running"));
    agent.signal(nix::sys::signal::Signal::SIGINT);
    agent.end().expect(130);
}

#[test]
fn there_is_nothing_to_look_at_before_the_first_run() {
    let lab = crate::lab::bare_lab("/bin/true", &[]);
    let answer = lab.agent(&["history"]).expect(4);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: there is no state file `[PROJECT]/sandbox_data/agent.db`
    hint: `agent run` makes it, or name the right file with `--db FILE`
    ");
    lab.agent(&["show", "latest"]).expect(4);
}
