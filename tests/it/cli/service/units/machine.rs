//! A real systemd of a user, in a container that has one: installed, running, restarted, removed.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::envs::Skip;
use crate::wait::wait_within;

/// Longer than anything here takes on a loaded machine, so that only a hang reaches it.
const PATIENCE: Duration = Duration::from_mins(2);

/// A name that every kind of quoting is needed for.
const PROJECT: &str = "/home/tester/a b%c$d";

/// The unit of the service.
const UNIT: &str = "/home/tester/.config/systemd/user/menace-agent.service";

/// A machine with systemd, on which the user `tester` has a project.
struct Machine {
    name: String,
}

impl Machine {
    /// Starts one; `None` after saying `SKIPPED`, a failure if engines are required.
    fn start() -> Option<Self> {
        match Self::try_start() {
            Ok(machine) => Some(machine),
            Err(Skip(reason)) if std::env::var_os("AGENT_REQUIRE_ENGINES").is_some() => {
                panic!("{reason}")
            }
            Err(Skip(reason)) => {
                println!("SKIPPED: {reason}");
                None
            }
        }
    }

    fn try_start() -> Result<Self, Skip> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let tar = std::env::var("AGENT_TEST_SYSTEMD_TAR").map_err(|_| {
            Skip("AGENT_TEST_SYSTEMD_TAR is not set; `.ci/engines` makes it".to_owned())
        })?;
        let image = image(&tar)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("agent-test-systemd-{}-{number}", std::process::id());
        // The first is what engines have for this; the second is enough for engines that may not
        // hand out every right.
        let rights: [&[&str]; 2] = [
            &["--privileged"],
            &[
                "--cap-add=SYS_ADMIN",
                "--security-opt=seccomp=unconfined",
                "--security-opt=apparmor=unconfined",
            ],
        ];
        let run = |rights: &[&str]| {
            // Dropped, and so removed, if it does not start.
            let machine = Self { name: name.clone() };
            let run = ["run", "--detach", "--name", &name, "--network=none"];
            let label = ["--label", "agent_test=systemd", "--cgroupns=private"];
            let init = [
                "--tmpfs=/run",
                "--env=container=docker",
                &image,
                "/sbin/init",
            ];
            docker(&[&run[..], &label, rights, &init].concat()).map(|_| machine)
        };
        let machine = run(rights[0]).or_else(|_| run(rights[1]))?;
        machine.prepare();
        Ok(machine)
    }

    fn prepare(&self) {
        let agent = env!("CARGO_BIN_EXE_agent");
        let copy = format!("{}:/usr/local/bin/agent", self.name);
        docker(&["cp", agent, &copy]).unwrap_or_else(|Skip(why)| panic!("{why}"));
        wait_within(PATIENCE, "the start of systemd", || {
            let state = self.root("systemctl is-system-running");
            let up = ["running", "degraded"].contains(&state.stdout.trim());
            up.then_some(()).ok_or(state.to_string())
        });
        self.root("useradd --create-home tester").expect(0);
        let tests = "mkdir .git tests && echo 'def test_a(): pass' >tests/test_a.py";
        self.root(&format!(
            "install -d -o tester '{PROJECT}' && cd '{PROJECT}' && {tests} && chown -R tester ."
        ))
        .expect(0);
    }

    /// A shell command of root.
    fn root(&self, command: &str) -> Answer {
        self.exec(&["--user=root"], command)
    }

    /// A shell command of the user, in the project. It has no session, as after `su`.
    fn user(&self, command: &str) -> Answer {
        let home = "--env=HOME=/home/tester";
        self.exec(&["--user=tester", home, "--workdir", PROJECT], command)
    }

    fn exec(&self, options: &[&str], command: &str) -> Answer {
        let shell = [&self.name, "sh", "-c", command];
        let mut docker = Command::new("docker");
        let output = docker
            .arg("exec")
            .args(options)
            .args(shell)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Answer {
            code: output.status.code().expect("no signal ended it"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Calls `systemctl --user` for the unit of the agent.
    fn systemctl(&self, args: &str) -> Answer {
        let folder = "XDG_RUNTIME_DIR=/run/user/$(id -u)";
        self.user(&format!("{folder} systemctl --user {args} menace-agent"))
    }

    /// The answer of the state file to a query: a value of each row.
    fn rows(&self, sql: &str) -> String {
        let connect = "sqlite3.connect('file:sandbox_data/agent.db?mode=ro', uri=True)";
        let program = format!("import sqlite3; print([r[0] for r in {connect}.execute('{sql}')])");
        let answer = self.user(&format!("python3 -c \"{program}\""));
        answer.stdout.trim().to_owned()
    }

    fn let_linger(&self) {
        self.root("loginctl enable-linger tester").expect(0);
        wait_within(PATIENCE, "the systemd of the user", || {
            let shown = self.systemctl("show --property=LoadState");
            (shown.code == 0).then_some(()).ok_or(shown.to_string())
        });
    }

    /// A failure is followed by a start at once, by a change that is the user's own.
    fn restart_at_once(&self) {
        let folder = format!("'{UNIT}.d'");
        let own = format!("printf '[Service]\\nRestartSec=100ms\\n' >{folder}/own.conf");
        self.user(&format!("mkdir -p {folder} && {own}")).expect(0);
    }

    fn status(&self) -> Answer {
        self.user("agent service status")
    }

    /// Waits until the status has a line; the last one is shown if it does not come.
    #[track_caller]
    fn wait_for_status(&self, line: &str) -> Answer {
        wait_within(PATIENCE, &format!("`{line}`"), || {
            let status = self.status();
            let there = status.stdout.contains(line);
            there.then_some(()).ok_or(status.to_string())
        });
        self.status()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.root("journalctl --no-pager --lines=200 | grep -v 'compat systemd'");
            println!("{}", log.stdout);
        }
        let _gone = docker(&["rm", "--force", "--volumes", &self.name]);
    }
}

/// The exit code and output of a command in a machine.
struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Answer {
    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit {}", self.code)?;
        writeln!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// The image of a root file system, imported once: the name of the file says all that it depends
/// on.
fn image(tar: &str) -> Result<String, Skip> {
    let stem = Path::new(tar).file_stem().unwrap_or_default();
    let image = format!("menace-agent-systemd:{}", stem.display());
    let name = format!("menace-agent-tests-{}-systemd.lock", nix::unistd::geteuid());
    let lock = File::create(std::env::temp_dir().join(name)).unwrap();
    lock.lock().unwrap();
    if docker(&["image", "inspect", &image]).is_err() {
        docker(&["import", tar, &image])?;
    }
    Ok(image)
}

fn docker(args: &[&str]) -> Result<String, Skip> {
    let output = Command::new("docker").args(args).output();
    let output = output.map_err(|error| Skip(format!("docker: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Skip(format!("docker {args:?}: {said}")))
}

#[test]
fn a_service_runs_cycles_is_restarted_and_goes_without_a_trace() {
    let Some(machine) = Machine::start() else {
        return;
    };
    // Nobody is logged in, so that no systemd answers for the user.
    let refused = machine.user("agent service install").expect(3);
    assert!(
        refused.stderr.contains("`loginctl enable-linger tester`"),
        "{refused}"
    );
    machine.user("test ! -e ~/.config").expect(0);

    machine.let_linger();
    let installed = machine
        .user("agent service install --start -- --run-now --junit '/home/tester/$HOME %h.xml'")
        .expect(0);
    assert_eq!(installed.stderr, "", "{installed}");
    machine.wait_for_status("active (running)").expect(0);
    wait_within(PATIENCE, "a cycle", || {
        let outcomes = machine.rows("SELECT outcome FROM cycle_summary");
        (outcomes == "['passed']").then_some(()).ok_or(outcomes)
    });
    assert_eq!(machine.rows("SELECT total FROM run_summary"), "[1]");
    machine
        .user("test -s '/home/tester/$HOME %h.xml'")
        .expect(0);

    // A change of the user's own, which a new installation leaves alone.
    machine.restart_at_once();
    machine.user("agent service install").expect(0);
    machine.systemctl("reload").expect(0);
    machine.systemctl("kill --signal=KILL").expect(0);
    machine.wait_for_status("restarts  1");
    machine.wait_for_status("active (running)").expect(0);

    machine.systemctl("stop").expect(0);
    let result = machine.systemctl("show --property=Result --value");
    assert_eq!(result.stdout, "success\n");
    machine.status().expect(3);
    machine.systemctl("start").expect(0);
    let removed = machine.user("agent service uninstall").expect(0);
    assert_eq!(
        removed.stdout,
        format!("removed the service `menace-agent` of {PROJECT}: {UNIT}\n")
    );
    machine.status().expect(3);
    machine.user("agent service uninstall").expect(0);
    let left = machine.user("cd ~/.config/systemd/user && find . ! -type d");
    assert_eq!(left.stdout, "./menace-agent.service.d/own.conf\n");
    let processes = machine.root("grep -l agent /proc/[0-9]*/comm");
    assert_eq!(processes.stdout, "");
    let open = "SELECT count(*) FROM run_summary WHERE finished_at IS NULL";
    assert_eq!(machine.rows(open), "[0]");
}

#[test]
fn a_service_that_does_not_start_is_said_and_stays_installed() {
    let Some(machine) = Machine::start() else {
        return;
    };
    machine.let_linger();
    // A folder takes the place of the state file.
    machine.user("mkdir -p sandbox_data/agent.db").expect(0);
    machine.restart_at_once();
    let failed = machine.user("agent service install --start").expect(3);
    insta::assert_snapshot!(failed.stderr, @r#"
    error: the service `menace-agent` is installed, and does not start
      caused by: `systemctl --user --no-pager restart menace-agent.service` failed: exit status 1
            Job for menace-agent.service failed because the control process exited with error code.
            See "systemctl --user status menace-agent.service" and "journalctl --user -xeu menace-agent.service" for details.
    hint: `journalctl --user -u menace-agent -n 20` says why
    "#);
    machine.wait_for_status("restarts  ").expect(3);
    machine.user("rmdir sandbox_data/agent.db").expect(0);
    machine.wait_for_status("active (running)").expect(0);
    machine.user("agent service uninstall").expect(0);
}

#[test]
fn a_unit_of_another_place_is_not_stopped() {
    let Some(machine) = Machine::start() else {
        return;
    };
    let unit = "printf '[Service]\\nExecStart=/bin/sleep 1000\\n' \
                >/etc/systemd/user/menace-agent.service";
    machine.root(unit).expect(0);
    machine.let_linger();
    machine.systemctl("start").expect(0);
    let removed = machine.user("agent service uninstall").expect(0);
    assert_eq!(
        removed.stdout,
        "the service `menace-agent` is not installed\n"
    );
    machine.wait_for_status("active (running)").expect(0);
    // A folder that the systemd of the user does not read.
    let refused = machine
        .user("XDG_CONFIG_HOME=/tmp agent service install")
        .expect(3);
    insta::assert_snapshot!(refused.stderr, @"
    error: systemd of this user does not read `/tmp/systemd/user`
    hint: it reads `/home/tester/.config/systemd/user`: unset `XDG_CONFIG_HOME`
    ");
    machine.user("test ! -e /tmp/systemd").expect(0);
}
