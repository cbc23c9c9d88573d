//! Mistakes of a user: each has its message and its exit code, and says what to do.

use std::path::PathBuf;

use crate::lab::{bare_lab, lab};

const GREEN: &str = "def test_one(): pass\n";

#[test]
fn an_option_that_pytest_does_not_know() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    let answer = lab.run(&["--no-cov", "--", "--nope"]).expect(2);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: pytest refused its arguments
      caused by: usage: pytest.main() [options] [file_or_dir] [file_or_dir] [...]
      caused by: pytest.main(): error: unrecognized arguments: --nope
      caused by:   inifile: None
      caused by:   rootdir: [PROJECT]
    hint: the arguments are those after `--`, of `--pytest-args`, of SELF_TEST_ARGS and of `pytest-args` in settings files; `pytest --help` lists what pytest knows
    ");
    insta::assert_snapshot!(lab.plain(&answer.stdout), @"run 1 error: no test ran in [TIME]");
    assert_eq!(lab.verdict(), "error | 2");
    // The reason is kept with the run.
    let kept = lab.rows("SELECT failure FROM run_summary").concat();
    insta::assert_snapshot!(lab.plain(&kept), @"pytest refused its arguments: usage: pytest.main() [options] [file_or_dir] [file_or_dir] [...]: pytest.main(): error: unrecognized arguments: --nope: inifile: None: rootdir: [PROJECT]");
}

#[test]
fn a_path_that_does_not_exist() {
    let Some(lab) = lab(&[("tests/test_a.py", GREEN)]) else {
        return;
    };
    let answer = lab.run(&["tests/unit/test_b.py"]).expect(2);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: there is no `tests/unit/test_b.py` in `[PROJECT]`
    hint: `[PROJECT]/tests` is there; paths are relative to the current folder
    ");
    assert!(!lab.db().exists());
}

#[test]
fn a_node_id_that_does_not_exist() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    let answer = lab.run(&["--no-cov", "test_a.py::test_nine"]).expect(2);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: pytest refused the arguments of `test_a.py::test_nine`
      caused by: not found: [PROJECT]/test_a.py::test_nine
      caused by: (no match in any of [<Module test_a.py>])
    hint: a node id is `FILE.py::CLASS::TEST`; `agent run -v FILE.py` names those of a file as they run
    ");
    assert_eq!(lab.verdict(), "error | 2");
}

#[test]
fn a_pattern_that_matches_nothing() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    let answer = lab.run(&["check_*.py"]).expect(2);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: the pattern `check_*.py` matches no file in `[PROJECT]`
    hint: `*` matches within a folder, `**` over folders; quote patterns for the shell
    ");
}

#[test]
fn a_report_into_a_folder_that_does_not_exist_makes_the_folder() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    let (junit, events) = ("out/deep/report.xml", "out/events.jsonl");
    lab.run(&["--no-cov", "--junit", junit, "--events", events])
        .expect(0);
    for file in [junit, events] {
        let text = std::fs::read_to_string(lab.path().join(file)).unwrap();
        assert!(text.contains("test_one"), "{file}: {text}");
    }
    let answer = lab.run(&["--junit", "test_a.py/report.xml"]).expect(2);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @"
    error: cannot write JUnit XML to `test_a.py/report.xml`
      caused by: File exists (os error 17)
    ");
}

#[test]
fn an_option_by_which_pytest_runs_no_test() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    for option in ["--collect-only", "--co", "--fixtures", "--version"] {
        let answer = lab.run(&["--", "-q", option]).expect(2);
        let expected = format!(
            "error: `{option}` runs no test, and `agent run` records the results of tests\n\
             hint: `python -m pytest {option}` prints it\n"
        );
        assert_eq!(answer.stderr, expected);
    }
    assert!(!lab.db().exists());
}

#[test]
fn a_program_that_is_no_python_does_not_print_ours() {
    let Some(lab) = lab(&[("test_a.py", GREEN)]) else {
        return;
    };
    for program in ["ls", "cat", "echo"] {
        let answer = lab.run(&["--python", program]).expect(3);
        let said = answer.stderr + &answer.stdout;
        assert!(
            said.contains("the interpreter did not start as a Python"),
            "{said}"
        );
        assert!(!said.contains("import sys"), "{said}");
    }
}

#[test]
fn a_module_of_the_folder_that_only_python_m_pytest_finds() {
    let Some(lab) = lab(&[
        ("app/core.py", "X = 1\n"),
        ("tests/test_a.py", "import app.core\ndef test_one(): pass\n"),
        ("tests/test_b.py", GREEN),
    ]) else {
        return;
    };
    let answer = lab.run(&["--no-cov"]).expect(6);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r#"
    warning: `app` is in the project's folder, and that is not on `sys.path`
    hint: put `pythonpath = ["."]` into pytest's settings; `python -m pytest` adds
      the folder by itself, `pytest` and the agent do not
    "#);
    assert!(
        answer
            .stdout
            .contains("hint: `agent show 1` has the whole reports; `agent run --\n"),
        "{}",
        answer.stdout
    );
    lab.write("pytest.ini", "[pytest]\npythonpath = .\n");
    let mended = lab.run(&["--no-cov"]).expect(0);
    assert!(!mended.stderr.contains("sys.path"), "{}", mended.stderr);
}

#[test]
fn modules_of_the_map_make_no_suite() {
    let Some(lab) = lab(&[("tool.py", "X = 1\n"), ("pytest.ini", "")]) else {
        return;
    };
    lab.run(&["--no-cov"]).expect(5);
    let answer = lab.run(&["--no-cov"]).expect(5);
    insta::assert_snapshot!(lab.plain(&answer.stdout), @"
    PASS tool.py (1 test, [TIME])
    run 2 empty: no test ran in [TIME]
    empty: pytest found no test in [PROJECT] (tests of the module map: 1
      passed)
    hint: check the paths, -k, -m, and pytest's settings testpaths and
      python_files
    ");
}

#[test]
fn an_interpreter_that_is_not_there() {
    let lab = bare_lab("/no/such/python", &[("test_a.py", GREEN)]);
    let answer = lab.run(&[]).expect(3);
    insta::assert_snapshot!(answer.stderr, @r"
    error: there is no interpreter `/no/such/python`
    hint: pass `--python` a path or a name on PATH, such as `--python .venv/bin/python`
    ");
    let lab = bare_lab("python9.99", &[("test_a.py", GREEN)]);
    let answer = lab.run(&[]).expect(3);
    insta::assert_snapshot!(answer.stderr, @r"
    error: there is no interpreter `python9.99`
    hint: pass `--python` a path or a name on PATH, such as `--python .venv/bin/python`
    ");
}

#[test]
fn an_interpreter_that_cannot_be_executed() {
    let lab = bare_lab("./test_a.py", &[("test_a.py", GREEN)]);
    let answer = lab.run(&[]).expect(3);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: `[PROJECT]/test_a.py` is not an executable file
    hint: pass `--python` a path or a name on PATH, such as `--python .venv/bin/python`
    ");
}

#[test]
fn a_program_that_is_no_interpreter() {
    let mut said = Vec::new();
    for program in ["/bin/true", "/bin/cat", "/bin/sh", "/bin/echo"] {
        let lab = bare_lab(program, &[("test_a.py", GREEN)]);
        let answer = lab.run(&[]).expect(3);
        said.push(format!("{program}\n{}", answer.stderr));
        assert_eq!(lab.verdict(), "error | 3");
        lab.assert_whole();
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    /bin/true
    error: the interpreter did not start as a Python
      caused by: exit status 0
    hint: pass `--python` the interpreter of the project; `agent config` shows the present one

    /bin/cat
    error: the interpreter did not start as a Python
      caused by: exit status 1
      caused by: /bin/cat: invalid option -- 'c'
      caused by: Try '/bin/cat --help' for more information.
    hint: pass `--python` the interpreter of the project; `agent config` shows the present one

    /bin/sh
    error: the interpreter did not start as a Python
      caused by: exit status 2
      caused by: /bin/sh: 1: …
    hint: pass `--python` the interpreter of the project; `agent config` shows the present one

    /bin/echo
    warning: a line of the test process is not of its protocol: invalid number at
      line 1 column 2: -c """Reads a program from standard input and runs it; Python
      2 can parse this, to say so."""
    error: the interpreter did not start as a Python
      caused by: exit status 0
    hint: pass `--python` the interpreter of the project; `agent config` shows the present one
    "#);
}

#[test]
fn an_interpreter_that_is_too_old() {
    let versions = std::env::home_dir().unwrap().join(".pyenv/versions");
    let old = ["2.7", "3.6", "3.7"].map(|version| find(&versions, version));
    let mut tried = 0;
    for python in old.into_iter().flatten() {
        let lab = bare_lab(&python, &[("test_a.py", GREEN)]);
        let answer = lab.run(&[]).expect(3);
        let message = "and 3.8 is the oldest that will do";
        assert!(answer.stderr.contains(message), "{answer}");
        tried += 1;
    }
    if tried == 0 {
        crate::lab::skipped("this machine has no Python older than 3.8");
    }
}

fn find(versions: &std::path::Path, version: &str) -> Option<PathBuf> {
    let entries = versions.read_dir().ok()?.flatten();
    let mut folders = entries.filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with(&format!("{version}."))
    });
    Some(folders.next()?.path().join("bin/python"))
}

#[test]
fn an_interpreter_without_pytest_where_none_may_be_made() {
    let Some(lab) = crate::lab::lab_with(&["pip"], &[("test_a.py", GREEN)]) else {
        return;
    };
    let answer = lab.run(&["--no-managed-env"]).expect(3);
    insta::assert_snapshot!(lab.plain(&answer.stderr), @r"
    error: the interpreter `[PYTHON]` has no pytest
    hint: install pytest into it, or let the agent keep a private environment: `--managed-env`
    ");
    assert_eq!(lab.verdict(), "error | 3");
    // The ends of its lines depend on the length of the interpreter's path.
    let shown = lab.agent(&["show", "latest"]).expect(0).stdout;
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert!(words.join(" ").contains("has no pytest"), "{shown}");
}

#[test]
fn one_broken_path_does_not_hide_the_results_of_the_other() {
    let Some(lab) = lab(&[("test_a.py", GREEN), ("test_b.py", GREEN)]) else {
        return;
    };
    let args = ["--no-cov", "test_a.py", "test_b.py::test_nine"];
    lab.run(&args).expect(2);
    insta::assert_snapshot!(lab.table(), @"test_a.py::test_one passed");
}
