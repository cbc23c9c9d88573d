//! A docker daemon of the test's own, which can be ended without harm to anybody else's.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::engines::{IMAGE, engines, project};
use crate::envs::{Skip, available};
use crate::lab::{Going, Lab};
use crate::wait::wait_for;

const WAITS: &str = "import os, time\n\
    def test_first(): pass\n\
    def test_waits():\n\
    \x20   while not os.path.exists('go'): time.sleep(0.01)\n\
    def test_last(): pass\n";

struct Daemon {
    child: Child,
    folder: TempDir,
}

impl Daemon {
    /// Starts one that has the image of the tests; needs root.
    fn start() -> Option<Self> {
        let tarball = std::env::var("AGENT_TEST_IMAGE_TAR");
        let able = match (&tarball, nix::unistd::geteuid().is_root()) {
            (Ok(tarball), true) => Ok(tarball),
            _ => Err(Skip(
                "needs root and AGENT_TEST_IMAGE_TAR; `.ci/engines` has both".to_owned(),
            )),
        };
        let tarball = available(able)?;
        // Its containers run below a folder of the disk: an overlay cannot lie on another one.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let child = Self::spawn(folder.path());
        let daemon = Self { child, folder };
        wait_for("an answer of the daemon", || daemon.call(&["version"]));
        daemon
            .call(&["load", "--quiet", "--input", tarball])
            .unwrap();
        Some(daemon)
    }

    fn spawn(folder: &Path) -> Child {
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let log = File::create(at("log")).unwrap();
        // In a network of its own: without a bridge, it removes the one of the docker that runs.
        Command::new("unshare")
            .args(["--net", "dockerd"])
            .args(["--host", &format!("unix://{}", at("sock"))])
            .args(["--data-root", &at("data"), "--exec-root", &at("exec")])
            .args(["--pidfile", &at("pid"), "--bridge", "none"])
            .args(["--iptables=false", "--ip6tables=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap()
    }

    /// Starts it again after it was killed: it ends the containers that it left.
    fn restart(&mut self) {
        let at = |name: &str| self.folder.path().join(name);
        // Nobody may have reaped its containerd, which would look alive by its number.
        for pid in ["pid", "exec/containerd/containerd.pid"] {
            fs::remove_file(at(pid)).unwrap();
        }
        let unmount = Command::new("umount")
            .arg("--lazy")
            .arg(at("data"))
            .status();
        assert!(unmount.unwrap().success());
        self.child = Self::spawn(self.folder.path());
        wait_for("an answer of the daemon", || self.call(&["version"]));
    }

    fn host(&self) -> String {
        format!("unix://{}/sock", self.folder.path().display())
    }

    fn call(&self, args: &[&str]) -> Result<(), Output> {
        let output = Command::new("docker")
            .args(["--host", &self.host()])
            .args(args)
            .output()
            .unwrap();
        if output.status.success() {
            Ok(())
        } else {
            Err(output)
        }
    }

    fn run(&self, lab: &Lab) -> Going {
        let mut command = lab.command(&[
            "run",
            "--require-container",
            "--container-runtime",
            "docker",
            "--docker-host",
            &self.host(),
            "--container-image",
            IMAGE,
            "--offline",
            "--no-cov",
            "--events",
            "-",
        ]);
        command.env_remove("SELF_TEST_PYTHON");
        Going::start(&mut command)
    }

    fn end(&mut self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let _over = kill(Pid::from_raw(pid), Signal::SIGTERM);
        let _reaped = self.child.wait();
    }
}

#[test]
fn an_engine_that_dies_is_quoted_and_its_tests_are_not() {
    if engines().iter().all(|engine| engine.0 != "docker") {
        return;
    }
    let Some(mut daemon) = Daemon::start() else {
        return;
    };
    let lab = project(&[("test_a.py", WAITS)]);
    let mut going = daemon.run(&lab);
    going.wait_for_test("test_waits");
    daemon.end(Signal::SIGKILL);
    let ended = going.end();
    daemon.restart();
    let ended = ended.expect(3);
    let went_away = "error: docker went away while the tests ran\n  caused by: ";
    assert!(ended.stderr.contains(went_away), "{ended}");
    let mut causes = ended
        .stderr
        .lines()
        .filter(|line| line.contains("caused by: "));
    assert!(
        causes.all(|line| line.contains("unexpected EOF")),
        "{ended}"
    );
}

#[test]
fn an_engine_that_is_stopped_in_the_middle_is_named_and_costs_no_result() {
    if engines().iter().all(|engine| engine.0 != "docker") {
        return;
    }
    let Some(mut daemon) = Daemon::start() else {
        return;
    };
    let lab = project(&[("test_a.py", WAITS)]);
    let mut going = daemon.run(&lab);
    going.wait_for_test("test_waits");
    daemon.end(Signal::SIGTERM);
    let ended = going.end().expect(3);
    assert!(
        ended.stderr.contains("docker did not start a container"),
        "{ended}"
    );
    assert!(ended.stderr.contains("hint: "), "{ended}");
    assert_eq!(lab.verdict(), "error | 3");
    insta::assert_snapshot!(lab.table(), @r"
    test_a.py::test_first passed
    test_a.py::test_last not_run
    test_a.py::test_waits not_run
    ");
    assert_eq!(lab.rows("SELECT live FROM lease_state"), ["0"]);
    lab.assert_whole();
}
