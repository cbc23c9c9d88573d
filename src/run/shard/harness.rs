//! What a harness says, event by event.

use super::{Bye, Shard};
use crate::clock::Mono;
use crate::model::record::WarningRecord;
use crate::model::write::{ShardFacts, Write};
use crate::model::{Event, Outcome};
use crate::pytest::protocol::{CollectedTest, CoverageLines, Finished, HarnessEvent, Hello};
use crate::pytest::reconcile::Doom;
use crate::run::books::Books;
use crate::run::effect::Effect;

impl Shard {
    pub(super) fn harness(&mut self, event: HarnessEvent, now: Mono, books: &mut Books) {
        let shard = self.index();
        match event {
            HarnessEvent::Hello(hello) => self.hello(hello, books),
            HarnessEvent::Unsupported { python } => {
                self.live(|live| live.unsupported = Some(python));
            }
            HarnessEvent::Session {
                rootdir, inifile, ..
            } => {
                self.ledger.set_rootdir(&rootdir);
                self.inifile = inifile;
            }
            HarnessEvent::Collecting { id } => self.live(|live| live.collecting = Some(id)),
            HarnessEvent::CollectReport {
                id,
                file,
                outcome,
                message,
                longrepr,
            } => {
                self.collect_report(&id, file.as_deref(), outcome, message, longrepr, books);
            }
            HarnessEvent::Collected {
                tests,
                deselected,
                done,
            } => {
                self.collected(tests, deselected, done, books);
            }
            HarnessEvent::Started { id, worker, pid } => {
                self.make_known(&id, books);
                let attempt = self.ledger.started(&id, worker.clone(), pid, now);
                books.announce(Event::TestStarted {
                    shard,
                    nodeid: id,
                    attempt,
                    worker,
                });
            }
            HarnessEvent::Finished(finished) => self.finished(*finished, books),
            HarnessEvent::Bye {
                status,
                reason,
                message,
            } => {
                self.live(|live| {
                    live.bye = Some(Bye {
                        reason,
                        message,
                        status,
                    });
                });
                self.after_bye(now);
            }
            aside => self.aside(aside, books),
        }
    }

    /// What decides nothing: it is told, or counted.
    fn aside(&mut self, event: HarnessEvent, books: &mut Books) {
        let shard = self.index();
        match event {
            HarnessEvent::Subtest {
                id,
                description,
                outcome,
                message,
            } => {
                books.announce(Event::Subtest {
                    shard,
                    nodeid: id,
                    description,
                    outcome,
                    message,
                });
            }
            HarnessEvent::WorkerDied { worker, id } => {
                let status = format!("worker {worker} died");
                if let Some(id) = &id {
                    self.worker_died(&worker, id, books);
                }
                let stderr_tail = String::new();
                books.announce(Event::ProcessDied {
                    shard,
                    status,
                    nodeid: id,
                    stderr_tail,
                });
            }
            HarnessEvent::Warning {
                category,
                message,
                file,
                line,
                id,
            } => {
                let file = self.ledger.project_file(&file);
                let nodeid = Some(id).filter(|id| !id.is_empty());
                books.warning(WarningRecord {
                    category,
                    message,
                    file,
                    line,
                    nodeid,
                });
            }
            HarnessEvent::Coverage { files } => self.coverage(&files, books),
            HarnessEvent::Fixture {
                scope,
                name,
                seconds,
                id,
            } => {
                books.announce(Event::SlowFixture {
                    shard,
                    scope,
                    name,
                    seconds,
                    nodeid: id,
                });
            }
            HarnessEvent::Notice { code, message } => books.notice(&code, message, None),
            // The others are taken above.
            _ => {}
        }
    }

    fn hello(&mut self, hello: Hello, books: &mut Books) {
        let shard = self.index();
        if let (Some(pytest), false) = (&hello.pytest, self.known) {
            self.known = true;
            if self.policy.coverage && hello.coverage.is_none() {
                books.notice(
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
            books.write(Write::ShardFacts { shard, facts });
            books.announce(Event::ShardStarted {
                shard,
                path: self.plan.label.clone(),
                python: hello.python.clone(),
                pytest: pytest.clone(),
                pid: hello.pid,
            });
        }
        self.live(|live| live.hello = Some(hello));
    }

    fn collect_report(
        &mut self,
        id: &str,
        file: Option<&str>,
        outcome: Outcome,
        message: Option<String>,
        longrepr: Option<String>,
        books: &mut Books,
    ) {
        self.findings.incomplete |= outcome.is_failure();
        if let Some((item, settled)) = self
            .ledger
            .file_report(id, file, outcome, message, longrepr)
        {
            if settled.replaced.is_none() {
                books.collected(self.index(), self.ledger.root(), vec![item]);
            }
            books.settle(settled, true);
        }
    }

    fn collected(
        &mut self,
        tests: Vec<CollectedTest>,
        deselected: u64,
        done: bool,
        books: &mut Books,
    ) {
        let shard = self.index();
        let news = self.ledger.collected(tests);
        self.findings.tests += news.len() as u64;
        self.live(|live| live.collected += news.len() as u64);
        books.collected(shard, self.ledger.root(), news);
        if done {
            self.live(|live| live.collecting = None);
        }
        if done && self.round == 0 {
            let tests = self.ledger.len() as u64;
            books.announce(Event::Collected {
                shard,
                tests,
                deselected,
                expected_s: None,
            });
        }
    }

    /// A test that reports without having been collected is entered as if it had been.
    fn make_known(&mut self, id: &str, books: &mut Books) {
        if let Some(item) = self.ledger.make_known(id) {
            self.findings.tests += 1;
            books.collected(self.index(), self.ledger.root(), vec![item]);
        }
    }

    fn finished(&mut self, finished: Finished, books: &mut Books) {
        if finished.worker == "main" && self.ledger.is_doomed(&finished.id) {
            // It was out of time, and ended by what we sent; the stacks come with the process.
            return;
        }
        self.make_known(&finished.id, books);
        let id = finished.id.clone();
        let settled = self.ledger.finished(finished);
        self.live(|live| {
            live.progress = true;
            live.workers.retain(|worker| worker.nodeid != id);
        });
        books.settle(settled, self.is_last_round());
    }

    /// The verdict of its test comes next, from xdist, and knows no stacks.
    fn worker_died(&mut self, worker: &str, id: &str, books: &mut Books) {
        let doom = Doom {
            outcome: Outcome::Crashed,
            message: format!("the worker {worker} died in this test"),
            longrepr: None,
        };
        if !self.ledger.is_doomed(id) {
            self.ledger.doom(id, &doom);
        }
        self.live(|live| live.fallen.push(id.to_owned()));
        let shard = self.index();
        books.effect(Effect::ReadStderr { shard });
    }

    fn coverage(&mut self, files: &[CoverageLines], books: &mut Books) {
        for lines in files {
            let file = self.ledger.project_file(&lines.file);
            if !books.coverage(file, lines) {
                books.notice(
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
