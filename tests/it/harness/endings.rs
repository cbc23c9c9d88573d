//! Ends of a session before its last test: on purpose, by accident, or because the agent is gone.

use std::time::{Duration, Instant};

use menace_agent::model::Outcome;
use menace_agent::pytest::protocol::{Command, HarnessEvent, StopReason};
use menace_agent::pytest::source::DUMP_SIGNAL;

use super::driver::{Control, Project, Talk, python};

const THREE: &str = "def test_a(): pass\ndef test_b(): assert 0\ndef test_c(): pass\n";

fn collect_reports(talk: &Talk) -> Vec<(String, Outcome, String)> {
    let reports = talk.events.iter().filter_map(|event| match event {
        HarnessEvent::CollectReport(file) => {
            let message = file.message.clone().unwrap_or_default();
            Some((file.id.clone(), file.outcome, message))
        }
        _ => None,
    });
    reports.collect()
}

#[test]
fn the_first_failure_ends_the_session_when_asked_to() {
    let Some(python) = python() else { return };
    for (args, status) in [(&["-x"][..], 1), (&["--maxfail=1", "-n1"], 2)] {
        let talk = Project::new(&python, &[("test_it.py", THREE)])
            .args(args)
            .run();
        assert_eq!(
            talk.outcomes().get("test_it.py::test_b"),
            Some(&Outcome::Failed)
        );
        let message = Some("stopping after 1 failures");
        assert_eq!(
            talk.bye(),
            (status, Some(StopReason::MaxFail), message),
            "{args:?}"
        );
    }
}

#[test]
fn pytest_exit_is_a_reason_of_its_own() {
    let Some(python) = python() else { return };
    let file = "import pytest\ndef test_a(): pass\ndef test_b(): pytest.exit('enough', 7)\ndef test_c(): pass\n";
    let talk = Project::new(&python, &[("test_it.py", file)]).run();
    assert_eq!(talk.verdicts(), ["test_a passed"]);
    assert_eq!(talk.bye(), (7, Some(StopReason::Exit), Some("enough")));
    let file = "def test_a(): pass\ndef test_b(): raise KeyboardInterrupt\n";
    let talk = Project::new(&python, &[("test_it.py", file)]).run();
    assert_eq!(
        (talk.bye().0, talk.bye().1),
        (2, Some(StopReason::Interrupted))
    );
}

#[test]
fn a_file_that_cannot_be_imported_is_reported() {
    let Some(python) = python() else { return };
    let files = [
        ("test_bad.py", "import nonesuch"),
        ("test_syntax.py", "def test(:"),
        (
            "test_skipped.py",
            "import pytest\npytest.skip('not here', allow_module_level=True)",
        ),
        ("test_it.py", THREE),
    ];
    for args in [&[][..], &["-n2"]] {
        let talk = Project::new(&python, &files).args(args).run();
        let mut reports = collect_reports(&talk);
        reports.sort();
        assert_eq!(reports.len(), 3, "{talk:?}");
        assert_eq!(reports[0].0, "test_bad.py");
        assert_eq!(reports[0].1, Outcome::Error);
        assert_eq!(
            reports[0].2,
            "ModuleNotFoundError: No module named 'nonesuch'"
        );
        let skipped = (
            "test_skipped.py".to_owned(),
            Outcome::Skipped,
            "not here".to_owned(),
        );
        assert_eq!(reports[1], skipped);
        assert_eq!(reports[2].2, "SyntaxError: invalid syntax", "{talk:?}");
        let ran = usize::from(!args.is_empty()) * 3; // With workers xdist goes on.
        assert_eq!(talk.verdicts().len(), ran, "{args:?}");
    }
    let talk = Project::new(&python, &files).run();
    let message = Some("2 errors during collection");
    assert_eq!(talk.bye(), (2, Some(StopReason::CollectErrors), message));
    let talk = Project::new(&python, &files)
        .args(&["--continue-on-collection-errors"])
        .run();
    assert_eq!(
        talk.verdicts(),
        ["test_a passed", "test_b failed", "test_c passed"]
    );
    assert_eq!(talk.bye(), (1, None, None));
}

#[test]
fn a_broken_conftest_shows_the_useful_part_of_its_traceback() {
    let Some(python) = python() else { return };
    let files = [
        (
            "helper.py",
            "def deep():\n    raise ValueError('from deep inside')\n",
        ),
        ("conftest.py", "import helper\nhelper.deep()\n"),
        ("test_it.py", THREE),
    ];
    let project = Project::new(&python, &files);
    let talk = project.run();
    let conftest = project.path().join("conftest.py");
    let mut reports = talk.events.iter().filter_map(|event| match event {
        HarnessEvent::CollectReport(report) => Some(report),
        _ => None,
    });
    let Some(report) = reports.next() else {
        panic!("{talk:?}");
    };
    assert_eq!(Some(report.id.as_str()), conftest.to_str());
    assert_eq!(report.file.as_ref(), Some(&report.id));
    assert_eq!(report.outcome, Outcome::Error);
    assert_eq!(
        report.message.as_deref(),
        Some("ValueError: from deep inside")
    );
    let longrepr = report.longrepr.as_deref().unwrap();
    assert!(
        longrepr.contains("helper.py:2: in deep") && !longrepr.contains("_pytest"),
        "{longrepr}"
    );
    assert_eq!(
        (talk.bye().0, talk.bye().1),
        (4, Some(StopReason::CollectErrors))
    );
}

#[test]
fn arguments_that_pytest_refuses_come_with_its_words() {
    let Some(python) = python() else { return };
    for (args, words) in [
        (&["--nonesuch"][..], "unrecognized arguments: --nonesuch"),
        (&["missing.py"], "file or directory not found: missing.py"),
        (&["-p", "nonesuch"], "No module named 'nonesuch'"),
        (&["-k", "a ("], "Wrong expression passed to '-k'"),
    ] {
        let talk = Project::new(&python, &[("test_it.py", THREE)])
            .args(args)
            .run();
        let (status, reason, message) = talk.bye();
        assert_eq!(
            (status, reason),
            (4, Some(StopReason::Usage)),
            "{args:?} {talk:?}"
        );
        assert!(message.unwrap().contains(words), "{message:?}");
    }
}

#[test]
fn an_error_of_a_plugin_is_internal() {
    let Some(python) = python() else { return };
    let conftest = "def pytest_runtest_teardown(item):\n    raise SystemError('x')\ndef pytest_collection_modifyitems():\n    raise RuntimeError('a plugin broke')\n";
    let talk = Project::new(&python, &[("conftest.py", conftest), ("test_it.py", THREE)]).run();
    let (status, reason, message) = talk.bye();
    assert_eq!((status, reason), (3, Some(StopReason::Internal)));
    assert!(message.unwrap().contains("RuntimeError: a plugin broke"));
    let talk = Project::new(
        &python,
        &[
            ("conftest.py", "raise SystemExit(9)"),
            ("test_it.py", THREE),
        ],
    )
    .run();
    assert_eq!((talk.bye().0, talk.bye().1), (9, Some(StopReason::Exit)));
    let talk = Project::new(&python, &[]).run();
    assert_eq!(talk.bye(), (5, None, None));
}

#[test]
fn a_test_that_ends_the_interpreter_was_the_last_to_begin() {
    let Some(python) = python() else { return };
    for (body, code, signal) in [
        ("os._exit(3)", Some(3), None),
        ("ctypes.string_at(0)", None, Some(11)),
        ("os.kill(os.getpid(), 9)", None, Some(9)),
        ("os.abort()", None, Some(6)),
    ] {
        let file = format!(
            "import ctypes, os\ndef test_a(): pass\ndef test_dies():\n    {body}\ndef test_c(): pass\n"
        );
        for args in [&[][..], &["-p", "no:faulthandler"]] {
            let talk = Project::new(&python, &[("test_it.py", &file)])
                .args(args)
                .run();
            assert_eq!(talk.verdicts(), ["test_a passed"], "{body}");
            assert_eq!(talk.started().last(), Some(&"test_it.py::test_dies"));
            assert_eq!(
                (talk.status.code(), talk.signal()),
                (code, signal),
                "{body}"
            );
            if matches!(signal, Some(11 | 6)) {
                assert!(
                    talk.stderr.contains("in test_dies"),
                    "{body} {args:?}: {}",
                    talk.stderr
                );
            }
        }
    }
}

#[test]
fn a_hanging_test_shows_its_stacks_when_asked() {
    let Some(python) = python() else { return };
    let file = r"
import ctypes, os, threading, time

def bystander(): time.sleep(1000)
def test_hangs():
    threading.Thread(target=bystander, daemon=True).start()
    ctypes.PyDLL(None).read(os.pipe()[0], ctypes.create_string_buffer(1), 1)
";
    for (args, process) in [(&[][..], "main"), (&["-n1"], "gw0")] {
        let mut asked = false;
        let talk = Project::new(&python, &[("test_it.py", file)])
            .args(args)
            .run_with(|event, control| {
                if let HarnessEvent::Started(test) = event {
                    assert_eq!(test.worker, process);
                    wait_until_it_sleeps(test.pid);
                    Control::signal(test.pid, DUMP_SIGNAL);
                    wait_until_it_sleeps(test.pid);
                    control.kill_group();
                    asked = true;
                }
            });
        assert!(asked);
        assert_eq!(talk.signal(), Some(9));
        assert!(talk.stderr.contains("in test_hangs"), "{}", talk.stderr);
    }
}

/// Until the process uses no more processor time: it has arrived in its endless call.
fn wait_until_it_sleeps(pid: u32) {
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<String> = stat
            .split_whitespace()
            .skip(13)
            .take(2)
            .map(str::to_owned)
            .collect();
        fields
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut last = (ticks(), Instant::now());
    while Instant::now() < deadline && last.1.elapsed() < Duration::from_millis(400) {
        let now = ticks();
        if now != last.0 {
            last = (now, Instant::now());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn a_stop_lets_the_running_test_finish() {
    let Some(python) = python() else { return };
    let file = "import time, pytest\n@pytest.mark.parametrize('i', range(200))\ndef test_i(i): time.sleep(0.05)\n";
    for workers in [1, 2] {
        let mut stopped = false;
        let project = Project::new(&python, &[("test_it.py", file)]).workers(workers);
        let talk = project.run_with(|event, control| {
            if matches!(event, HarnessEvent::Finished(_)) && !stopped {
                control.command(&Command::Stop {
                    reason: "enough of that".to_owned(),
                });
                stopped = true;
            }
        });
        let finished = talk.finished().count();
        assert!((1..20).contains(&finished), "{finished} with {workers}");
        assert_eq!(talk.started().len(), finished);
        assert_eq!(
            talk.bye(),
            (2, Some(StopReason::Stop), Some("enough of that"))
        );
    }
}

/// Each test goes on only when its worker knows of the end: so none can begin before that.
const UNTIL_STOPPED: &str = "import gc, time, pytest\n\
    @pytest.mark.parametrize('i', range(20))\n\
    def test_i(i):\n\
    \x20   session = next(it for it in gc.get_objects() if hasattr(it, 'deselected')\n\
    \x20                  and type(it).__module__.startswith('_menace.'))\n\
    \x20   for _ in range(3000):\n\
    \x20       if session.stop: break\n\
    \x20       time.sleep(0.01)\n\
    \x20   assert session.stop == 'enough of that'\n\
    \x20   time.sleep(0.3 * i)\n";

#[test]
fn a_stop_reaches_workers_while_their_tests_run() {
    let Some(python) = python() else { return };
    for dist in ["load", "loadfile", "worksteal"] {
        let mut running = 0;
        let files = [("test_a.py", UNTIL_STOPPED), ("test_b.py", UNTIL_STOPPED)];
        let project = Project::new(&python, &files).args(&["-n2", "--dist", dist]);
        let talk = project.run_with(|event, control| {
            running += usize::from(matches!(event, HarnessEvent::Started { .. }));
            if running == 2 {
                control.command(&Command::Stop {
                    reason: "enough of that".to_owned(),
                });
            }
        });
        let outcomes: Vec<Outcome> = talk.finished().map(|test| test.outcome).collect();
        assert_eq!(outcomes, [Outcome::Passed; 2], "{dist}");
        assert_eq!(talk.started().len(), 2, "{dist}");
        assert_eq!(talk.bye().1, Some(StopReason::Stop), "{dist}");
    }
}

#[test]
fn a_stop_before_the_first_test_lets_none_begin() {
    let Some(python) = python() else { return };
    let slow = "import time\ntime.sleep(1)\ndef test_it(): pass\n";
    for workers in [1, 2] {
        let project = Project::new(&python, &[("test_it.py", slow)]).workers(workers);
        let talk = project.run_with(|event, control| {
            if matches!(event, HarnessEvent::Session { .. }) {
                control.command(&Command::Stop {
                    reason: "enough of that".to_owned(),
                });
            }
        });
        assert_eq!(talk.started().len(), 0, "{workers}");
        assert_eq!(talk.bye().1, Some(StopReason::Stop), "{workers}");
    }
}

#[test]
fn the_last_word_waits_for_the_agent_and_nothing_follows() {
    let Some(python) = python() else { return };
    let file = "import atexit, gc\n\
        def late(session):\n\
        \x20   session.send('notice', code='late', message='late')\n\
        def test_it():\n\
        \x20   session = next(it for it in gc.get_objects() if hasattr(it, 'deselected')\n\
        \x20                  and type(it).__module__.startswith('_menace.'))\n\
        \x20   atexit.register(late, session)\n";
    let talk = Project::new(&python, &[("test_it.py", file)]).run_with(|event, control| {
        if matches!(event, HarnessEvent::Ending) {
            // It goes on waiting for the word.
            control.command(&Command::Stop {
                reason: "late".to_owned(),
            });
        }
    });
    talk.assert_whole();
    assert_eq!(talk.bye(), (0, None, None));
}

#[test]
fn a_process_that_waits_for_the_last_word_of_a_dead_agent_ends() {
    let Some(python) = python() else { return };
    for workers in [1, 2] {
        let project = Project::new(&python, &[("test_it.py", THREE)]).workers(workers);
        let talk = project.run_with(|event, control| {
            if matches!(event, HarnessEvent::Ending) {
                control.hang_up();
            }
        });
        assert_eq!(talk.events.last(), Some(&HarnessEvent::Ending), "{workers}");
        assert_eq!(talk.signal(), Some(9), "{workers}");
    }
}

#[test]
fn when_the_agent_is_gone_the_process_ends() {
    let Some(python) = python() else { return };
    let file = "import time, pytest\n@pytest.mark.parametrize('i', range(2000))\ndef test_i(i): time.sleep(0.05)\n";
    let talk = Project::new(&python, &[("test_it.py", file)]).run_with(|event, control| {
        if matches!(event, HarnessEvent::Finished(_)) {
            control.hang_up();
        }
    });
    assert!(talk.finished().count() < 20);
    assert_eq!(
        talk.signal(),
        Some(9),
        "it leads its group, so the whole group is killed"
    );
}
