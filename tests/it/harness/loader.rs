//! The way of the harness into an interpreter, and its first answers.

use std::path::Path;
use std::process::Command as Process;

use menace_agent::pytest::protocol::{HarnessEvent, PROTOCOL_VERSION};
use menace_agent::pytest::source::{HARNESS, LOADER};

use super::driver::{Control, Project, Talk, python};
use crate::envs::{available, interpreters, venv};

fn ask(python: &Path) -> Talk {
    let mut process = Process::new(python);
    process.args(["-c", LOADER]);
    let mut control = Control::start(process);
    control.bytes(HARNESS.frame().as_bytes());
    control.hang_up();
    control.follow(&mut |_, _| {})
}

#[test]
fn an_interpreter_that_is_too_old_says_so() {
    let versions = std::env::home_dir().unwrap().join(".pyenv/versions");
    let old = ["2.7.18", "3.6.15", "3.7.16"]
        .map(|version| (version, versions.join(version).join("bin/python")));
    let there: Vec<_> = old.iter().filter(|(_, path)| path.exists()).collect();
    if there.is_empty() {
        println!("SKIPPED: no Python below 3.8 on this machine");
    }
    for (version, path) in there {
        let talk = ask(path);
        assert_eq!(
            talk.events,
            [HarnessEvent::Unsupported {
                python: (*version).to_owned()
            }]
        );
        assert!(talk.status.success(), "{talk:?}");
    }
}

#[test]
fn without_pytest_there_is_a_hello_and_nothing_else() {
    let Some(python) = interpreters().pop() else {
        return;
    };
    let Some(python) = available(venv(&python.path.to_string_lossy(), &["iniconfig"])) else {
        return;
    };
    let talk = ask(&python);
    let [HarnessEvent::Hello(hello)] = talk.events.as_slice() else {
        panic!("{talk:?}");
    };
    assert_eq!(hello.v, PROTOCOL_VERSION);
    assert_eq!(
        (&hello.pytest, &hello.coverage, &hello.xdist),
        (&None, &None, &None)
    );
    assert_eq!(hello.executable, python.to_string_lossy());
    assert!(talk.status.success(), "{talk:?}");
}

#[test]
fn a_test_sees_what_the_pytest_script_would_show_it() {
    let Some(python) = python() else { return };
    let probe = r#"
import os, sys, threading

def test_view():
    main = sys.modules["__main__"]
    names = sorted(name for name in vars(main) if not name.startswith("__"))
    print("argv", sys.argv[1:], os.path.basename(sys.argv[0]))
    print("main", names, os.path.basename(main.__file__))
    print("path", [os.path.basename(p) for p in sys.path[:2]], "" in sys.path)
    print("threads", threading.active_count())
    print("cwd", os.getcwd() == os.path.dirname(__file__))
    print("environment", sorted(name for name in os.environ if "COVERAGE" in name or "MENACE" in name))
    assert 0
"#;
    let mut project = Project::new(&python, &[("probe/test_view.py", probe)]).coverage();
    // pytest-rerunfailures runs a thread of its own.
    project = project.args(&["-q", "-pno:rerunfailures", "probe"]);
    let talk = project.run();
    let text = &talk.test("test_view").sections[0].text;
    let expected = "argv ['-q', '-pno:rerunfailures', 'probe'] pytest\n\
        main ['sys'] pytest\n\
        path ['probe', 'bin'] False\n\
        threads 1\n\
        cwd False\n\
        environment []\n";
    assert_eq!(text, expected);
}

#[test]
fn no_list_of_arguments_tells_of_the_harness() {
    let Some(python) = python() else { return };
    let probe = r#"
import sys, os

def test_view(pytestconfig):
    given = pytestconfig.invocation_params
    print("given", given.args, given.plugins)
    print("trace", sys.gettrace(), sys.getprofile())
    original = getattr(sys, "orig_argv", [sys.executable, *sys.argv])
    print("original", [os.path.basename(word) for word in original])
    try:
        with open("/proc/self/cmdline") as file: words = file.read().strip("\0")
    except OSError:
        words = " ".join(original)
    print("listed", words == " ".join([sys.executable, *sys.argv]))
    assert 0
"#;
    let mut project = Project::new(&python, &[("probe/test_view.py", probe)]);
    project = project.args(&["-q", "-k", "test or view", "probe"]);
    project.command.options.coverage = false;
    let talk = project.run();
    let text = &talk.test("test_view").sections[0].text;
    let expected = "given ('-q', '-k', 'test or view', 'probe') None\n\
        trace None None\n\
        original ['python', 'pytest', '-q', '-k', 'test or view', 'probe']\n\
        listed True\n";
    assert_eq!(text, expected);
}

/// What a plug-in or a test can reach from names that it knows: attributes, containers, the objects
/// of bound methods. Closures and the garbage collector have no names.
const WALK: &str = r#"
import collections, os, sys, threading
KNOWN = ("Hooks", "Watch", "Modules", "Sendable", "Check", "CheckedModule")
SIMPLE = (str, bytes, int, float, type(None), type, type(sys))

def reach(roots):
    seen, found = {}, []
    waiting = collections.deque(((name,), root) for name, root in roots.items())
    while waiting:
        path, it = waiting.popleft()
        if isinstance(it, SIMPLE) or id(it) in seen or len(path) > 9:
            continue
        seen[id(it)] = it
        name = type(it).__name__
        if type(it).__module__.startswith("_menace") and name not in KNOWN:
            found.append("%s: %s" % (".".join(path), name))
        following = [(key, getattr(it, key, None)) for key in ("__self__", "__func__", "func", "args")]
        following += list(getattr(it, "__dict__", {}).items())
        if isinstance(it, dict):
            following += list(it.items())
        elif isinstance(it, (list, tuple, set, frozenset)):
            following += [("item", each) for each in list(it)]
        waiting.extend((path + (str(key)[:80],), value) for key, value in following)
    return found

def pytest_sessionfinish(session):
    roots = {"session": session, "threads": threading.enumerate()}
    roots["door"] = vars(sys.modules["_menace_harness"])
    roots["main"] = vars(sys.modules["__main__"])
    roots["plugins"] = session.config.pluginmanager.get_plugins()
    if "coverage" in sys.modules:
        roots["coverage"] = sys.modules["coverage"].Coverage.current()
    with open("reached-%d" % os.getpid(), "w") as file:
        print(*reach(roots), sep=", ", end="", file=file)
"#;

#[test]
fn no_name_leads_to_the_channel() {
    let Some(python) = python() else { return };
    for workers in [1, 2] {
        let files = [
            ("conftest.py", WALK),
            ("test_it.py", "def test_it(): pass\n"),
        ];
        let project = Project::new(&python, &files).workers(workers).coverage();
        let talk = project.run();
        assert_eq!(talk.bye(), (0, None, None), "{talk:?}");
        let mut walks = 0;
        for entry in std::fs::read_dir(project.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("reached-") {
                assert_eq!(std::fs::read_to_string(&path).unwrap(), "", "{path:?}");
                walks += 1;
            }
        }
        assert_eq!(walks, if workers == 1 { 1 } else { 3 });
    }
}
