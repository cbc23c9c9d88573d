//! The events of a harness, one by one.

use super::order::{Kind, bounded, is_short, named};
use super::{Leave, Phase, Shard, Stage};
use crate::clock::Mono;
use crate::model::{Event, Isolation, Outcome, ShardFacts, WarningRecord, Write};
use crate::pytest::protocol::{
    Bye, CollectReport, Collected, CoverageLines, Finished, Fixture, HarnessEvent, Hello, Session,
    Started, Subtest, Warning,
};
use crate::pytest::reconcile::{Doom, Refusal};
use crate::run::accounts::Accounts;
use crate::run::effect::Effect;

impl Shard {
    /// Takes an event. Each has its arm: one that nobody handles does not compile.
    pub(super) fn harness(
        &mut self,
        event: HarnessEvent,
        now: Mono,
        now_ms: i64,
        accounts: &mut Accounts,
    ) {
        if matches!(&self.phase, Phase::Running(live) if live.bye.is_some()) {
            self.refuse("what the test process says", "it had said `bye`", accounts);
            return;
        }
        match event {
            HarnessEvent::Hello(hello) => self.hello(hello, accounts),
            HarnessEvent::Unsupported { python } => {
                self.live(|live| live.unsupported = Some(python));
            }
            HarnessEvent::Session(session) => self.session(session, accounts),
            HarnessEvent::Collecting { id } => self.live(|live| live.collecting = Some(id)),
            HarnessEvent::CollectReport(report) => self.collect_report(report, accounts),
            HarnessEvent::Collected(collected) => self.collected(collected, accounts),
            HarnessEvent::Started(started) => self.test_started(started, now, now_ms, accounts),
            HarnessEvent::Finished(finished) => self.finished(*finished, now, accounts),
            HarnessEvent::Dropped { id, worker } => self.dropped(&id, &worker, accounts),
            HarnessEvent::Subtest(subtest) => self.subtest(subtest, accounts),
            HarnessEvent::Serving => self.serving(accounts),
            HarnessEvent::Unfit { reason } => self.unfit(&bounded(reason), accounts),
            HarnessEvent::Wants { child } => self.child_wants(child, accounts),
            HarnessEvent::ChildEnded(ended) => self.child_ended(&ended, now, accounts),
            HarnessEvent::WorkerDied { worker, id } => self.worker_died(&worker, id, accounts),
            HarnessEvent::Warning(warning) => self.warning(warning, accounts),
            HarnessEvent::Coverage { files } => self.coverage(&files, accounts),
            HarnessEvent::Loaded { tests, files } => self.loaded(&tests, &files),
            HarnessEvent::Fixture(fixture) => self.fixture(fixture, accounts),
            HarnessEvent::Notice { code, message } => self.notice(code, message, accounts),
            HarnessEvent::Ending => self.pytest_ended(accounts),
            HarnessEvent::Bye(bye) => self.bye(bye, now, accounts),
        }
    }

    fn hello(&mut self, hello: Hello, accounts: &mut Accounts) {
        let shard = self.index();
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        if live.hello.is_some() {
            self.refuse("a second `hello`", "one has come", accounts);
            return;
        }
        if let (Some(pytest), false) = (&hello.pytest, self.known) {
            self.known = true;
            if self.policy.harness.coverage && hello.coverage.is_none() {
                accounts.notice(
                    "coverage-missing",
                    format!(
                        "coverage was not measured: {} has no coverage.py",
                        hello.executable
                    ),
                    Some("install `coverage` into it, or pass `--no-cov`".to_owned()),
                );
            }
            let facts = ShardFacts {
                python: hello.python.clone(),
                pytest: pytest.clone(),
                executable: hello.executable.clone(),
            };
            accounts.write(Write::ShardFacts { shard, facts });
            accounts.announce(Event::ShardStarted {
                shard,
                path: self.plan.label.clone(),
                python: hello.python.clone(),
                pytest: pytest.clone(),
                pid: hello.pid,
            });
        }
        live.hello = Some(hello);
    }

    fn session(&mut self, session: Session, accounts: &mut Accounts) {
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        if live.stage != Stage::Begun {
            self.refuse("a second `session`", "one has come", accounts);
            return;
        }
        live.stage = Stage::Session;
        self.ledger.set_rootdir(&session.rootdir);
        self.inifile = session.inifile;
    }

    fn collect_report(&mut self, report: CollectReport, accounts: &mut Accounts) {
        if !self.ledger.knows(&report.id) && !self.has_room_for(&report.id, accounts) {
            return;
        }
        let failed = report.outcome.is_failure();
        let name = named(&report.id);
        match self.ledger.file_report(report) {
            Err(refusal) => self.refuse(&format!("a report on {name}"), refusal, accounts),
            Ok(news) => {
                self.findings.incomplete |= failed;
                self.live(|live| live.failed |= failed);
                let Some((item, settled)) = news else { return };
                if settled.replaced.is_none() {
                    accounts.collected(self.index(), self.ledger.root(), vec![item]);
                }
                accounts.settle(settled, true);
            }
        }
    }

    fn collected(&mut self, collected: Collected, accounts: &mut Accounts) {
        let shard = self.index();
        let mut tests = collected.tests;
        tests.retain(|test| self.ledger.knows(&test.id) || self.has_room_for(&test.id, accounts));
        let places: Vec<String> = match self.isolation {
            Isolation::None => Vec::new(),
            _ => tests.iter().map(|test| test.id.clone()).collect(),
        };
        let news = self.ledger.collected(tests);
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        let is_late = live.stage == Stage::Collected;
        if !is_late {
            let names = places.iter();
            let names = names.filter_map(|name| self.ledger.shared_name(name));
            live.places.extend(names);
        }
        live.collected += news.len() as u64;
        if collected.done {
            live.stage = Stage::Collected;
            live.collecting = None;
        }
        self.findings.tests += news.len() as u64;
        accounts.collected(shard, self.ledger.root(), news);
        if collected.done && !is_late && self.round == 0 {
            let expected_s = accounts.expected_s(shard);
            accounts.announce(Event::Collected {
                shard,
                tests: self.ledger.len() as u64,
                deselected: collected.deselected,
                expected_s,
            });
        }
    }

    /// True for a new test or file while tests are collected, and later for a few: plug-ins make
    /// tests while others run.
    fn has_room_for(&mut self, name: &str, accounts: &mut Accounts) -> bool {
        let Phase::Running(live) = &mut self.phase else {
            return false;
        };
        let has_room =
            live.stage != Stage::Collected || (is_short(name) && live.tally.has_room(Kind::Late));
        if !has_room {
            let what = format!("the collection of {}", named(name));
            self.refuse(&what, "too many came after the others", accounts);
        }
        has_room
    }

    fn test_started(&mut self, started: Started, now: Mono, now_ms: i64, accounts: &mut Accounts) {
        let Started { id, worker, pid } = started;
        match self.ledger.started(&id, worker.clone(), pid, now, now_ms) {
            Err(refusal) => {
                self.refuse(&format!("the start of {}", named(&id)), refusal, accounts);
            }
            Ok(attempt) => accounts.announce(Event::TestStarted {
                shard: self.index(),
                nodeid: id,
                attempt,
                worker,
            }),
        }
    }

    /// A process that is being ended may say that a test has no verdict because of that.
    fn dropped(&mut self, id: &str, worker: &str, accounts: &mut Accounts) {
        let Phase::Running(live) = &self.phase else {
            return;
        };
        if live.ended_by_itself()
            && let Err(refusal) = self.ledger.dropped(id, worker)
        {
            self.refuse(&format!("the end of {}", named(id)), refusal, accounts);
        }
    }

    /// True if there is room for another message of that kind.
    fn has_room(&mut self, kind: Kind) -> bool {
        match &mut self.phase {
            Phase::Running(live) => live.tally.has_room(kind),
            Phase::Waiting | Phase::Provisioning | Phase::Over => false,
        }
    }

    fn subtest(&mut self, subtest: Subtest, accounts: &mut Accounts) {
        if !self.ledger.knows(&subtest.id) {
            let what = format!("a subtest of {}", named(&subtest.id));
            self.refuse(&what, Refusal::Unknown, accounts);
        } else if self.has_room(Kind::Subtest) {
            accounts.announce(Event::Subtest {
                shard: self.index(),
                nodeid: subtest.id,
                description: subtest.description,
                outcome: subtest.outcome,
                message: subtest.message,
            });
        }
    }

    fn warning(&mut self, warning: Warning, accounts: &mut Accounts) {
        let is_new = accounts.warning(WarningRecord {
            file: self.ledger.project_file(&bounded(warning.file)),
            category: bounded(warning.category),
            message: bounded(warning.message),
            line: warning.line,
            nodeid: Some(bounded(warning.id)).filter(|id| !id.is_empty()),
        });
        if !is_new {
            self.live(|live| live.tally.leave_out(Kind::Warning));
        }
    }

    fn fixture(&mut self, fixture: Fixture, accounts: &mut Accounts) {
        self.fixture_costs(&fixture.scope);
        if self.has_room(Kind::Fixture) {
            accounts.announce(Event::SlowFixture {
                shard: self.index(),
                scope: fixture.scope,
                name: fixture.name,
                seconds: fixture.seconds,
                nodeid: fixture.id,
            });
        }
    }

    fn notice(&mut self, code: String, message: String, accounts: &mut Accounts) {
        if !accounts.notice_of_process(&bounded(code), bounded(message)) {
            self.live(|live| live.tally.leave_out(Kind::Notice));
        }
    }

    /// The harness asks for its leave, after the last test.
    fn pytest_ended(&mut self, accounts: &mut Accounts) {
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        let serial = live.serial;
        if live.leave != Leave::NotAsked {
            self.refuse("the end of pytest", "it had ended", accounts);
            return;
        }
        live.leave = Leave::Asked;
        let running = self.ledger.undoomed().next();
        if let Some(why) = running.map(|it| format!("{} was running", named(&it.nodeid))) {
            self.refuse("the end of pytest", why, accounts);
        }
        accounts.effect(Effect::LetLeave { serial });
    }

    /// The word was sent.
    pub(in crate::run) fn may_leave(&mut self, word: String) {
        self.live(|live| live.leave = Leave::Given(word));
    }

    fn bye(&mut self, bye: Bye, now: Mono, accounts: &mut Accounts) {
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        if !matches!(&live.leave, Leave::Given(word) if *word == bye.word) {
            let why = "the agent has sent no such word for it";
            self.refuse("the `bye` of the test process", why, accounts);
            return;
        }
        live.bye = Some(bye);
        let (serial, loaded) = (live.serial, std::mem::take(&mut live.loaded));
        if !loaded.files.is_empty() {
            accounts.write(Write::Loaded { serial, loaded });
        }
        self.after_bye(now);
    }

    fn finished(&mut self, finished: Finished, now: Mono, accounts: &mut Accounts) {
        let Phase::Running(live) = &self.phase else {
            return;
        };
        let process_began = live.started;
        if let Some(running) = self.ledger.running_test(&finished.id)
            && running.doom.is_some()
            && !live.outlives(running)
        {
            // It was out of time, and ended by what we sent; the stacks come with the process.
            return;
        }
        let id = finished.id.clone();
        let outcome = finished.outcome;
        match self.ledger.finished(finished, process_began, now) {
            Err(refusal) => {
                let what = format!("`{outcome}` for {}", named(&id));
                self.refuse(&what, refusal, accounts);
            }
            Ok(settled) => {
                self.live(|live| {
                    live.progress = true;
                    live.failed |= outcome.is_failure();
                    live.workers.retain(|worker| worker.nodeid != id);
                });
                accounts.settle(settled, self.is_last_round());
            }
        }
    }

    /// The verdict of its test comes next, from xdist, and knows no stacks.
    fn worker_died(&mut self, worker: &str, id: Option<String>, accounts: &mut Accounts) {
        if !self.has_room(Kind::WorkerDeath) {
            return;
        }
        let running = self.ledger.running().iter();
        let mut running = running.filter(|it| it.worker == worker);
        let id = id.filter(|id| running.any(|it| *it.nodeid == **id));
        if let Some(id) = &id {
            let doom = Doom {
                outcome: Outcome::Crashed,
                message: format!("the worker {worker} died in this test"),
                longrepr: None,
            };
            if !self.ledger.is_doomed(id) {
                self.ledger.doom(id, &doom);
            }
            if let Phase::Running(live) = &mut self.phase {
                live.fallen.push(id.clone());
                accounts.effect(Effect::ReadStderr {
                    serial: live.serial,
                });
            }
        }
        if let Phase::Running(live) = &self.phase
            && self.measures(live)
        {
            Self::partial_coverage(accounts);
        }
        accounts.announce(Event::ProcessDied {
            shard: self.index(),
            status: format!("worker {worker} died"),
            nodeid: id,
            stderr_tail: String::new(),
        });
    }

    /// Keeps the files of the project. They count when the process has said its last word.
    fn loaded(&mut self, tests: &[String], files: &[String]) {
        let Phase::Running(live) = &mut self.phase else {
            return;
        };
        for (names, kept) in [
            (tests, &mut live.loaded.tests),
            (files, &mut live.loaded.files),
        ] {
            for name in names.iter().filter(|name| is_short(name)) {
                let file = self.ledger.project_file(name);
                // A file name may hold anything; one with a line break is nobody's module.
                if !file.starts_with('/')
                    && !file.contains('\n')
                    && live.tally.has_room(Kind::Loaded)
                {
                    kept.insert(file);
                }
            }
        }
    }

    fn coverage(&mut self, files: &[CoverageLines], accounts: &mut Accounts) {
        for lines in files {
            let file = self.ledger.project_file(&lines.file);
            if !accounts.coverage(file, lines) {
                accounts.notice(
                    "coverage-line",
                    format!(
                        "the coverage of `{}` is illegible and does not count",
                        lines.file
                    ),
                    None,
                );
            }
        }
    }
}
