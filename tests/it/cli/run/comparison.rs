//! A run is compared with the one before.

use crate::lab::lab;

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
