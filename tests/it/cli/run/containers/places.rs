//! One verdict wherever the tests run: small projects, each with a habit that a container could
//! spoil, on the host, in docker, in podman and over ssh.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use crate::cli::run::repository::git;
use crate::engines::{Engine, engines, project};
use crate::lab::{Lab, answer, lab};

type Files = &'static [(&'static str, &'static str)];

/// A habit: its name, a project that has it, and how its folder is made ready.
struct Habit {
    name: &'static str,
    files: Files,
    prepare: fn(&Lab),
    args: &'static [&'static str],
    /// A variable of this machine, for runs in containers.
    variable: Option<(&'static str, &'static str)>,
}

const fn habit(name: &'static str, files: Files) -> Habit {
    Habit {
        name,
        files,
        prepare: |_| {},
        args: &["--no-cov"],
        variable: None,
    }
}

const TEST: &str = "def test_one(): pass\ndef test_two(): assert 1 == 2\n";

/// A user who is not root.
const SOMEBODY: u32 = 4711;

fn force_into_git(lab: &Lab) {
    git(lab, &["init", "--quiet"]);
    git(lab, &["add", "--force", "."]);
}

fn close_to_others(lab: &Lab) {
    for (name, mode) in [("test_a.py", 0o600), ("secret", 0o600), (".", 0o700)] {
        let path = lab.path().join(name);
        if nix::unistd::geteuid().is_root() {
            chown(&path, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        }
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
}

const HABITS: [Habit; 12] = [
    habit(
        "writes beside itself",
        &[(
            "tests/test_a.py",
            "import pathlib\n\
             HERE = pathlib.Path(__file__).parent\n\
             def test_one(): (HERE / 'out.txt').write_text('x')\n\
             def test_two(): assert (HERE / 'out.txt').read_text() == 'y'\n",
        )],
    ),
    habit(
        "junitxml in addopts",
        &[
            (
                "pytest.ini",
                "[pytest]\naddopts = --junitxml=reports/junit.xml\n",
            ),
            ("test_a.py", TEST),
        ],
    ),
    habit(
        "log_file",
        &[
            (
                "pytest.ini",
                "[pytest]\nlog_file = t.log\nlog_file_level = INFO\n",
            ),
            (
                "test_a.py",
                "import logging\n\
                 def test_one(): logging.getLogger().info('seen')\n\
                 def test_two(): assert 'seen' in open('t.log').read()\n",
            ),
        ],
    ),
    habit(
        "relative basetemp",
        &[
            ("pytest.ini", "[pytest]\naddopts = --basetemp=work\n"),
            (
                "test_a.py",
                "import pathlib\n\
                 def test_one(tmp_path): assert tmp_path.parent == pathlib.Path('work').resolve()\n",
            ),
        ],
    ),
    habit(
        "sqlite",
        &[(
            "test_a.py",
            "import sqlite3\n\
             def test_one():\n\
             \x20   base = sqlite3.connect('app.db')\n\
             \x20   base.execute('PRAGMA journal_mode=WAL')\n\
             \x20   base.execute('CREATE TABLE t (a)')\n\
             \x20   base.execute('INSERT INTO t VALUES (1)')\n\
             \x20   base.commit()\n\
             def test_two():\n\
             \x20   assert sqlite3.connect('app.db').execute('SELECT a FROM t').fetchall() == [(1,)]\n",
        )],
    ),
    habit(
        "snapshots",
        &[
            ("__snapshots__/a.txt", "old"),
            (
                "test_a.py",
                "import pathlib\n\
                 FOLDER = pathlib.Path('__snapshots__')\n\
                 def test_new(): (FOLDER / 'b.txt').write_text('new')\n\
                 def test_changed():\n\
                 \x20   (FOLDER / 'a.txt').write_text('changed')\n\
                 \x20   assert (FOLDER / 'a.txt').read_text() == 'old'\n",
            ),
        ],
    ),
    habit(
        ".venv",
        &[
            (".venv/pyvenv.cfg", "home = /usr/bin\n"),
            (".venv/lib/test_b.py", "def test_no(): assert False\n"),
            ("test_a.py", TEST),
        ],
    ),
    Habit {
        prepare: force_into_git,
        ..habit(
            "tracked but ignored file",
            &[
                (".gitignore", "*.bin\n"),
                ("data/a.bin", "x"),
                (
                    "test_a.py",
                    "def test_one(): assert open('data/a.bin').read() == 'x'\n",
                ),
            ],
        )
    },
    Habit {
        prepare: close_to_others,
        ..habit(
            "private to its owner",
            &[
                ("secret", "x"),
                (
                    "test_a.py",
                    "def test_one(): assert open('secret').read() == 'x'\n",
                ),
            ],
        )
    },
    Habit {
        variable: Some(("LANG", "de_DE.UTF-8")),
        ..habit(
            "locale",
            &[(
                "test_a.py",
                "import locale\ndef test_one(): locale.setlocale(locale.LC_ALL, '')\n",
            )],
        )
    },
    Habit {
        args: &["--no-cov", "--shm-size", "128m"],
        ..habit(
            "shared memory",
            &[(
                "test_a.py",
                "from multiprocessing import shared_memory\n\
                 def test_one():\n\
                 \x20   shared = shared_memory.SharedMemory(create=True, size=80 << 20)\n\
                 \x20   shared.buf[:] = bytes(80 << 20)\n\
                 \x20   shared.close()\n\
                 \x20   shared.unlink()\n",
            )],
        )
    },
    Habit {
        args: &[],
        ..habit(
            "child processes with coverage",
            &[
                ("app.py", "def f():\n    return 1\n"),
                (".coveragerc", "[run]\nparallel = true\n"),
                (
                    "test_a.py",
                    "import app, glob, subprocess, sys\n\
                     CODE = 'import coverage as c; m = c.Coverage(); m.start(); import app; app.f(); m.stop(); m.save()'\n\
                     def test_one(): subprocess.run([sys.executable, '-c', CODE], check=True)\n\
                     def test_two(): assert app.f() and glob.glob('.coverage.*')\n",
                ),
            ],
        )
    },
];

/// The verdict of the run, and the outcome of each test.
fn verdict(lab: &Lab, command: &mut Command) -> String {
    let given = answer(command);
    format!("exit {}\n{}", given.code, lab.table())
}

#[test]
fn twelve_projects_have_one_verdict_wherever_they_run() {
    let found = engines();
    let mut differing = Vec::new();
    for habit in HABITS {
        let args = [habit.args, &["--no-include-orphans"]].concat();
        let Some(host) = lab(habit.files) else { return };
        (habit.prepare)(&host);
        let mut here = host.command(&[&["run"], &args[..]].concat());
        let expected = verdict(&host, &mut here);
        let mut line = format!("{:30} host {}", habit.name, in_short(&expected));
        let mut check = |place: &str, engine: Engine, over_ssh: bool| {
            let lab = project(habit.files);
            (habit.prepare)(&lab);
            let command = if over_ssh {
                engine.command_over_ssh(&lab, &args)
            } else {
                Some(engine.command(&lab, &args))
            };
            let Some(mut command) = command else { return };
            command.envs(habit.variable);
            let given = verdict(&lab, &mut command);
            line = format!("{line} | {place} {}", in_short(&given));
            if given != expected {
                differing.push(format!(
                    "{}, {place}: {given}; the host: {expected}",
                    habit.name
                ));
            }
        };
        for &engine in found.iter() {
            check(engine.0, engine, false);
        }
        if let Some(&engine) = found.last() {
            check("over ssh", engine, true);
        }
        println!("{line}");
    }
    assert_eq!(differing, [""; 0]);
}

/// The exit code, and how many tests passed and failed.
fn in_short(verdict: &str) -> String {
    let (code, tests) = verdict.split_once('\n').unwrap_or((verdict, ""));
    let count = |outcome: &str| tests.lines().filter(|line| line.ends_with(outcome)).count();
    format!(
        "{code}: {} passed, {} failed",
        count(" passed"),
        count(" failed")
    )
}
