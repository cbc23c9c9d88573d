//! `agent history` and `agent show`, and the comparison with the run before.

use super::lab::lab;

#[test]
fn a_second_run_is_compared_with_the_first() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import os\n\
         SECOND = os.path.exists('second')\n\
         def test_breaks(): assert not SECOND\n\
         def test_mends(): assert SECOND\n\
         def test_stays(): assert False\n\
         def test_flaky():\n\
         \x20   with open('tries', 'a') as file: file.write('x')\n\
         \x20   assert not SECOND or os.path.getsize('tries') > 2\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov", "--reruns", "1"]).expect(1);
    lab.write("second", "");
    let answer = lab.run(&["--no-cov", "--reruns", "1", "--json"]).expect(1);
    let mut comparison = answer.json()["comparison"].clone();
    comparison
        .as_object_mut()
        .unwrap()
        .remove("previous_runtime")
        .unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&comparison).unwrap(), @r#"
    {
      "added": 0,
      "coverage_change": null,
      "fixed": [
        "test_a.py::test_mends"
      ],
      "newly_failing": [
        "test_a.py::test_breaks"
      ],
      "previous_run": 1,
      "removed": 0,
      "still_failing": [
        "test_a.py::test_stays"
      ]
    }
    "#);
    let said = &answer.stderr;
    for line in [
        "newly failing since run 1 (1)",
        "fixed since run 1 (1)",
        "still failing (1)",
        "flaky (1)",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let flaky = &answer.json()["flaky_tests"];
    assert_eq!(*flaky, serde_json::json!(["test_a.py::test_flaky"]));
    // Another selection is not comparable.
    let other = lab.run(&["--no-cov", "--json", "test_a.py"]).expect(1);
    assert_eq!(other.json()["comparison"], serde_json::Value::Null);
}

#[test]
fn an_interrupted_run_is_passed_over_in_comparisons() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import os, time\n\
         def test_one(): assert os.path.exists('fixed')\n\
         def test_two():\n    if os.path.exists('hang'): time.sleep(600)\n",
    )]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(1);
    lab.write("hang", "");
    let mut agent = lab.start(&["--no-cov"]);
    agent.wait_for_test("test_two");
    agent.signal(nix::sys::signal::Signal::SIGINT);
    agent.end().expect(130);
    std::fs::remove_file(lab.path().join("hang")).unwrap();
    lab.write("fixed", "");
    let comparison = lab.run(&["--no-cov", "--json"]).expect(0).json()["comparison"].clone();
    assert_eq!(comparison["previous_run"], 1);
    assert_eq!(
        comparison["fixed"],
        serde_json::json!(["test_a.py::test_one"])
    );
}

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
    let lab = super::lab::bare_lab("/bin/true", &[]);
    let answer = lab.agent(&["history"]).expect(4);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: there is no state file `[PROJECT]/sandbox_data/agent.db`
    hint: `agent run` makes it, or name the right file with `--db FILE`
    ");
    lab.agent(&["show", "latest"]).expect(4);
}
