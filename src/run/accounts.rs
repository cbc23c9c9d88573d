//! The accounts of a run: every verdict, notice and covered line is entered here once, and turned
//! into what the store writes and what everyone is told, in that order.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::effect::Effect;
use super::verdict::Troubles;
use crate::model::{
    Branches, Counts, CoverageTotals, Event, FileCoverage, FileRecord, Level, LineSet, Notice,
    ShardIndex, TestItem, WarningRecord, Write,
};
use crate::pytest::protocol::CoverageLines;
use crate::pytest::reconcile::Settled;
use crate::store::Durations;

/// Notices of one kind that differ: a fault that is everywhere need not be said everywhere.
pub(super) const MAX_NOTICES: usize = 5;
/// The most kinds of notices of test processes: the harness has ten.
const MAX_CODES: usize = 100;
/// The most different Python warnings that a run keeps: more than anyone reads.
const MAX_WARNINGS: usize = 1_000;

/// The accounts, and the effects that wait to be carried out.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    effects: Vec<Effect>,
    counts: Counts,
    counts_changed: bool,
    files: HashMap<(ShardIndex, String), FileTally>,
    coverage: BTreeMap<String, CoverageEntry>,
    coverage_is_partial: bool,
    warnings: BTreeMap<WarningRecord, u64>,
    said: HashMap<String, HashSet<String>>,
    troubles: Troubles,
    /// The durations of tests in an earlier run.
    durations: Option<Durations>,
    /// Milliseconds that the tests of a shard took then, together.
    expected_ms: HashMap<ShardIndex, u64>,
}

#[derive(Debug, Default)]
struct FileTally {
    pending: u64,
    counts: Counts,
    duration_s: f64,
    told: bool,
}

#[derive(Debug, Default)]
struct CoverageEntry {
    statements: Option<LineSet>,
    executed: LineSet,
    branches: Option<Branches>,
    changed: bool,
}

impl Accounts {
    /// Empty accounts; `durations` is what an earlier run says about this one.
    pub(super) fn new(durations: Option<Durations>) -> Self {
        Self {
            durations,
            ..Self::default()
        }
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn write(&mut self, write: Write) {
        self.effects.push(Effect::Write(write));
    }

    pub(super) fn announce(&mut self, event: Event) {
        self.effects.push(Effect::Announce(event));
    }

    /// Everything that is to be done since the last call, with the tallies as they are now.
    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        if std::mem::take(&mut self.counts_changed) {
            self.effects.push(Effect::Write(Write::Counts(self.counts)));
        }
        std::mem::take(&mut self.effects)
    }

    /// Notes a container that could not be removed.
    pub(super) fn container_left(&mut self) {
        self.troubles.failures += 1;
    }

    /// Notes a container that ran out of its time.
    pub(super) fn container_timed_out(&mut self) {
        self.troubles.timeouts += 1;
    }

    pub(super) fn troubles(&self) -> Troubles {
        self.troubles
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Enters tests that were collected: until they report, they are `not_run`.
    pub(super) fn collected(&mut self, shard: ShardIndex, root: &str, tests: Vec<TestItem>) {
        if tests.is_empty() {
            return;
        }
        self.counts.not_run += tests.len() as u64;
        self.counts_changed = true;
        for test in &tests {
            let tally = self.files.entry((shard, test.file.clone())).or_default();
            tally.pending += 1;
            tally.counts.not_run += 1;
        }
        if let Some(durations) = &self.durations {
            let known = tests
                .iter()
                .filter_map(|test| durations.get(root, &test.nodeid));
            let expected = self.expected_ms.entry(shard).or_default();
            *expected += known.map(u64::from).sum::<u64>();
        }
        self.write(Write::Collected {
            shard,
            root: root.to_owned(),
            tests,
        });
    }

    /// Milliseconds that a test took in an earlier run, if that is known.
    pub(super) fn expected_ms(&self, root: &str, nodeid: &str) -> Option<u32> {
        self.durations.as_ref()?.get(root, nodeid)
    }

    /// Seconds that the tests of a shard took in an earlier run; `None` if nothing is known of one.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of a run are far below 2^52"
    )]
    pub(super) fn expected_s(&self, shard: ShardIndex) -> Option<f64> {
        let expected_ms = self.expected_ms.get(&shard)?;
        Some(*expected_ms as f64 / 1000.0)
    }

    /// Enters a verdict. `last_chance`: a failure of this test is not tried again.
    pub(super) fn settle(&mut self, settled: Settled, last_chance: bool) {
        let Settled { record, replaced } = settled;
        let key = (record.shard, record.file.clone());
        let tally = self.files.entry(key).or_default();
        for counts in [&mut self.counts, &mut tally.counts] {
            let (before, was_flaky) = replaced.unwrap_or((crate::model::Outcome::NotRun, false));
            let earlier = counts.get_mut(before);
            *earlier = earlier.saturating_sub(1);
            counts.flaky = counts.flaky.saturating_sub(u64::from(was_flaky));
            *counts.get_mut(record.outcome) += 1;
            counts.flaky += u64::from(record.flaky);
        }
        if replaced.is_none() {
            tally.pending = tally.pending.saturating_sub(1);
        }
        tally.duration_s += record.duration_s.unwrap_or_default();
        let whole = tally.pending == 0 && (last_chance || tally.counts.failures() == 0);
        self.counts_changed = true;
        let (shard, file) = (record.shard, record.file.clone());
        self.effects
            .push(Effect::Write(Write::Attempt(Box::new(record.clone()))));
        self.effects
            .push(Effect::Announce(Event::TestFinished(Box::new(record))));
        if whole {
            self.tell_file(shard, &file);
        }
    }

    /// Tells of the files of a shard that were not told of yet: nothing more comes for them.
    pub(super) fn close_shard(&mut self, shard: ShardIndex) {
        let mut rest: Vec<String> = self
            .files
            .iter()
            .filter(|((of, _), tally)| *of == shard && !tally.told)
            .map(|((_, file), _)| file.clone())
            .collect();
        rest.sort();
        for file in rest {
            self.tell_file(shard, &file);
        }
    }

    fn tell_file(&mut self, shard: ShardIndex, file: &str) {
        let Some(tally) = self.files.get_mut(&(shard, file.to_owned())) else {
            return;
        };
        tally.told = true;
        let record = FileRecord {
            file: file.to_owned(),
            duration_s: tally.duration_s,
            counts: tally.counts,
        };
        self.announce(Event::FileFinished(record));
    }

    /// Says something to the user, once for each code.
    pub(super) fn notice(&mut self, code: &str, message: String, hint: Option<String>) {
        if !self.said.contains_key(code) {
            self.notice_each(code, message, hint);
        }
    }

    /// Says something for a test process, once for each code; false if there were too many codes.
    pub(super) fn notice_of_process(&mut self, code: &str, message: String) -> bool {
        let has_room = self.said.len() < MAX_CODES || self.said.contains_key(code);
        if has_room {
            self.notice(code, message, None);
        }
        has_room
    }

    /// Says something to the user for each call, because each shard may have something else to say.
    pub(super) fn notice_each(&mut self, code: &str, message: String, hint: Option<String>) {
        self.say(Level::Warning, code, message, hint);
    }

    /// Says something that is good to know, likewise.
    pub(super) fn note(&mut self, code: &str, message: String, hint: Option<String>) {
        self.say(Level::Info, code, message, hint);
    }

    fn say(&mut self, level: Level, code: &str, message: String, hint: Option<String>) {
        let said = self.said.entry(code.to_owned()).or_default();
        if said.len() < MAX_NOTICES && said.insert(message.clone()) {
            let notice = Notice {
                level,
                code: code.to_owned(),
                message,
                hint,
            };
            self.write(Write::Notice(notice.clone()));
            self.announce(Event::Notice(notice));
        }
    }

    /// Counts a Python warning. Beyond [`MAX_WARNINGS`], false for those that are new.
    pub(super) fn warning(&mut self, warning: WarningRecord) -> bool {
        if self.warnings.len() >= MAX_WARNINGS && !self.warnings.contains_key(&warning) {
            return false;
        }
        let count = self.warnings.entry(warning.clone()).or_default();
        *count += 1;
        let count = *count;
        self.write(Write::Warning { warning, count });
        true
    }

    /// Unites what a process executed with what others did. Returns whether all of it was legible.
    pub(super) fn coverage(&mut self, file: String, lines: &CoverageLines) -> bool {
        let executed = lines.executed.parse::<LineSet>();
        let statements = lines
            .statements
            .as_deref()
            .map(str::parse::<LineSet>)
            .transpose();
        let (Ok(executed), Ok(statements)) = (executed, statements) else {
            return false;
        };
        let entry = self.coverage.entry(file).or_default();
        entry.changed = true;
        entry.executed.unite(&executed);
        if let Some(statements) = statements {
            entry.statements.get_or_insert_default().unite(&statements);
        }
        match (&mut entry.branches, &lines.branches) {
            (Some(known), Some(news)) => known.unite(news),
            (known, Some(news)) => *known = Some(news.clone()),
            (_, None) => {}
        }
        true
    }

    /// Notes that a process ended before it could report all of its lines.
    pub(super) fn coverage_lost(&mut self) {
        if !std::mem::replace(&mut self.coverage_is_partial, true) {
            self.write(Write::CoveragePartial);
        }
    }

    /// Writes the coverage that changed since the last call, and the totals.
    pub(super) fn store_coverage(&mut self) {
        let mut changed = Vec::new();
        let mut totals = CoverageTotals::default();
        for (file, entry) in &mut self.coverage {
            let Some(statements) = &entry.statements else {
                continue;
            };
            totals.add(&CoverageTotals::of_file(
                statements,
                &entry.executed,
                entry.branches.as_ref(),
            ));
            if std::mem::take(&mut entry.changed) {
                changed.push(FileCoverage {
                    file: file.clone(),
                    statements: statements.clone(),
                    executed: entry.executed.clone(),
                    branches: entry.branches.clone(),
                });
            }
        }
        if !changed.is_empty() {
            self.write(Write::Coverage(changed));
            self.write(Write::CoverageTotals(totals));
        }
    }
}
