//! The same modules on every Python of this machine.

use std::thread;

use super::driver::{Project, verdict};
use crate::envs::{Interpreter, interpreters, nothing_may_be_skipped};

const WRITES: &str = "import os, subprocess, sqlite3\n\
    for act in (lambda: open('new', 'w'), lambda: os.remove('fine.py'), lambda: os.fork(),\n\
    \x20       lambda: subprocess.run(['true']), lambda: os.chmod('fine.py', 0o600),\n\
    \x20       lambda: os.mkdir('folder'), lambda: os.rename('fine.py', 'x'),\n\
    \x20       lambda: sqlite3.connect('new.db'), lambda: os.kill(1, 15)):\n\
    \x20   try: act()\n\
    \x20   except PermissionError: pass\n\
    \x20   else: raise AssertionError(act)\n";

const FILES: [(&str, &str); 8] = [
    (
        "fine.py",
        "def f():\n    '''\n    >>> f()\n    1\n    '''\n    return 1\n",
    ),
    ("raises.py", "raise ValueError('no')\n"),
    ("exits.py", "raise SystemExit\n"),
    ("dies.py", "import os\nos._exit(2)\n"),
    ("hangs.py", "def spin():\n    while True: pass\nspin()\n"),
    ("writes.py", WRITES),
    (
        "cases.py",
        "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): self.fail()\n",
    ),
    ("groups.py", "import faulthandler, os\nos.abort()\n"),
];

fn run_on(python: &Interpreter) {
    let project = Project::new(&python.path, &FILES).limit(3.0).at_once(2);
    let trials = project.run();
    let label = format!("3.{}", python.minor);
    let found = |file: &str| {
        let trial = trials.iter().find(|trial| trial.module.file == file);
        verdict(trial.unwrap())
    };
    for (file, expected) in [
        ("fine.py", "passed: "),
        ("raises.py", "failed: it does not import: ValueError: no"),
        (
            "exits.py",
            "failed: it calls sys.exit(None) when it is imported",
        ),
        (
            "dies.py",
            "crashed: it ended its process with exit status 2",
        ),
        ("hangs.py", "timed_out: it did not end within 3s"),
        ("writes.py", "passed: "),
        ("cases.py", "failed: 1 of 1 test failed: "),
        ("groups.py", "crashed: SIGABRT ended its process"),
    ] {
        let found = found(file);
        assert!(found.starts_with(expected), "{label}: {file}: {found}");
    }
    let writes = trials.iter().find(|it| it.module.file == "writes.py");
    assert_eq!(writes.unwrap().touched.len(), 9, "{label}: {writes:#?}");
    let hangs = trials.iter().find(|it| it.module.file == "hangs.py");
    let stacks = hangs.unwrap().report.as_deref().unwrap_or_default();
    assert!(stacks.contains("in spin"), "{label}: {stacks}");
}

#[test]
fn every_python_gives_the_same_verdicts() {
    let pythons = interpreters();
    assert!(
        !pythons.is_empty() || !nothing_may_be_skipped(),
        "no CPython from 3.8 up"
    );
    let jobs: Vec<_> = pythons
        .into_iter()
        .map(|python| thread::spawn(move || run_on(&python)))
        .collect();
    for job in jobs {
        job.join().unwrap();
    }
}
