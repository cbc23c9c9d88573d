//! What a run asks of git, whose repository others made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use menace_agent::engine::git;

use super::Clone;

/// git as it is, whatever this machine's own settings are. Where it fails, that is the answer.
#[expect(clippy::disallowed_methods, reason = "the repository is made by git")]
fn call_git(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
        .args(["-c", "protocol.file.allow=always"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .current_dir(folder);
    command.output().unwrap()
}

/// Makes a repository with one commit of what is in the folder.
fn commit_all(folder: &Path) {
    for args in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--message", "first"],
    ] {
        let output = call_git(folder, args);
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
}

/// Ways in which a repository makes git start a program: lines of its configuration, with `EVIL`
/// for the program.
const WAYS: [(&str, &str); 8] = [
    ("fsmonitor", "[core]\nfsmonitor = EVIL"),
    ("hooks", "[core]\nhooksPath = .git/mine"),
    ("clean", "[filter \"evil\"]\nclean = EVIL"),
    (
        "process",
        "[filter \"evil\"]\nprocess = EVIL\nrequired = true",
    ),
    ("equals", "[filter \"a=b\"]\nclean = EVIL"),
    ("include", "[include]\npath = more"),
    (
        "ext",
        "[core]\nrepositoryformatversion = 1\n[extensions]\npartialClone = o\n\
         [remote \"o\"]\npromisor = true\nurl = ext::EVIL\n[protocol \"ext\"]\nallow = always",
    ),
    (
        "uploadpack",
        "[core]\nrepositoryformatversion = 1\n[extensions]\npartialClone = o\n\
         [remote \"o\"]\npromisor = true\nurl = ../outside\nuploadpack = EVIL",
    ),
];

/// A run asks git for the commit, and git starts no program that the repository of the project names.
#[test]
fn git_starts_no_program_of_the_repository() {
    for (way, lines) in WAYS {
        let clone = Clone::new("");
        let project = clone.path("project");
        fs::remove_dir(project.join(".git")).unwrap();
        clone.write("project/forced.so", "");
        commit_all(&project);
        clone.write("project/.gitignore", "*.so\n");
        let attributes = "*.py filter=evil\n*.toml filter=a=b\n";
        clone.write("project/.git/info/attributes", attributes);
        fs::create_dir(project.join(".git/mine")).unwrap();
        clone.program("project/.git/mine/post-index-change");
        let evil = clone.program("evil");
        let filter = format!("[filter \"evil\"]\nclean = {evil}\n");
        clone.write("project/.git/more", &filter);
        let config = fs::read_to_string(project.join(".git/config")).unwrap();
        let lines = lines.replace("EVIL", &evil);
        clone.write("project/.git/config", &format!("{config}{lines}\n"));
        // As long as before, so that only a look into it shows the change.
        clone.write("project/test_a.py", "def test_two(): pass\n");
        clone.write("project/menace.toml", "");
        let lacks_objects = ["ext", "uploadpack"].contains(&way);
        if lacks_objects {
            let tree = call_git(&project, &["rev-parse", "HEAD^{tree}"]).stdout;
            let tree = String::from_utf8(tree).unwrap();
            let (folder, file) = tree.trim().split_at(2);
            let object = project.join(".git/objects").join(folder).join(file);
            fs::remove_file(object).unwrap();
        }
        let state = git::state(&project);
        let listed = git::tracked_though_ignored(&project);
        assert!(!clone.has_run(), "{way}");
        assert_eq!(listed, [PathBuf::from("forced.so")], "{way}");
        let is_dirty = state.is_some_and(|state| state.dirty);
        assert!(is_dirty || lacks_objects, "{way}");
        // The way leads somewhere.
        call_git(&project, &["status", "--porcelain"]);
        assert!(clone.has_run(), "{way}");
    }
}

#[test]
fn git_looks_into_no_repository_inside_of_another() {
    let clone = Clone::new("");
    let evil = clone.program("evil");
    commit_all(&clone.path("outside"));
    let project = clone.path("project");
    fs::remove_dir(project.join(".git")).unwrap();
    let source = clone.path("outside").to_str().unwrap().to_owned();
    call_git(&project, &["init", "--quiet"]);
    call_git(&project, &["submodule", "--quiet", "add", &source, "part"]);
    commit_all(&project);
    let part = project.join("part");
    call_git(&part, &["config", "core.fsmonitor", &evil]);
    clone.write("project/part/kept.txt", "of some user");
    assert!(git::state(&project).is_some_and(|state| !state.dirty));
    assert!(!clone.has_run());
    call_git(&project, &["status", "--porcelain"]);
    assert!(clone.has_run());

    // A folder that looks like a repository, and is one of another.
    fs::remove_file(clone.path("ran")).unwrap();
    let bare = clone.path("project/bare");
    call_git(&project, &["clone", "--quiet", "--bare", &source, "bare"]);
    for (key, value) in [
        ("core.bare", "false"),
        ("core.worktree", ".."),
        ("core.fsmonitor", &evil),
    ] {
        call_git(&bare, &["config", key, value]);
    }
    assert_eq!(git::state(&bare), None);
    assert!(!clone.has_run());
    call_git(&bare, &["status", "--porcelain"]);
    assert!(clone.has_run());
}
