//! The guard decides about every audit event that CPython 3.8 to 3.13 raises.

use std::collections::BTreeSet;
use std::process::Command;

use menace_agent::pytest::source::TRIAL;

use crate::envs::interpreters;

/// The events of CPython's C code, of all these versions.
const OF_C: &str = "_thread.start_joinable_thread _thread.start_new_thread array.__new__ \
    builtins.breakpoint builtins.id builtins.input builtins.input/result code.__new__ compile \
    cpython.PyInterpreterState_Clear cpython.PyInterpreterState_New cpython._PySys_ClearAuditHooks \
    cpython.run_command cpython.run_file cpython.run_interactivehook cpython.run_module \
    cpython.run_startup cpython.run_stdin ctypes.PyObj_FromPtr ctypes.addressof \
    ctypes.call_function ctypes.cdata ctypes.cdata/buffer ctypes.dlopen ctypes.dlsym \
    ctypes.dlsym/handle ctypes.get_errno ctypes.set_errno ctypes.string_at ctypes.wstring_at exec \
    fcntl.fcntl fcntl.flock fcntl.ioctl fcntl.lockf function.__new__ gc.get_objects \
    gc.get_referents gc.get_referrers import marshal.dumps marshal.load marshal.loads mmap.__new__ \
    object.__delattr__ object.__getattr__ object.__setattr__ open os.chdir os.chflags os.chmod \
    os.chown os.exec os.fork os.fork1 os.forkpty os.getxattr os.kill os.killpg os.lchflags \
    os.lchown os.link os.listdir os.listxattr os.lockf os.mkdir os.posix_spawn os.putenv os.remove \
    os.removexattr os.rename os.rmdir os.scandir os.setxattr os.symlink os.system os.truncate \
    os.unsetenv os.utime pickle.find_class resource.prlimit resource.setrlimit signal.pthread_kill \
    socket.__new__ socket.bind socket.connect socket.getaddrinfo socket.gethostbyaddr \
    socket.gethostbyname socket.gethostname socket.getnameinfo socket.getservbyname \
    socket.getservbyport socket.sendmsg socket.sendto socket.sethostname sqlite3.connect \
    sqlite3.connect/handle sqlite3.enable_load_extension sqlite3.load_extension \
    sys._current_exceptions sys._current_frames sys._getframe sys._getframemodulename \
    sys.addaudithook sys.excepthook sys.monitoring.register_callback \
    sys.set_asyncgen_hook_finalizer sys.set_asyncgen_hook_firstiter sys.setprofile sys.settrace \
    sys.unraisablehook syslog.closelog syslog.openlog syslog.setlogmask syslog.syslog time.sleep";

/// Events that change nothing outside of the process.
const INSIDE: &str = "_thread.start_joinable_thread _thread.start_new_thread array.__new__ \
    builtins.breakpoint builtins.id builtins.input builtins.input/result code.__new__ compile \
    cpython.PyInterpreterState_Clear cpython._PySys_ClearAuditHooks cpython.run_command \
    cpython.run_file cpython.run_interactivehook cpython.run_module cpython.run_startup \
    cpython.run_stdin ctypes.create_string_buffer ctypes.create_unicode_buffer ctypes.get_errno \
    ctypes.set_errno exec function.__new__ marshal.dumps marshal.load marshal.loads mmap.__new__ \
    object.__delattr__ object.__getattr__ object.__setattr__ os.chdir os.putenv os.unsetenv \
    pdb.Pdb pickle.find_class resource.setrlimit signal.pthread_kill socket.__new__ \
    sys._current_exceptions sys._current_frames sys._getframe sys._getframemodulename \
    sys.addaudithook sys.excepthook sys.monitoring.register_callback \
    sys.set_asyncgen_hook_finalizer sys.set_asyncgen_hook_firstiter sys.setprofile sys.settrace \
    sys.unraisablehook syslog.closelog syslog.openlog syslog.setlogmask time.sleep";

/// Events of what only reads, or holds a lock while the module is tried.
const READING: &str = "fcntl.flock fcntl.lockf glob.glob glob.glob/2 os.fwalk os.getxattr os.listdir \
    os.listxattr os.lockf os.scandir os.walk pathlib.Path.glob pathlib.Path.rglob \
    pathlib.Path.walk socket.gethostname socket.getservbyname socket.getservbyport";

/// Events before another one, which the guard decides about.
const BEFORE_ANOTHER: &str = "ensurepip.bootstrap ftplib.connect ftplib.sendcmd http.client.connect \
    http.client.send imaplib.open imaplib.send nntplib.connect nntplib.putline poplib.connect \
    poplib.putline smtplib.connect smtplib.send sqlite3.connect/handle telnetlib.Telnet.open \
    telnetlib.Telnet.write tempfile.mkdtemp tempfile.mkstemp urllib.Request webbrowser.open";

/// The events that the guard acts on, by its own tables.
const TABLES: &str = "
import sys
names = {}
exec(sys.stdin.read(), names)
found = {'open', 'import', 'sqlite3.connect', 'os.kill', 'os.killpg', 'fcntl.fcntl'}
for table in ('WRITES', 'STARTS', 'NETWORK', 'CHANGES', 'UNSEEN'):
    found.update(names[table])
print('\\n'.join(found))
";

/// The events of the library of an interpreter.
const OF_LIBRARY: &str = "
import os, re
for folder, folders, files in os.walk(os.path.dirname(os.__file__)):
    folders[:] = [f for f in folders if f not in ('test', 'tests', 'idlelib') and 'packages' not in f]
    for name in files:
        if name.endswith('.py'):
            text = open(os.path.join(folder, name), encoding='utf-8', errors='replace').read()
            for event in re.findall(r'''\\baudit\\(\\s*['\"]([\\w./]+)['\"]''', text):
                print(event)
";

fn words(texts: &[&str]) -> BTreeSet<String> {
    let words = texts.iter().flat_map(|text| text.split_whitespace());
    words.map(str::to_owned).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the interpreters are asked for what they are made of"
)]
fn said(python: &std::path::Path, program: &str) -> BTreeSet<String> {
    let output = Command::new(python).args(["-c", program]).output().unwrap();
    words(&[&String::from_utf8(output.stdout).unwrap()])
}

#[test]
fn the_guard_has_a_decision_for_every_audit_event() {
    let events = TRIAL.sources.iter();
    let text = events
        .into_iter()
        .find(|(name, _)| name.ends_with("events"));
    let text = text.unwrap().1;
    let mut versions = 0;
    let mut raised = words(&[OF_C]);
    for python in interpreters() {
        versions += 1;
        raised.extend(said(&python.path, OF_LIBRARY));
        let program = TABLES.replace("sys.stdin.read()", &format!("{text:?}"));
        let mut decided = said(&python.path, &program);
        assert!(decided.contains("os.remove"), "{decided:?}");
        decided.extend(words(&[INSIDE, READING, BEFORE_ANOTHER]));
        let undecided: Vec<&String> = raised.difference(&decided).collect();
        assert!(
            undecided.is_empty(),
            "{}: {undecided:?}",
            python.path.display()
        );
    }
    println!("held against {versions} interpreters");
}
