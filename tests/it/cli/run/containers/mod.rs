//! Runs in real containers of docker and podman.

mod cycles;
mod daemon;
mod faults;
mod layer;
mod left_here;
mod owner;
mod places;
mod suites;
mod turns;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::engines::{Engine, engines, project};

use crate::cli::run::repository::git;
use crate::lab::{answer, lab};

/// Every kind of outcome, a coverage of its own, output, and a fixture that is torn down.
const EVERYTHING: &str = "import os, sys, pytest, warnings\n\
    import code_under_test\n\
    @pytest.fixture\n\
    def broken(): raise OSError('no such thing')\n\
    @pytest.fixture(scope='module')\n\
    def torn():\n    yield 1\n    print('torn down')\n\
    @pytest.mark.parametrize('n', [1, 'ö', '[x]', 'a/b'])\n\
    def test_param(n): assert code_under_test.twice(n)\n\
    def test_fails(torn): print('seen'); assert 1 + torn == 3\n\
    def test_setup(broken): pass\n\
    def test_skips(): pytest.skip('not here')\n\
    @pytest.mark.xfail(strict=True)\n\
    def test_strict(): pass\n\
    @pytest.mark.xfail\n\
    def test_xfails(): assert False\n\
    def test_warns(): warnings.warn('old')\n\
    def test_writes(tmp_path): (tmp_path / 'a').write_text('b')\n\
    def test_dies(): os._exit(3)\n\
    def test_last(): os.write(1, b'x' * 100000); os.write(2, b'y' * 100000)\n";

const CODE: &str = "def twice(x):\n    if x is None:\n        return None\n    return x * 2\n";

#[test]
fn outcomes_and_coverage_are_those_of_the_host() {
    as_on_the_host(&[]);
}

/// One container collects, and forks for each file; it needs no pytest-xdist for its workers.
#[test]
fn outcomes_of_forked_processes_are_those_of_the_host() {
    as_on_the_host(&["--isolate", "file", "--workers", "2"]);
}

fn as_on_the_host(args: &[&str]) {
    for &engine in engines().iter() {
        let files = [
            ("test_a.py", EVERYTHING),
            ("test_b.py", EVERYTHING),
            ("code_under_test.py", CODE),
        ];
        let (Some(host), lab) = (lab(&files), project(&files)) else {
            return;
        };
        host.run(&[]).expect(6);
        engine.run(&lab, args).expect(6);
        assert_eq!(lab.table(), host.table(), "{engine:?}");
        let covered = "SELECT file, covered, statements FROM file_coverage ORDER BY file";
        assert_eq!(lab.rows(covered), host.rows(covered), "{engine:?}");
        assert_eq!(lab.rows("SELECT executor FROM run_summary"), [engine.0]);
        assert_eq!(engine.containers(&lab), [""; 0]);
        lab.assert_whole();
    }
}

#[test]
fn outcomes_over_ssh_are_those_of_the_host() {
    for &engine in engines().iter() {
        let ignored = "def test_ignored(): assert False\n";
        let files = [
            ("test_a.py", EVERYTHING),
            ("code_under_test.py", CODE),
            (".gitignore", "test_ignored.py\n"),
        ];
        let (Some(host), lab) = (lab(&files), project(&files)) else {
            return;
        };
        lab.write("test_ignored.py", ignored);
        lab.write("excluded/test_excluded.py", ignored);
        lab.write("menace.toml", "exclude = ['excluded/']\n");
        let Some(mut command) = engine.command_over_ssh(&lab, &["--reruns", "1"]) else {
            return;
        };
        host.run(&["--reruns", "1"]).expect(6);
        answer(&mut command).expect(6);
        assert_eq!(lab.table(), host.table(), "{engine:?}");
        let covered = "SELECT file, covered, statements FROM file_coverage ORDER BY file";
        assert_eq!(lab.rows(covered), host.rows(covered), "{engine:?}");
        assert_eq!(lab.rows("SELECT count(*) > 2 FROM process"), ["1"]);
        assert_eq!(Engine::connections(&lab), 1);
        assert_eq!(engine.containers(&lab), [""; 0]);
    }
}

#[test]
fn what_git_tracks_is_sent_although_it_is_ignored() {
    for &engine in engines().iter() {
        let test = "import os\n\
            def test_one():\n\
            \x20   found = [os.path.join(a, c) for a, _, b in os.walk('built') for c in b]\n\
            \x20   assert found == ['built/deep/forced ö.bin']\n";
        let files = [
            ("test_a.py", test),
            (".gitignore", "built/\n"),
            ("built/deep/forced ö.bin", "x"),
            ("built/excluded.bin", "x"),
        ];
        let lab = project(&files);
        git(&lab, &["init", "--quiet"]);
        git(&lab, &["add", "--force", "."]);
        lab.write("built/untracked.bin", "x");
        lab.write("menace.toml", "exclude = ['excluded.bin']\n");
        let Some(mut command) = engine.command_over_ssh(&lab, &["--no-cov"]) else {
            return;
        };
        answer(&mut command).expect(0);
        let copy = ["--no-cov", "--project-mount", "copy"];
        engine.run(&lab, &copy).expect(0);
        std::fs::remove_dir_all(lab.path().join(".git")).unwrap();
        let without = engine.run(&lab, &copy).expect(1);
        assert!(without.stdout.contains("assert [] =="), "{without}");
    }
}

/// `info` takes podman half a second.
#[test]
fn an_engine_is_asked_for_no_more_than_a_run_needs() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
        let folder = lab.path().join("sandbox_data/bin");
        let calls = folder.join("calls");
        std::fs::create_dir_all(&folder).unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$1\" >> '{}'\nPATH=${{PATH#*:}} exec {} \"$@\"\n",
            calls.display(),
            engine.0
        );
        let program = folder.join(engine.0);
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let mut command = engine.command(&lab, &["--no-cov"]);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", folder.display()));
        answer(&mut command).expect(0);
        let calls = std::fs::read_to_string(&calls).unwrap();
        assert_eq!(calls, "version\nps\nimage\nrun\n", "{engine:?}");
    }
}

#[test]
fn each_path_has_a_container_and_the_workers_are_shared_out() {
    for &engine in engines().iter() {
        let test =
            "import os\ndef test_one(): assert os.environ['PYTEST_XDIST_WORKER_COUNT'] == '2'\n";
        let single = "import os\ndef test_one(): assert 'PYTEST_XDIST_WORKER' not in os.environ\n";
        let lab = project(&[("test_a.py", test), ("test_b.py", single)]);
        let args = ["--no-cov", "--workers", "3", "test_a.py", "test_b.py"];
        engine.run(&lab, &args).expect(0);
        let processes = lab.rows("SELECT count(*) FROM process");
        assert_eq!(processes, ["2"]);
    }
}

#[test]
fn a_container_sees_the_project_and_little_else() {
    for &engine in engines().iter() {
        let lab = project(&[(
            "test_a.py",
            "import os, socket, pytest\n\
             def test_project(): open('new', 'w').close()\n\
             def test_state(): assert os.listdir('sandbox_data') == []\n\
             def test_secrets():\n\
             \x20   assert 'LAB_SECRET' not in os.environ\n\
             \x20   assert os.environ['SELF_TEST_GIVEN'] == '1'\n\
             \x20   assert os.environ['GIVEN'] == 'a b=c'\n\
             def test_network():\n\
             \x20   assert socket.gethostbyname(socket.gethostname()) == '127.0.0.1'\n\
             \x20   with pytest.raises(OSError):\n\
             \x20       socket.create_connection(('192.0.2.1', 80), timeout=5)\n\
             def test_capabilities():\n\
             \x20   status = dict(l.split(':\\t') for l in open('/proc/self/status') if ':\\t' in l)\n\
             \x20   assert int(status['CapEff'], 16) == 0\n\
             \x20   assert status['NoNewPrivs'].strip() == '1'\n\
             def test_processes(): assert len([p for p in os.listdir('/proc') if p.isdigit()]) < 10\n",
        )]);
        let mut command = engine.command(&lab, &["--no-cov", "--env", "GIVEN=a b=c"]);
        command.env("LAB_SECRET", "1").env("SELF_TEST_GIVEN", "1");
        answer(&mut command).expect(0);
        assert!(!lab.path().join(".pytest_cache").exists());
    }
}

#[test]
fn byte_code_is_kept_for_the_next_run() {
    for &engine in engines().iter() {
        let lab = project(&[("test_a.py", "def test_one(): pass\n")]);
        engine.run(&lab, &["--no-cov"]).expect(0);
        let kept = walk(&lab.path().join("sandbox_data/pycache"));
        assert!(kept.iter().any(|name| name.contains("test_a.")), "{kept:?}");
    }
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.file_name().into_string().unwrap());
            }
        }
    }
    found
}

#[test]
fn a_failing_test_is_tried_again_in_a_fresh_container() {
    for &engine in engines().iter() {
        let lab = project(&[(
            "test_a.py",
            "import os\n\
             def test_one():\n\
             \x20   fresh = not os.path.exists('/var/tmp/seen')\n\
             \x20   open('/var/tmp/seen', 'w').close()\n\
             \x20   assert not fresh or 'SECOND' in os.environ\n",
        )]);
        engine.run(&lab, &["--no-cov", "--reruns", "1"]).expect(1);
        let attempts = lab.rows("SELECT attempts FROM test_outcome");
        assert_eq!(attempts, ["2"]);
        assert_eq!(engine.containers(&lab), [""; 0]);
    }
}
