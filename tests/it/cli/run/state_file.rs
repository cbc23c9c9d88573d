//! State files that cannot be used: exit code 4, a message, and the file as it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::lab::{Answer, Lab, answer, bare_lab, lab, rows, skipped};
use crate::store::child::command;
use crate::store::sample::plain;

const GREEN: &str = "def test_one(): pass\n";

/// A file system of its own below the project; gone with this value.
pub(in crate::cli) struct Mount(PathBuf);

impl Mount {
    pub(in crate::cli) fn new(at: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let made = nix::unistd::geteuid().is_root()
            && call(
                "mount",
                &["-t", "tmpfs", "-o", options, "tmpfs", at.to_str().unwrap()],
            );
        if !made {
            skipped("a small file system can only be mounted by root");
        }
        made.then(|| Self(at.to_owned()))
    }

    pub(in crate::cli) fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(call("mount", &["-o", &options, self.0.to_str().unwrap()]));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        call("umount", &["-l", self.0.to_str().unwrap()]);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test prepares the disk that the agent meets"
)]
fn call(program: &str, args: &[&str]) -> bool {
    let output = std::process::Command::new(program).args(args).output();
    output.is_ok_and(|output| output.status.success())
}

fn refused(lab: &Lab) -> String {
    let before = fs::read(lab.db()).unwrap();
    let answer = lab.run(&[]).expect(4);
    assert_eq!(fs::read(lab.db()).unwrap(), before, "the file was changed");
    lab.plain(&answer.stderr)
}

#[test]
fn a_file_that_is_no_database() {
    let lab = bare_lab(
        "/bin/true",
        &[("sandbox_data/agent.db", "not a database at all\n")],
    );
    insta::assert_snapshot!(refused(&lab), @r#"
    error: the state file `[PROJECT]/sandbox_data/agent.db` is not an SQLite file: it starts with the text "not a database at all"
    hint: the file was left as it is; name another file with `--db FILE`
    "#);
}

#[test]
fn a_database_of_another_program() {
    let lab = bare_lab("/bin/true", &[]);
    fs::create_dir(lab.path().join("sandbox_data")).unwrap();
    let made = call(
        "sqlite3",
        &[lab.db().to_str().unwrap(), "CREATE TABLE things (x)"],
    );
    if !made {
        return skipped("this machine has no sqlite3");
    }
    insta::assert_snapshot!(refused(&lab), @r"
    error: the SQLite file `[PROJECT]/sandbox_data/agent.db` belongs to another application (it holds `things`)
    hint: the file was left as it is; name another file with `--db FILE`
    ");
}

#[test]
fn a_truncated_file() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(0);
    let bytes = fs::read(lab.db()).unwrap();
    fs::write(lab.db(), &bytes[..bytes.len() / 2]).unwrap();
    let message = refused(&lab);
    assert!(message.contains("hint: "), "{message}");
    assert!(message.contains("sandbox_data/agent.db"), "{message}");
}

#[test]
fn a_folder_in_place_of_the_file() {
    let lab = bare_lab("/bin/true", &[("sandbox_data/agent.db/x", "")]);
    let answer = lab.run(&[]).expect(4);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: the state file `[PROJECT]/sandbox_data/agent.db` is a directory
    hint: name a file in it: `--db [PROJECT]/sandbox_data/agent.db/agent.db`
    ");
}

#[test]
fn a_folder_that_cannot_be_written() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    let Some(mount) = Mount::new(&lab.path().join("sandbox_data"), "size=4m") else {
        return;
    };
    lab.run(&["--no-cov"]).expect(0);
    mount.remount("ro");
    let answer = lab.run(&["--no-cov"]).expect(4);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: the state file `[PROJECT]/sandbox_data/agent.db` is on a file system that is mounted read-only
    hint: SQLite keeps its journal beside the file: copy it to a place that can be written to, and name that with `--db FILE`
    ");
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_run() {
    let noisy = "import os, pytest\n\
        @pytest.mark.parametrize('n', range(200))\n\
        def test_noise(n):\n\
        \x20   print(os.urandom(30000).hex())\n\
        \x20   assert False\n";
    let Some(lab) = lab(&[("test_a.py", noisy)]) else {
        return;
    };
    let data = lab.path().join("sandbox_data");
    let Some(mount) = Mount::new(&data, "size=1500k") else {
        return;
    };
    let answer = lab.run(&["--no-cov", "-q"]).expect(4);
    let message = lab.plain(&answer.stderr);
    for text in [
        "error: cannot record the run",
        "could not be stored",
        "hint: free some space",
    ] {
        assert!(message.contains(text), "{message}");
    }
    assert_eq!(crate::lab::processes_of(&lab), [""; 0]);
    // With room again the file opens, what was shown is there, and the run is closed.
    mount.remount("size=20m");
    assert_eq!(rows(&lab.db(), "PRAGMA integrity_check"), ["ok"]);
    let shown = answer
        .stdout
        .lines()
        .filter(|line| line.starts_with("FAIL "))
        .count();
    let stored = "SELECT count(*) FROM test_outcome WHERE outcome = 'failed'";
    let stored: usize = lab.rows(stored).concat().parse().unwrap();
    assert!(stored >= shown, "{shown} shown, {stored} stored");
    lab.write("test_a.py", GREEN);
    lab.run(&["--no-cov"]).expect(0);
    let outcomes = lab.rows("SELECT outcome FROM run_summary");
    assert_eq!(outcomes, ["interrupted", "passed"]);
}

/// The commands that only read.
const READING: [&[&str]; 3] = [&["history"], &["show", "latest"], &["status"]];

/// Runs the tests of a project on a file system of its own.
fn run_on(options: &str) -> Option<(Lab, Mount)> {
    let lab = lab(&[("test_a.py", GREEN)])?;
    let mount = Mount::new(&lab.path().join("sandbox_data"), options)?;
    lab.run(&["--no-cov"]).expect(0);
    Some((lab, mount))
}

#[test]
fn a_full_disk_keeps_what_was_stored_readable() {
    let Some((lab, mount)) = run_on("size=1500k") else {
        return;
    };
    fs::write(mount.0.join("filler"), vec![1; 2 << 20]).unwrap_err();
    for command in READING {
        lab.agent(command).expect(0);
    }
    assert!(lab.agent(&["history"]).stdout.contains("passed"));
    let answer = lab.run(&["--no-cov"]).expect(4);
    assert!(answer.stderr.contains("no space is left"), "{answer:?}");
}

#[test]
fn a_disk_without_inodes_is_called_so_and_keeps_what_was_stored_readable() {
    let Some((lab, mount)) = run_on("size=1500k,nr_inodes=8") else {
        return;
    };
    let mut others = 0;
    while fs::write(mount.0.join(others.to_string()), "").is_ok() {
        others += 1;
    }
    for command in READING {
        lab.agent(command).expect(0);
    }
    assert!(lab.agent(&["history"]).stdout.contains("passed"));
    let message = lab.run(&["--no-cov"]).expect(4).stderr;
    insta::assert_snapshot!(lab.plain(&message), @"
    error: no inode is left for the state file `[PROJECT]/sandbox_data/agent.db`: its file system takes no more files
    hint: remove files that you do not need (`df -i` counts them) and run again, or name another file with `--db FILE`; what was stored before is kept
    ");
    // A file that is not there yet.
    let new = mount.0.join("new.db");
    let answer = lab.run(&["--no-cov", "--db", new.to_str().unwrap()]);
    assert!(answer.expect(4).stderr.contains("no inode is left"));
}

/// `agent` with these arguments, which may make no file larger than `kib`.
fn limited(lab: &Lab, kib: u32, args: &[&str]) -> Answer {
    let agent = lab.command(args);
    let mut shell = command("bash");
    shell
        .args(["-c", &format!("ulimit -f {kib}; exec \"$0\" \"$@\"")])
        .arg(agent.get_program())
        .args(agent.get_args())
        .current_dir(lab.path())
        .env_clear()
        .envs(
            agent
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    answer(&mut shell)
}

#[test]
fn a_limit_for_files_is_an_error_and_kills_neither_the_agent_nor_what_it_stored() {
    let source = "def test_one():\n\
        \x20   status = open('/proc/self/status').read()\n\
        \x20   assert 'SigBlk:\\t0000000000000000' in status\n";
    let noisy = "import os, pytest\n\
        @pytest.mark.parametrize('n', range(50))\n\
        def test_noise(n):\n\
        \x20   print(os.urandom(30000).hex())\n\
        \x20   assert False\n";
    let Some(lab) = lab(&[("test_a.py", source)]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(0);
    for command in READING {
        limited(&lab, 8, command).expect(0);
    }
    let message = limited(&lab, 8, &["run", "--no-cov"]).expect(4).stderr;
    insta::assert_snapshot!(lab.plain(&message), @"
    error: the state file `[PROJECT]/sandbox_data/agent.db` would be larger than this process may make a file: 8192 bytes
    hint: raise the limit (`ulimit -f`, or `LimitFSIZE=` of a service) and run again; what was stored before is kept
    ");
    lab.write("test_a.py", noisy);
    let message = limited(&lab, 700, &["run", "--no-cov", "-q"])
        .expect(4)
        .stderr;
    assert!(message.contains("results could not be stored"), "{message}");
    assert!(message.contains("716800 bytes"), "{message}");
    assert_eq!(rows(&lab.db(), "PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn a_lock_of_another_program_loses_no_result_and_no_time_of_the_tests() {
    // Far more than waits in memory: the tests pause, and none of them runs out of time.
    let noisy = "import os, pytest\n\
        @pytest.mark.parametrize('n', range(60))\n\
        def test_noise(n):\n\
        \x20   print(os.urandom(500000).hex())\n\
        \x20   assert n % 2\n";
    let Some(lab) = lab(&[("test_a.py", noisy)]) else {
        return;
    };
    let mut going = lab.start(&["--no-cov", "--test-timeout", "3"]);
    going.wait_for(|event| event["t"] == "test_finished");
    let other = plain(&lab.db());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    going.wait_for(|event| event["code"] == "state-file-waits");
    // Longer than a full disk is waited for, and than a test may take.
    let third = plain(&lab.db());
    third.busy_timeout(Duration::from_secs(16)).unwrap();
    third.execute_batch("BEGIN IMMEDIATE").unwrap_err();
    other.execute_batch("COMMIT").unwrap();
    going.end().expect(1);
    let rows = lab.rows("SELECT passed, failed, total, outcome FROM run_summary");
    assert_eq!(rows, ["30 | 30 | 60 | failed"]);
}

#[test]
fn ctrl_c_ends_a_run_that_waits_for_a_lock() {
    let Some(lab) = lab(&[(
        "test_a.py",
        "import time\ndef test_one(): time.sleep(600)\n",
    )]) else {
        return;
    };
    let mut going = lab.start(&["--no-cov"]);
    going.wait_for_test("test_one");
    let other = plain(&lab.db());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    going.signal(Signal::SIGINT);
    let answer = going.end().expect(4);
    assert!(answer.stderr.contains("locked by another process"));
    assert_eq!(crate::lab::processes_of(&lab), [""; 0]);
}

#[test]
fn a_data_folder_that_is_removed_during_a_run_comes_back_with_everything() {
    let source = "import pathlib, shutil, time\n\
        def test_one(): pass\n\
        def test_two():\n\
        \x20   shutil.rmtree('sandbox_data')\n\
        \x20   while not pathlib.Path('sandbox_data/agent.db').exists(): time.sleep(0.01)\n\
        def test_three(): pass\n";
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(0);
    lab.write("test_a.py", source);
    let answer = lab.run(&["--no-cov"]).expect(0);
    let message = lab.plain(&answer.stderr) + &lab.plain(&answer.stdout);
    assert!(message.contains("the agent wrote it back"), "{message}");
    let rows = lab.rows("SELECT run_id, passed, outcome FROM run_summary");
    assert_eq!(rows, ["1 | 1 | passed", "2 | 3 | passed"]);
}

#[test]
fn a_damaged_page_is_refused_by_a_run_and_what_is_legible_is_still_shown() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(0);
    // The day of the last check is long ago.
    lab.execute("PRAGMA user_version = 1");
    let page = lab.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'notice'");
    let page: usize = page.concat().parse().unwrap();
    let mut bytes = fs::read(lab.db()).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(0xEE);
    fs::write(lab.db(), bytes).unwrap();
    let message = refused(&lab);
    assert!(message.contains("is damaged"), "{message}");
    let history = lab.agent(&["history"]).expect(0);
    assert!(history.stdout.contains("passed"), "{history:?}");
    let shown = lab.agent(&["show", "latest"]).expect(4);
    assert!(shown.stdout.contains("run 1: passed"), "{shown:?}");
    assert!(shown.stderr.contains("is damaged"), "{shown:?}");
}
