//! Faults of containers and their engines: each has its message and its exit code, and leaves no
//! container behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;

use crate::engines::{Engine, IMAGE, engines, engines_alone, notices, project};
use crate::lab::{Lab, answer};
use crate::wait::wait_until_gone;

/// Goes on when the file `go` is there.
const WAITS: &str = "import os, time\n\
    def test_first(): pass\n\
    def test_waits():\n\
    \x20   while not os.path.exists('go'): time.sleep(0.01)\n\
    def test_last(): pass\n";

fn nothing_is_left(engine: Engine, lab: &Lab) {
    wait_until_gone("the containers", || engine.containers(lab));
    lab.assert_whole();
}

#[test]
fn out_of_memory_is_named_and_the_rest_continues() {
    for &engine in engines().iter() {
        let lab = project(&[(
            "test_a.py",
            "def test_one(): pass\n\
             def test_hungry(): bytearray(500 << 20)\n\
             def test_last(): pass\n",
        )]);
        engine
            .run(&lab, &["--no-cov", "--memory", "100m"])
            .expect(6);
        insta::allow_duplicates! {
            insta::assert_snapshot!(lab.table(), @r"
            test_a.py::test_hungry crashed
            test_a.py::test_last passed
            test_a.py::test_one passed
            ");
        }
        let messages = lab.rows("SELECT message FROM test_outcome WHERE outcome = 'crashed'");
        assert_eq!(
            messages,
            ["the container ran out of its 100m of memory in this test"]
        );
        nothing_is_left(engine, &lab);
    }
}

#[test]
fn tests_of_a_container_that_somebody_killed_go_on_in_another_one() {
    for &engine in engines().iter() {
        for args in [
            ["kill", "--signal=KILL"],
            ["stop", "--time=30"],
            ["rm", "--force"],
        ] {
            let lab = project(&[("test_a.py", WAITS)]);
            let mut going = engine.start(&lab, &["--no-cov"]);
            going.wait_for_test("test_waits");
            let container = engine.container_of(&lab);
            engine.call(&[args[0], args[1], &container]);
            lab.write("go", "");
            let ended = going.end().expect(0);
            assert!(ended.stdout.contains("container-killed"), "{ended}");
            assert_eq!(lab.verdict(), "passed | 0");
            assert_eq!(lab.outcomes().len(), 3);
            nothing_is_left(engine, &lab);
        }
    }
}

#[test]
fn a_paused_container_runs_out_of_time_and_is_removed() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", WAITS)]);
        let mut going = engine.start(&lab, &["--no-cov", "--timeout", "20"]);
        going.wait_for_test("test_waits");
        engine.call(&["pause", &engine.container_of(&lab)]);
        going.end().expect(6);
        insta::allow_duplicates! {
            insta::assert_snapshot!(lab.table(), @r"
            test_a.py::test_first passed
            test_a.py::test_last not_run
            test_a.py::test_waits timed_out
            ");
        }
        nothing_is_left(engine, &lab);
    }
}

#[test]
fn a_test_that_hangs_is_timed_out_with_its_stacks() {
    for &engine in engines().iter() {
        let lab = project(&[(
            "test_a.py",
            "import ctypes, signal, time\n\
             def test_native(): ctypes.PyDLL(None).pause()\n\
             def test_stubborn():\n\
             \x20   signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
             \x20   time.sleep(600)\n\
             def test_last(): pass\n",
        )]);
        engine
            .run(&lab, &["--no-cov", "--test-timeout", "2"])
            .expect(6);
        insta::allow_duplicates! {
            insta::assert_snapshot!(lab.table(), @r"
            test_a.py::test_last passed
            test_a.py::test_native timed_out
            test_a.py::test_stubborn timed_out
            ");
        }
        let shown = lab.agent(&["show", "latest"]).expect(0).stdout;
        for name in ["in test_native", "in test_stubborn"] {
            assert!(shown.contains(name), "{name}: {shown}");
        }
        nothing_is_left(engine, &lab);
    }
}

#[test]
fn daemons_of_a_test_end_with_its_container() {
    for &engine in engines().iter() {
        let lab = project(&[(
            "test_a.py",
            "import subprocess\n\
             def test_one():\n\
             \x20   for _ in range(20):\n\
             \x20       subprocess.Popen(['setsid', 'sleep', '600'])\n",
        )]);
        engine.run(&lab, &["--no-cov"]).expect(0);
        nothing_is_left(engine, &lab);
    }
}

#[test]
fn a_test_that_fills_its_disk_or_removes_its_project_harms_nobody() {
    for &engine in engines().iter() {
        let lab = project(&[(
            "test_a.py",
            "import os, shutil, pytest\n\
             def test_fills():\n\
             \x20   with pytest.raises(OSError), open('/tmp/big', 'wb') as file:\n\
             \x20       for _ in range(1 << 14): file.write(bytes(1 << 20))\n\
             \x20   os.remove('/tmp/big')\n\
             def test_removes():\n\
             \x20   shutil.rmtree(os.getcwd(), ignore_errors=True)\n\
             \x20   assert not os.path.exists(__file__)\n\
             def test_last(tmp_path): (tmp_path / 'a').write_text('b')\n",
        )]);
        engine.run(&lab, &["--no-cov"]).expect(0);
        assert!(lab.path().join("test_a.py").exists());
        assert_eq!(lab.outcomes().len(), 3);
        nothing_is_left(engine, &lab);
    }
}

#[test]
fn an_interrupt_ends_the_container_and_keeps_what_finished() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", WAITS)]);
        let mut going = engine.start(&lab, &["--no-cov"]);
        going.wait_for_test("test_waits");
        going.signal(Signal::SIGINT);
        going.end().expect(130);
        assert_eq!(lab.verdict(), "interrupted | 130");
        assert_eq!(lab.outcomes()["test_a.py::test_first"], "passed");
        nothing_is_left(engine, &lab);
    }
}

#[test]
fn a_container_ends_by_itself_when_its_agent_is_killed() {
    for &engine in engines_alone().iter() {
        let lab = project(&[("test_a.py", WAITS)]);
        let mut going = engine.start(&lab, &["--no-cov"]);
        going.wait_for_test("test_waits");
        assert_eq!(engine.containers(&lab).len(), 1);
        going.kill();
        nothing_is_left(engine, &lab);
    }
}

#[test]
fn an_image_that_is_not_there_is_named() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
        let args = ["--container-image", "menace-selftest-missing:1"];
        let failed = engine.run(&lab, &args).expect(3);
        let expected = format!(
            "error: {} has no image `menace-selftest-missing:1`, and nothing is fetched offline",
            engine.0
        );
        assert_eq!(failed.stderr.lines().next(), Some(expected.as_str()));
        assert!(failed.stderr.contains("hint: make one with"), "{failed}");
    }
}

/// An image made from another one by a shell command; removed at the end.
struct Derived(Engine, String);

impl Derived {
    fn new(engine: Engine, name: &str, change: &str) -> Self {
        let (container, image) = (
            format!("selftest-maker-{name}"),
            format!("selftest-{name}:1"),
        );
        let _left_over = engine.call(&["rm", "--force", &container]);
        let shell = [
            "run",
            "--name",
            &container,
            "--network",
            "none",
            "--entrypoint",
            "/bin/sh",
        ];
        engine.call(&[&shell[..], &[IMAGE, "-c", change]].concat());
        engine.call(&["commit", &container, &image]);
        engine.call(&["rm", "--force", &container]);
        Self(engine, image)
    }
}

impl Drop for Derived {
    fn drop(&mut self) {
        self.0.call(&["image", "rm", "--force", &self.1]);
    }
}

#[test]
fn an_image_without_pytest_or_python_says_so() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
        let packages = "rm -r /usr/lib/python3/dist-packages/*pytest*";
        let without_pytest = Derived::new(engine, "without-pytest", packages);
        let failed = engine
            .run(&lab, &["--container-image", &without_pytest.1])
            .expect(3);
        let line = failed.stderr.lines().next().unwrap();
        assert_eq!(
            line,
            "error: the image `selftest-without-pytest:1` has no pytest"
        );
        let without_python = Derived::new(engine, "without-python", "rm /usr/bin/python3*");
        let failed = engine
            .run(&lab, &["--container-image", &without_python.1])
            .expect(3);
        let line = failed.stderr.lines().next().unwrap();
        assert_eq!(
            line,
            "error: the image `selftest-without-python:1` has no `python3`"
        );
        assert_eq!(lab.verdict(), "error | 3");
        nothing_is_left(engine, &lab);
    }
}

#[test]
fn without_an_engine_the_host_serves_unless_that_is_refused() {
    let Some(lab) = crate::lab::lab(&[("test_a.py", "def test_one(): pass\n")]) else {
        return;
    };
    let args = ["--no-cov", "--docker-host", "unix:///nowhere/engine.sock"];
    let wishes = [&["run", "--json", "--use-container"], &args[..]].concat();
    let served = answer(&mut lab.command(&wishes)).expect(0);
    let told = notices(&served);
    assert_eq!(told[0].0, "no-engine");
    assert!(
        told[0]
            .1
            .starts_with("runs on the host: no container engine answers"),
        "{told:?}"
    );
    assert_eq!(lab.rows("SELECT executor FROM run_summary"), ["host"]);
    let refused = lab
        .run(&[&["--require-container"], &args[..]].concat())
        .expect(3);
    let first = refused.stderr.lines().next();
    assert_eq!(
        first,
        Some("error: no container engine answers"),
        "{refused}"
    );
    assert!(refused.stderr.contains("docker: "), "{refused}");
    assert!(refused.stderr.contains("podman: "), "{refused}");
}

#[test]
fn a_socket_that_is_not_there_is_named_without_advice_about_other_machines() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
        let args = ["--docker-host", "unix:///nowhere/engine.sock"];
        let refused = engine.run(&lab, &args).expect(3);
        assert!(refused.stderr.contains("/nowhere/engine.sock"), "{refused}");
        assert!(!refused.stderr.contains("machine"), "{refused}");
        assert!(
            refused.stderr.contains("hint: start the engine"),
            "{refused}"
        );
        let Some(mut command) = engine.command_over_ssh(&lab, &[]) else {
            return;
        };
        let refused = answer(command.args(["--docker-host", "ssh://selftest-remote/nowhere/s"]));
        let refused = refused.expect(3);
        assert!(!refused.stderr.contains("podman machine"), "{refused}");
    }
}

#[test]
fn an_engine_that_hangs_can_be_interrupted() {
    let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
    lab.write("docker", "#!/bin/sh\necho asked > asked\nexec sleep 600\n");
    let program = lab.path().join("docker");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let asked = lab.path().join("asked");
    lab.write(
        "docker",
        &format!("#!/bin/sh\necho > '{}'\nexec sleep 600\n", asked.display()),
    );
    let args = [
        "run",
        "--require-container",
        "--container-runtime",
        "./docker",
    ];
    let mut going = crate::lab::Going::start(&mut lab.command(&args));
    lab.wait_for_file("asked");
    going.signal(Signal::SIGINT);
    let ended = going.end().expect(130);
    assert!(
        ended.stderr.contains("interrupted before the run began"),
        "{ended}"
    );
}
