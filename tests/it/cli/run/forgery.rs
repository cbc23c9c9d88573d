//! Tests that write to the channel of the agent, to make the run green: it is not.

use crate::lab::lab;

/// Finds the channel, or writes to its descriptor; `send` and `raw` tell the agent anything.
const MEANS: &str = r#"
import functools, gc, json, os

@functools.lru_cache()
def session():
    return next(it for it in gc.get_objects() if hasattr(it, "deselected")
                and type(it).__module__.startswith("_menace."))

def send(kind, **fields):
    session().send(kind, **fields)

def descriptor():
    return session().channel.events

def raw(kind, **fields):
    data = json.dumps(dict(fields, v=1, t=kind)) + "\n"
    os.write(descriptor(), data.encode())

def forge(tell, *tests):
    for name in tests:
        tell("finished", id="test_a.py::" + name, worker="main", outcome="passed")

def run(tell, *tests):
    for name in tests:
        tell("started", id="test_a.py::" + name, worker="main", pid=os.getpid())
        forge(tell, name)
"#;

/// Two tests that fail, behind one that forges.
fn suite(forging: &str) -> String {
    format!(
        "import os\nfrom means import *\n\
         def test_forges():\n    {forging}\n\
         def test_two(): assert 0\n\
         def test_three(): assert 0\n"
    )
}

#[test]
fn verdicts_and_a_farewell_that_a_test_forges_are_not_green() {
    let verdict = "does not count: the test was not running";
    let farewell = "the `bye` of the test process does not count: the agent has sent no such word";
    let cases = [
        (
            "forge(send, 'test_forges', 'test_two', 'test_three')\n    \
             send('bye', status=0, reason=None, message=None); os._exit(0)",
            [verdict, farewell],
        ),
        (
            "forge(raw, 'test_forges', 'test_two', 'test_three')\n    \
             raw('bye', status=0, reason=None, message=None, word='guess'); os._exit(0)",
            [verdict, farewell],
        ),
        // All in good order, but for the word.
        (
            "forge(raw, 'test_forges'); run(raw, 'test_two', 'test_three')\n    \
             raw('ending'); raw('bye', status=0, reason=None, message=None); os._exit(0)",
            [
                farewell,
                "the interpreter ended (exit status 0) before pytest did",
            ],
        ),
        (
            "run(send, 'test_two'); forge(send, 'test_none')",
            [
                "the start of `test_a.py::test_two` does not count: `test_a.py::test_forges` was \
                 running in the same process",
                "`passed` for `test_a.py::test_none` does not count: no such test was collected \
                 (told while `test_a.py::test_forges` ran)",
            ],
        ),
        (
            "os.write(descriptor(), b'nonsense\\n')",
            ["a line of the test process does not count", "nonsense"],
        ),
    ];
    for (forging, messages) in cases {
        let Some(lab) = lab(&[("means.py", MEANS), ("test_a.py", &suite(forging))]) else {
            return;
        };
        lab.run(&["--no-cov", "--no-include-orphans"]).expect(6);
        assert_eq!(lab.verdict(), "incomplete | 6", "{forging}");
        let told = lab.rows("SELECT message FROM notice").join("\n");
        for message in messages {
            assert!(told.contains(message), "{forging}: {told}");
        }
    }
}

#[test]
fn a_report_that_a_test_makes_up_for_another_one_is_not_green() {
    let forging = "from _pytest.reports import TestReport\n    \
        for when in ('setup', 'call', 'teardown'):\n        \
        report = TestReport('test_a.py::test_two', ('test_a.py', 1, 'test_two'), {}, 'passed', None, when)\n        \
        config.hook.pytest_runtest_logreport(report=report)\n    \
        os._exit(0)";
    let file = suite(forging).replace("test_forges()", "test_forges(pytestconfig)");
    let file = file.replace("config.hook", "pytestconfig.hook");
    let Some(lab) = lab(&[("means.py", MEANS), ("test_a.py", &file)]) else {
        return;
    };
    lab.run(&["--no-cov", "--no-include-orphans"]).expect(6);
    let told = lab.rows("SELECT message FROM notice").join("\n");
    let message = "`passed` for `test_a.py::test_two` does not count: the test was not running \
                   (told while `test_a.py::test_forges` ran)";
    assert!(told.contains(message), "{told}");
    let two = "SELECT outcome FROM test_outcome WHERE nodeid LIKE '%two'";
    assert_eq!(lab.rows(two), ["failed"]);
}

#[test]
fn of_what_a_test_floods_the_agent_with_a_part_is_kept() {
    let forging = "for i in range(2000):\n        \
        raw('notice', code='c%d' % i, message='m')\n        \
        raw('warning', category='W%d' % i, message='m', file='f', line=1)\n        \
        raw('collect_report', id='forged_%d.py' % i, file=None, outcome='skipped')\n        \
        raw('collected', tests=[{'id': 'forged_%d' % i, 'file': 'f', 'line': 1}], done=True)";
    let Some(lab) = lab(&[("means.py", MEANS), ("test_a.py", &suite(forging))]) else {
        return;
    };
    lab.run(&["--no-cov", "--no-include-orphans"]).expect(6);
    assert_eq!(lab.rows("SELECT count(*) FROM warning"), ["1000"]);
    assert_eq!(lab.rows("SELECT count(*) FROM test_outcome"), ["1003"]);
    let notices = lab.rows("SELECT count(*) FROM notice").concat();
    assert!(notices.parse::<u32>().unwrap() < 120, "{notices}");
    let told = lab.rows("SELECT message FROM notice").join("\n");
    for part in [
        "1000 warnings",
        "3000 late tests and files",
        "3000 messages of a test process",
    ] {
        assert!(told.contains(part), "{told}");
    }
}
