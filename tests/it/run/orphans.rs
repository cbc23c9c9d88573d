//! Orphans that a run tries after its tests: the rows, events and verdict that follow.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use menace_agent::clock::now_ms;
use menace_agent::engine::Executor;
use menace_agent::model::{
    Event, EventLine, ExitCode, RunOutcome, RunSummary, Trial, TrialOutcome,
};
use menace_agent::modules::{AnalysisRequest, OrphanJob, after_tests};
use menace_agent::plan::{OrphanWishes, RunPlan, RunRequest};
use menace_agent::run::{self, Job, Mailbox, Recorder, StopSignal, recover};
use menace_agent::store::Store;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{Lab, has_wall, lab, processes_of};
use crate::wait::{PATIENCE, wait_until_gone};

/// Outcomes of the orphans beside a test that passes.
const PASSING: (&str, &str) = ("test_a.py", "def test_one(): pass\n");
const GOOD: (&str, &str) = ("good.py", "X = 1\n");
const BAD: (&str, &str) = (
    "pkg/bad.py",
    "try: open('new', 'w')\nexcept OSError: pass\nraise ValueError('no')\n",
);
const ENDLESS: (&str, &str) = ("endless.py", "import time\ntime.sleep(600)\n");

/// These modules are the list, and nothing is looked for.
pub(super) fn listed(lab: &Lab, files: &[&str]) -> OrphanJob {
    let list = serde_json::to_string(files).unwrap();
    lab.write("sandbox_data/orphan_modules.json", &list);
    OrphanJob {
        request: AnalysisRequest {
            project: lab.path(),
            data_dir: lab.path().join("sandbox_data"),
            exclude: Vec::new(),
        },
        wishes: OrphanWishes {
            include: true,
            discover: false,
            recursive: false,
            discover_isolated: false,
            recursive_isolated: false,
            refresh: false,
        },
        suppressions: Vec::new(),
        limit: Duration::from_mins(1),
        budget: None,
        strict: false,
        integrate: true,
        found_workflows: false,
        integration: None,
    }
}

/// A run that tries orphans after its tests.
pub(super) struct Run<'a> {
    pub(super) lab: &'a Lab,
    pub(super) request: RunRequest,
    pub(super) executor: Arc<Executor>,
    pub(super) orphans: OrphanJob,
    pub(super) mailbox: Mailbox,
}

impl<'a> Run<'a> {
    /// On this machine, two orphans at a time.
    pub(super) fn of(lab: &'a Lab, orphans: OrphanJob) -> Self {
        Self {
            lab,
            request: RunRequest {
                workers: 2,
                ..lab.request()
            },
            executor: lab.executor(),
            orphans,
            mailbox: Mailbox::new(),
        }
    }

    /// Carries it out; calls `react` for each event.
    pub(super) fn carry_out(self, mut react: impl FnMut(&Event)) -> (RunSummary, Vec<Event>) {
        let store = Store::open(&self.lab.db(), now_ms()).unwrap();
        let (sender, events) = channel();
        let announce = move |line: EventLine| sender.send(line.event).unwrap();
        let begun = Instant::now();
        thread::scope(|scope| {
            let running = scope.spawn(move || self.record(store, announce));
            let mut told = Vec::new();
            loop {
                let Ok(event) = events.recv_timeout(PATIENCE) else {
                    panic!("nothing more after {:?}: {told:#?}", begun.elapsed());
                };
                react(&event);
                told.push(event);
                if let Some(Event::RunFinished(_)) = told.last() {
                    return (running.join().unwrap(), told);
                }
            }
        })
    }

    fn record(
        self,
        store: Store,
        announce: impl Fn(EventLine) + Send + Sync + 'static,
    ) -> RunSummary {
        let job = Job {
            plan: RunPlan::new(self.request),
            trigger: "library".to_owned(),
            executor: self.executor,
            managed: None,
            lease: None,
            cycle: None,
            notices: Vec::new(),
            mailbox: &self.mailbox,
        };
        let mut recorder = Recorder::open(store, &job, announce).unwrap();
        let verdict = run::tests(&job, &mut recorder).unwrap();
        let verdict = after_tests(&job, Some(&self.orphans), &mut recorder, verdict).unwrap();
        recorder.close(verdict).unwrap()
    }
}

pub(super) fn verdicts(events: &[Event]) -> Vec<String> {
    let trials = events.iter().filter_map(|event| match event {
        Event::OrphanFinished(trial) => Some(&**trial),
        _ => None,
    });
    let words = |trial: &Trial| {
        let (file, outcome) = (&trial.module.file, trial.outcome.as_str());
        format!("{file} {outcome}")
    };
    let mut lines: Vec<String> = trials.map(words).collect();
    lines.sort();
    lines
}

fn orphans_of(summary: &RunSummary) -> (Option<u64>, Option<u64>, Option<u64>) {
    (
        summary.run.orphan_total,
        summary.run.orphan_passed,
        summary.run.orphan_failed,
    )
}

#[test]
fn orphans_are_tried_after_the_tests_and_stored_before_they_are_told() {
    let Some(lab) = lab(&[PASSING, GOOD, BAD]) else {
        return;
    };
    let orphans = listed(&lab, &["good.py", "pkg/bad.py"]);
    let (summary, events) = Run::of(&lab, orphans).carry_out(|event| {
        if let Event::OrphanFinished(trial) = event {
            let sql = format!(
                "SELECT outcome FROM orphan_trial WHERE file = '{}'",
                trial.module.file
            );
            assert_eq!(lab.rows(&sql), [trial.outcome.as_str()]);
        }
    });
    assert_eq!(verdicts(&events), ["good.py passed", "pkg/bad.py failed"]);
    let started = events
        .iter()
        .position(|event| *event == Event::OrphansStarted { orphans: 2 });
    let shard = events
        .iter()
        .position(|event| matches!(event, Event::ShardFinished { .. }));
    assert!(started > shard, "{events:#?}");
    assert_eq!(orphans_of(&summary), (Some(2), Some(1), Some(1)));
    assert_eq!(
        (summary.outcome(), summary.exit_code()),
        (RunOutcome::Passed, ExitCode::SUCCESS)
    );
    assert_eq!(summary.orphan_failures[0].module.name, "pkg.bad");
    let integration = summary.run.integration.unwrap();
    assert_eq!(integration.integrated, ["good.py"]);
    let rows = lab.rows(
        "SELECT module, outcome, doctests, tests, touched, message FROM orphan_trial ORDER BY 1",
    );
    assert_eq!(
        rows,
        [
            "good | passed | 0 | 0 | 0 | NULL",
            "pkg.bad | failed | 0 | 0 | 1 | it does not import: ValueError: no"
        ]
    );
    assert_eq!(
        lab.rows("SELECT orphan_total, orphan_passed, orphan_failed FROM run_summary"),
        ["2 | 1 | 1"]
    );
    let store = Store::open(&lab.db(), now_ms()).unwrap();
    let stored = store
        .reader()
        .unwrap()
        .notable_trials(summary.run.run_id, 9);
    let stored = stored.unwrap().remove(0);
    assert_eq!(stored.touched[0].target, "new");
    assert!(stored.report.unwrap().contains("bad.py\", line 3"));
    assert_eq!(processes_of(&lab), [""; 0]);
    assert_eq!(
        lab.rows("SELECT count(*), sum(ended_ms IS NULL) FROM process"),
        ["2 | 0"]
    );
    lab.assert_whole();
    let shown = lab.agent(&["show", "1"]).expect(0);
    assert!(
        shown
            .stdout
            .contains("orphans    1 passed (1 integrated), 1 failed"),
        "{shown}"
    );
    assert!(shown.stdout.contains("FAIL pkg/bad.py (orphan,"), "{shown}");
    assert!(shown.stdout.contains("kept from: open new"), "{shown}");
}

#[test]
fn the_list_of_orphans_follows_their_trials() {
    let Some(lab) = lab(&[PASSING, GOOD, BAD]) else {
        return;
    };
    let orphans = listed(&lab, &["good.py", "pkg/bad.py"]);
    Run::of(&lab, orphans).carry_out(|_| {});
    assert_eq!(
        lab.rows("SELECT file, status, last_tested_run, message FROM orphan_module ORDER BY 1"),
        [
            "good.py | integrated | 1 | NULL",
            "pkg/bad.py | failed | 1 | it does not import: ValueError: no"
        ]
    );
}

#[test]
fn only_a_strict_run_fails_for_its_orphans() {
    let Some(lab) = lab(&[PASSING, GOOD, BAD]) else {
        return;
    };
    let cases: [(&[&str], RunOutcome, ExitCode); 3] = [
        (&["good.py"], RunOutcome::Passed, ExitCode::SUCCESS),
        (&["pkg/bad.py"], RunOutcome::Failed, ExitCode::TEST_FAILED),
        (&[], RunOutcome::Passed, ExitCode::SUCCESS),
    ];
    for (files, outcome, exit_code) in cases {
        let total = files.len() as u64;
        let strict = OrphanJob {
            strict: true,
            ..listed(&lab, files)
        };
        let (summary, events) = Run::of(&lab, strict).carry_out(|_| {});
        assert_eq!(
            (summary.outcome(), summary.exit_code()),
            (outcome, exit_code)
        );
        assert_eq!(summary.run.orphan_total, Some(total));
        let told = events
            .iter()
            .any(|event| matches!(event, Event::OrphansStarted { .. }));
        assert_eq!(told, total > 0);
    }
}

#[test]
fn a_signal_ends_the_trials_and_what_is_left_is_not_run() {
    let Some(lab) = lab(&[PASSING, ("aaa.py", GOOD.1), ENDLESS]) else {
        return;
    };
    let files = ["aaa.py", "endless.py", "endless2.py", "endless3.py"];
    lab.write("endless2.py", ENDLESS.1);
    lab.write("endless3.py", ENDLESS.1);
    let run = Run::of(&lab, listed(&lab, &files));
    let stop = run.mailbox.stop_handle();
    let (summary, events) = run.carry_out(|event| {
        if matches!(event, Event::OrphanFinished(trial) if trial.module.file == "aaa.py") {
            stop.stop(StopSignal::Interrupt);
        }
    });
    assert_eq!(
        verdicts(&events),
        [
            "aaa.py passed",
            "endless.py not_run",
            "endless2.py not_run",
            "endless3.py not_run",
        ]
    );
    assert_eq!(
        (summary.outcome(), summary.exit_code()),
        (RunOutcome::Interrupted, ExitCode::SIGINT)
    );
    assert_eq!(orphans_of(&summary), (Some(4), Some(1), Some(0)));
    wait_until_gone("its processes", || processes_of(&lab));
}

#[test]
fn a_run_that_drains_cuts_its_trials_short() {
    let Some(lab) = lab(&[PASSING, GOOD, ENDLESS]) else {
        return;
    };
    let run = Run::of(&lab, listed(&lab, &["good.py", "endless.py"]));
    let stop = run.mailbox.stop_handle();
    let (summary, events) = run.carry_out(|event| {
        if matches!(event, Event::OrphanFinished(trial) if trial.module.file == "good.py") {
            stop.drain(StopSignal::Terminate);
        }
    });
    assert_eq!(verdicts(&events), ["endless.py not_run", "good.py passed"]);
    let why = "SELECT message FROM orphan_trial WHERE module = 'endless'";
    assert_eq!(lab.rows(why), ["not tried: the agent was asked to end"]);
    assert_eq!(
        (summary.outcome(), summary.exit_code()),
        (RunOutcome::Interrupted, ExitCode::SIGTERM)
    );
    assert_eq!(summary.run.integration, None);
    wait_until_gone("its processes", || processes_of(&lab));
}

#[test]
fn a_run_that_drained_tries_no_orphan() {
    let source = "import time\ndef test_a(): time.sleep(1)\n";
    let Some(lab) = lab(&[("test_a.py", source), GOOD]) else {
        return;
    };
    let run = Run::of(&lab, listed(&lab, &["good.py"]));
    let stop = run.mailbox.stop_handle();
    let (summary, events) = run.carry_out(|event| {
        if matches!(event, Event::TestStarted { .. }) {
            stop.drain(StopSignal::Terminate);
        }
    });
    assert_eq!(verdicts(&events), [""; 0]);
    assert_eq!(
        (summary.run.counts.passed, summary.exit_code()),
        (1, ExitCode::SIGTERM)
    );
}

#[test]
fn a_run_that_was_stopped_looks_for_no_orphans() {
    let Some(lab) = lab(&[
        ("test_a.py", "import time\ndef test_a(): time.sleep(600)\n"),
        GOOD,
    ]) else {
        return;
    };
    let run = Run::of(&lab, listed(&lab, &["good.py"]));
    let stop = run.mailbox.stop_handle();
    let (summary, events) = run.carry_out(|event| {
        if matches!(event, Event::TestStarted { .. }) {
            stop.stop(StopSignal::Terminate);
        }
    });
    assert_eq!(verdicts(&events), [""; 0]);
    assert_eq!(summary.exit_code(), ExitCode::SIGTERM);
    assert_eq!(orphans_of(&summary), (None, None, None));
}

#[test]
fn the_time_for_all_orphans_ends_them() {
    let Some(lab) = lab(&[PASSING, GOOD, ENDLESS]) else {
        return;
    };
    let trials = OrphanJob {
        budget: Some(Duration::from_secs(3)),
        ..listed(&lab, &["good.py", "endless.py"])
    };
    let (summary, events) = Run::of(&lab, trials).carry_out(|_| {});
    assert_eq!(
        verdicts(&events),
        ["endless.py timed_out", "good.py passed"]
    );
    assert_eq!(summary.outcome(), RunOutcome::Passed);
}

#[test]
fn the_module_that_ends_the_trial_process_is_found_and_the_others_are_tried() {
    let kills = "import ctypes, os, time\n\
        time.sleep(0.3)\nassert ctypes.CDLL(None).kill(os.getppid(), 9) == 0\ntime.sleep(600)\n";
    let slow = "import time\ntime.sleep(1)\n";
    let files = [PASSING, GOOD, ("kills.py", kills), ("slow.py", slow)];
    let Some(lab) = lab(&files) else { return };
    let orphans = listed(&lab, &["kills.py", "slow.py", "good.py"]);
    let (summary, events) = Run::of(&lab, orphans).carry_out(|_| {});
    // A kernel with a wall keeps it from that.
    let end = if has_wall() { "failed" } else { "crashed" };
    let kills = format!("kills.py {end}");
    assert_eq!(
        verdicts(&events),
        ["good.py passed", &*kills, "slow.py passed"]
    );
    assert_eq!(orphans_of(&summary), (Some(3), Some(2), Some(1)));
    wait_until_gone("its processes", || processes_of(&lab));
}

#[test]
fn a_trial_process_that_does_not_answer_is_killed_in_time() {
    // It stops the process that watches over it, which then cannot end it.
    let stops = "import ctypes, os, time\nassert ctypes.CDLL(None).kill(os.getppid(), 19) == 0\ntime.sleep(600)\n";
    let Some(lab) = lab(&[PASSING, GOOD, ("stops.py", stops)]) else {
        return;
    };
    let trials = OrphanJob {
        limit: Duration::from_millis(500),
        ..listed(&lab, &["stops.py", "good.py"])
    };
    let mut one_at_a_time = Run::of(&lab, trials);
    one_at_a_time.request.workers = 1;
    let (_, events) = one_at_a_time.carry_out(|_| {});
    let end = if has_wall() { "failed" } else { "timed_out" };
    assert_eq!(
        verdicts(&events),
        ["good.py passed", &*format!("stops.py {end}")]
    );
    wait_until_gone("its processes", || processes_of(&lab));
}

#[test]
fn an_agent_that_is_killed_leaves_neither_modules_nor_lies() {
    let Some(lab) = lab(&[PASSING, GOOD, ENDLESS]) else {
        return;
    };
    let orphans = listed(&lab, &["good.py", "endless.py"]);
    let mut killed = false;
    let (_, events) = Run::of(&lab, orphans).carry_out(|event| {
        let good = matches!(event, Event::OrphanFinished(trial) if trial.module.file == "good.py");
        if good && !std::mem::replace(&mut killed, true) {
            // As `recover` would do after the agent's end: the process is on record.
            let sql = "SELECT pid FROM process WHERE ended_ms IS NULL";
            let pid = lab.rows(sql).remove(0).parse().unwrap();
            kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
            let mut store = Store::open(&lab.db(), now_ms()).unwrap();
            assert_eq!(recover(&mut store).unwrap(), []);
        }
    });
    let last = events.iter().rev().find_map(|event| match event {
        Event::OrphanFinished(trial) => Some(trial),
        _ => None,
    });
    assert_eq!(last.unwrap().outcome, TrialOutcome::Crashed);
    wait_until_gone("its processes", || processes_of(&lab));
}
