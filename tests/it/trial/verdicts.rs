//! The verdicts on modules that end in good order.

use menace_agent::model::TrialOutcome;

use super::driver::{Project, assert_passed, bare_python, python_with_pytest, verdict};

#[test]
fn a_module_that_imports_passes() {
    let Some(python) = bare_python() else { return };
    let trial = Project::new(&python, &[("fine.py", "print('hi')\nX = 1\n")]).trial();
    assert_passed(&trial);
    assert_eq!((trial.doctests, trial.tests), (0, 0));
    assert_eq!(trial.output, "hi\n");
    assert_eq!((&trial.message, &trial.report), (&None, &None));
    assert!(trial.duration_s.is_some());
}

#[test]
fn no_list_of_arguments_tells_of_the_trial() {
    let Some(python) = bare_python() else { return };
    let module = "import sys\n\
        words = [sys.executable, __file__]\n\
        print(sys.argv == words[1:], getattr(sys, 'orig_argv', words)[1:] == words[1:])\n\
        try:\n    with open('/proc/self/cmdline') as file: listed = file.read()\n\
        except OSError: listed = ' '.join(words)\n\
        print(listed.strip('\\0') == ' '.join(words))\n";
    let trial = Project::new(&python, &[("looks.py", module)]).trial();
    assert_passed(&trial);
    assert_eq!(trial.output, "True True\nTrue\n");
}

#[test]
fn an_error_of_the_import_is_told_without_the_frames_of_the_trial() {
    let Some(python) = bare_python() else { return };
    let files = [
        ("outer.py", "import pkg.inner\n"),
        ("pkg/__init__.py", ""),
        (
            "pkg/inner.py",
            "def f():\n    raise ValueError('no')\nf()\n",
        ),
    ];
    let project = Project::new(&python, &files).only(&["outer.py"]);
    let trial = project.trial();
    assert_eq!(
        verdict(&trial),
        "failed: it does not import: ValueError: no"
    );
    let report = trial.report.unwrap();
    assert!(report.contains("inner.py\", line 2, in f"), "{report}");
    assert!(!report.contains("_menace"), "{report}");
    assert!(!report.contains("importlib"), "{report}");
}

#[test]
fn a_syntax_error_is_a_failure_with_its_place() {
    let Some(python) = bare_python() else { return };
    let trial = Project::new(&python, &[("bad.py", "x = 1\ndef f(:\n")]).trial();
    assert_eq!(trial.outcome, TrialOutcome::Failed);
    assert!(trial.message.unwrap().contains("SyntaxError"));
    assert!(trial.report.unwrap().contains("bad.py\", line 2"));
}

#[test]
fn sys_exit_in_an_import_is_a_failure_in_plain_words() {
    let Some(python) = bare_python() else { return };
    let trial = Project::new(&python, &[("exits.py", "import sys\nsys.exit(0)\n")]).trial();
    assert_eq!(
        verdict(&trial),
        "failed: it calls sys.exit(0) when it is imported"
    );
}

#[test]
fn what_is_below_the_guard_of_main_is_not_run() {
    let Some(python) = bare_python() else { return };
    let script = "import argparse\n\
        if __name__ == '__main__':\n    raise SystemExit('ran')\n\
        argparse.ArgumentParser().parse_args()\n";
    assert_passed(&Project::new(&python, &[("script.py", script)]).trial());
}

#[test]
fn siblings_and_packages_are_found_under_the_roots() {
    let Some(python) = bare_python() else { return };
    let files = [
        ("src/pkg/__init__.py", ""),
        ("src/pkg/a.py", "from . import b\nimport sibling\n"),
        ("src/pkg/b.py", "X = 1\n"),
        ("sibling.py", "import pkg.b\n"),
    ];
    let mut project = Project::new(&python, &files);
    for module in &mut project.command.modules {
        module.name = module.name.trim_start_matches("src.").to_owned();
    }
    project.command.roots = vec!["src".to_owned(), ".".to_owned()];
    for trial in project.run() {
        assert_passed(&trial);
    }
}

#[test]
fn a_module_with_the_name_of_one_of_the_library_is_the_one_that_is_tried() {
    let Some(python) = bare_python() else { return };
    let files = [("json.py", "MINE = 1\nraise KeyError('mine')\n")];
    let trial = Project::new(&python, &files).trial();
    assert_eq!(
        verdict(&trial),
        "failed: it does not import: KeyError: 'mine'"
    );
}

#[test]
fn a_module_with_the_name_of_a_built_in_one_cannot_be_imported() {
    let Some(python) = bare_python() else { return };
    let trial = Project::new(&python, &[("time.py", "X = 1\n")]).trial();
    assert_eq!(
        verdict(&trial),
        "not_run: not tried: `time` imports a module of Python itself, which comes before it"
    );
}

#[test]
fn a_module_that_puts_something_else_in_its_place_passes() {
    let Some(python) = bare_python() else { return };
    let module = "import sys\nclass Lazy: pass\nsys.modules[__name__] = Lazy()\n";
    assert_passed(&Project::new(&python, &[("lazy.py", module)]).trial());
}

#[test]
fn a_module_that_another_one_hides_is_told_so() {
    let Some(python) = bare_python() else { return };
    let files = [("a/same.py", "X = 1\n"), ("b/same.py", "X = 2\n")];
    let mut project = Project::new(&python, &files).only(&["b/same.py"]);
    project.command.roots = vec!["a".to_owned(), "b".to_owned()];
    project.command.modules[0].name = "same".to_owned();
    let message = project.trial().message.unwrap();
    assert!(
        message.contains("a/same.py, which comes before it"),
        "{message}"
    );
}

#[test]
fn doctests_are_run_and_counted() {
    let Some(python) = bare_python() else { return };
    let module = "def good():\n    '''\n    >>> good()\n    1\n    '''\n    return 1\n\
        def bad():\n    '''\n    >>> bad()\n    3\n    '''\n    return 2\n";
    let trial = Project::new(&python, &[("docs.py", module)]).trial();
    assert_eq!(verdict(&trial), "failed: 1 of 2 doctests failed");
    assert_eq!(trial.doctests, 2);
    let report = trial.report.unwrap();
    assert!(report.contains("in docs.bad"), "{report}");
}

const TESTS: &str = "import unittest\n\
    class Case(unittest.TestCase):\n\
    \x20   def test_good(self): pass\n\
    \x20   def test_bad(self): self.assertEqual(1, 2)\n\
    def test_plain(): assert True\n\
    def test_connection(host, port): return 1\n\
    class TestClient:\n    pass\n";

#[test]
fn its_own_tests_run_by_unittest_where_there_is_no_pytest() {
    let Some(python) = bare_python() else { return };
    let trial = Project::new(&python, &[("mod.py", TESTS)]).trial();
    assert_eq!(verdict(&trial), "failed: 1 of 3 tests failed: test_bad");
    assert!(trial.report.unwrap().contains("1 != 2"));
}

#[test]
fn its_own_tests_run_by_pytest_where_that_is_there() {
    let Some(python) = python_with_pytest() else {
        return;
    };
    let pytest_style = "def test_uses(tmp_path): (tmp_path / 'a').write_text('b')\n\
        class TestIt:\n    def test_method(self): assert [1] == [2]\n\
        import pytest\n@pytest.mark.skip\ndef test_not(): pass\n";
    let module = format!("{TESTS}{pytest_style}");
    let files = [
        ("mod.py", module.as_str()),
        ("conftest.py", "raise RuntimeError('not mine')\n"),
        ("pytest.ini", "[pytest]\naddopts = --no-such-option\n"),
    ];
    let trial = Project::new(&python, &files).only(&["mod.py"]).trial();
    assert_eq!(
        verdict(&trial),
        "failed: 2 of 6 tests failed: Case::test_bad"
    );
    assert_eq!(trial.touched, []);
    let report = trial.report.unwrap();
    assert!(report.contains("TestIt::test_method"), "{report}");
}

#[test]
fn tests_that_are_only_imported_are_another_modules() {
    let Some(python) = bare_python() else { return };
    let files = [
        ("user.py", "from mod import *\nfrom mod import Case\n"),
        ("mod.py", TESTS),
    ];
    let trial = Project::new(&python, &files).only(&["user.py"]).trial();
    assert_passed(&trial);
    assert_eq!(trial.tests, 0);
}

#[test]
fn binary_junk_and_strange_texts_reach_the_agent_as_text() {
    let Some(python) = bare_python() else { return };
    let module = "import os\nos.write(1, bytes(range(256)))\nraise ValueError('\\ud800 \\0 ö')\n";
    let trial = Project::new(&python, &[("junk.py", module)]).trial();
    assert_eq!(
        verdict(&trial),
        r"failed: it does not import: ValueError: \ud800 \0 ö"
    );
    assert!(trial.output.contains("xyz{|}~"), "{:?}", trial.output);
}

#[test]
fn objects_that_answer_to_everything_are_no_tests() {
    let Some(python) = bare_python() else { return };
    let module = "from unittest import mock\n\
        class Liar:\n    __class__ = type\n    def __getattr__(self, name): return self\n\
        test_it = mock.call\nTestIt = Liar()\ntest_mock = mock.MagicMock()\n";
    assert_passed(&Project::new(&python, &[("odd.py", module)]).trial());
}

#[test]
fn an_error_without_a_text_is_told_by_its_name() {
    let Some(python) = bare_python() else { return };
    let module =
        "class Evil(Exception):\n    def __str__(self): raise Exception('x')\nraise Evil()\n";
    let trial = Project::new(&python, &[("evil.py", module)]).trial();
    assert_eq!(trial.outcome, TrialOutcome::Failed);
    assert!(trial.message.unwrap().contains("Evil"));
}
