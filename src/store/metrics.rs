//! The figures of the exporter, read in one go: a fixed number of rows, however old the file is,
//! besides the runs that people began by hand since the last one that counts.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::counters::Counter;
use super::error::StoreError;
use super::place::beside;
use super::reader::Reader;
use super::rows::{count, named};
use super::runs::Watched;
use crate::metrics::{ScheduleFacts, Snapshot};
use crate::model::{
    Counts, CycleOutcome, LeaseState, Liveness, OrphanKind, Outcome, ProcessIdentity, RunOutcome,
    SCHEDULE_LEASE,
};

impl Reader {
    /// The state at one moment, with leases as they stand at `now_ms`. A cycle whose process is
    /// gone is not in progress, although its end is not stored yet; if nobody can see the process,
    /// the lease of the schedule counts.
    pub fn metrics_snapshot(
        &self,
        now_ms: i64,
        liveness: impl Fn(&ProcessIdentity) -> Liveness,
    ) -> Result<Snapshot, StoreError> {
        let action = "begin to read the figures";
        // Kept until the end of this function, so that all queries see one state.
        let _one_state = self
            .db
            .in_words(action, self.db.connection.unchecked_transaction())?;
        let counters = self.counters()?;
        let counter = |counter: Counter| {
            let found = counters.get(&counter.to_string());
            found.copied().unwrap_or(0)
        };
        let mut tests = Counts::default();
        for outcome in Outcome::ALL {
            *tests.get_mut(outcome) = counter(Counter::Tests(outcome));
        }
        let runs = RunOutcome::ALL.map(|outcome| (outcome, counter(Counter::Runs(outcome))));
        let cycles = CycleOutcome::ALL.map(|outcome| (outcome, counter(Counter::Cycles(outcome))));
        let leases = self.leases()?.into_iter();
        let held_leases: Vec<String> = leases
            .filter(|lease| {
                let hold = lease.hold.as_ref();
                let holder = hold.map_or(Liveness::Unknown, |hold| liveness(&hold.holder.process));
                lease.state(holder, now_ms) == LeaseState::Held
            })
            .map(|lease| lease.name)
            .collect();
        let is_kept = held_leases.iter().any(|name| name == SCHEDULE_LEASE);
        let goes_on = |process: Option<&ProcessIdentity>| match process.map(&liveness) {
            None | Some(Liveness::Alive) => true,
            Some(Liveness::Gone) => false,
            Some(Liveness::Unknown) => is_kept,
        };
        let schedule = self.schedule_facts()?;
        let watched = self.watched(schedule.is_some())?;
        let last_success_ms = self.last_success_ms(watched)?;
        let last_run = self.last_ended(watched)?;
        let path_durations_ms = match &last_run {
            Some(run) => self.path_durations_ms(run.run_id)?,
            None => Vec::new(),
        };
        Ok(Snapshot {
            runs: runs.into(),
            tests,
            cycles: cycles.into(),
            container_failures: counter(Counter::ContainerFailures),
            container_timeouts: counter(Counter::ContainerTimeouts),
            containers_reaped: counter(Counter::ContainersReaped),
            last_run,
            path_durations_ms,
            last_success_ms,
            orphans: self.orphans_by_kind()?,
            schedule,
            cycle_in_progress: self
                .open_cycles()?
                .iter()
                .any(|cycle| goes_on(cycle.process.as_ref())),
            held_leases,
            cycles_since_success: self.cycles_since(last_success_ms)?,
            state_file_bytes: size_bytes(self.path()),
            wal_bytes: size_bytes(&beside(self.path(), "-wal")),
        })
    }

    fn counters(&self) -> Result<HashMap<String, u64>, StoreError> {
        let sql = "SELECT name, value FROM counter";
        let rows = self.db.rows("read the counters", sql, [], |row| {
            Ok((row.get("name")?, count(row, "value")?))
        })?;
        Ok(rows.into_iter().collect())
    }

    fn last_success_ms(&self, watched: Watched) -> Result<Option<i64>, StoreError> {
        self.db.first(
            "read the last run that passed",
            "SELECT finished_ms FROM run
             WHERE outcome = 'passed' AND (?1 = 'any' OR narrowed_by IS NULL)
                 AND (?1 <> 'scheduled' OR trigger = 'schedule')
             ORDER BY run_id DESC LIMIT 1",
            [watched.as_str()],
            |row| row.get("finished_ms"),
        )
    }

    /// Of the last thousand cycles, those that began after a run had ended, with the due times they
    /// missed.
    fn cycles_since(&self, run_ended_ms: Option<i64>) -> Result<u64, StoreError> {
        let found = self.db.first(
            "count the cycles since a success",
            "SELECT coalesce(sum(1 + missed), 0) AS cycles
             FROM (SELECT missed, started_ms, finished_ms FROM cycle
                   ORDER BY cycle_id DESC LIMIT 1000)
             WHERE finished_ms IS NOT NULL AND started_ms >= ?1",
            [run_ended_ms.unwrap_or(i64::MIN)],
            |row| count(row, "cycles"),
        )?;
        Ok(found.unwrap_or(0))
    }

    /// Integrated ones are tested by every run.
    fn orphans_by_kind(&self) -> Result<Vec<(OrphanKind, u64)>, StoreError> {
        self.db.rows(
            "count the orphans",
            "SELECT kind, count(*) AS orphans FROM orphan WHERE status <> 'integrated' GROUP BY kind",
            [],
            |row| {
                let kind = named(row, "kind", OrphanKind::from_name)?;
                Ok((kind, count(row, "orphans")?))
            },
        )
    }

    fn schedule_facts(&self) -> Result<Option<ScheduleFacts>, StoreError> {
        let kept = self.schedule()?.filter(|row| row.stopped_ms.is_none());
        Ok(kept.map(|row| ScheduleFacts {
            due_ms: row.due_ms,
            period_ms: row.period_ms.map(super::db::count),
            failures: row.failures.into(),
        }))
    }
}

/// The size of a file; 0 if there is none.
fn size_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}
