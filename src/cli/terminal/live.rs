//! The state of a run while it goes on: tallies, running tests, the numbers of the estimate.
//!
//! Pure: it is moved by events and by an explicit `now`, and draws nothing.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Mono;
use crate::insight::Progress;
use crate::model::{AttemptRecord, Counts, Event, Outcome, ShardIndex, TestKey};

/// A run in its course.
#[derive(Debug, Default)]
pub(in crate::cli) struct Live {
    now: Mono,
    started: Mono,
    first_test: Option<Mono>,
    workers: u32,
    shards: Vec<Shard>,
    expected_tests: Option<u64>,
    previous_wall_s: Option<f64>,
    counts: Counts,
    /// Verdicts that a later attempt may replace.
    replaceable: HashMap<TestKey, Outcome>,
    running: Vec<Running>,
    spent_s: f64,
    orphans: Option<Orphans>,
}

/// The trials that follow the tests.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::cli) struct Orphans {
    pub(in crate::cli) total: u64,
    /// Trials with a verdict.
    pub(in crate::cli) done: u64,
    /// Trials with a bad verdict: the orphan does not work.
    pub(in crate::cli) failed: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Shard {
    collected: Option<u64>,
    expected_s: Option<f64>,
    /// Its first process answers.
    started: bool,
    finished: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Running {
    shard: ShardIndex,
    worker: String,
    /// The node id, as pytest printed it.
    pub(in crate::cli) nodeid: String,
    since: Mono,
}

impl Live {
    /// Moves the clock; time never goes back.
    pub(in crate::cli) fn tick(&mut self, now: Mono) {
        self.now = self.now.max(now);
    }

    /// Takes in an event of the run.
    pub(in crate::cli) fn handle(&mut self, event: &Event) {
        match event {
            Event::RunStarted {
                shards,
                workers,
                expected_tests,
                expected_s,
                ..
            } => {
                self.started = self.now;
                self.workers = *workers;
                self.shards = vec![Shard::default(); shards.len()];
                self.expected_tests = *expected_tests;
                self.previous_wall_s = *expected_s;
            }
            Event::ShardStarted { shard, .. } => self.shard(*shard).started = true,
            Event::Collected {
                shard,
                tests,
                expected_s,
                ..
            } => {
                let shard = self.shard(*shard);
                shard.collected = Some(*tests);
                shard.expected_s = *expected_s;
            }
            Event::TestStarted {
                shard,
                nodeid,
                worker,
                ..
            } => self.test_started(*shard, nodeid, worker),
            Event::TestFinished(record) => self.test_finished(record),
            Event::ProcessDied { shard, .. } => self.running.retain(|test| test.shard != *shard),
            Event::ShardFinished { shard } => {
                self.running.retain(|test| test.shard != *shard);
                self.shard(*shard).finished = true;
            }
            Event::OrphansStarted { orphans } => {
                self.orphans = Some(Orphans {
                    total: *orphans,
                    ..Orphans::default()
                });
            }
            Event::OrphanFinished(trial) => {
                let orphans = self.orphans.get_or_insert_default();
                orphans.done += 1;
                orphans.failed += u64::from(trial.outcome.is_failure());
            }
            Event::RunFinished(_) => self.running.clear(),
            Event::Subtest { .. }
            | Event::SlowFixture { .. }
            | Event::FileFinished(_)
            | Event::Notice(_) => {}
        }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The number of tests with a verdict.
    pub(in crate::cli) fn done(&self) -> u64 {
        self.counts.total()
    }

    /// True if a process runs pytest: before that an interpreter starts, or gets an environment.
    pub(in crate::cli) fn has_pytest(&self) -> bool {
        self.shards.iter().any(|shard| shard.started)
    }

    /// Tests of the run as far as they are known, and whether that number is final.
    pub(in crate::cli) fn total(&self) -> (u64, bool) {
        let is_final = !self.shards.is_empty()
            && self
                .shards
                .iter()
                .all(|shard| shard.collected.is_some() || shard.finished);
        let collected: u64 = self.shards.iter().filter_map(|shard| shard.collected).sum();
        let expected = if is_final {
            0
        } else {
            self.expected_tests.unwrap_or(0)
        };
        // Files that cannot be collected have verdicts, but are no tests that were collected.
        (collected.max(expected).max(self.done()), is_final)
    }

    /// The trials, once the tests are over.
    pub(in crate::cli) fn orphans(&self) -> Option<Orphans> {
        self.orphans
    }

    /// The running tests, the longest-running first.
    pub(in crate::cli) fn running(&self) -> &[Running] {
        &self.running
    }

    pub(in crate::cli) fn running_for(&self, test: &Running) -> Duration {
        self.now.since(test.since)
    }

    pub(in crate::cli) fn elapsed(&self) -> Duration {
        self.now.since(self.started)
    }

    /// The numbers from which the time left is estimated.
    pub(super) fn progress(&self) -> Progress {
        let (total, all_collected) = self.total();
        let running_s: f64 = self
            .running
            .iter()
            .map(|test| self.running_for(test).as_secs_f64())
            .sum();
        Progress {
            workers: self.workers,
            all_collected,
            total,
            done: self.done(),
            expected_s: self.expected_s(),
            spent_s: self.spent_s + running_s,
            testing: self
                .first_test
                .map_or(Duration::ZERO, |first| self.now.since(first)),
            elapsed: self.elapsed(),
            previous_wall_s: self.previous_wall_s,
        }
    }

    /// The seconds that all tests are expected to take: a test of a shard without a record counts
    /// as the mean of the others.
    #[expect(
        clippy::cast_precision_loss,
        reason = "numbers of tests are far below 2^52"
    )]
    fn expected_s(&self) -> Option<f64> {
        let (mut known_s, mut known, mut all) = (0.0, 0, 0);
        for shard in &self.shards {
            let tests = shard.collected.unwrap_or(0);
            all += tests;
            if let Some(expected_s) = shard.expected_s {
                known_s += expected_s;
                known += tests;
            }
        }
        (known > 0).then(|| known_s * all as f64 / known as f64)
    }

    fn test_started(&mut self, shard: ShardIndex, nodeid: &str, worker: &str) {
        self.first_test.get_or_insert(self.now);
        self.running
            .retain(|test| test.shard != shard || test.worker != worker);
        self.running.push(Running {
            shard,
            worker: worker.to_owned(),
            nodeid: nodeid.to_owned(),
            since: self.now,
        });
    }

    fn test_finished(&mut self, record: &AttemptRecord) {
        self.running
            .retain(|test| test.shard != record.shard || test.nodeid != record.nodeid);
        self.spent_s += record.duration_s.unwrap_or(0.0);
        let key = TestKey {
            root: record.root.clone(),
            nodeid: record.nodeid.clone(),
        };
        let earlier = if record.outcome.is_success() {
            self.replaceable.remove(&key)
        } else {
            self.replaceable.insert(key, record.outcome)
        };
        if let Some(earlier) = earlier {
            *self.counts.get_mut(earlier) -= 1;
        }
        *self.counts.get_mut(record.outcome) += 1;
        self.counts.flaky += u64::from(record.flaky);
    }

    /// The shard of that index; events of a shard that was never announced make room for it.
    fn shard(&mut self, index: ShardIndex) -> &mut Shard {
        let index = index.as_usize();
        if index >= self.shards.len() {
            self.shards.resize(index + 1, Shard::default());
        }
        &mut self.shards[index]
    }
}
