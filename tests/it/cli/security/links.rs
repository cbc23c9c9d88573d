//! Links that lead out of the data folder, and files that are none.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::Clone;

/// Unless you name another data folder, it is inside of the project, and a link that leads out is an error.
#[test]
fn a_data_folder_that_leads_out_is_an_error() {
    let clone = Clone::new("");
    symlink("../outside", clone.path("project/sandbox_data")).unwrap();
    let before = clone.files();
    insta::assert_snapshot!(clone.call(&["graph"]), @"
    exit 2
    --- stdout
    --- stderr
    error: `…/project/sandbox_data` is no place of the agent: a link leads to `…/outside`
    hint: remove the link, or name the place: `SANDBOX_DATA_DIR`
    ");
    assert!(clone.files() == before);
    let folder = clone.path("project/sandbox_data");
    let mut command = clone.command(&["config"]);
    let answer = clone.answer(command.env("SANDBOX_DATA_DIR", folder));
    assert_eq!(answer.code, 0, "{answer}");
}

/// The agent follows no link from the data folder to a place outside of it.
#[test]
fn no_link_is_followed_out_of_the_data_folder() {
    let outside = |clone: &Clone| fs::read_dir(clone.path("outside")).unwrap().count();
    for name in ["agent.db", "self_test.lock"] {
        let clone = Clone::new("");
        fs::create_dir(clone.path("project/sandbox_data")).unwrap();
        let link = clone.path("project/sandbox_data").join(name);
        symlink("../../outside/new", &link).unwrap();
        let answer = clone.call(&["module-map", "build"]);
        assert_eq!((answer.code, outside(&clone)), (2, 1), "{answer}");
    }
    for name in ["agent.db-wal", "agent.db-shm", "agent.db-journal"] {
        let clone = Clone::with_runs("");
        let link = clone.path("project/sandbox_data").join(name);
        symlink("../../outside/new", &link).unwrap();
        let answer = clone.call(&["module-map", "build"]);
        assert_eq!(outside(&clone), 1, "{answer}");
    }
    for name in ["module_map.json", "orphan_modules.json"] {
        let clone = Clone::with_runs("");
        let link = clone.path("project/sandbox_data").join(name);
        clone.write("outside/kept.txt", "{\"pkg/part.py\": 1}\n");
        symlink("../../outside/kept.txt", &link).unwrap();
        let answer = clone.call(&["module-map", "build"]);
        assert!(
            answer.stderr.contains("leads out of its folder"),
            "{answer}"
        );
        let kept = fs::read_to_string(clone.path("outside/kept.txt")).unwrap();
        assert_eq!(kept, "{\"pkg/part.py\": 1}\n");
        assert!(link.is_symlink());
    }
}

/// A file of settings can be anything under that name.
#[test]
fn a_settings_file_without_an_end_is_not_read() {
    for name in ["menace.toml", "pyproject.toml"] {
        let clone = Clone::new("");
        fs::remove_file(clone.path("project/menace.toml")).unwrap();
        let path = clone.path("project").join(name);
        symlink("/dev/zero", &path).unwrap();
        let answer = clone.call(&["history"]);
        assert_eq!(answer.code, 2, "{answer}");
        assert!(answer.stderr.contains("it is no file"), "{answer}");
        fs::remove_file(&path).unwrap();
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        assert_eq!(clone.call(&["history"]).code, 2);
        fs::remove_file(&path).unwrap();
        clone.write(&format!("project/{name}"), &"# \n".repeat(2 << 20));
        let answer = clone.call(&["history"]);
        assert!(answer.stderr.contains("larger than"), "{answer}");
    }
}

/// The managed environment is a folder that the agent makes, and makes again.
#[test]
fn no_environment_is_made_behind_a_link() {
    let clone = Clone::new("");
    fs::create_dir(clone.path("project/sandbox_data")).unwrap();
    let link = clone.path("project/sandbox_data/env");
    symlink("../../outside", &link).unwrap();
    let Some(python) = bare_python() else {
        return;
    };
    let before = clone.files();
    let args = [
        "run",
        "--offline",
        "--python",
        &python,
        "--no-include-orphans",
    ];
    let answer = clone.call(&args);
    assert!(answer.stderr.contains("a link leads to"), "{answer}");
    let outside = |files: &BTreeMap<PathBuf, Vec<u8>>| {
        let below = clone.path("outside");
        let files = files.iter().filter(|(path, _)| path.starts_with(&below));
        files.map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(outside(&clone.files()), outside(&before));
}

/// An interpreter without pytest; `None` if this machine has none.
fn bare_python() -> Option<String> {
    let python = Path::new("/usr/bin/python3");
    python.exists().then(|| python.to_str().unwrap().to_owned())
}
