//! The commit that a run tested.

use std::process::Command;

use crate::lab::{Lab, lab};

/// git as it is, whatever this machine's own settings are.
pub(super) fn git(lab: &Lab, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .current_dir(lab.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_commit_and_whether_files_differ_from_it_are_recorded() {
    let Some(lab) = lab(&[("test_a.py", "def test_one(): pass\n")]) else {
        return;
    };
    let commit = || lab.rows("SELECT git_commit, git_dirty FROM run_summary ORDER BY run_id");
    lab.run(&["--no-cov"]).expect(0);
    assert_eq!(commit(), ["NULL | NULL"]);

    git(&lab, &["init", "--quiet"]);
    git(&lab, &["add", "test_a.py"]);
    git(&lab, &["commit", "--quiet", "--message", "first"]);
    let head = git(&lab, &["rev-parse", "HEAD"]);
    lab.run(&["--no-cov"]).expect(0);
    assert_eq!(commit()[1..], [format!("{head} | 0")]);

    lab.write("test_a.py", "def test_one(): assert True\n");
    lab.run(&["--no-cov"]).expect(0);
    assert_eq!(commit()[2..], [format!("{head} | 1")]);
    let shown = lab.agent(&["show", "latest"]).expect(0).stdout;
    assert!(shown.contains(&head[..7]), "{shown}");
}
