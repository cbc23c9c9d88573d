//! Whole runs without a process: harness events go in, effects come out, time is a number.

mod containers;
mod draining;
mod endings;
mod forks;
mod order;
mod recovery;
mod verdicts;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::dispatch::Dispatcher;
use super::effect::{Effect, Input, Notify, ProcessEvent, Target, Work};
use super::phase::Phase;
use super::verdict::Verdict;
use crate::clock::Mono;
use crate::engine::child::Exit;
use crate::engine::{ContainerExecutor, EngineEvent, Executor, HostExecutor};
use crate::model::{
    AttemptRecord, Event, HarnessOptions, Outcome, ProcessIdentity, RunOutcome, ShardIndex, Write,
};
use crate::plan::{RunPlan, RunRequest, ShardLimit, TestPath};
use crate::pytest::protocol::{
    Bye, Collected, CollectedTest, Finished, HarnessEvent, Hello, RunCommand, Session, Started,
    StopReason,
};

const MAIN: ShardIndex = ShardIndex(0);
const OTHER: ShardIndex = ShardIndex(1);
/// The wall time when a run begins.
const NOON_MS: i64 = 1_795_521_600_000;
/// The word by which a process may leave.
const WORD: &str = "word";
const SIGSEGV: Exit = Exit::Signal(11);

/// A run whose harness is the test.
struct Sim {
    dispatcher: Dispatcher,
    now: Mono,
    /// Serials of the process that each shard was last told to start.
    serials: [u32; 2],
    log: Vec<Effect>,
}

fn request() -> RunRequest {
    RunRequest {
        project: PathBuf::from("/p"),
        paths: Vec::new(),
        pytest_args: Vec::new(),
        narrowed_by: Vec::new(),
        workers: 1,
        limit: ShardLimit::Total(Duration::from_mins(5)),
        test_timeout: None,
        reruns: 0,
        max_fail: None,
        harness: HarnessOptions {
            coverage: false,
            ..HarnessOptions::default()
        },
        executor: "host".to_owned(),
        modules: Vec::new(),
        modules_only: false,
        roots: Vec::new(),
    }
}

fn two_paths(workers: u32) -> RunRequest {
    let path = |name: &str| TestPath {
        file: PathBuf::from("/p").join(name),
        selector: String::new(),
    };
    RunRequest {
        paths: vec![path("a"), path("b")],
        workers,
        ..request()
    }
}

impl Sim {
    fn new(request: RunRequest) -> Self {
        let host = HostExecutor {
            python: PathBuf::from("python3"),
            project: request.project.clone(),
        };
        Self::with(request, Executor::Host(host))
    }

    fn in_containers(request: RunRequest, container: ContainerExecutor) -> Self {
        Self::with(request, Executor::Container(Box::new(container)))
    }

    fn with(request: RunRequest, executor: Executor) -> Self {
        let plan = RunPlan::new(request);
        let mut sim = Self {
            dispatcher: Dispatcher::new(&plan, &Arc::new(executor), None),
            now: Mono(0),
            serials: [0; 2],
            log: Vec::new(),
        };
        let effects = sim.dispatcher.start(sim.now, NOON_MS);
        sim.record(effects);
        sim
    }

    /// Carries effects out as far as the dispatcher needs it: git answers, processes start.
    fn record(&mut self, effects: Vec<Effect>) {
        let mut answers = Vec::new();
        for effect in &effects {
            match effect {
                Effect::Start { serial, .. } => answers.push(Input::Started {
                    serial: *serial,
                    process: ProcessIdentity {
                        pid: 1000 + serial,
                        boot_id: "boot".to_owned(),
                        pid_space: "pid:[1]".to_owned(),
                        start_time: Some(1),
                    },
                }),
                Effect::AskGit => answers.push(Input::Git(None)),
                Effect::LetLeave { serial } => answers.push(Input::Leave {
                    serial: *serial,
                    word: WORD.to_owned(),
                }),
                Effect::Write(Write::ProcessStarted {
                    serial,
                    shard: Some(shard),
                    ..
                }) => self.serials[shard.as_usize()] = *serial,
                _ => {}
            }
        }
        self.log.extend(effects);
        for answer in answers {
            self.input(answer);
        }
    }

    fn now_ms(&self) -> i64 {
        NOON_MS + i64::try_from(self.now.0).unwrap()
    }

    fn input(&mut self, input: Input) {
        let effects = self.dispatcher.handle(input, self.now, self.now_ms());
        self.record(effects);
    }

    fn engine(&mut self, shard: ShardIndex, event: EngineEvent) {
        let serial = self.serials[shard.as_usize()];
        let event = ProcessEvent::Tests(event);
        self.input(Input::Process { serial, event });
    }

    fn line(&mut self, shard: ShardIndex, event: HarnessEvent) {
        self.engine(shard, EngineEvent::Line(Box::new(event)));
    }

    fn pass_time(&mut self, by: Duration) {
        self.now = self.now.plus(by);
        let effects = self.dispatcher.tick(self.now, self.now_ms());
        self.record(effects);
    }

    fn hello_with(&mut self, shard: ShardIndex, pytest: Option<&str>) {
        self.line(
            shard,
            HarnessEvent::Hello(Hello {
                v: 1,
                pid: 1000 + self.serials[shard.as_usize()],
                python: "3.11.7".to_owned(),
                implementation: "CPython".to_owned(),
                executable: "/p/.venv/bin/python".to_owned(),
                pytest: pytest.map(str::to_owned),
                coverage: None,
                xdist: None,
            }),
        );
    }

    /// A process answers and collects.
    fn collect(&mut self, shard: ShardIndex, tests: &[&str]) {
        self.hello_with(shard, Some("8.0"));
        self.line(
            shard,
            HarnessEvent::Session(Session {
                rootdir: "/p".to_owned(),
                inifile: Some("/p/pyproject.toml".to_owned()),
                plugins: Vec::new(),
                workers: 1,
            }),
        );
        self.tell_tests(shard, tests);
    }

    fn tell_tests(&mut self, shard: ShardIndex, tests: &[&str]) {
        let tests = tests
            .iter()
            .map(|id| CollectedTest {
                id: (*id).to_owned(),
                file: id.split("::").next().unwrap().to_owned(),
                line: Some(1),
            })
            .collect();
        self.line(
            shard,
            HarnessEvent::Collected(Collected {
                tests,
                deselected: 0,
                done: true,
            }),
        );
    }

    /// A test ends without a verdict.
    fn drop_test(&mut self, shard: ShardIndex, id: &str) {
        let (id, worker) = (id.to_owned(), "main".to_owned());
        self.line(shard, HarnessEvent::Dropped { id, worker });
    }

    fn start_in(&mut self, shard: ShardIndex, id: &str, worker: &str, pid: u32) {
        let (id, worker) = (id.to_owned(), worker.to_owned());
        self.line(shard, HarnessEvent::Started(Started { id, worker, pid }));
    }

    fn start(&mut self, shard: ShardIndex, id: &str) {
        self.start_in(shard, id, "main", 1000 + self.serials[shard.as_usize()]);
    }

    fn finish(&mut self, shard: ShardIndex, id: &str, outcome: Outcome) {
        self.finish_in(shard, id, "main", outcome);
    }

    fn finish_in(&mut self, shard: ShardIndex, id: &str, worker: &str, outcome: Outcome) {
        self.finish_after(shard, id, worker, outcome, 0.5);
    }

    fn finish_after(
        &mut self,
        shard: ShardIndex,
        id: &str,
        worker: &str,
        outcome: Outcome,
        call_s: f64,
    ) {
        self.line(
            shard,
            HarnessEvent::Finished(Box::new(Finished {
                id: id.to_owned(),
                outcome,
                setup_s: Some(0.25),
                call_s: Some(call_s),
                teardown_s: Some(-1.0),
                worker: worker.to_owned(),
                peak_rss_bytes: None,
                cpu_s: None,
                message: None,
                longrepr: None,
                sections: Vec::new(),
            })),
        );
    }

    fn test(&mut self, shard: ShardIndex, id: &str, outcome: Outcome) {
        self.start(shard, id);
        self.finish(shard, id, outcome);
    }

    fn bye(&mut self, shard: ShardIndex, status: i32, reason: Option<StopReason>) {
        self.say_bye(shard, status, reason);
        self.exit(shard, Exit::Code(status), "");
    }

    /// pytest ends, and its process does not yet.
    fn say_bye(&mut self, shard: ShardIndex, status: i32, reason: Option<StopReason>) {
        self.line(shard, HarnessEvent::Ending);
        self.line(
            shard,
            HarnessEvent::Bye(Bye {
                status,
                reason,
                message: Some("why".to_owned()),
                word: WORD.to_owned(),
            }),
        );
    }

    fn exit(&mut self, shard: ShardIndex, exit: Exit, stderr: &str) {
        self.engine(
            shard,
            EngineEvent::Exited {
                exit,
                stderr_tail: stderr.to_owned(),
            },
        );
    }

    fn attempts(&self) -> Vec<(&str, u32, Outcome)> {
        self.records()
            .map(|record| (record.nodeid.as_str(), record.attempt, record.outcome))
            .collect()
    }

    fn records(&self) -> impl Iterator<Item = &AttemptRecord> {
        self.log.iter().filter_map(|effect| match effect {
            Effect::Write(Write::Attempt(record)) => Some(&**record),
            _ => None,
        })
    }

    fn commands(&self) -> Vec<&RunCommand> {
        self.log
            .iter()
            .filter_map(|effect| match effect {
                Effect::Start {
                    work: Work::Tests(command),
                    ..
                } => Some(&**command),
                _ => None,
            })
            .collect()
    }

    fn signals(&self) -> Vec<(Target, Notify)> {
        self.log
            .iter()
            .filter_map(|effect| match effect {
                Effect::Signal { target, signal, .. } => Some((*target, *signal)),
                _ => None,
            })
            .collect()
    }

    fn notices(&self) -> Vec<&str> {
        self.log
            .iter()
            .filter_map(|effect| match effect {
                Effect::Announce(Event::Notice(notice)) => Some(notice.code.as_str()),
                _ => None,
            })
            .collect()
    }

    fn is_over(&self) -> bool {
        self.dispatcher.is_over()
    }

    /// The verdict of a run that is over; everything collected has one by then.
    fn verdict(&self) -> Verdict {
        assert!(
            self.is_over(),
            "the run is not over: {:#?}",
            self.dispatcher
        );
        self.dispatcher.verdict()
    }

    fn outcome(&self) -> (RunOutcome, u8) {
        let verdict = self.verdict();
        (verdict.outcome, verdict.exit_code.0)
    }
}
