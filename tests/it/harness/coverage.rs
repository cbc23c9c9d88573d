//! Coverage is united over processes, holds files that were never imported, and is never in the way.

use std::collections::BTreeMap;
use std::path::Path;

use menace_agent::model::{Branches, LineSet};
use menace_agent::pytest::protocol::HarnessEvent;

use super::driver::{Project, Talk, python};

const FILES: [(&str, &str); 5] = [
    ("pkg/__init__.py", ""),
    (
        "pkg/used.py",
        "def one():\n    return (\n        1\n    )\n\n\ndef two():\n    return 2\n\n\ndef three():  # pragma: no cover\n    return 3\n",
    ),
    ("pkg/unused.py", "VALUE = 1\nOTHER = 2\n"),
    (
        "test_a.py",
        "from pkg import used\n\ndef test_one(): assert used.one() == 1\n",
    ),
    (
        "test_b.py",
        "import time\n\ndef test_two():\n    from pkg import used\n    time.sleep(0.2)\n    assert used.two() == 2\n",
    ),
];

/// File name → its statements, and how many of them were executed, united as the agent does it.
fn coverage(talk: &Talk, root: &Path) -> BTreeMap<String, (String, u64)> {
    let mut files: BTreeMap<String, (Option<LineSet>, LineSet)> = BTreeMap::new();
    for event in &talk.events {
        let HarnessEvent::Coverage { files: lines } = event else {
            continue;
        };
        for line in lines {
            let name = Path::new(&line.file)
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let entry = files.entry(name).or_default();
            if let Some(statements) = &line.statements {
                entry.0 = Some(statements.parse().unwrap());
            }
            entry.1.unite(&line.executed.parse().unwrap());
        }
    }
    let rows = files.into_iter().map(|(name, (statements, executed))| {
        let statements = statements.unwrap();
        (
            name,
            (statements.to_string(), statements.count_common(&executed)),
        )
    });
    rows.collect()
}

#[test]
fn lines_are_united_and_files_never_imported_are_there() {
    let Some(python) = python() else { return };
    for workers in [1, 2] {
        let project = Project::new(&python, &FILES).workers(workers).coverage();
        let talk = project.run();
        talk.assert_whole();
        let files = coverage(&talk, &project.path());
        let told: Vec<_> = files
            .iter()
            .map(|(file, (all, run))| (file.as_str(), all.as_str(), *run))
            .collect();
        let expected = [
            ("pkg/__init__.py", "", 0),
            ("pkg/unused.py", "1-2", 0),
            ("pkg/used.py", "1-2,7-8", 4),
            ("test_a.py", "1,3", 2),
            ("test_b.py", "1,3-6", 5),
        ];
        assert_eq!(told, expected, "{workers}");
        assert!(!project.path().join(".coverage").exists());
    }
}

#[test]
fn a_process_that_dies_reported_what_ran_before_its_last_test() {
    let Some(python) = python() else { return };
    let dies = ("test_z.py", "import os\ndef test_dies(): os._exit(1)\n");
    let files: Vec<_> = FILES.iter().copied().chain([dies]).collect();
    let project = Project::new(&python, &files).coverage();
    let talk = project.run();
    assert_eq!(talk.status.code(), Some(1), "{talk:?}");
    let files = coverage(&talk, &project.path());
    assert_eq!(files["pkg/used.py"], ("1-2,7-8".to_owned(), 4));
    assert_eq!(files["pkg/unused.py"], ("1-2".to_owned(), 0));
    assert_eq!(files["test_b.py"].1, 5);
}

#[test]
fn the_project_s_settings_for_coverage_count() {
    let Some(python) = python() else { return };
    for settings in [
        "[run]\nsource = pkg\nomit = */unused.py\n",
        "[run]\nsource = pkg\n[report]\nomit = */unused.py\n",
        "[run]\nsource = pkg\n[report]\ninclude = pkg/__init__.py\n    pkg/used.py\n",
        "[run]\nsource = pkg\nbranch = true\n[report]\nomit = */unused.py\n",
    ] {
        let settings = (".coveragerc", settings);
        let files: Vec<_> = FILES.iter().copied().chain([settings]).collect();
        let project = Project::new(&python, &files).coverage();
        let talk = project.run();
        let files: Vec<_> = coverage(&talk, &project.path()).into_keys().collect();
        assert_eq!(files, ["pkg/__init__.py", "pkg/used.py"], "{settings:?}");
    }
}

const TURNS: (&str, &str) = (
    "pkg/turns.py",
    "def sign(n):\n    if n < 0:\n        return -1\n    if n:\n        return 1\n    return 0\n\n\n\
     def last(names):\n    for name in names:\n        if name == 'stop':  # pragma: no branch\n            \
     break\n    while True:\n        return name\n",
);

/// The branches of a file, united as the agent does it.
fn branches(talk: &Talk, name: &str) -> Option<Branches> {
    let files = talk.events.iter().filter_map(|event| match event {
        HarnessEvent::Coverage { files } => Some(files),
        _ => None,
    });
    let ours = files.flatten().filter(|lines| lines.file.ends_with(name));
    let each = ours.filter_map(|lines| lines.branches.clone());
    each.reduce(|mut united, next| {
        united.unite(&next);
        united
    })
}

#[test]
fn branches_are_united_and_files_never_imported_have_them() {
    let Some(python) = python() else { return };
    let tests = [
        TURNS,
        (
            "test_c.py",
            "from pkg import turns\n\ndef test_one(): assert turns.sign(-1) == -1\n",
        ),
        (
            "test_d.py",
            "import time\n\ndef test_two():\n    from pkg import turns\n    time.sleep(0.2)\n    \
             assert turns.sign(0) == 0\n",
        ),
        ("pkg/never.py", "import sys\nif sys:\n    VALUE = 1\n"),
    ];
    for (settings, text) in [
        (".coveragerc", "[run]\nbranch = true\n"),
        ("setup.cfg", "[coverage:run]\nbranch = true\n"),
        ("tox.ini", "[coverage:run]\nbranch = true\n"),
        ("pyproject.toml", "[tool.coverage.run]\nbranch = true\n"),
    ] {
        let workers = if settings == "tox.ini" { 2 } else { 1 };
        let files = FILES.into_iter().chain(tests).chain([(settings, text)]);
        let project = Project::new(&python, &files.collect::<Vec<_>>())
            .workers(workers)
            .coverage();
        let talk = project.run();
        talk.assert_whole();
        // sign(1), and both ends of the loop; a branch that need not be taken counts as if it were.
        let turns = Branches {
            total: 8,
            missing: [(4, 5), (10, 11), (10, 13)].into(),
        };
        let never = Branches {
            total: 2,
            missing: [(2, -1), (2, 3)].into(),
        };
        assert_eq!(branches(&talk, "turns.py"), Some(turns), "{settings}");
        assert_eq!(branches(&talk, "never.py"), Some(never), "{settings}");
        assert_eq!(talk.notices(), [], "{settings}");
        let files = coverage(&talk, &project.path());
        assert_eq!(files["pkg/used.py"], ("1-2,7-8".to_owned(), 4));
    }
}

#[test]
fn lines_alone_have_no_branches() {
    let Some(python) = python() else { return };
    for workers in [1, 2] {
        let project = Project::new(&python, &FILES).workers(workers).coverage();
        assert_eq!(branches(&project.run(), ".py"), None);
    }
}

#[test]
fn a_crash_does_not_take_the_branches_before_it() {
    let Some(python) = python() else { return };
    let files = [
        ("pkg/__init__.py", ""),
        TURNS,
        (".coveragerc", "[run]\nbranch = true\n"),
        (
            "test_a.py",
            "from pkg import turns\ndef test_one(): assert turns.sign(2) == 1\n",
        ),
        ("test_b.py", "import os\ndef test_dies(): os._exit(1)\n"),
    ];
    let talk = Project::new(&python, &files).coverage().run();
    let turns = Branches {
        total: 8,
        missing: [(2, 3), (4, 6), (10, 11), (10, 13)].into(),
    };
    assert_eq!(branches(&talk, "turns.py"), Some(turns), "{talk:?}");
}

#[test]
fn a_coverage_py_with_other_insides_still_tells_lines() {
    let Some(python) = python() else { return };
    let conftest = (
        "conftest.py",
        "import coverage.results\ndel coverage.results.Analysis.missing_branch_arcs\n\
         coverage.results.Analysis.__post_init__ = lambda self: \
         setattr(self, 'missing', self.statements - self.executed)\n",
    );
    let settings = (".coveragerc", "[run]\nbranch = true\n");
    let files: Vec<_> = FILES.iter().copied().chain([conftest, settings]).collect();
    let project = Project::new(&python, &files).coverage();
    let talk = project.run();
    talk.assert_whole();
    let codes: Vec<_> = talk.notices().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["coverage-unknown"], "{talk:?}");
    let files = coverage(&talk, &project.path());
    assert_eq!(files["pkg/used.py"], ("1-2,7-8".to_owned(), 4));
}

#[test]
fn pytest_cov_keeps_its_job_and_its_data_is_read() {
    let Some(python) = python() else { return };
    for (workers, args) in [
        (1, &["--cov=pkg", "--cov-report=xml"][..]),
        (2, &["--cov=pkg", "--cov-branch", "--cov-report=xml"]),
    ] {
        let project = Project::new(&python, &FILES)
            .args(args)
            .workers(workers)
            .coverage();
        let talk = project.run();
        talk.assert_whole();
        let files = coverage(&talk, &project.path());
        assert_eq!(
            files.keys().map(String::as_str).collect::<Vec<_>>(),
            ["pkg/__init__.py", "pkg/unused.py", "pkg/used.py"]
        );
        assert_eq!(files["pkg/used.py"], ("1-2,7-8".to_owned(), 4));
        let used = branches(&talk, "used.py").map(|branches| branches.total);
        assert_eq!(used, args.contains(&"--cov-branch").then_some(0));
        assert!(project.path().join("coverage.xml").exists());
        assert_eq!(talk.notices(), []);
    }
}

#[test]
fn tests_that_trace_for_themselves_pass() {
    let Some(python) = python() else { return };
    let file = r#"
import os, sys, coverage

def test_settrace():
    sys.settrace(None)
def test_own_coverage(tmp_path):
    cov = coverage.Coverage(data_file=str(tmp_path / "data"))
    cov.start()
    cov.stop()
def test_environment():
    assert "COVERAGE_CORE" not in os.environ
"#;
    let talk = Project::new(&python, &[("test_it.py", file)])
        .coverage()
        .args(&["-Werror"])
        .run();
    talk.assert_whole();
    assert_eq!(talk.bye().0, 0, "{talk:?}");
    assert!(
        talk.events
            .iter()
            .any(|event| matches!(event, HarnessEvent::Coverage { .. }))
    );
}

#[test]
fn a_coverage_that_cannot_start_is_a_notice() {
    let Some(python) = python() else { return };
    let settings = (".coveragerc", "[run]\nplugins = nonesuch_plugin\n");
    let files: Vec<_> = FILES.iter().copied().chain([settings]).collect();
    let talk = Project::new(&python, &files).coverage().run();
    talk.assert_whole();
    let codes: Vec<_> = talk.notices().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["coverage-unavailable"], "{talk:?}");
}

/// A plug-in of the project: its import runs before pytest collects, its last hook after the tests.
const PLUGIN: &str = r"
import early

def pytest_configure():
    early.later()

def pytest_unconfigure():
    early.last()
";
const EARLY: &str = r"
VALUE = 1

def later():
    return 2

def last():
    return 3
";
const TEST: &str = "def test_one(): pass\n";

#[test]
fn what_plug_ins_run_before_and_after_the_tests_counts() {
    let Some(python) = python() else { return };
    let files = [
        ("plug.py", PLUGIN),
        ("early.py", EARLY),
        ("test_a.py", TEST),
    ];
    for workers in [1, 2] {
        let mut project = Project::new(&python, &files)
            .args(&["-p", "plug"])
            .workers(workers)
            .coverage();
        project.environment.push(("PYTHONPATH", "."));
        let talk = project.run();
        talk.assert_whole();
        let files = coverage(&talk, &project.path());
        assert_eq!(files["plug.py"], ("2,4-5,7-8".to_owned(), 5), "{workers}");
        assert_eq!(files["early.py"], ("2,4-5,7-8".to_owned(), 5), "{workers}");
    }
}

#[test]
fn a_root_folder_of_pytest_s_that_is_another_one_is_measured_from_the_start() {
    let Some(python) = python() else { return };
    let files = [
        ("other.py", "VALUE = 1\n"),
        ("part/pytest.ini", "[pytest]\n"),
        ("part/plug.py", PLUGIN),
        ("part/early.py", EARLY),
        ("part/unused.py", "VALUE = 1\n"),
        ("part/test_a.py", TEST),
    ];
    for workers in [1, 2] {
        let mut project = Project::new(&python, &files)
            .args(&["-p", "plug", "part"])
            .workers(workers)
            .coverage();
        project.environment.push(("PYTHONPATH", "part"));
        let talk = project.run();
        talk.assert_whole();
        let files = coverage(&talk, &project.path());
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        let expected = ["early.py", "plug.py", "test_a.py", "unused.py"];
        assert_eq!(names, expected.map(|name| format!("part/{name}")));
        assert_eq!(files["part/plug.py"].1, 5, "{workers}");
        assert_eq!(files["part/early.py"].1, 5, "{workers}");
    }
}

/// A module whose second function only child processes call.
const WORK: &str = r#"
import os, sys

def here():
    return 1

def there():
    return 2

if __name__ == "__main__":
    there()
"#;

const MODULE: &str = "subprocess.run([sys.executable, '-m', 'work'], check=True)";
const METHOD: &str = "
    child = multiprocessing.get_context('fork').Process(target=work.there)
    child.start()
    child.join()
    assert child.exitcode == 0";
const FORK: &str = "
    pid = os.fork()
    if pid == 0:
        work.there()
        os._exit(0)
    os.waitpid(pid, 0)";
const KILLED: &str = "
    code = 'import work; work.there(); print(1, flush=True); input()'
    child = subprocess.Popen([sys.executable, '-c', code], stdin=-1, stdout=-1)
    child.stdout.readline()
    child.kill()
    child.communicate()";

#[test]
fn child_processes_count_if_the_project_asks_for_them_and_leave_nothing_in_it() {
    let Some(python) = python() else { return };
    for (settings, variable, workers, child, covered) in [
        ("patch = subprocess", None, 1, MODULE, 7),
        ("patch = subprocess\nbranch = true", None, 2, MODULE, 7),
        ("patch = subprocess, _exit", None, 1, FORK, 6),
        ("patch = subprocess", None, 1, KILLED, 5),
        ("concurrency = multiprocessing", None, 1, METHOD, 6),
        (
            "parallel = true",
            Some(("COVERAGE_PROCESS_START", ".coveragerc")),
            1,
            MODULE,
            7,
        ),
        // Nobody asks for them.
        ("", None, 1, MODULE, 5),
    ] {
        let test = format!(
            "import multiprocessing, os, subprocess, sys\nimport work\n\
             def test_one():\n    work.here()\n    {child}\n"
        );
        let settings = format!("[run]\n{settings}\n");
        let files = [
            (".coveragerc", settings.as_str()),
            ("work.py", WORK),
            ("test_a.py", test.as_str()),
        ];
        let mut project = Project::new(&python, &files)
            .args(&["-p", "no:cacheprovider"])
            .workers(workers)
            .coverage();
        let place = tempfile::tempdir().unwrap();
        let scratch = place.path().join("scratch");
        project.command.scratch = Some(scratch.to_str().unwrap().to_owned());
        project.environment.extend(variable);
        project.environment.push(("PYTHONDONTWRITEBYTECODE", "1"));
        let talk = project.run();
        talk.assert_whole();
        let of_work = &coverage(&talk, &project.path())["work.py"];
        let expected = ("2,4-5,7-8,10-11".to_owned(), covered);
        assert_eq!(*of_work, expected, "{settings} {workers} {talk:?}");
        assert_eq!(talk.notices(), [], "{settings}");
        let names = std::fs::read_dir(project.path()).unwrap();
        let mut names: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, [".coveragerc", "test_a.py", "work.py"], "{settings}");
        let kept = std::fs::read_dir(&scratch).unwrap();
        let mut kept = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // What tests print is there in any case.
        let is_asked_for = settings.len() > 7;
        assert!(
            is_asked_for || kept.all(|name| name.starts_with("printed-")),
            "{settings}"
        );
    }
}
