//! Whom the tests of a container run as, and what of this machine they are given.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use crate::engines::{engines, project};
use crate::lab::{answer, skipped};

/// A user who is not root.
const SOMEBODY: u32 = 4711;

#[test]
fn root_runs_the_tests_of_a_private_project_as_its_owner() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("only root can give a project away");
    }
    for &engine in engines().iter() {
        let test = "import getpass, os, pathlib\n\
            def test_owner():\n\
            \x20   assert os.getuid() == os.stat(__file__).st_uid == 4711\n\
            \x20   assert getpass.getuser()\n\
            \x20   pathlib.Path('new').write_text('x')\n\
            \x20   assert os.stat('new').st_uid == 4711\n\
            \x20   (pathlib.Path.home() / 'x').write_text('x')\n";
        let lab = project(&[("test_a.py", test)]);
        for name in ["test_a.py", "."] {
            let path = lab.path().join(name);
            chown(&path, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
            let mode = if name == "." { 0o700 } else { 0o600 };
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        engine.run(&lab, &["--no-cov"]).expect(0);
        let cached = lab.path().join("sandbox_data/pycache");
        let image = fs::read_dir(cached).unwrap().next().unwrap().unwrap();
        let kept = fs::read_dir(image.path()).unwrap().count();
        assert!(kept > 0, "{engine:?}: no byte code is kept");
    }
}

#[test]
fn a_locale_that_the_image_lacks_stays_on_this_machine() {
    for &engine in engines().iter() {
        let test = "import locale, os\n\
            def test_locale():\n\
            \x20   locale.setlocale(locale.LC_ALL, '')\n\
            \x20   assert 'LANG' not in os.environ and 'LC_TIME' not in os.environ\n\
            \x20   assert os.environ['LC_NUMERIC'] == 'C.UTF-8'\n";
        let lab = project(&[("test_a.py", test)]);
        let mut command = engine.command(&lab, &["--no-cov"]);
        command
            .env("LANG", "de_DE.UTF-8")
            .env("LC_TIME", "nowhere")
            .env("LC_NUMERIC", "C.UTF-8");
        answer(&mut command).expect(0);
    }
}

#[test]
fn shared_memory_has_a_size_and_a_test_that_needs_more_is_told_so() {
    for &engine in engines().iter() {
        let test = "import mmap, os\n\
            def test_one():\n\
            \x20   file = os.open('/dev/shm/x', os.O_RDWR | os.O_CREAT)\n\
            \x20   os.ftruncate(file, 80 << 20)\n\
            \x20   shared = mmap.mmap(file, 80 << 20)\n\
            \x20   for at in range(0, 80 << 20, 4096): shared[at] = 1\n";
        let lab = project(&[("test_a.py", test)]);
        engine.run(&lab, &["--no-cov"]).expect(6);
        let messages = lab.rows("SELECT message FROM test_outcome");
        assert!(messages[0].contains("SIGBUS"), "{messages:?}");
        assert!(messages[0].contains("--shm-size"), "{messages:?}");
        let lab = project(&[("test_a.py", test)]);
        engine
            .run(&lab, &["--no-cov", "--shm-size", "128m"])
            .expect(0);
    }
}
