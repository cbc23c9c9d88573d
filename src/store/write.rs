//! [`Write`]s become rows: one transaction a batch.

use rusqlite::{Transaction, params};

use super::error::StoreError;
use super::leases::{self, Standing};
use super::open::Store;
use super::{loads, results, runs, shards, trials};
use crate::clock;
use crate::model::{RunId, Write};

impl Store {
    /// Writes a batch to an open run: all of it, or nothing when this fails. A run whose lease was
    /// lost is [`StoreError::LeaseLost`] for good.
    ///
    /// The same batch can be written again. [`Write::Coverage`] leaves the lines that it replaces
    /// behind, so it is best sent rarely: when a shard or the run ends.
    pub fn write(&mut self, run: RunId, writes: &[Write]) -> Result<(), StoreError> {
        let written = self.write_batch(run, writes);
        let standing = self.db.in_words("write results", written)?;
        leases::in_good_standing(&self.db, Some(run), standing)?;
        if writes
            .iter()
            .any(|write| matches!(write, Write::RunEnded(_)))
        {
            self.refresh_statistics();
        }
        Ok(())
    }

    /// Notes that the agent of a run is at work.
    pub fn sign_of_life(&mut self, run: RunId) -> Result<(), StoreError> {
        let mut put = || {
            let tx = self.db.connection.transaction()?;
            put_sign_of_life(&tx, run)?;
            tx.commit()
        };
        let put = put();
        self.db.in_words("note that a run goes on", put)
    }

    /// Writes nothing unless the run is in good standing.
    fn write_batch(&mut self, run: RunId, writes: &[Write]) -> rusqlite::Result<Standing> {
        let tx = self.db.connection.transaction()?;
        let standing = leases::standing(&tx, run)?;
        if standing != Standing::Good {
            return Ok(standing);
        }
        put_sign_of_life(&tx, run)?;
        // Each of these replaces the one before.
        let is_counts = |write: &Write| matches!(write, Write::Counts(_));
        let last_counts = writes.iter().rposition(is_counts);
        for (position, write) in writes.iter().enumerate() {
            if !is_counts(write) || Some(position) == last_counts {
                apply(&tx, run, write)?;
            }
        }
        tx.commit()?;
        Ok(Standing::Good)
    }

    /// Lets the query planner know how the tables have grown.
    fn refresh_statistics(&self) {
        // The mask says: every table that needs it, at most a few hundred rows of each. The samples
        // are of no use here, and other builds of SQLite cannot restore a dump that has them. A
        // failure costs some speed of later queries and nothing else, so it must not fail a run.
        let _ = self
            .db
            .connection
            .execute_batch("PRAGMA optimize = 0x10002; DROP TABLE IF EXISTS sqlite_stat4;");
    }
}

fn put_sign_of_life(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<()> {
    let sql = "UPDATE run SET active_ms = max(active_ms, ?2) WHERE run_id = ?1";
    tx.prepare_cached(sql)?
        .execute(params![run.0, clock::now_ms()])
        .map(drop)
}

fn apply(tx: &Transaction<'_>, run: RunId, write: &Write) -> rusqlite::Result<()> {
    match write {
        Write::Git { commit, dirty } => runs::set_git(tx, run, commit, *dirty),
        Write::ProcessStarted {
            serial,
            shard,
            process,
            started_ms,
        } => shards::add_process(tx, run, (*serial, *shard), process, *started_ms),
        Write::ProcessEnded {
            serial,
            ended_ms,
            status,
        } => shards::end_process(tx, run, *serial, *ended_ms, status),
        Write::ShardFacts { shard, facts } => shards::set_facts(tx, run, *shard, facts),
        Write::Collected { shard, root, tests } => {
            results::add_collected(tx, run, *shard, root, tests)
        }
        Write::Attempt(record) => results::put_attempt(tx, run, record),
        Write::Coverage(files) => results::put_coverage(tx, run, files),
        Write::CoverageTotals(totals) => runs::set_coverage(tx, run, totals),
        Write::CoveragePartial => runs::set_coverage_partial(tx, run),
        Write::Loaded { serial, loaded } => loads::put(tx, run, *serial, loaded),
        Write::Notice(notice) => results::add_notice(tx, run, notice),
        Write::Warning { warning, count } => results::put_warning(tx, run, warning, *count),
        Write::Counts(counts) => runs::set_counts(tx, run, counts),
        Write::ShardEnded {
            shard,
            finished_ms,
            exit_status,
            deaths,
        } => shards::end_shard(tx, run, *shard, *finished_ms, *exit_status, *deaths),
        Write::Orphans { total } => trials::begin(tx, run, *total),
        Write::Trial(trial) => trials::put(tx, run, trial),
        Write::Integration(integration) => trials::set_integration(tx, run, integration),
        Write::RunEnded(end) => runs::end_run(tx, run, end),
    }
}
