//! [`RunLog`]: the entries that the events of a run make in the log.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::sink::{Entry, Log};
use super::words;
use crate::cli::terminal::{Live, count, verdict_word};
use crate::clock::Stopwatch;
use crate::model::log::{LogFields, LogLevel};
use crate::model::{
    AttemptRecord, CycleId, Event, EventLine, Level, Notice, Outcome, RunId, RunOutcome,
    RunSummary, TestKey, Trial, TrialOutcome,
};
use crate::settings::Verbosity;
use crate::store::{Reader, StoreError};

/// Failing tests, and orphans, that get a line of their own: a suite that is broken as a whole says
/// so in fewer.
const NAMED: usize = 50;
/// Test processes that die between tests, likewise.
const NAMED_DEATHS: usize = 10;
/// Failures of the run before that are remembered.
const MOST_KNOWN: u32 = 10_000;

/// The run of a cycle, as the log tells it.
pub(in crate::cli) struct RunLog {
    log: Log,
    teller: Teller,
    watch: Stopwatch,
    db: PathBuf,
}

impl RunLog {
    /// `db` is the state file, which has the runs before this one.
    pub(in crate::cli) fn new(log: Log, cycle: CycleId, verbosity: Verbosity, db: &Path) -> Self {
        Self {
            db: db.to_owned(),
            log,
            teller: Teller::new(cycle, verbosity),
            watch: Stopwatch::start(),
        }
    }

    /// Writes what the event is worth.
    pub(in crate::cli) fn handle(&mut self, line: &EventLine) {
        self.teller.live.tick(self.watch.now());
        if matches!(line.event, Event::RunStarted { .. }) {
            // Without them every failure gets its line, which is no more than a repetition.
            self.teller.known = known_failures(&self.db, line.run_id).unwrap_or_default();
        }
        for entry in self.teller.hear(line) {
            self.log.entry(&entry);
        }
    }

    /// Says a notice that comes before the run.
    pub(in crate::cli) fn notice(&mut self, notice: &Notice) {
        self.teller.doing.clone_from(&notice.message);
        for entry in self.teller.notice(notice) {
            self.log.entry(&entry);
        }
    }

    /// Writes a line about the cycle.
    pub(in crate::cli) fn say(&self, level: LogLevel, event: &str, message: &str) {
        let fields = self.teller.fields();
        self.log.write(level, event, message, &fields);
    }

    /// Writes why the run could not be carried out, or the cycle.
    pub(in crate::cli) fn failure(&self, message: &str, hint: Option<&str>) {
        let fields = LogFields {
            hint: hint.map(str::to_owned),
            ..self.teller.fields()
        };
        self.log
            .write(LogLevel::Error, "cycle-failed", message, &fields);
    }

    /// Writes what is running just now.
    pub(in crate::cli) fn say_running(&mut self) {
        self.teller.live.tick(self.watch.now());
        let message = self.teller.running();
        self.say(LogLevel::Info, "running", &message);
    }
}

/// The tests that failed in the run that this one is compared with.
fn known_failures(db: &Path, run: RunId) -> Result<HashSet<TestKey>, StoreError> {
    let reader = Reader::open(db)?;
    let Some(previous) = reader.previous_comparable(run)? else {
        return Ok(HashSet::new());
    };
    let failures = reader.failures(previous, MOST_KNOWN)?.into_iter();
    let failures = failures.filter(|test| test.outcome.is_failure());
    Ok(failures.map(|test| test.key()).collect())
}

/// Decides what is told. Pure, but for what it remembers.
struct Teller {
    cycle: CycleId,
    verbosity: Verbosity,
    run: Option<RunId>,
    live: Live,
    /// The present work, in words, while no test runs.
    doing: String,
    failing: HashSet<TestKey>,
    /// The tests that failed in the run before; the last line counts them.
    known: HashSet<TestKey>,
    more_failing: u64,
    orphans_failing: usize,
    deaths: usize,
    said: Vec<Notice>,
}

impl Teller {
    fn new(cycle: CycleId, verbosity: Verbosity) -> Self {
        Self {
            cycle,
            verbosity,
            run: None,
            live: Live::default(),
            doing: "prepares the run".to_owned(),
            failing: HashSet::new(),
            known: HashSet::new(),
            more_failing: 0,
            orphans_failing: 0,
            deaths: 0,
            said: Vec::new(),
        }
    }

    fn fields(&self) -> LogFields {
        LogFields {
            cycle: Some(self.cycle),
            run: self.run,
            ..LogFields::default()
        }
    }

    fn entry(&self, level: LogLevel, event: &str, message: impl Into<String>) -> Entry {
        Entry::new(level, event, message, self.fields())
    }

    /// The entries of an event, those that are asked for.
    fn hear(&mut self, line: &EventLine) -> Vec<Entry> {
        self.run = Some(line.run_id);
        self.live.handle(&line.event);
        match &line.event {
            Event::RunStarted {
                shards,
                workers,
                expected_tests,
                expected_s,
                ..
            } => {
                "no test has begun".clone_into(&mut self.doing);
                let expected = expected_tests.zip(*expected_s);
                let message = words::started(shards.len(), *workers, expected);
                self.normal("run-started", message)
            }
            Event::TestFinished(record) => self.test_finished(record),
            Event::Notice(notice) => self.notice(notice),
            Event::ProcessDied {
                status,
                nodeid: None,
                ..
            } => self.process_died(status),
            Event::OrphansStarted { orphans } => {
                let message = format!("tries {}", count(*orphans, "orphan"));
                self.normal("orphans-started", message)
            }
            Event::OrphanFinished(trial) => self.orphan_finished(trial),
            Event::RunFinished(summary) => self.run_finished(summary),
            // A test that ran in a process that died has a verdict of its own.
            Event::ProcessDied { .. }
            | Event::ShardStarted { .. }
            | Event::Collected { .. }
            | Event::TestStarted { .. }
            | Event::Subtest { .. }
            | Event::SlowFixture { .. }
            | Event::FileFinished(_)
            | Event::ShardFinished { .. } => Vec::new(),
        }
    }

    fn normal(&self, event: &str, message: String) -> Vec<Entry> {
        if self.verbosity == Verbosity::Quiet {
            return Vec::new();
        }
        vec![self.entry(LogLevel::Info, event, message)]
    }

    fn notice(&mut self, notice: &Notice) -> Vec<Entry> {
        self.said.push(notice.clone());
        if self.verbosity == Verbosity::Quiet {
            return Vec::new();
        }
        let level = match notice.level {
            Level::Info => LogLevel::Info,
            Level::Warning => LogLevel::Warning,
        };
        let mut entry = self.entry(level, &notice.code, &notice.message);
        entry.fields.hint.clone_from(&notice.hint);
        vec![entry]
    }

    fn test_finished(&mut self, record: &AttemptRecord) -> Vec<Entry> {
        let key = TestKey {
            root: record.root.clone(),
            nodeid: record.nodeid.clone(),
        };
        let (level, event) = if record.outcome.is_failure() {
            if self.failing.contains(&key) {
                return Vec::new();
            }
            if self.known.contains(&key) && self.verbosity != Verbosity::Verbose {
                self.failing.insert(key);
                return Vec::new();
            }
            if self.failing.len() >= NAMED {
                self.more_failing += u64::from(record.attempt == 1);
                return Vec::new();
            }
            self.failing.insert(key);
            (LogLevel::Warning, "test-failed")
        } else if record.flaky && self.failing.contains(&key) {
            (LogLevel::Info, "test-flaky")
        } else {
            (LogLevel::Debug, "test-finished")
        };
        let asked_for = match level {
            LogLevel::Debug => self.verbosity == Verbosity::Verbose,
            _ => self.verbosity != Verbosity::Quiet,
        };
        if !asked_for {
            return Vec::new();
        }
        let verdict = match record.outcome {
            Outcome::Passed if record.flaky => format!("passed on attempt {}", record.attempt),
            Outcome::Error => "had an error".to_owned(),
            outcome => verdict_word(outcome, 1).to_owned(),
        };
        let message = words::sentence(&record.nodeid, &verdict, record.message.as_deref());
        let mut entry = self.entry(level, event, message);
        entry.fields.nodeid = Some(record.nodeid.clone());
        entry.fields.outcome = Some(record.outcome.to_string());
        entry.fields.duration_s = record.duration_s.map(words::seconds);
        vec![entry]
    }

    fn process_died(&mut self, status: &str) -> Vec<Entry> {
        self.deaths += 1;
        if self.deaths > NAMED_DEATHS || self.verbosity == Verbosity::Quiet {
            return Vec::new();
        }
        let message = format!("a test process ended between tests ({status})");
        vec![self.entry(LogLevel::Warning, "process-died", message)]
    }

    fn orphan_finished(&mut self, trial: &Trial) -> Vec<Entry> {
        let is_failure = trial.outcome.is_failure();
        self.orphans_failing += usize::from(is_failure);
        let (level, event, asked_for) = if is_failure {
            let asked_for = self.orphans_failing <= NAMED && self.verbosity != Verbosity::Quiet;
            (LogLevel::Warning, "orphan-failed", asked_for)
        } else {
            let asked_for = self.verbosity == Verbosity::Verbose;
            (LogLevel::Debug, "orphan-finished", asked_for)
        };
        if !asked_for {
            return Vec::new();
        }
        let verdict = match trial.outcome {
            TrialOutcome::TimedOut => "timed out",
            TrialOutcome::NotRun => "was not tried",
            outcome => outcome.as_str(),
        };
        let subject = format!("orphan {}", trial.module.file);
        let message = words::sentence(&subject, verdict, trial.message.as_deref());
        let mut entry = self.entry(level, event, message);
        entry.fields.file = Some(trial.module.file.clone());
        entry.fields.outcome = Some(trial.outcome.as_str().to_owned());
        entry.fields.duration_s = trial.duration_s.map(words::seconds);
        vec![entry]
    }

    fn run_finished(&mut self, summary: &RunSummary) -> Vec<Entry> {
        let mut entries = Vec::new();
        let unsaid: Vec<Notice> = summary
            .notices
            .iter()
            .filter(|notice| !self.said.contains(notice))
            .cloned()
            .collect();
        for notice in &unsaid {
            entries.extend(self.notice(notice));
        }
        if self.verbosity != Verbosity::Quiet {
            entries.extend(self.left_out(self.more_failing, "test", "tests-failed"));
            let orphans = self.orphans_failing.saturating_sub(NAMED) as u64;
            entries.extend(self.left_out(orphans, "orphan", "orphans-failed"));
        }
        entries.push(self.finished(summary));
        entries
    }

    fn left_out(&self, number: u64, noun: &str, event: &str) -> Option<Entry> {
        let run = self.run?;
        let noun = if number == 1 {
            noun.to_owned()
        } else {
            format!("{noun}s")
        };
        let message = format!("and {number} more {noun} failed; `agent show {run}` lists them");
        (number > 0).then(|| self.entry(LogLevel::Warning, event, message))
    }

    fn finished(&self, summary: &RunSummary) -> Entry {
        let level = match summary.outcome() {
            RunOutcome::Passed | RunOutcome::Interrupted => LogLevel::Info,
            RunOutcome::Failed | RunOutcome::Incomplete | RunOutcome::Empty => LogLevel::Warning,
            RunOutcome::Error => LogLevel::Error,
        };
        let mut entry = self.entry(level, "run-finished", words::finished(summary));
        let comparison = summary.comparison.as_ref();
        let number = |list: &[String]| list.len() as u64;
        entry.fields = LogFields {
            outcome: Some(summary.outcome().to_string()),
            exit_code: Some(summary.exit_code().0),
            duration_s: Some(summary.runtime),
            tests: Some(summary.run.counts),
            coverage: summary.coverage,
            previous_run: comparison.map(|it| it.previous_run),
            newly_failing: comparison.map(|it| number(&it.newly_failing)),
            fixed: comparison.map(|it| number(&it.fixed)),
            hint: words::hint(summary),
            ..entry.fields
        };
        entry
    }

    /// The present state in words: the tests of a run, or the work before it.
    fn running(&self) -> String {
        match self.run {
            Some(_) => words::running(&self.live, &self.doing),
            None => self.doing.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Comparison, Counts, CoverageTotals, RunRecord, ShardIndex, sample};

    fn hear(teller: &mut Teller, event: Event) -> Vec<Entry> {
        teller.hear(&EventLine {
            v: 1,
            run_id: RunId(31),
            event,
        })
    }

    fn finished(nodeid: &str, attempt: u32, outcome: Outcome, flaky: bool) -> Event {
        Event::TestFinished(Box::new(AttemptRecord {
            attempt,
            flaky,
            duration_s: Some(0.123_456),
            message: outcome.is_failure().then(|| "assert 1 == 2".to_owned()),
            ..sample::attempt(nodeid, outcome)
        }))
    }

    fn orphan(file: &str) -> Event {
        Event::OrphanFinished(Box::new(Trial {
            message: Some("it does not import".to_owned()),
            ..sample::trial(file, TrialOutcome::Failed)
        }))
    }

    fn summary(failed: u64) -> Event {
        let notice = |level, code: &str| Notice {
            level,
            code: code.to_owned(),
            message: format!("{code}!"),
            hint: None,
        };
        let run = RunRecord {
            counts: Counts {
                passed: 300 - failed,
                failed,
                ..Counts::default()
            },
            coverage: Some(CoverageTotals {
                statements: 10_000,
                covered: 8_736,
                ..CoverageTotals::default()
            }),
            orphan_total: Some(6),
            orphan_passed: Some(5),
            orphan_failed: Some(1),
            ..sample::ended(31, RunOutcome::Failed, 12_340)
        };
        Event::RunFinished(Box::new(RunSummary {
            comparison: Some(Comparison {
                previous_run: 30,
                newly_failing: vec!["a".to_owned(), "b".to_owned()],
                added: 1,
                coverage_change: Some(-0.31),
                ..Comparison::default()
            }),
            notices: vec![notice(Level::Info, "late")],
            ..sample::summary(run)
        }))
    }

    fn lines(entries: &[Entry]) -> Vec<String> {
        entries
            .iter()
            .map(|entry| {
                format!(
                    "{} {}: {}",
                    entry.level.as_str(),
                    entry.event,
                    entry.message
                )
            })
            .collect()
    }

    #[test]
    fn a_failure_that_is_known_is_no_news() {
        let failures = |verbosity| {
            let mut teller = Teller::new(CycleId(12), verbosity);
            teller.known.insert(TestKey {
                root: String::new(),
                nodeid: "t.py::old".to_owned(),
            });
            let events = ["t.py::old", "t.py::new"]
                .map(|nodeid| finished(nodeid, 1, Outcome::Failed, false));
            let told = events.map(|event| hear(&mut teller, event));
            lines(&told.concat())
        };
        let [old, new] = ["old", "new"]
            .map(|name| format!("warning test-failed: t.py::{name} failed: assert 1 == 2"));
        assert_eq!(failures(Verbosity::Verbose), [&*old, &*new]);
        assert_eq!(failures(Verbosity::Normal), [new]);
    }

    #[test]
    fn a_run_ends_in_one_line_with_counts_and_changes() {
        let mut teller = Teller::new(CycleId(12), Verbosity::Normal);
        let entries = hear(&mut teller, summary(2));
        assert_eq!(
            lines(&entries),
            [
                "info late: late!",
                "warning run-finished: failed: 2 failed, 298 passed in 12.3s, coverage 87.4% \
                 (-0.3); 1 of 6 orphans failed; since run 30: 2 newly failing, 1 added"
            ]
        );
        let fields = &entries[1].fields;
        assert_eq!(
            (fields.cycle, fields.run),
            (Some(CycleId(12)), Some(RunId(31)))
        );
        assert_eq!(fields.newly_failing, Some(2));
        assert_eq!(fields.tests.unwrap().failed, 2);
        assert_eq!(
            fields.hint.as_deref(),
            Some("`agent show 31` shows what failed")
        );
    }

    #[test]
    fn a_suite_that_is_broken_as_a_whole_is_not_told_test_by_test() {
        let mut teller = Teller::new(CycleId(12), Verbosity::Normal);
        let mut told = 0;
        for number in 0..NAMED + 7 {
            for attempt in [1, 2] {
                let id = format!("t.py::test_{number}");
                told += hear(&mut teller, finished(&id, attempt, Outcome::Failed, false)).len();
            }
            told += hear(&mut teller, orphan(&format!("{number}.py"))).len();
        }
        assert_eq!(told, 2 * NAMED);
        let end = lines(&hear(&mut teller, summary(57)));
        let more = [
            "warning tests-failed: and 7 more tests failed; `agent show 31` lists them",
            "warning orphans-failed: and 7 more orphans failed; `agent show 31` lists them",
        ];
        assert_eq!(end[1..3], more);
    }

    #[test]
    fn a_test_is_told_as_often_as_its_state_changes() {
        let mut teller = Teller::new(CycleId(12), Verbosity::Normal);
        let mut entries = Vec::new();
        for (attempt, outcome) in [(1, Outcome::TimedOut), (2, Outcome::Error)] {
            entries.extend(hear(
                &mut teller,
                finished("t.py::a", attempt, outcome, false),
            ));
        }
        entries.extend(hear(
            &mut teller,
            finished("t.py::a", 3, Outcome::Passed, true),
        ));
        entries.extend(hear(
            &mut teller,
            finished("t.py::b", 1, Outcome::Passed, false),
        ));
        assert_eq!(
            lines(&entries),
            [
                "warning test-failed: t.py::a timed out: assert 1 == 2",
                "info test-flaky: t.py::a passed on attempt 3",
            ]
        );
        assert_eq!(entries[0].fields.outcome.as_deref(), Some("timed_out"));
        assert_eq!(entries[0].fields.duration_s, Some(0.123));
    }

    #[test]
    fn who_wants_quiet_hears_of_the_end_and_who_wants_all_of_each_test() {
        for (verbosity, expected) in [
            (Verbosity::Quiet, &["run-finished"][..]),
            (
                Verbosity::Verbose,
                &[
                    "test-finished",
                    "test-failed",
                    "orphan-failed",
                    "late",
                    "run-finished",
                ],
            ),
        ] {
            let mut teller = Teller::new(CycleId(12), verbosity);
            let events = [
                finished("t.py::a", 1, Outcome::Passed, false),
                finished("t.py::b", 1, Outcome::Failed, false),
                orphan("m.py"),
                summary(1),
            ];
            let told = events
                .into_iter()
                .flat_map(|event| hear(&mut teller, event));
            let told: Vec<String> = told.map(|entry| entry.event).collect();
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn what_runs_is_said_in_every_phase() {
        let mut teller = Teller::new(CycleId(12), Verbosity::Normal);
        assert_eq!(teller.running(), "prepares the run");
        let started = Event::RunStarted {
            uuid: String::new(),
            project: "/p".to_owned(),
            shards: vec!["a".to_owned(), "b".to_owned()],
            workers: 4,
            started_ms: 0,
            expected_tests: Some(240),
            expected_s: Some(12.34),
        };
        let said = lines(&hear(&mut teller, started));
        assert_eq!(
            said,
            [
                "info run-started: started on 2 paths with 4 workers; the last run like it had 240 \
              tests and took 12.3s"
            ]
        );
        let none = "0 of about 240 tests done in 0s; no test has begun";
        assert_eq!(teller.running(), none);
        for number in 0..7 {
            let begun = Event::TestStarted {
                shard: ShardIndex(0),
                nodeid: format!("t.py::test_{number}"),
                attempt: 1,
                worker: format!("gw{number}"),
            };
            assert_eq!(hear(&mut teller, begun), []);
        }
        assert_eq!(
            teller.running(),
            "0 of about 240 tests done in 0s; running: t.py::test_0 (0s), t.py::test_1 (0s), \
             t.py::test_2 (0s), t.py::test_3 (0s), t.py::test_4 (0s) and 2 more"
        );
    }
}
