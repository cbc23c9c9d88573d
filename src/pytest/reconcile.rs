//! The ledger of one shard: the tests that were collected, that run, that reported - and that are
//! missing.
//!
//! Green is never the result of missing data, so the ledger is the one place that knows when a
//! test has its verdict. A process that ends leaves tests behind in three ways: the one that ran in
//! it (`crashed`, `timed_out` or `not_run`, by the reason of the end), those that had not begun
//! (they continue in a new process, or become `not_run`), and none.
//!
//! What comes out of order changes nothing ([`Refusal`]): a test can write to the channel of its
//! process.
//!
//! A shard works in *rounds*: round 0 runs all tests, round n runs those again that failed in
//! round n - 1. Within a round every test is expected to report once, over as many processes as
//! it takes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::protocol::{CollectReport, CollectedTest, Finished};
use crate::clock::Mono;
use crate::model::{AttemptRecord, Outcome, Section, ShardIndex, TestItem};

/// Clocks of two machines do not run at quite the same speed.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// The tests of one shard and their verdicts so far.
#[derive(Debug)]
pub struct Ledger {
    shard: ShardIndex,
    root: String,
    /// The folder that relative names of files begin at: the project, and later pytest's rootdir.
    root_absolute: String,
    project: String,
    tests: Vec<Test>,
    by_nodeid: HashMap<Arc<str>, usize>,
    running: Vec<Running>,
    round: u32,
}

#[derive(Debug)]
struct Test {
    nodeid: Arc<str>,
    file: Arc<str>,
    line: Option<u32>,
    /// Tries that began, or got a verdict without beginning.
    attempts: u32,
    outcome: Option<Outcome>,
    failed_before: bool,
    flaky: bool,
    /// A file that could not be collected rather than a test.
    is_file: bool,
    /// The last round in which the test reported, counted from 1.
    reported_in: u32,
}

/// A verdict, and the one of the same test that it replaces.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The attempt with its verdict.
    pub record: AttemptRecord,
    /// The verdict of an earlier attempt of this run, and true if that was flaky.
    pub replaced: Option<(Outcome, bool)>,
}

/// A test that runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub nodeid: Arc<str>,
    /// `main` or an xdist worker.
    pub worker: String,
    /// The process that runs it.
    pub pid: u32,
    /// The time when it began.
    pub since: Mono,
    /// The same as UTC milliseconds since the epoch.
    pub since_ms: i64,
    /// The number of this try of the test, from 1.
    pub attempt: u32,
    /// The verdict that was decided for it, even if it reports another one.
    pub doom: Option<Doom>,
    /// What it had printed when its process ended.
    pub printed: Vec<Section>,
}

/// The verdict of a test whose process ends, or is ended, while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doom {
    /// `crashed`, `timed_out` or `not_run`.
    pub outcome: Outcome,
    /// One line with the reason.
    pub message: String,
    /// Stacks, or the end of the standard error.
    pub longrepr: Option<String>,
}

/// The reason why an event does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No test of that name was collected.
    #[error("no such test was collected")]
    Unknown,
    /// A verdict, or the end of a test, without its start.
    #[error("the test was not running")]
    NotRunning,
    /// A start while another test of the worker runs.
    #[error("`{0}` was running in the same process")]
    Busy(Arc<str>),
    /// The report on a file names a test, or has an outcome that no file has.
    #[error("only a file is reported in that way")]
    NoFile,
}

impl Ledger {
    /// An empty ledger. `project` is the project folder, absolute.
    pub fn new(shard: ShardIndex, project: &str) -> Self {
        Self {
            shard,
            root: String::new(),
            root_absolute: project.to_owned(),
            project: project.to_owned(),
            tests: Vec::new(),
            by_nodeid: HashMap::new(),
            running: Vec::new(),
            round: 0,
        }
    }

    /// Takes pytest's rootdir, an absolute path, as the root of the shard.
    pub fn set_rootdir(&mut self, rootdir: &str) {
        self.root = relative_to(&self.project, rootdir);
        rootdir.clone_into(&mut self.root_absolute);
    }

    /// pytest's rootdir relative to the project.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Takes collected tests; returns those that were not known. A process that continues collects
    /// the same tests again.
    pub fn collected(&mut self, tests: Vec<CollectedTest>) -> Vec<TestItem> {
        let mut news = Vec::new();
        for test in tests {
            if self.by_nodeid.contains_key(test.id.as_str()) {
                continue;
            }
            let index = self.add(&test.id, &self.project_file(&test.file), test.line);
            news.push(self.item(index));
        }
        news
    }

    /// A file as users name it: relative to the project, absolute outside of it.
    pub fn project_file(&self, file: &str) -> String {
        if file.starts_with('/') {
            relative_to(&self.project, file)
        } else {
            relative_to(&self.project, &format!("{}/{file}", self.root_absolute))
        }
    }

    fn add(&mut self, nodeid: &str, file: &str, line: Option<u32>) -> usize {
        let nodeid: Arc<str> = nodeid.into();
        // Tests of one file follow each other: they share one copy of its name.
        let file = match self.tests.last() {
            Some(last) if *last.file == *file => Arc::clone(&last.file),
            _ => file.into(),
        };
        let index = self.tests.len();
        self.tests.push(Test {
            nodeid: Arc::clone(&nodeid),
            file,
            line,
            attempts: 0,
            outcome: None,
            failed_before: false,
            flaky: false,
            is_file: false,
            reported_in: 0,
        });
        self.by_nodeid.insert(nodeid, index);
        index
    }

    /// True if a test or a file of that name was told of before.
    pub fn knows(&self, nodeid: &str) -> bool {
        self.by_nodeid.contains_key(nodeid)
    }

    /// The place of a test; `None` for a file and for what was not collected.
    fn test_of(&self, nodeid: &str) -> Option<usize> {
        let index = *self.by_nodeid.get(nodeid)?;
        (!self.tests[index].is_file).then_some(index)
    }

    /// A test began. Returns the number of this try, from 1.
    ///
    /// The times are the agent's own: a test may replace the clocks of its process, and the clock
    /// of another machine may be wrong.
    pub fn started(
        &mut self,
        nodeid: &str,
        worker: String,
        pid: u32,
        now: Mono,
        wall_ms: i64,
    ) -> Result<u32, Refusal> {
        let index = self.test_of(nodeid).ok_or(Refusal::Unknown)?;
        // A worker runs one test at a time, beside one that waits for the end of its process with
        // the verdict that was decided.
        if let Some(other) = self.undoomed().find(|running| running.worker == worker) {
            return Err(Refusal::Busy(Arc::clone(&other.nodeid)));
        }
        let test = &mut self.tests[index];
        test.attempts += 1;
        let (nodeid, attempt) = (Arc::clone(&test.nodeid), test.attempts);
        self.running.push(Running {
            nodeid,
            worker,
            pid,
            since: now,
            since_ms: wall_ms,
            attempt,
            doom: None,
            printed: Vec::new(),
        });
        Ok(attempt)
    }

    /// The tests of this worker had printed that when their process ended. Of several, the one that
    /// began last has printed it.
    pub fn printed(&mut self, worker: &str, sections: Vec<Section>) {
        let mut running = self.running.iter_mut().rev();
        if let Some(running) = running.find(|running| running.worker == worker) {
            running.printed = sections;
        }
    }

    /// The tests that run now.
    pub fn running(&self) -> &[Running] {
        &self.running
    }

    /// Those of them whose verdict was not decided.
    pub fn undoomed(&self) -> impl Iterator<Item = &Running> {
        self.running.iter().filter(|running| running.doom.is_none())
    }

    /// A test that was started ended without a verdict: this try does not count. The verdict that
    /// was decided for it stays.
    pub fn dropped(&mut self, nodeid: &str, worker: &str) -> Result<(), Refusal> {
        let position = self.position(nodeid, worker)?;
        if self.running[position].doom.is_none() {
            self.running.remove(position);
            self.innocent(nodeid);
        }
        Ok(())
    }

    fn position(&self, nodeid: &str, worker: &str) -> Result<usize, Refusal> {
        self.test_of(nodeid).ok_or(Refusal::Unknown)?;
        let mut running = self.running.iter();
        let found = running.position(|it| *it.nodeid == *nodeid && it.worker == worker);
        found.ok_or(Refusal::NotRunning)
    }

    fn innocent(&mut self, nodeid: &str) {
        if let Some(index) = self.test_of(nodeid) {
            self.tests[index].attempts -= 1;
        }
    }

    /// A test that runs now, by its node id.
    pub fn running_test(&self, nodeid: &str) -> Option<&Running> {
        let mut running = self.running.iter();
        running.find(|running| *running.nodeid == *nodeid)
    }

    /// Decides the verdict of a running test. It holds even if the test still reports.
    pub fn doom(&mut self, nodeid: &str, doom: &Doom) {
        for running in &mut self.running {
            if *running.nodeid == *nodeid {
                running.doom = Some(doom.clone());
            }
        }
    }

    /// True if the verdict of a running test was decided.
    pub fn is_doomed(&self, nodeid: &str) -> bool {
        let mut running = self.running.iter();
        running.any(|running| *running.nodeid == *nodeid && running.doom.is_some())
    }

    /// Takes the report of a test. A verdict that was decided earlier takes its place.
    ///
    /// `process_began` is the time since which its process lives: no test took longer than that,
    /// whatever clock it has.
    pub fn finished(
        &mut self,
        finished: Finished,
        process_began: Mono,
        now: Mono,
    ) -> Result<Settled, Refusal> {
        let index = self.test_of(&finished.id).ok_or(Refusal::Unknown)?;
        let position = self.position(&finished.id, &finished.worker)?;
        let began = self.running.remove(position);
        let (outcome, message, longrepr) = match began.doom {
            // A test that was interrupted on purpose reports a consequence of that.
            Some(doom) => {
                let longrepr = doom.longrepr.or(finished.longrepr);
                (doom.outcome, Some(doom.message), longrepr)
            }
            None => (finished.outcome, finished.message, finished.longrepr),
        };
        let mut phases = [finished.setup_s, finished.call_s, finished.teardown_s]
            .map(|seconds| seconds.map(|seconds| seconds.max(0.0)));
        let sum = phases.iter().flatten().copied().reduce(|a, b| a + b);
        let longest = now.since(process_began) + CLOCK_TOLERANCE;
        let is_possible = sum.is_none_or(|sum| sum <= longest.as_secs_f64());
        let duration_s = if is_possible {
            sum
        } else {
            phases = [None; 3];
            Some(now.since(began.since).as_secs_f64())
        };
        let mut settled = self.settle(index, outcome, message, longrepr);
        let record = &mut settled.record;
        record.started_ms = Some(began.since_ms);
        record.duration_s = duration_s;
        [record.setup_s, record.call_s, record.teardown_s] = phases;
        record.worker = Some(finished.worker);
        record.peak_rss_bytes = finished.peak_rss_bytes;
        record.cpu_s = finished.cpu_s.map(|s| s.max(0.0));
        record.sections = finished.sections;
        Ok(settled)
    }

    /// A file that could not be collected, or asked to be skipped as a whole, counts as one test.
    /// `None` when that was said before.
    pub fn file_report(
        &mut self,
        report: CollectReport,
    ) -> Result<Option<(TestItem, Settled)>, Refusal> {
        let nodeid = self.project_file_or_id(&report.id);
        let nodeid = nodeid.as_str();
        let known = self.by_nodeid.get(nodeid).copied();
        if known.is_some_and(|index| !self.tests[index].is_file)
            || !matches!(report.outcome, Outcome::Error | Outcome::Skipped)
        {
            return Err(Refusal::NoFile);
        }
        if known.is_some_and(|index| self.tests[index].outcome.is_some()) {
            return Ok(None);
        }
        let file = self.project_file(report.file.as_deref().unwrap_or(nodeid));
        let index = known.unwrap_or_else(|| self.add(nodeid, &file, None));
        self.tests[index].is_file = true;
        Ok(Some((
            self.item(index),
            self.settle(index, report.outcome, report.message, report.longrepr),
        )))
    }

    /// A `conftest.py` that cannot be imported is named by its absolute path: pytest has no rootdir
    /// yet.
    fn project_file_or_id(&self, nodeid: &str) -> String {
        if nodeid.starts_with('/') {
            relative_to(&self.project, nodeid)
        } else {
            nodeid.to_owned()
        }
    }

    fn item(&self, index: usize) -> TestItem {
        let test = &self.tests[index];
        TestItem {
            nodeid: test.nodeid.to_string(),
            file: test.file.to_string(),
            line: test.line,
        }
    }

    /// The process ended. Tests that ran in it get their verdict: the one decided earlier, else
    /// `blame`; without either a test is innocent and runs again. `detail` stands in if a verdict
    /// has no report.
    pub fn process_ended(
        &mut self,
        blame: Option<&Doom>,
        detail: Option<&str>,
        now: Mono,
    ) -> Vec<Settled> {
        self.settle_where(|_| true, blame, detail, now)
    }

    /// A forked process ended. The test that ran in it, if one did, gets the verdict that was
    /// decided for it, else `blame`.
    pub fn child_ended(&mut self, pid: u32, blame: &Doom, now: Mono) -> Option<Settled> {
        let verdicts = self.settle_where(|running| running.pid == pid, Some(blame), None, now);
        verdicts.into_iter().next()
    }

    fn settle_where(
        &mut self,
        ended: impl Fn(&Running) -> bool,
        blame: Option<&Doom>,
        detail: Option<&str>,
        now: Mono,
    ) -> Vec<Settled> {
        let all = std::mem::take(&mut self.running);
        let (running, rest): (Vec<Running>, Vec<Running>) = all.into_iter().partition(ended);
        self.running = rest;
        let mut verdicts = Vec::new();
        for running in running {
            let Some(doom) = running.doom.or_else(|| blame.cloned()) else {
                self.innocent(&running.nodeid);
                continue;
            };
            let Some(index) = self.test_of(&running.nodeid) else {
                continue;
            };
            let longrepr = doom.longrepr.or_else(|| detail.map(str::to_owned));
            let mut settled = self.settle(index, doom.outcome, Some(doom.message), longrepr);
            settled.record.started_ms = Some(running.since_ms);
            settled.record.duration_s = Some(now.since(running.since).as_secs_f64());
            settled.record.worker = Some(running.worker);
            settled.record.sections = running.printed;
            verdicts.push(settled);
        }
        verdicts
    }

    /// Adds the stacks to the verdict that was decided for a running test.
    pub fn add_stacks(&mut self, nodeid: &str, stacks: &str) {
        for running in self
            .running
            .iter_mut()
            .filter(|running| *running.nodeid == *nodeid)
        {
            if let Some(doom) = &mut running.doom {
                doom.longrepr = Some(stacks.to_owned());
            }
        }
    }

    /// The number of tests, with the files that count as one.
    pub fn len(&self) -> usize {
        self.tests.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Tests that have not reported in this round.
    pub fn pending(&self) -> usize {
        self.tests
            .iter()
            .filter(|test| self.is_pending(test))
            .count()
    }

    fn is_pending(&self, test: &Test) -> bool {
        test.reported_in <= self.round && self.belongs_to_round(test)
    }

    /// Round 0 is for every test, a later one for those whose last verdict is a failure.
    fn belongs_to_round(&self, test: &Test) -> bool {
        self.round == 0 || (!test.is_file && test.outcome.is_some_and(Outcome::is_failure))
    }

    /// Node ids that reported in this round: a process that continues leaves them out.
    pub fn reported(&self) -> Vec<String> {
        let reported = self
            .tests
            .iter()
            .filter(|test| test.reported_in > self.round);
        reported.map(|test| test.nodeid.to_string()).collect()
    }

    /// Node ids that are still to report in this round.
    pub fn pending_ids(&self) -> Vec<String> {
        let ids = self.pending_tests().map(|test| test.nodeid.to_string());
        ids.collect()
    }

    /// True for a test that is still to report in this round.
    pub fn is_expected(&self, nodeid: &str) -> bool {
        let found = self.test_of(nodeid);
        found.is_some_and(|index| self.is_pending(&self.tests[index]))
    }

    /// The file of a test, relative to the project.
    pub fn file_of(&self, nodeid: &str) -> Option<&Arc<str>> {
        Some(&self.tests[self.test_of(nodeid)?].file)
    }

    /// A test's own copy of its name.
    pub fn shared_name(&self, nodeid: &str) -> Option<Arc<str>> {
        Some(Arc::clone(&self.tests[self.test_of(nodeid)?].nodeid))
    }

    fn pending_tests(&self) -> impl Iterator<Item = &Test> {
        self.tests.iter().filter(|test| self.is_pending(test))
    }

    /// Node ids of tests with parameters, in the order of their collection; in a later round, those
    /// of the files of that round.
    pub fn parametrized(&self) -> Vec<String> {
        let files: HashSet<Arc<str>> = match self.round {
            0 => HashSet::new(),
            _ => self
                .pending_tests()
                .map(|test| Arc::clone(&test.file))
                .collect(),
        };
        let tests = self.tests.iter().filter(|test| test.nodeid.contains('['));
        tests
            .filter(|test| !test.is_file && (self.round == 0 || files.contains(&test.file)))
            .map(|test| test.nodeid.to_string())
            .collect()
    }

    /// Files of the tests that are still to report in this round, relative to the project.
    pub fn pending_files(&self) -> Vec<String> {
        let mut files: Vec<String> = Vec::new();
        for test in self.pending_tests() {
            if files.last().is_none_or(|last| **last != *test.file) {
                files.push(test.file.to_string());
            }
        }
        files.dedup();
        files
    }

    /// Begins the next round for the tests that failed. Returns their number; with 0 the round does
    /// not begin. A file that could not be collected is not tried again by its name.
    pub fn next_round(&mut self) -> usize {
        self.round += 1;
        let pending = self.pending();
        if pending == 0 {
            self.round -= 1;
        }
        pending
    }

    /// Everything that is still to report becomes `not_run`. In a later round nothing does: the
    /// verdict of the earlier try stands.
    pub fn settle_not_run(&mut self, message: &str) -> Vec<Settled> {
        if self.round > 0 {
            return Vec::new();
        }
        let pending: Vec<usize> = (0..self.tests.len())
            .filter(|index| self.is_pending(&self.tests[*index]))
            .collect();
        pending
            .into_iter()
            .map(|index| self.settle(index, Outcome::NotRun, Some(message.to_owned()), None))
            .collect()
    }

    fn settle(
        &mut self,
        index: usize,
        outcome: Outcome,
        message: Option<String>,
        longrepr: Option<String>,
    ) -> Settled {
        let round = self.round;
        let test = &mut self.tests[index];
        let replaced = test.outcome.map(|outcome| (outcome, test.flaky));
        test.attempts = test.attempts.max(1);
        let flaky = outcome == Outcome::Passed && test.failed_before;
        test.flaky = flaky;
        test.failed_before |= outcome.is_failure();
        test.outcome = Some(outcome);
        test.reported_in = round + 1;
        let record = AttemptRecord {
            shard: self.shard,
            root: self.root.clone(),
            nodeid: test.nodeid.to_string(),
            file: test.file.to_string(),
            line: test.line,
            attempt: test.attempts,
            outcome,
            flaky,
            started_ms: None,
            duration_s: None,
            setup_s: None,
            call_s: None,
            teardown_s: None,
            worker: None,
            peak_rss_bytes: None,
            cpu_s: None,
            message,
            longrepr,
            sections: Vec::new(),
        };
        Settled { record, replaced }
    }
}

/// `path` below `base` without the base; any other path as it is. Both absolute.
fn relative_to(base: &str, path: &str) -> String {
    match path.strip_prefix(base.trim_end_matches('/')) {
        Some("") => String::new(),
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/').to_owned(),
        _ => path.to_owned(),
    }
}
