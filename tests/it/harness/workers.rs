//! pytest-xdist: asked for, missing, switched off, and with workers that die.

use std::collections::BTreeSet;

use menace_agent::model::Outcome;
use menace_agent::pytest::protocol::{HarnessEvent, Started, StopReason};

use super::driver::{Project, Talk, python};
use crate::envs::{available, interpreters, venv};

const FILE: &str = r#"
import os, time, pytest

@pytest.mark.parametrize("i", range(8))
def test_i(i):
    time.sleep(0.05)
    if i == 3: os._exit(3)
    assert i != 5
"#;

fn workers(talk: &Talk) -> u32 {
    let numbers = talk.events.iter().filter_map(|event| match event {
        HarnessEvent::Session(session) => Some(session.workers),
        _ => None,
    });
    numbers.max().unwrap()
}

#[test]
fn a_worker_that_dies_loses_its_test_only() {
    let Some(python) = python() else { return };
    let talk = Project::new(&python, &[("test_it.py", FILE)])
        .workers(2)
        .run();
    talk.assert_whole();
    assert_eq!(workers(&talk), 2);
    let crashed: Vec<_> = talk
        .finished()
        .filter(|test| test.outcome == Outcome::Crashed)
        .collect();
    assert_eq!(crashed.len(), 1);
    assert_eq!(crashed[0].id, "test_it.py::test_i[3]");
    let died = HarnessEvent::WorkerDied {
        worker: crashed[0].worker.clone(),
        id: Some(crashed[0].id.clone()),
    };
    assert!(talk.events.contains(&died), "{talk:?}");
    assert_eq!(talk.outcomes()["test_it.py::test_i[5]"], Outcome::Failed);
    let names: BTreeSet<_> = talk.finished().map(|test| test.worker.as_str()).collect();
    assert!(
        names.len() >= 2 && names.iter().all(|name| name.starts_with("gw")),
        "{names:?}"
    );
    let passed = talk
        .finished()
        .find(|test| test.outcome == Outcome::Passed)
        .unwrap();
    assert!(passed.cpu_s.unwrap() < 1.0 && passed.peak_rss_bytes.unwrap() > 1 << 20);
}

#[test]
fn the_processes_of_started_tests_are_the_workers() {
    let Some(python) = python() else { return };
    let file = "import os, pytest, time\n@pytest.mark.parametrize('i', range(8))\ndef test_i(i):\n    time.sleep(0.02)\n    assert 0, os.getpid()\n";
    let talk = Project::new(&python, &[("test_it.py", file)])
        .workers(2)
        .run();
    talk.assert_whole();
    for event in &talk.events {
        if let HarnessEvent::Started(Started { id, pid, .. }) = event {
            let message = talk
                .outcomes()
                .get(id.as_str())
                .map(|_| talk.message(id))
                .unwrap();
            assert!(
                message.contains(&format!("AssertionError: {pid}")),
                "{id} {pid} {message}"
            );
        }
    }
}

#[test]
fn the_project_s_own_word_on_workers_counts() {
    let Some(python) = python() else { return };
    let file = ("test_it.py", "def test_it(): pass\n");
    for (ini, args, expected, notice) in [
        ("[pytest]\naddopts = -n3", &[][..], 3, None),
        ("[pytest]\naddopts = -n0", &[], 1, None),
        ("[pytest]", &["-n1"], 1, None),
        ("[pytest]", &["-p", "no:xdist"], 1, Some("xdist-disabled")),
        ("[pytest]", &[], 2, None),
    ] {
        let files = [file, ("pytest.ini", ini)];
        let talk = Project::new(&python, &files).args(args).workers(2).run();
        talk.assert_whole();
        assert_eq!(workers(&talk), expected, "{ini} {args:?}");
        let notices: Vec<_> = talk.notices().into_iter().map(|(code, _)| code).collect();
        assert_eq!(
            notices,
            notice.into_iter().collect::<Vec<_>>(),
            "{ini} {args:?}"
        );
    }
}

#[test]
fn without_xdist_one_process_runs_and_says_so_once() {
    let Some(python) = interpreters().pop() else {
        return;
    };
    let packages = ["pytest>=8,<9"];
    let Some(python) = available(venv(&python.path.to_string_lossy(), &packages)) else {
        return;
    };
    let file = [("test_it.py", "def test_a(): pass\ndef test_b(): pass\n")];
    let talk = Project::new(&python, &file).workers(4).coverage().run();
    talk.assert_whole();
    assert_eq!(workers(&talk), 1);
    let codes: Vec<_> = talk.notices().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["xdist-missing"]);
    assert!(
        !talk
            .events
            .iter()
            .any(|event| matches!(event, HarnessEvent::Coverage { .. }))
    );
}

#[test]
fn reruns_survive_distribution() {
    let Some(python) = python() else { return };
    let file = "import pathlib\ndef test_flaky():\n    log = pathlib.Path('tries')\n    tries = log.read_text() if log.exists() else ''\n    log.write_text(tries + 'x')\n    assert tries == 'x'\n";
    let talk = Project::new(&python, &[("test_it.py", file)])
        .workers(2)
        .args(&["--reruns=2"])
        .run();
    talk.assert_whole();
    let outcomes: Vec<_> = talk.finished().map(|test| test.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Passed]);
}

#[test]
fn the_same_test_in_each_worker_has_a_verdict_for_each() {
    let Some(python) = python() else { return };
    let file = r"
import os
worker = os.environ['PYTEST_XDIST_WORKER']
def test_one(): assert worker != 'gw1'
def test_dies(): worker == 'gw1' and os._exit(3)
def test_two(): pass
";
    let mut project = Project::new(&python, &[("test_it.py", file)]);
    project = project.args(&["--dist=each", "--tx=2*popen"]);
    let talk = project.run();
    talk.assert_whole();
    assert_eq!(workers(&talk), 2);
    let expected = [
        "test_dies passed",
        "test_dies#2 crashed",
        "test_one passed",
        "test_one#2 failed",
        "test_two passed",
        "test_two#2 passed",
    ];
    assert_eq!(talk.verdicts(), expected);
    let done = talk.events.iter().filter_map(|event| match event {
        HarnessEvent::Collected(collected) => Some(collected.done),
        _ => None,
    });
    assert_eq!(done.collect::<Vec<_>>(), [false, true]);
    project.command.only = Some(vec!["test_it.py::test_one#2".to_owned()]);
    let talk = project.run();
    assert_eq!(talk.verdicts(), ["test_one#2 failed"]);
}

#[test]
fn names_with_an_at_sign_survive_groups() {
    let Some(python) = python() else { return };
    let file = r"
import pytest
def test_none(): pass
@pytest.mark.xdist_group('x@y')
def test_mark(): pass
@pytest.mark.xdist_group(name='z')
@pytest.mark.parametrize('v', ['a@b'])
def test_value(v): assert 0
";
    let talk = Project::new(&python, &[("d@2/test_it.py", file)])
        .args(&["-n2", "--dist=loadgroup"])
        .run();
    talk.assert_whole();
    let mut collected = talk.collected();
    collected.sort_unstable();
    let expected = ["test_mark", "test_none", "test_value[a@b]"];
    assert_eq!(
        collected,
        expected.map(|name| format!("d@2/test_it.py::{name}"))
    );
    assert_eq!(
        talk.verdicts(),
        [
            "test_mark passed",
            "test_none passed",
            "test_value[a@b] failed"
        ]
    );
}

#[test]
fn a_child_that_runs_on_into_pytest_speaks_for_nobody_and_ends() {
    let Some(python) = python() else { return };
    let file = r"
import os, pytest

@pytest.fixture
def around():
    yield
    with open('log', 'a') as log: log.write('torn down\n')
@pytest.mark.parametrize('i', range(4))
def test_forks(i, around):
    child = os.fork()
    if child == 0:
        assert i % 2, 'in the child'
        return
    with open('log', 'a') as log: log.write('ended %d\n' % os.waitpid(child, 0)[1])
";
    let project = Project::new(&python, &[("test_it.py", file)]).workers(2);
    let talk = project.run();
    talk.assert_whole();
    let passed = |test: &str| test.ends_with(" passed");
    assert!(talk.verdicts().iter().all(|test| passed(test)), "{talk:?}");
    assert_eq!(talk.finished().count(), 4);
    assert_eq!(talk.bye(), (0, None, None));
    let log = std::fs::read_to_string(project.path().join("log")).unwrap();
    let mut lines: Vec<_> = log.lines().collect();
    lines.sort_unstable();
    let children = ["ended 0", "ended 0", "ended 256", "ended 256"];
    assert_eq!(lines, [&children[..], &["torn down"; 8]].concat());
}

#[test]
fn workers_that_xdist_forgets_after_a_crash_end_the_session() {
    let Some(python) = python() else { return };
    // A scheduler that hands out nothing more once a worker has died.
    let conftest = r"
import pytest
from xdist.scheduler import LoadScheduling
class Forgetful(LoadScheduling):
    died = False
    def remove_node(self, node):
        item = super().remove_node(node)
        Forgetful.died = Forgetful.died or item is not None
        return item
    def schedule(self):
        if not self.died: super().schedule()
    tests_finished = False
def pytest_xdist_make_scheduler(config, log): return Forgetful(config, log)
";
    let file = r"
import os, pytest
@pytest.mark.parametrize('i', range(4))
def test_i(i): i == 0 and os._exit(3)
";
    let files = [("conftest.py", conftest), ("test_it.py", file)];
    let talk = Project::new(&python, &files).args(&["-n1"]).run();
    let said = "pytest-xdist gives its workers nothing to do, although tests are left";
    assert_eq!(talk.bye(), (2, Some(StopReason::Stalled), Some(said)));
    assert_eq!(talk.verdicts(), ["test_i[0] crashed"], "{talk:?}");
}
