//! Modules that do not end in good order, and what of it the next one must not feel.

use std::fs;

use menace_agent::model::{Trial, TrialOutcome};
use menace_agent::pytest::source::{Program, TRIAL};
use menace_agent::pytest::trial_protocol::{TrialCommand, TrialEvent};

use super::driver::{Project, assert_passed, bare_python, verdict};
use crate::wait::wait_for_death;

/// The trial of a module after which a good one is tried.
fn then_a_good_one(module: &str, limit_s: f64) -> Option<Trial> {
    let python = bare_python()?;
    let files = [("bad.py", module), ("good.py", "X = 1\n")];
    let mut trials = Project::new(&python, &files).limit(limit_s).run();
    assert_passed(&trials[1]);
    Some(trials.remove(0))
}

#[test]
fn an_exit_without_cleaning_up_is_a_crash() {
    let module = "import os, sys\nprint('last')\nos._exit(3)\n";
    let Some(trial) = then_a_good_one(module, 30.0) else {
        return;
    };
    assert_eq!(
        verdict(&trial),
        "crashed: it ended its process with exit status 3"
    );
    assert_eq!(trial.output, "last\n");
}

#[test]
fn a_segmentation_fault_is_told_with_its_stack() {
    let module = "import faulthandler\ndef deep(): faulthandler._sigsegv()\ndeep()\n";
    let Some(trial) = then_a_good_one(module, 30.0) else {
        return;
    };
    assert_eq!(verdict(&trial), "crashed: SIGSEGV ended its process");
    let report = trial.report.unwrap();
    assert!(report.contains("in deep"), "{report}");
    assert!(!report.contains("_menace"), "{report}");
}

#[test]
fn a_loop_that_ignores_signals_runs_out_of_time() {
    let module = "import signal\nfor n in (1, 2, 15):\n    signal.signal(n, signal.SIG_IGN)\n\
        def spin():\n    while True: pass\nspin()\n";
    let Some(trial) = then_a_good_one(module, 0.5) else {
        return;
    };
    assert_eq!(verdict(&trial), "timed_out: it did not end within 0.5s");
    let report = trial.report.unwrap();
    assert!(report.contains("in spin"), "{report}");
}

#[test]
fn a_wait_in_native_code_runs_out_of_time() {
    for module in [
        "import signal\nwhile True: signal.pause()\n",
        "import signal\nsignal.pause()\n",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n",
        "import threading\nthreading.Lock().acquire()\nthreading.Lock().acquire()\n\
         lock = threading.Lock()\nlock.acquire()\nlock.acquire()\n",
    ] {
        let Some(trial) = then_a_good_one(module, 0.5) else {
            return;
        };
        assert_eq!(trial.outcome, TrialOutcome::TimedOut, "{trial:#?}");
    }
}

#[test]
fn an_allocation_that_fails_is_the_modules_own_failure() {
    let module = "x = bytearray(1 << 62)\n";
    let Some(trial) = then_a_good_one(module, 30.0) else {
        return;
    };
    assert_eq!(verdict(&trial), "failed: it does not import: MemoryError");
}

#[test]
fn a_flood_of_output_leaves_its_end() {
    let module = "import os\nfor _ in range(1600): os.write(1, b'x' * 65536)\nprint('the end')\n";
    let Some(trial) = then_a_good_one(module, 30.0) else {
        return;
    };
    assert_passed(&trial);
    assert_eq!(trial.output.len(), 64 * 1024);
    assert!(trial.output.ends_with("xthe end\n"));
}

#[test]
fn a_module_that_closes_every_descriptor_is_a_crash_of_its_own() {
    let module = "import os\nos.closerange(0, 5000)\n";
    let Some(trial) = then_a_good_one(module, 30.0) else {
        return;
    };
    assert_eq!(
        verdict(&trial),
        "crashed: it closed the descriptor that its report goes through"
    );
}

#[test]
fn a_module_that_closes_the_usual_descriptors_still_reports() {
    let module = "import os\nos.closerange(0, 256)\n";
    let Some(trial) = then_a_good_one(module, 30.0) else {
        return;
    };
    assert_passed(&trial);
}

#[test]
fn a_module_that_writes_reports_of_its_own_confuses_nobody_else() {
    let writes = |line: &str| {
        format!(
            "import os\nfor fd in range(3, 2000):\n    try: os.write(fd, {line})\n    except OSError: pass\n\
             os._exit(0)\n"
        )
    };
    let deep = r"b'R' + b'[' * 100000 + b'\n'";
    let odd = r#"b'R{"outcome":"odd","touched":[]}\n'"#;
    let forged = r#"b'R{"outcome":"passed","tests":5,"touched":[]}\n'"#;
    let junk = r"bytes(range(256)) * 20000 + b'\nT\n'";
    for (line, expected) in [
        (deep, "crashed: it ended its process with exit status 0"),
        (odd, "crashed: it ended its process with exit status 0"),
        (junk, "crashed: it ended its process with exit status 0"),
        (forged, "crashed: it ended its process with exit status 0"),
    ] {
        let Some(trial) = then_a_good_one(&writes(line), 30.0) else {
            return;
        };
        assert_eq!(verdict(&trial), expected);
    }
}

#[test]
fn a_module_that_kills_its_own_group_takes_nobody_along() {
    for module in [
        "import os\nos.killpg(os.getpgrp(), 9)\n",
        "import os\nos.kill(0, 9)\n",
    ] {
        let Some(trial) = then_a_good_one(module, 30.0) else {
            return;
        };
        assert_eq!(verdict(&trial), "crashed: SIGKILL ended its process");
    }
}

#[test]
fn threads_that_go_on_do_not_keep_it() {
    let module =
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n";
    let Some(trial) = then_a_good_one(module, 30.0) else {
        return;
    };
    assert_passed(&trial);
}

#[test]
fn the_namespaces_of_the_trial_can_be_emptied() {
    let module = "import sys, os, builtins\n\
        frame, spaces = sys._getframe(), {}\n\
        while frame:\n\
        \x20   if frame.f_code.co_filename.startswith('<_menace.'):\n\
        \x20       spaces[frame.f_globals['__name__']] = frame.f_globals\n\
        \x20   frame = frame.f_back\n\
        loader = spaces['_menace.trial.inside']['__loader__']\n\
        spaces.update((name, vars(module)) for name, module in loader.modules.items())\n\
        assert '_menace.trial.guard' in spaces, spaces\n\
        for names in spaces.values(): names.clear()\n\
        try: open('new', 'w')\n\
        except OSError: pass\n\
        else: os._exit(9)\n";
    let Some(trial) = then_a_good_one(module, 30.0) else {
        return;
    };
    assert_ne!(
        verdict(&trial),
        "crashed: it ended its process with exit status 9"
    );
    assert_eq!(trial.touched[0].target, "new");
}

#[test]
fn what_native_code_forks_off_ends_with_the_module() {
    let Some(python) = bare_python() else { return };
    // `ctypes` goes around the guard; processes that stay in the session are killed all the same.
    let module = "import ctypes, os, time\n\
        pid = ctypes.CDLL(None).fork()\n\
        if pid == 0:\n    os.setpgid(0, 0)\n    time.sleep(600)\n\
        print(pid)\n";
    let trial = Project::new(&python, &[("forks.py", module)]).trial();
    assert_passed(&trial);
    let pid = trial.output.trim().parse().unwrap();
    wait_for_death(&[pid]);
}

#[test]
fn a_module_that_kills_its_parent_leaves_nothing_behind() {
    let Some(python) = bare_python() else { return };
    let module =
        "import ctypes, os, time\nctypes.CDLL(None).kill(os.getppid(), 9)\ntime.sleep(600)\n";
    let project = Project::new(&python, &[("kills.py", module)]);
    // As on a system whose kernel has no wall against that.
    let no_wall = changed("_menace.trial.wall", "platform != \"linux\"", "platform");
    let mut talk = project.start_program(no_wall);
    let pid = talk.wait_for_start();
    talk.end();
    wait_for_death(&[pid]);
}

#[test]
fn a_trial_that_is_killed_before_it_can_note_a_module_leaves_nothing_behind() {
    let Some(python) = bare_python() else { return };
    let notes = "        self.reaper.tell(\"+\", pid)\n";
    let dies = "        self.channel.send(\"started\", pid=pid, **name_of(module))\n\
        \x20       time.sleep(0.5)\n\
        \x20       os.kill(os.getpid(), signal.SIGKILL)\n";
    let files = [("a.py", "import time\ntime.sleep(600)\n")];
    let project = Project::new(&python, &files);
    let mut talk = project.start_program(changed("_menace.trial.trials", notes, dies));
    let pid = talk.wait_for_start();
    talk.end();
    wait_for_death(&[pid]);
}

#[test]
fn a_reaper_that_is_slow_to_start_is_not_killed_with_the_trial() {
    let Some(python) = bare_python() else { return };
    let leaves = "            os.setsid()\n";
    let leaves_late =
        "            import time\n            time.sleep(0.5)\n            os.setsid()\n";
    let files = [("a.py", "import time\ntime.sleep(600)\n")];
    let project = Project::new(&python, &files);
    let mut talk = project.start_program(changed("_menace.trial.reaper", leaves, leaves_late));
    let pid = talk.wait_for_start();
    talk.kill();
    talk.end();
    wait_for_death(&[pid]);
}

/// The trial with one place of one of its sources replaced.
fn changed(source: &str, from: &str, to: &str) -> Program {
    let replaced = |(name, text): (&'static str, &'static str)| {
        if name != source {
            return (name, text);
        }
        assert_eq!(text.matches(from).count(), 1, "{from}");
        (name, &*text.replace(from, to).leak())
    };
    let sources: Vec<_> = TRIAL.sources.iter().copied().map(replaced).collect();
    assert!(TRIAL.sources.iter().any(|(name, _)| *name == source));
    Program {
        sources: sources.leak(),
        ..TRIAL
    }
}

#[test]
fn when_the_agent_goes_the_modules_go() {
    let Some(python) = bare_python() else { return };
    let module = "import time\ntime.sleep(600)\n";
    for how in ["hang up", "kill", "stop"] {
        let files = [("a.py", module), ("b.py", module)];
        let project = Project::new(&python, &files).limit(600.0).at_once(2);
        let mut talk = project.start();
        let pids = [talk.wait_for_start(), talk.wait_for_start()];
        match how {
            "hang up" => talk.hang_up(),
            "kill" => talk.kill(),
            _ => {
                talk.tell(&TrialCommand::Stop);
                assert_eq!(talk.next(), TrialEvent::Bye);
            }
        }
        talk.end();
        wait_for_death(&pids);
    }
}

#[test]
fn the_scratch_folder_goes_even_when_its_rights_were_taken_away() {
    let module = "import os, tempfile\n\
        home = os.environ['HOME']\n\
        assert tempfile.gettempdir() == home\n\
        os.makedirs(home + '/a/b')\nopen(home + '/a/b/c', 'w').close()\n\
        os.symlink('/', home + '/a/root')\nos.chmod(home + '/a', 0)\n";
    let Some(trial) = then_a_good_one(module, 30.0) else {
        return;
    };
    assert_passed(&trial);
}

#[test]
fn modules_are_tried_at_the_same_time() {
    let Some(python) = bare_python() else { return };
    // Each waits for the other.
    let module = |mine: &str, other: &str| {
        format!(
            "import os, time\nopen(os.environ['HOME'] + '/../{mine}', 'w') if 0 else None\n\
             base = os.path.dirname(os.environ['HOME'])\n\
             open(os.environ['HOME'] + '/{mine}', 'w').close()\n\
             while not any(os.path.exists(f'{{base}}/{{n}}/{other}') for n in os.listdir(base)):\n\
             \x20   time.sleep(0.01)\n\
             time.sleep(0.2)\n"
        )
    };
    let (a, b) = (module("a", "b"), module("b", "a"));
    let project = Project::new(&python, &[("a.py", &a), ("b.py", &b)]).at_once(2);
    for trial in project.run() {
        assert_passed(&trial);
    }
}

#[test]
fn no_core_no_byte_code_and_no_file_of_any_size() {
    let Some(python) = bare_python() else { return };
    let files = [
        (
            "a.py",
            "import b\nimport resource, os\n\
            assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)\n\
            with open(os.environ['HOME'] + '/big', 'wb') as file: os.truncate(file.fileno(), 1 << 40)\n",
        ),
        ("b.py", "X = 1\n"),
    ];
    let project = Project::new(&python, &files).only(&["a.py"]);
    let trial = project.trial();
    assert!(
        verdict(&trial).contains("File too large"),
        "{}",
        verdict(&trial)
    );
    let mut names: Vec<_> = fs::read_dir(project.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a.py", "b.py"]);
}
