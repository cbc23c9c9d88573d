//! The programs as modules: each names what it uses, and no name leads a test to one.

use std::io::Write;
use std::process::{Command as Process, Stdio};

use menace_agent::pytest::source::{HARNESS, MEMBERS, TRIAL};

use super::driver::{Project, python};

/// Prints the names that a module uses and neither defines, imports nor finds among the built-in
/// ones.
const NAMES: &str = r#"
import builtins, dis, json, sys

def check(module, code, known):
    steps = list(dis.get_instructions(code))
    known = known | {step.argval for step in steps if step.opname == "STORE_NAME"}
    for step in steps:
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval not in known:
            print(module, "uses", step.argval)
    for part in code.co_consts:
        if isinstance(part, type(code)): check(module, part, known)

sys.stdin.readline()
sources = json.load(sys.stdin)["sources"]
importer = {"__name__": "importer"}
exec(sources["_menace.shared.importer"], importer)
program = importer["Program"](sources)
for name, source in sources.items():
    known = set(vars(builtins)) | set(vars(program.load(name))) | {"__module__", "__qualname__"}
    check(name, compile(source, name, "exec"), known)
print(len(sources), "modules")
"#;

#[test]
fn every_module_names_what_it_uses() {
    let Some(python) = python() else { return };
    for program in [HARNESS, TRIAL, MEMBERS] {
        let mut child = Process::new(&python)
            .args(["-c", NAMES])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(program.frame().as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let expected = format!("{} modules\n", program.sources.len());
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
}

#[test]
fn no_name_leads_a_test_to_the_harness() {
    let Some(python) = python() else { return };
    let file = r#"
import importlib, sys, pytest

def test_names(pytestconfig):
    assert [name for name in sys.modules if "menace" in name] == ["_menace_harness"]
    assert not [finder for finder in sys.meta_path if "menace" in type(finder).__module__]
    for name in ("_menace", "_menace.harness.session", "_menace.shared.text"):
        with pytest.raises(ImportError): importlib.import_module(name)
    plugins = dict(pytestconfig.pluginmanager.list_name_plugin())
    assert [name for name in plugins if "menace" in name] == ["_menace_harness"]
    door = sys.modules["_menace_harness"]
    assert plugins["_menace_harness"] is door
    assert [name for name in vars(door) if name[0] != "_"] == ["pytest_addoption"]
    assert [cell.cell_contents for cell in door.pytest_addoption.__closure__] == [[]]
"#;
    for args in [&[][..], &["-n2"]] {
        let talk = Project::new(&python, &[("test_it.py", file)])
            .coverage()
            .args(args)
            .run();
        talk.assert_whole();
        assert_eq!(talk.verdicts(), ["test_names passed"], "{talk:?}");
    }
}

#[test]
fn a_session_within_the_session_is_silent() {
    let Some(python) = python() else { return };
    let file = "import pytest\ndef test_outer(pytestconfig):\n\
        \x20   args = pytestconfig.invocation_params.args\n\
        \x20   assert pytest.main([*args, 'inner.py']) == 1\n";
    let inner = "def test_inner(): assert 0\n";
    let project = Project::new(&python, &[("test_it.py", file), ("inner.py", inner)]);
    let talk = project.args(&["-pno:cacheprovider"]).run();
    talk.assert_whole();
    assert_eq!(talk.verdicts(), ["test_outer passed"], "{talk:?}");
}
