//! A person at a terminal: debuggers, output that is not captured, and output that is kept.

use std::process::{Command, Stdio};

use crate::lab::{Answer, Lab, answer, lab};

/// Runs a command in a terminal of its own: `driver.py DIALOGUE COMMAND…`. For each pair of the
/// dialogue it waits until the terminal shows the first text, and types the second.
const DRIVER: &str = r#"
import json, os, pty, select, sys, time
dialogue, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(command[0], command)
shown, end = "", time.monotonic() + 60
def read():
    global shown
    if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
        sys.exit("waited for too long: " + shown)
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return False
    shown += data.decode()
    return bool(data)
seen = 0
for wanted, typed in dialogue:
    while wanted not in shown[seen:]:
        if not read():
            sys.exit("the command ended: " + shown)
    seen = shown.index(wanted, seen) + len(wanted)
    os.write(terminal, typed.encode())
while read():
    pass
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.replace("\r\n", "\n"))
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128)
"#;

const TESTS: &str = "def test_ok():\n\
    \x20   print('printed by ok')\n\
    def test_bad():\n\
    \x20   number = 41\n\
    \x20   assert number == 42\n\
    def test_stops():\n\
    \x20   number = 5\n\
    \x20   breakpoint()\n";

fn project() -> Option<Lab> {
    lab(&[("test_a.py", TESTS)])
}

/// `agent run` with these arguments in a terminal, with a dialogue.
#[expect(
    clippy::disallowed_methods,
    reason = "a terminal is made around the binary under test"
)]
fn in_terminal(lab: &Lab, args: &[&str], dialogue: &[(&str, &str)]) -> Answer {
    let agent = lab.command(&[&["run", "--no-cov", "--color", "never"], args].concat());
    lab.write("driver/driver.py", DRIVER);
    let set = agent.get_envs();
    let set = set.filter_map(|(name, value)| Some((name, value?)));
    let mut driver = Command::new(lab.python());
    driver
        .arg("driver/driver.py")
        .arg(serde_json::to_string(dialogue).unwrap())
        .arg(agent.get_program())
        .args(agent.get_args())
        .current_dir(lab.path())
        .env_clear()
        .envs(set)
        .stdin(Stdio::null());
    answer(&mut driver)
}

#[test]
fn a_failure_gets_the_debugger_and_the_terminal_and_is_recorded() {
    let Some(lab) = project() else { return };
    let args = ["--pdb", "--workers", "2", "test_a.py::test_bad"];
    let dialogue = [("(Pdb) ", "number + 1000\n"), ("1041", "c\n")];
    let shown = in_terminal(&lab, &args, &dialogue).expect(1).stdout;
    assert!(shown.contains("entering PDB"), "{shown}");
    assert!(shown.contains("run 1: 1 failed in "), "{shown}");
    assert_eq!(lab.table(), "test_a.py::test_bad failed\n");
    let codes = lab.rows("SELECT code FROM notice ORDER BY code");
    assert_eq!(codes, ["one-process"]);
}

#[test]
fn a_breakpoint_gets_the_terminal_if_the_run_was_asked_for_it() {
    let Some(lab) = project() else { return };
    let dialogue = [("(Pdb) ", "number + 1000\n"), ("1005", "c\n")];
    for args in [&["-s"][..], &["--", "--capture=no"]] {
        let shown = in_terminal(&lab, args, &dialogue).expect(1).stdout;
        assert!(shown.contains("\ntest_a.py printed by ok\n"), "{shown}");
        assert_eq!(
            lab.table(),
            "test_a.py::test_bad failed\ntest_a.py::test_ok passed\ntest_a.py::test_stops passed\n"
        );
    }
    // Without it the debugger finds nobody to ask, and the run says what to do.
    let answer = lab.run(&["--no-cov", "test_a.py::test_stops"]).expect(1);
    assert!(
        answer.stderr.ends_with(
            "warning: a test asked for a debugger, which has no terminal here\n\
             hint: `agent run --pdb TEST` gives the terminal to the test\n"
        ),
        "{}",
        answer.stderr
    );
}

#[test]
fn ctrl_c_at_a_debugger_is_for_the_debugger() {
    let Some(lab) = project() else { return };
    let dialogue = [
        (
            "(Pdb) ",
            "import time; print('sle' + 'eps'); time.sleep(600)\n",
        ),
        ("sleeps", "\x03"),
        ("KeyboardInterrupt", "number + 1000\n"),
        ("1041", "c\n"),
    ];
    let args = ["--pdb", "test_a.py::test_bad"];
    let shown = in_terminal(&lab, &args, &dialogue).expect(1).stdout;
    assert!(shown.contains("run 1: 1 failed in "), "{shown}");
}

#[test]
fn a_debugger_without_a_terminal_is_refused() {
    let Some(lab) = project() else { return };
    for args in [&["--pdb"][..], &["--", "--pdb"], &["--", "--trace"]] {
        let answer = lab.run(args).expect(2);
        let option = args.last().unwrap();
        assert_eq!(
            answer.stderr,
            format!(
                "error: `{option}` needs a terminal, and this command has none\n\
                 hint: run it in a terminal, on this machine: `agent run --no-container {option} \
                 TEST`\n"
            )
        );
    }
    assert!(!lab.db().exists());
}

#[test]
fn what_passing_tests_printed_is_kept_within_limits_and_shown() {
    let loud = "import pytest, sys\n\
        def test_long():\n\
        \x20   print('begin' + 'x' * 100_000 + 'end')\n\
        def test_skips():\n\
        \x20   sys.stderr.write('on stderr')\n\
        \x20   pytest.skip('not today')\n\
        @pytest.mark.parametrize('n', range(1500))\n\
        def test_many(n):\n\
        \x20   print('y' * 4000 + str(n))\n\
        def test_quiet(): pass\n";
    let Some(lab) = lab(&[("test_a.py", TESTS), ("test_loud.py", loud)]) else {
        return;
    };
    let said = lab.run(&["--no-cov", "--", "-rP"]).expect(1).stderr;
    assert!(
        said.contains("`agent show latest TEST` shows what a test printed"),
        "{said}"
    );
    let show = |test: &str| lab.agent(&["show", "latest", test]).expect(0).stdout;
    let ok = show("test_a.py::test_ok");
    assert!(
        ok.ends_with("\n    --- Captured stdout call ---\n    printed by ok\n"),
        "{ok}"
    );
    assert!(show("test_skips").contains("    on stderr\n"));
    assert_eq!(show("test_quiet").lines().count(), 1);
    let long = show("test_long");
    assert!(
        long.contains("beginxxx") && long.contains("xxxend"),
        "{long}"
    );
    assert!(long.len() < 6000, "{}", long.len());
    assert!(show("test_many[0]").contains("yyy0\n"));
    assert!(show("test_many[1499]").contains("(not kept: "));
    // A part of a name is enough, and one that nothing is called like is an error.
    assert_eq!(show("test_a.py::").matches("test_a.py::").count(), 3);
    let answer = lab.agent(&["show", "latest", "test_nine"]).expect(2);
    assert!(
        answer.stderr.contains("run 1 has no test like `test_nine`"),
        "{}",
        answer.stderr
    );
}
