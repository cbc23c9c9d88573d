//! What a test had printed before it was killed, or ended its process, is kept and shown.

use crate::lab::{Lab, lab};

/// A test that nothing is set up for ends its process.
const BARE: &str = "import os\n\
    import pytest\n\
    @pytest.fixture\n\
    def noisy(): print('set up')\n\
    def test_before(noisy): pass\n\
    def test_end(): os._exit(3)\n";

/// Prints by Python, past Python and to stderr, and then does what `end` says.
fn test_that_ends(end: &str) -> String {
    format!(
        "import os, signal, sys, time\n\
         import pytest\n\
         @pytest.fixture\n\
         def noisy(request): print('set up for', request.node.name)\n\
         def test_before(noisy): print('of another test')\n\
         def test_end(noisy):\n    \
             print('printed by Python')\n    \
             os.write(1, b'written past it\\n')\n    \
             print('to stderr', file=sys.stderr)\n    \
             {end}\n\
         def test_after(): pass\n"
    )
}

fn shown(lab: &Lab) -> String {
    let answer = lab.agent(&["show", "latest", "test_a.py::test_end"]);
    answer.expect(0).stdout
}

fn assert_shows_what_it_printed(lab: &Lab) {
    let shown = shown(lab);
    for words in ["Captured stdout", "printed by Python", "written past it"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(shown.contains("Captured stderr"), "{shown}");
    assert!(shown.contains("to stderr"), "{shown}");
    let setup = shown
        .find("set up for test_end")
        .expect("what its setup printed");
    assert!(setup < shown.find("printed by Python").unwrap(), "{shown}");
    for words in ["of another test", "set up for test_before"] {
        assert!(!shown.contains(words), "{words}: {shown}");
    }
    assert!(lab.table().contains("test_a.py::test_after passed"));
}

#[test]
fn a_test_that_ends_its_process_shows_what_it_had_printed() {
    let file = test_that_ends("os._exit(3)");
    let Some(lab) = lab(&[("test_a.py", &file)]) else {
        return;
    };
    for coverage in ["--no-cov", "--cov"] {
        lab.run(&[coverage]).expect(6);
        assert_shows_what_it_printed(&lab);
    }
}

#[test]
fn a_test_that_is_killed_shows_what_it_had_printed() {
    let file = test_that_ends("os.kill(os.getpid(), signal.SIGKILL)");
    let Some(lab) = lab(&[("test_a.py", &file)]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(6);
    assert_shows_what_it_printed(&lab);
}

#[test]
fn a_test_that_hangs_shows_what_it_had_printed() {
    let file = test_that_ends("time.sleep(600)");
    let Some(lab) = lab(&[("test_a.py", &file)]) else {
        return;
    };
    lab.run(&["--no-cov", "--test-timeout", "1"]).expect(6);
    assert_shows_what_it_printed(&lab);
    lab.run(&["--no-cov", "--timeout", "4"]).expect(6);
    let shown = shown(&lab);
    assert!(shown.contains("printed by Python"), "{shown}");
}

#[test]
fn a_test_in_a_worker_shows_what_it_had_printed() {
    for end in ["os._exit(3)", "time.sleep(600)"] {
        let file = test_that_ends(end);
        let Some(lab) = lab(&[("test_a.py", &file)]) else {
            return;
        };
        let args = ["--no-cov", "--workers", "2", "--test-timeout", "2"];
        lab.run(&args).expect(6);
        assert_shows_what_it_printed(&lab);
    }
}

#[test]
fn what_was_printed_is_kept_within_limits_and_where_nothing_is_captured_nothing_is() {
    let file = "import os\n\
        def test_end():\n    \
            print('first'); print('x' * 200_000); print('last')\n    \
            os._exit(3)\n";
    let Some(lab) = lab(&[("test_a.py", file)]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(6);
    let text = shown(&lab);
    assert!(text.contains("last"), "the end is what tells");
    assert!(!text.contains("first"), "more than the limit was kept");
    for capture in ["--capture=sys", "--capture=no"] {
        lab.run(&["--no-cov", "--", capture]).expect(6);
        assert!(!shown(&lab).contains("Captured"), "{capture}");
    }
}

#[test]
fn tests_are_captured_as_before() {
    let file = "import os, subprocess, sys\n\
        import pytest\n\
        print('of the module')\n\
        @pytest.fixture\n\
        def noisy():\n    \
            print('of the fixture')\n    \
            yield\n    \
            print('of its end')\n\
        def test_one(noisy):\n    \
            print('of the test')\n    \
            subprocess.run([sys.executable, '-c', 'print(\"of a child\")'])\n    \
            assert 0\n\
        def test_two(capfd):\n    \
            print('seen')\n    \
            os.write(1, b'too\\n')\n    \
            assert capfd.readouterr().out == 'seen\\ntoo\\n'\n\
        def test_three(): print('of the third')\n";
    let Some(lab) = lab(&[("test_a.py", file)]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(1);
    let of = |test: &str| {
        let name = format!("test_a.py::{test}");
        lab.agent(&["show", "latest", &name]).expect(0).stdout
    };
    let one = of("test_one");
    for words in ["of the fixture", "of the test", "of a child", "of its end"] {
        assert!(one.contains(words), "{words}: {one}");
    }
    assert!(!one.contains("of the module"), "{one}");
    let three = of("test_three");
    assert!(three.contains("of the third"), "{three}");
    assert!(!three.contains("of the test"), "{three}");
}

#[test]
fn what_was_set_up_for_one_test_is_not_shown_with_the_next() {
    let Some(lab) = lab(&[("test_a.py", BARE)]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(6);
    assert!(!shown(&lab).contains("set up"), "{}", shown(&lab));
}
