//! What tests write to the project: it stays in their container.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::engines::{Engine, engines, left_in_temp, project};
use crate::lab::{Lab, answer, lab};

/// A project that writes to itself in every usual way.
const WRITER: [(&str, &str); 6] = [
    (
        "pytest.ini",
        "[pytest]\n\
         addopts = --junitxml=reports/junit.xml --basetemp=work\n\
         log_file = logs/t.log\n",
    ),
    ("logs/keep", ""),
    ("kept.txt", "kept"),
    ("gone.txt", "gone"),
    (
        "tests/test_a.py",
        "import os, pathlib\n\
         HERE = pathlib.Path(__file__).parent\n\
         def test_write(): (HERE / 'out.txt').write_text('x')\n\
         def test_change():\n\
         \x20   with open('kept.txt', 'a') as file: file.write('more')\n\
         \x20   assert open('kept.txt').read() == 'keptmore'\n\
         def test_remove(): os.remove('gone.txt'); os.rename('kept.txt', 'moved.txt')\n\
         def test_snapshot():\n\
         \x20   (HERE / '__snapshots__').mkdir()\n\
         \x20   (HERE / '__snapshots__' / 'a.txt').write_text('x')\n\
         def test_base_folder(tmp_path):\n\
         \x20   (tmp_path / 'a').write_text('x')\n\
         \x20   assert tmp_path.parent == pathlib.Path('work').resolve()\n",
    ),
    (
        "test_b.py",
        "import os, sqlite3, subprocess, sys\n\
         def test_database():\n\
         \x20   base = sqlite3.connect('app.db')\n\
         \x20   base.execute('PRAGMA journal_mode=WAL')\n\
         \x20   base.execute('CREATE TABLE t (a)')\n\
         \x20   base.commit()\n\
         def test_child():\n\
         \x20   code = 'import coverage as c; m = c.Coverage(); m.start(); m.stop(); m.save()'\n\
         \x20   subprocess.run([sys.executable, '-c', code], check=True)\n\
         \x20   assert os.path.exists('.coverage')\n",
    ),
];

/// The files of a project but for the agent's, each with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.ends_with("sandbox_data") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn assert_nothing_is_left(engine: Engine, lab: &Lab) {
    assert_eq!(engine.containers(lab), [""; 0]);
    assert_eq!(left_in_temp(lab), [""; 0]);
}

#[test]
fn tests_that_write_to_the_project_pass_everywhere_and_leave_it_as_it_is() {
    let args = ["--no-cov", "--no-include-orphans"];
    for &engine in engines().iter() {
        let Some(host) = lab(&WRITER) else { return };
        host.run(&args).expect(0);
        let check = |place: &str, start: &dyn Fn(&Lab) -> Option<Command>| {
            let lab = project(&WRITER);
            let Some(mut command) = start(&lab) else {
                return;
            };
            let before = content(&lab.path());
            let given = answer(&mut command);
            assert_eq!(given.code, 0, "{engine:?}, {place}: {given}");
            assert_eq!(lab.table(), host.table(), "{engine:?}, {place}");
            assert_eq!(content(&lab.path()), before, "{engine:?}, {place}");
            assert_nothing_is_left(engine, &lab);
        };
        let copied = [&args[..], &["--project-mount", "copy"]].concat();
        check("a layer", &|lab| Some(engine.command(lab, &args)));
        check("a copy", &|lab| Some(engine.command(lab, &copied)));
        check("over ssh", &|lab| engine.command_over_ssh(lab, &args));
    }
}

#[test]
fn a_project_that_is_mounted_read_only_cannot_be_written_to() {
    for &engine in engines().iter() {
        let test = "import pytest\n\
            def test_one(): pytest.raises(OSError, open, 'new', 'w')\n";
        let lab = project(&[("test_a.py", test)]);
        engine
            .run(&lab, &["--no-cov", "--project-mount", "ro"])
            .expect(0);
    }
}

#[test]
fn a_project_whose_path_a_mount_cannot_name_is_sent() {
    for &engine in engines().iter() {
        let lab = project(&[]);
        let folder = lab.path().join("a:b, \\c");
        fs::create_dir_all(folder.join(".git")).unwrap();
        fs::write(
            folder.join("test_a.py"),
            "import os\ndef test_one(): open('new', 'w').close()\n",
        )
        .unwrap();
        let mut command = engine.command(&lab, &["--no-cov"]);
        let folder_arg = folder.to_str().unwrap();
        answer(command.args(["--project", folder_arg])).expect(0);
        assert!(!folder.join("new").exists());
    }
}
