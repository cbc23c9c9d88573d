//! Orphans that would do harm, in three runs in a row on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::lab::{Going, has_wall, lab, processes_of};
use crate::wait::wait_until_gone;

/// Each destroys the victim, or makes something new, if it can; `V` is the victim, `N` a new path.
const HARM: [(&str, &str); 30] = [
    ("write", "open(V, 'w').close()"),
    ("write_new", "open(N, 'x').close()"),
    (
        "write_os",
        "os.write(os.open(V, os.O_WRONLY | os.O_TRUNC), b'x')",
    ),
    (
        "write_link",
        "os.symlink(V, H + '/l'); open(H + '/l', 'w').close()",
    ),
    (
        "write_hard",
        "os.link(V, H + '/h'); open(H + '/h', 'w').close()",
    ),
    ("write_move", "os.replace(V, H + '/v')"),
    ("write_mode", "os.chmod(V, 0)"),
    ("write_fifo", "os.mkfifo(N)"),
    ("write_shelf", "import shelve; shelve.open(N)['a'] = 1"),
    (
        "write_sqlite",
        "import sqlite3; sqlite3.connect(N).execute('create table t (a)')",
    ),
    (
        "write_attach",
        "import sqlite3; c = sqlite3.connect(':memory:'); c.set_authorizer(None)
c.execute('attach ? as x', (N,)); c.execute('create table x.t (a)')",
    ),
    (
        "write_vacuum",
        "import sqlite3; c = sqlite3.connect(':memory:')
c.execute('create table t (a)'); c.execute('vacuum into ' + repr(N))",
    ),
    (
        "write_shared",
        "from multiprocessing.shared_memory import SharedMemory
SharedMemory('menace-hostile', create=True, size=9)",
    ),
    ("delete", "os.unlink(V)"),
    (
        "delete_tree",
        "import shutil; shutil.rmtree(os.path.dirname(V))",
    ),
    (
        "delete_thread",
        "import threading, time
def late():
    time.sleep(0.1); os.unlink(V)
threading.Thread(target=late).start()",
    ),
    (
        "delete_daemon",
        "import threading, time
def late():
    while True: time.sleep(2); os.unlink(V)
threading.Thread(target=late, daemon=True).start()",
    ),
    (
        "delete_timer",
        "import signal
signal.signal(signal.SIGALRM, lambda *_: os.unlink(V)); signal.setitimer(signal.ITIMER_REAL, 3)",
    ),
    (
        "delete_atexit",
        "import atexit; atexit.register(os.unlink, V)",
    ),
    (
        "delete_finalize",
        "import weakref
class C: pass
c = C(); weakref.finalize(c, os.unlink, V)",
    ),
    (
        "delete_del",
        "class C:
    def __del__(self): os.unlink(V)
c = C()",
    ),
    ("start_system", "os.system('rm ' + V)"),
    ("start_run", "import subprocess; subprocess.run(['rm', V])"),
    (
        "start_fork",
        "
if os.fork() == 0: os.unlink(V)",
    ),
    (
        "start_again",
        "import multiprocessing
multiprocessing.get_context('spawn').Process(target=os.unlink, args=(V,)).start()",
    ),
    ("signal_kill", "os.kill(os.getppid(), 9)"),
    (
        "signal_pidfd",
        "import signal; signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)",
    ),
    (
        "connect",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
    ),
    ("connect_listen", "import socket; socket.socket().listen()"),
    (
        "native",
        "import ctypes; C = ctypes.CDLL(None); C.unlink(V.encode()); C.system(b'rm ' + V.encode())
C.open(N.encode(), 0o101, 0o600); C.kill(os.getppid(), 9)",
    ),
];

/// Every file below a folder, with its mode and content.
fn files_below(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = path.to_string_lossy().into_owned();
        let is_agents = ["sandbox_data", "__pycache__", ".pytest_cache"];
        if is_agents.contains(&&*entry.file_name().to_string_lossy()) {
            continue;
        }
        let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
        if path.is_dir() {
            found.insert(name, (mode, Vec::new()));
            found.extend(files_below(&path));
        } else {
            let content = fs::read(&path).unwrap_or_default();
            found.insert(name, (mode, content));
        }
    }
    found
}

#[test]
fn thirty_hostile_orphans_touch_nothing_in_three_runs_and_none_joins() {
    let home = "import os\np = os.path.expanduser('~/cfg')\nif os.path.exists(p): os.unlink(p)\n";
    let Some(lab) = lab(&[
        ("test_a.py", "def test_a(): pass\n"),
        ("good.py", "x = 1\n"),
        ("home.py", home),
        ("cfg", "precious"),
        ("precious/victim", "precious"),
    ]) else {
        return;
    };
    let walled = has_wall();
    for (name, harm) in HARM {
        if name == "native" && !walled {
            println!("SKIPPED native: the kernel has no wall against it");
            continue;
        }
        let module = format!(
            "import os\nV = os.path.abspath('precious/victim')\nN = os.path.abspath('new-{name}')\n\
             H = os.environ['HOME']\n\
             try:\n{}\nexcept OSError: pass\n",
            harm.lines()
                .map(|line| format!("    {line}"))
                .collect::<Vec<_>>()
                .join("\n")
        );
        // What SQLite refuses is no OSError.
        let module = module.replace("except OSError", "except Exception");
        lab.write(&format!("{name}.py"), &module);
    }
    let before = files_below(&lab.path());
    for run in 1..=3 {
        let mut command = lab.command(&["run", "--timeout", "600"]);
        let told = Going::start(&mut command).end_within_minutes().expect(0);
        assert_eq!(files_below(&lab.path()), before, "run {run}: {told}");
        assert!(!Path::new("/dev/shm/menace-hostile").exists());
    }
    let joined = "SELECT file FROM module_group ORDER BY file";
    assert_eq!(lab.rows(joined), ["good.py", "home.py"]);
    let outcomes = "SELECT outcome, count(*) FROM orphan_trial WHERE run_id = 1 GROUP BY 1";
    assert_eq!(
        lab.rows(outcomes),
        [format!(
            "passed | {}",
            HARM.len() + 2 - usize::from(!walled)
        )]
    );
    wait_until_gone("its processes", || processes_of(&lab));
}
