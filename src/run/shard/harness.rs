//! The events of a harness, one by one.

use super::{Phase, Shard};
use crate::clock::Mono;
use crate::model::{Event, Outcome, ShardFacts, WarningRecord, Write};
use crate::pytest::protocol::{
    Bye, CollectReport, Collected, CoverageLines, Finished, Fixture, HarnessEvent, Hello, Session,
    Started, Subtest, Warning,
};
use crate::pytest::reconcile::Doom;
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
        match event {
            HarnessEvent::Hello(hello) => self.hello(hello, accounts),
            HarnessEvent::Unsupported { python } => {
                self.live(|live| live.unsupported = Some(python));
            }
            HarnessEvent::Session(session) => self.session(session),
            HarnessEvent::Collecting { id } => self.live(|live| live.collecting = Some(id)),
            HarnessEvent::CollectReport(report) => self.collect_report(report, accounts),
            HarnessEvent::Collected(collected) => self.collected(collected, accounts),
            HarnessEvent::Started(started) => self.test_started(started, now, now_ms, accounts),
            HarnessEvent::Finished(finished) => self.finished(*finished, now, accounts),
            HarnessEvent::Subtest(subtest) => self.subtest(subtest, accounts),
            HarnessEvent::WorkerDied { worker, id } => self.worker_died(&worker, id, accounts),
            HarnessEvent::Warning(warning) => self.warning(warning, accounts),
            HarnessEvent::Coverage { files } => self.coverage(&files, accounts),
            HarnessEvent::Fixture(fixture) => self.fixture(fixture, accounts),
            HarnessEvent::Notice { code, message } => accounts.notice(&code, message, None),
            HarnessEvent::Bye(bye) => self.bye(bye, now),
        }
    }

    fn hello(&mut self, hello: Hello, accounts: &mut Accounts) {
        let shard = self.index();
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
        self.live(|live| live.hello = Some(hello));
    }

    fn session(&mut self, session: Session) {
        self.ledger.set_rootdir(&session.rootdir);
        self.inifile = session.inifile;
    }

    fn collect_report(&mut self, report: CollectReport, accounts: &mut Accounts) {
        let failed = report.outcome.is_failure();
        self.findings.incomplete |= failed;
        self.live(|live| live.failed |= failed);
        if let Some((item, settled)) = self.ledger.file_report(report) {
            if settled.replaced.is_none() {
                accounts.collected(self.index(), self.ledger.root(), vec![item]);
            }
            accounts.settle(settled, true);
        }
    }

    fn collected(&mut self, collected: Collected, accounts: &mut Accounts) {
        let shard = self.index();
        let news = self.ledger.collected(collected.tests);
        self.findings.tests += news.len() as u64;
        self.live(|live| live.collected += news.len() as u64);
        accounts.collected(shard, self.ledger.root(), news);
        if collected.done {
            self.live(|live| live.collecting = None);
        }
        if collected.done && self.round == 0 {
            let expected_s = accounts.expected_s(shard);
            accounts.announce(Event::Collected {
                shard,
                tests: self.ledger.len() as u64,
                deselected: collected.deselected,
                expected_s,
            });
        }
    }

    fn test_started(&mut self, started: Started, now: Mono, now_ms: i64, accounts: &mut Accounts) {
        let Started { id, worker, pid } = started;
        self.make_known(&id, accounts);
        let attempt = self.ledger.started(&id, worker.clone(), pid, now, now_ms);
        accounts.announce(Event::TestStarted {
            shard: self.index(),
            nodeid: id,
            attempt,
            worker,
        });
    }

    fn subtest(&self, subtest: Subtest, accounts: &mut Accounts) {
        accounts.announce(Event::Subtest {
            shard: self.index(),
            nodeid: subtest.id,
            description: subtest.description,
            outcome: subtest.outcome,
            message: subtest.message,
        });
    }

    fn warning(&self, warning: Warning, accounts: &mut Accounts) {
        accounts.warning(WarningRecord {
            file: self.ledger.project_file(&warning.file),
            category: warning.category,
            message: warning.message,
            line: warning.line,
            nodeid: Some(warning.id).filter(|id| !id.is_empty()),
        });
    }

    fn fixture(&self, fixture: Fixture, accounts: &mut Accounts) {
        accounts.announce(Event::SlowFixture {
            shard: self.index(),
            scope: fixture.scope,
            name: fixture.name,
            seconds: fixture.seconds,
            nodeid: fixture.id,
        });
    }

    fn bye(&mut self, bye: Bye, now: Mono) {
        self.live(|live| live.bye = Some(bye));
        self.after_bye(now);
    }

    /// A test that reports without having been collected is entered as if it had been.
    fn make_known(&mut self, id: &str, accounts: &mut Accounts) {
        if let Some(item) = self.ledger.make_known(id) {
            self.findings.tests += 1;
            accounts.collected(self.index(), self.ledger.root(), vec![item]);
        }
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
        self.make_known(&finished.id, accounts);
        let id = finished.id.clone();
        let failed = finished.outcome.is_failure();
        let settled = self.ledger.finished(finished, process_began, now);
        self.live(|live| {
            live.progress = true;
            live.failed |= failed;
            live.workers.retain(|worker| worker.nodeid != id);
        });
        accounts.settle(settled, self.is_last_round());
    }

    /// The verdict of its test comes next, from xdist, and knows no stacks.
    fn worker_died(&mut self, worker: &str, id: Option<String>, accounts: &mut Accounts) {
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
