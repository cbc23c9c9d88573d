//! Modules are kept from harm, and each try is recorded, whatever they do about it.

use std::fs;

use menace_agent::model::{Trial, TrialOutcome};

use super::driver::{Project, assert_passed, bare_python, touched, verdict};

/// The trial of a module that swallows every refusal of these statements.
fn swallowing(statements: &[&str], before: &str) -> Option<(Project, Trial)> {
    let python = bare_python()?;
    let tries = statements.iter().map(|statement| {
        format!(
            "try:\n    {statement}\n    print('allowed:', {statement:?})\n\
             except PermissionError: pass\n"
        )
    });
    let tries: String = tries.collect();
    let module = format!("import os\n{before}\n{tries}");
    let files = [("bad.py", module.as_str()), ("victim.txt", "precious")];
    let project = Project::new(&python, &files);
    let trial = project.trial();
    assert_passed(&trial);
    assert_eq!(trial.output, "", "{trial:#?}");
    let left = fs::read_to_string(project.path().join("victim.txt")).unwrap();
    assert_eq!(left, "precious");
    assert_eq!(fs::read_dir(project.path()).unwrap().count(), 2);
    Some((project, trial))
}

#[test]
fn writes_outside_of_the_scratch_folder_are_refused_and_told() {
    let statements = [
        "open('new', 'w')",
        "open('victim.txt', 'r+')",
        "open(b'victim.txt', 'ab')",
        "os.open('victim.txt', os.O_RDWR | os.O_TRUNC)",
        "pathlib.Path('victim.txt').write_text('x')",
        "os.remove('victim.txt')",
        "os.rename('victim.txt', 'other')",
        "os.replace('victim.txt', os.environ['HOME'] + '/x')",
        "os.mkdir('folder')",
        "os.makedirs('a/b')",
        "os.rmdir('.')",
        "os.chmod('victim.txt', 0o600)",
        "os.utime('victim.txt')",
        "os.truncate('victim.txt', 0)",
        "os.link('victim.txt', os.environ['HOME'] + '/link')",
        "os.symlink('victim.txt', 'link')",
        "os.mkfifo('fifo')",
        "shutil.rmtree('.')",
        "shutil.copyfile('victim.txt', 'copy')",
        "shutil.move('victim.txt', os.environ['HOME'])",
        "sqlite3.connect('new.db')",
        "sqlite3.connect('file:new.db?mode=rwc', uri=True)",
    ];
    let before = "import pathlib, shutil, sqlite3";
    let Some((_project, trial)) = swallowing(&statements, before) else {
        return;
    };
    insta::assert_snapshot!(touched(&trial).join("\n"), @"
    open new
    open victim.txt
    os.chmod victim.txt
    os.link victim.txt
    os.mkdir a
    os.mkdir folder
    os.mkfifo fifo
    os.remove victim.txt
    os.rename victim.txt
    os.rmdir .
    os.symlink link
    os.truncate victim.txt
    os.utime victim.txt
    shutil.copyfile copy
    shutil.move victim.txt
    shutil.rmtree .
    sqlite3.connect new.db
    ");
    let opened = trial.touched.iter().find(|it| it.target == "victim.txt");
    assert_eq!(opened.unwrap().times, 4);
}

#[test]
fn links_lead_nowhere_else() {
    let before = "home, here = os.environ['HOME'], os.getcwd()\n\
        os.symlink(here, home + '/folder')\n\
        os.symlink(here + '/victim.txt', home + '/file')\n\
        os.symlink('loop', home + '/loop')\n\
        folder = os.open('.', os.O_RDONLY)";
    let statements = [
        "open(home + '/folder/new', 'w')",
        "open(home + '/file', 'w')",
        "open(home + '/../../../project/victim.txt', 'w')",
        "open(home + '/loop', 'w')",
        "os.remove(home + '/folder/victim.txt')",
        "os.remove('victim.txt', dir_fd=folder)",
        "os.mkdir('new', dir_fd=folder)",
        "os.mkfifo('new', dir_fd=folder)",
        "os.chdir(home); os.open('victim.txt', os.O_RDWR, dir_fd=folder)",
        "os.chdir(home); os.open('new', os.O_CREAT, 0o600, dir_fd=folder)",
        "os.chmod(folder, 0o700)",
        "os.utime(home + '/file')",
    ];
    let Some((_, trial)) = swallowing(&statements, before) else {
        return;
    };
    assert_eq!(
        trial.touched.len(),
        statements.len(),
        "{:#?}",
        trial.touched
    );
}

#[test]
fn processes_the_network_and_signals_are_refused_and_told() {
    let before = "import multiprocessing, socket, subprocess, pty";
    let statements = [
        "os.fork()",
        "os.forkpty()",
        "os.system('true')",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.spawnlp(os.P_WAIT, 'true', 'true')",
        "os.popen('true')",
        "subprocess.run(['echo', 'a b'])",
        "pty.spawn('true')",
        "multiprocessing.get_context('spawn').Process(target=print).start()",
        "socket.create_connection(('192.0.2.1', 80))",
        "socket.socket().connect(('192.0.2.1', 80))",
        "socket.socket().bind(('127.0.0.1', 0))",
        "socket.socket(socket.AF_UNIX).connect('/run/x.sock')",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "socket.gethostbyname('example.org')",
        "os.kill(os.getppid(), 9)",
        "os.kill(-1, 9)",
        "os.killpg(os.getpgid(os.getppid()), 9)",
    ];
    let Some((_, trial)) = swallowing(&statements, before) else {
        return;
    };
    let touched = touched(&trial);
    for expected in [
        "os.fork ",
        "os.forkpty ",
        "os.system true",
        "os.exec /bin/true",
        "os.posix_spawn /bin/true",
        "subprocess.Popen echo a b",
        "socket.getaddrinfo 192.0.2.1",
        "socket.connect 192.0.2.1:80",
        "socket.bind 127.0.0.1:0",
        "socket.connect /run/x.sock",
        "socket.sendto 192.0.2.1:53",
        "socket.gethostbyname example.org",
        "os.kill process -1",
    ] {
        assert!(
            touched.iter().any(|it| it == expected),
            "{expected}: {touched:#?}"
        );
    }
}

#[test]
fn what_stays_in_the_scratch_folder_or_reads_is_allowed() {
    let Some(python) = bare_python() else { return };
    let module = "import os, shutil, socket, sqlite3, tempfile, logging, signal, threading\n\
        open('good.py').read()\n\
        os.listdir('/')\n\
        open('/dev/null', 'w').write('x')\n\
        open('/dev/stdout', 'a').write('said')\n\
        with tempfile.TemporaryDirectory() as folder:\n\
        \x20   os.makedirs(folder + '/a/b')\n\
        \x20   open(folder + '/a/c', 'w').close()\n\
        \x20   os.rename(folder + '/a/c', folder + '/a/d')\n\
        \x20   shutil.copytree(folder + '/a', folder + '/e')\n\
        \x20   shutil.rmtree(folder + '/a')\n\
        \x20   sqlite3.connect(folder + '/f.db').execute('CREATE TABLE t (a)')\n\
        tempfile.NamedTemporaryFile().write(b'x')\n\
        tempfile.TemporaryFile().write(b'x')\n\
        os.makedirs('.', exist_ok=True)\n\
        try: os.remove('is not there')\n\
        except FileNotFoundError: pass\n\
        sqlite3.connect(':memory:').execute('SELECT 1')\n\
        a, b = socket.socketpair()\n\
        a.send(b'x')\n\
        import asyncio, uuid, platform, concurrent.futures\n\
        asyncio.run(asyncio.sleep(0))\n\
        concurrent.futures.ThreadPoolExecutor().submit(print).result()\n\
        os.mkfifo(os.environ['HOME'] + '/fifo')\n\
        os.kill(os.getpid(), 0)\n\
        try: os.kill(os.getppid(), 0)\n\
        except PermissionError: pass  # The kernel's wall, where there is one.\n\
        signal.signal(signal.SIGUSR1, lambda *_: None)\n\
        os.kill(os.getpid(), signal.SIGUSR1)\n\
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)\n";
    let trial = Project::new(&python, &[("good.py", module)]).trial();
    assert_passed(&trial);
    assert_eq!(touched(&trial), [""; 0]);
}

#[test]
fn a_refusal_that_is_not_caught_fails_the_import_with_its_reason() {
    let Some(python) = bare_python() else { return };
    let module = "open('log.txt', 'w')\n";
    let trial = Project::new(&python, &[("logs.py", module)]).trial();
    assert_eq!(
        verdict(&trial),
        "failed: it does not import: PermissionError: [Errno 1] a trial may not write outside \
         of its scratch folder (open): 'log.txt'"
    );
    let report = trial.report.unwrap();
    assert!(!report.contains("_menace"), "{report}");
}

#[test]
fn a_module_that_removes_itself_is_still_there() {
    let Some(python) = bare_python() else { return };
    let module = "import os\nos.remove(__file__)\n";
    let project = Project::new(&python, &[("gone.py", module)]);
    let trial = project.trial();
    assert_eq!(trial.outcome, TrialOutcome::Failed);
    assert_eq!(trial.touched.len(), 1);
    assert!(project.path().join("gone.py").exists());
}

#[test]
fn functions_that_are_replaced_do_not_open_the_fence() {
    let before = "import builtins, posixpath, io, sys\n\
        opener = open\n\
        for name in ('isinstance', 'len', 'repr', 'str', 'bytes', 'getattr', 'PermissionError'):\n\
        \x20   if name != 'PermissionError': setattr(builtins, name, lambda *_: True)\n\
        for module in (os, posixpath):\n\
        \x20   for name in ('realpath', 'abspath', 'islink', 'lstat', 'readlink', 'getcwdb', 'fspath'):\n\
        \x20       if hasattr(module, name): setattr(module, name, lambda *_: os.environ['HOME'])\n\
        os.write = lambda *_: 0\n";
    // This test does not ask what print does with a `str` that is another thing.
    let Some(python) = bare_python() else { return };
    let module = format!(
        "import os\n{before}\ntry:\n    opener('new', 'w')\nexcept PermissionError:\n    pass\n"
    );
    let project = Project::new(&python, &[("bad.py", module.as_str())]);
    let trial = project.trial();
    assert_eq!(touched(&trial), ["open new"]);
    assert!(!project.path().join("new").exists());
}

#[test]
fn what_a_module_touched_before_it_died_is_told() {
    let Some(python) = bare_python() else { return };
    let module = "import os\nfor n in range(3):\n\
        \x20   try: open('new', 'w')\n    except OSError: pass\n\
        os._exit(1)\n";
    let trial = Project::new(&python, &[("dies.py", module)]).trial();
    assert_eq!(trial.outcome, TrialOutcome::Crashed);
    assert_eq!(
        (touched(&trial), trial.touched[0].times),
        (vec!["open new".to_owned()], 3)
    );
}

#[test]
fn touches_without_end_are_kept_within_bounds() {
    let Some(python) = bare_python() else { return };
    let module = "for n in range(20000):\n\
        \x20   try: open('new%d' % n + 'x' * 1000, 'w')\n    except OSError: pass\n";
    let trial = Project::new(&python, &[("busy.py", module)]).trial();
    assert_passed(&trial);
    assert_eq!(trial.touched.len(), 100);
    assert_eq!(trial.touched[0].target.chars().count(), 200);
}
