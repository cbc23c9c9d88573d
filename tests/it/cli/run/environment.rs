//! The private environment of a project whose interpreter has no pytest.

use std::fs::{self, File};
use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::lab::{Going, Lab, answer as run_to_end, bare_lab, lab, lab_with, processes_of};
use crate::wait::wait_until;

/// Sees a package of the project's own environment, and one that is installed there for editing.
const TEST: &str = "import installed, edited\n\
    def test_one(): assert (installed.NAME, edited.NAME) == ('installed', 'edited')\n";

/// A program run to its end.
#[expect(
    clippy::disallowed_methods,
    reason = "the test prepares what a user would have prepared"
)]
fn call(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) {
    let output = std::process::Command::new(program).args(args).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
}

/// The folder in which the project's own environment keeps its packages.
fn packages(lab: &Lab) -> PathBuf {
    let mut versions = fs::read_dir(lab.path().join("project-env/lib")).unwrap();
    versions
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("site-packages")
}

/// A project with an environment of its own that has packages but no pytest.
fn project() -> Option<Lab> {
    let base = lab_with(&["pip"], &[])?.python().to_owned();
    let lab = bare_lab(
        "project-env/bin/python",
        &[
            ("test_a.py", TEST),
            ("source/edited.py", "NAME = 'edited'\n"),
        ],
    );
    let environment = lab.path().join("project-env");
    call(
        base,
        &["-m", "venv", "--without-pip", environment.to_str().unwrap()],
    );
    let packages = packages(&lab);
    fs::write(packages.join("installed.py"), "NAME = 'installed'\n").unwrap();
    let source = lab.path().join("source");
    fs::write(packages.join("__editable__.pth"), source.to_str().unwrap()).unwrap();
    Some(lab)
}

#[test]
fn an_environment_is_made_once_and_has_the_packages_of_the_project() {
    // If no environment can be had for other tests, none can be made here either.
    let (Some(_), Some(lab)) = (lab(&[]), project()) else {
        return;
    };
    let args = ["run", "--json"];
    let answer = run_to_end(&mut lab.online(&args)).expect(0);
    let notices = answer.json()["notices"].clone();
    assert_eq!(notices[0]["code"], "managed-env", "{answer}");
    let message = notices[0]["message"].as_str().unwrap();
    assert!(message.contains("made a private environment"), "{message}");
    assert!(answer.json()["coverage"].is_f64(), "{answer}");
    // Nothing of the environment itself is measured.
    let measured = lab.rows("SELECT file FROM file_coverage ORDER BY file");
    assert_eq!(measured, ["source/edited.py", "test_a.py"]);
    // The second time nothing is fetched.
    let answer = run_to_end(&mut lab.command(&["run", "--offline", "--json"])).expect(0);
    let message = answer.json()["notices"][0]["message"].to_string();
    assert!(message.contains("used a private environment"), "{message}");
}

#[test]
fn offline_without_wheels_says_how_to_bring_them() {
    let Some(lab) = project() else {
        return;
    };
    let answer = lab.run(&["--offline"]).expect(3);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: `[PROJECT]/[PYTHON]` has no pytest, and without a folder of wheels none can be installed offline
    hint: on a connected machine run `pip download pytest coverage pytest-xdist -d wheels`, copy the folder here and pass `--wheels wheels`
    ");
    assert_eq!(lab.verdict(), "error | 3");
}

/// As Debian's Python without python3-venv.
#[test]
fn an_interpreter_that_makes_no_environments_is_an_error_that_says_why() {
    let Some(lab) = project() else {
        return;
    };
    let hide = "import sys; sys.modules['ensurepip'] = None\n";
    fs::write(packages(&lab).join("hide.pth"), hide).unwrap();
    let answer = lab.run(&[]).expect(3);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: `[PROJECT]/[PYTHON]` has no pytest, and cannot make an environment: it has no module `ensurepip`
    hint: `apt-get install python3-venv` on Debian and Ubuntu; or install pytest into it, or pass `--python` another interpreter
    ");
}

#[test]
fn offline_a_folder_of_wheels_is_enough() {
    let (Some(rich), Some(lab)) = (lab(&[]), project()) else {
        return;
    };
    let wheels = wheels(&rich);
    let wheels = wheels.to_str().unwrap();
    lab.run(&["--offline", "--wheels", wheels]).expect(0);
    assert_eq!(lab.verdict(), "passed | 0");
}

#[test]
fn offline_a_folder_without_the_right_wheels_is_an_error() {
    let Some(lab) = project() else {
        return;
    };
    fs::create_dir(lab.path().join("wheels")).unwrap();
    let answer = lab.run(&["--offline", "--wheels", "wheels"]).expect(3);
    let says = [
        "cannot install pytest into",
        "hint: the folder of `--wheels` needs wheels of",
    ];
    for text in says {
        assert!(answer.stderr.contains(text), "{answer}");
    }
}

#[test]
fn what_a_folder_of_wheels_lists_is_installed_and_stays() {
    let (Some(rich), Some(lab)) = (lab(&[]), project()) else {
        return;
    };
    lab.write("test_a.py", "import listed\ndef test_one(): pass\n");
    let folder = lab.path().join("own wheels");
    fs::create_dir(&folder).unwrap();
    for wheel in fs::read_dir(wheels(&rich)).unwrap().flatten() {
        fs::copy(wheel.path(), folder.join(wheel.file_name())).unwrap();
    }
    call(rich.python(), &["-c", LISTED, folder.to_str().unwrap()]);
    let offline = ["--offline", "--wheels", "own wheels"];
    // Without the list the wheels are there to choose from, and nothing asks for this one.
    lab.run(&offline).expect(6);
    lab.write("own wheels/requirements.txt", "listed==1.0\n");
    lab.run(&offline).expect(0);
    lab.run(&["--offline"]).expect(0);
    let environments = fs::read_dir(lab.path().join("sandbox_data/env")).unwrap();
    let environments = environments.flatten().filter(|e| e.path().is_dir());
    assert_eq!(environments.count(), 2);
}

/// Writes a wheel of the distribution `listed`.
const LISTED: &str = r#"
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/listed-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("listed.py", "")
    wheel.writestr("listed-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: listed\nVersion: 1.0\n")
    wheel.writestr("listed-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr("listed-1.0.dist-info/RECORD", "listed.py,,\nlisted-1.0.dist-info/METADATA,,\nlisted-1.0.dist-info/WHEEL,,\nlisted-1.0.dist-info/RECORD,,\n")
"#;

#[test]
fn a_list_that_is_no_list_is_an_error() {
    let Some(lab) = project() else {
        return;
    };
    lab.write("wheels/requirements.txt", &"# a line\n".repeat(120_000));
    let answer = lab.run(&["--offline", "--wheels", "wheels"]).expect(3);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: cannot read `[PROJECT]/wheels/requirements.txt`
      caused by: it is larger than 1 MiB
    hint: it is the list of a folder of wheels, a package a line; `offline/fetch-wheels.sh` makes both
    ");
}

#[test]
fn a_test_cannot_speak_to_the_manager_of_the_service() {
    let names = [
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "LISTEN_FDS",
        "JOURNAL_STREAM",
        "INVOCATION_ID",
    ];
    let source = format!(
        "import os\ndef test_a(): assert not set({names:?}) & set(os.environ)\n\
         def test_b(): assert os.environ['OTHER'] == '1'\n"
    );
    let Some(lab) = lab(&[("test_a.py", &source)]) else {
        return;
    };
    let mut command = lab.command(&["run", "--no-cov"]);
    command
        .envs(names.map(|name| (name, "1")))
        .env("OTHER", "1");
    run_to_end(&mut command).expect(0);
}

#[test]
fn an_interrupt_ends_the_installation() {
    let Some(lab) = project() else {
        return;
    };
    let mut agent = Going::start(&mut lab.online(&["run", "--events", "-"]));
    let environments = lab.path().join("sandbox_data/env");
    let made = || -> Vec<PathBuf> {
        let entries = fs::read_dir(&environments).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    wait_until("the beginning of the installation", made, |entries| {
        entries.iter().any(|path| path.is_dir())
    });
    agent.signal(Signal::SIGINT);
    agent.end().expect(130);
    assert_eq!(lab.verdict(), "interrupted | 130");
    assert_eq!(processes_of(&lab), [""; 0]);
}

/// A folder with the wheels that an environment needs, fetched once.
fn wheels(lab: &Lab) -> PathBuf {
    let folder = lab.python().with_file_name("wheels");
    let lock = File::create(lab.python().with_file_name("wheels.lock")).unwrap();
    lock.lock().unwrap();
    if !folder.join("complete").exists() {
        let target = folder.to_str().unwrap();
        let download = ["-m", "pip", "download", "--quiet", "-d", target];
        let packages = ["pytest", "coverage", "pytest-xdist"];
        call(lab.python(), &[&download[..], &packages].concat());
        File::create(folder.join("complete")).unwrap();
    }
    folder
}
